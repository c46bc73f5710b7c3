//! Bytes on their way to the disk (U21: upstream's `flush` only starts to write them, as `flush_async` does).

use super::{code, done};
use crate::state::Span;
use std::ffi::c_void;
use std::fs::File;
use std::os::windows::io::AsRawHandle;
use std::time::Duration;
use windows_sys::Win32::Foundation::ERROR_LOCK_VIOLATION;
use windows_sys::Win32::Storage::FileSystem::FlushFileBuffers;
use windows_sys::Win32::System::Memory::FlushViewOfFile;

/// How often a flush sleeps that meets the system's own writing of the same pages: 1, 2, 4 milliseconds and so on, four
/// seconds in all.
const SLEEPS: u32 = 12;

/// Hands changed pages to the file, and has the file written to its disk, with what describes it.
pub(super) fn flush(span: Span, file: Option<&File>) -> Result<(), i32> {
    patiently(std::thread::sleep, || {
        // SAFETY: the span lies in a view that the caller owns.
        done(unsafe { FlushViewOfFile(span.start as *const c_void, span.len) })
    })?;
    match file {
        // SAFETY: the handle is open while `file` lives.
        Some(file) => done(unsafe { FlushFileBuffers(file.as_raw_handle()) }),
        None => Ok(()),
    }
}

/// Tries again where the system writes the same pages at this moment, after ever longer sleeps.
fn patiently(mut sleep: impl FnMut(Duration), mut call: impl FnMut() -> Result<(), i32>) -> Result<(), i32> {
    for exponent in 0..SLEEPS {
        match call() {
            Err(number) if number == code(ERROR_LOCK_VIOLATION) => sleep(Duration::from_millis(1 << exponent)),
            other => return other,
        }
    }
    call()
}

#[cfg(test)]
mod tests {
    use super::super::file::Rights;
    use super::super::view::{self, Window};
    use super::*;
    use crate::memory::Access;
    use std::io::Write;
    use std::sync::Arc;
    use windows_sys::Win32::Foundation::ERROR_ACCESS_DENIED;

    /// What came of it, and how long it slept, with a call that meets so many other writers.
    fn meeting(mut writers: u32) -> (Result<(), i32>, Duration) {
        let mut slept = Duration::ZERO;
        let result = patiently(
            |time| slept += time,
            || match writers.checked_sub(1) {
                Some(rest) => {
                    writers = rest;
                    Err(code(ERROR_LOCK_VIOLATION))
                }
                None => Ok(()),
            },
        );
        (result, slept)
    }

    #[test]
    fn the_systems_own_writing_is_waited_for() {
        assert_eq!(meeting(0), (Ok(()), Duration::ZERO));
        assert_eq!(meeting(3), (Ok(()), Duration::from_millis(1 + 2 + 4)));
        assert_eq!(meeting(12), (Ok(()), Duration::from_millis(4095)));
        assert_eq!(meeting(13), (Err(code(ERROR_LOCK_VIOLATION)), Duration::from_millis(4095)), "not for ever");
        let mut calls = 0;
        let other = patiently(
            |_| panic!("nothing to wait for"),
            || {
                calls += 1;
                Err(code(ERROR_ACCESS_DENIED))
            },
        );
        assert_eq!((other, calls), (Err(code(ERROR_ACCESS_DENIED)), 1));
    }

    #[test]
    fn u21_the_file_itself_is_flushed() {
        let mut file = tempfile::NamedTempFile::new().expect("file");
        file.write_all(&[1; 100]).expect("written");
        let rights = Rights::of(&Arc::new(file.reopen().expect("opened")));
        let window = Window { offset: 0, len: 100, file_len: 100, shared: true, jit: false };
        let place = super::super::allocation::Place { address: 0, fixed: false };
        let Ok(view) = view::map(&rights, &window, place, Access::Write) else { panic!("not mapped") };
        let span = Span { start: view.allocation.base(), len: 100 };
        flush(span, None).expect("handed over");
        flush(span, Some(&rights.file)).expect("written");
        // The system refuses to flush by a handle that can't write, which shows that it was asked.
        let reader = File::open(file.path()).expect("opened");
        assert_eq!(flush(span, Some(&reader)), Err(code(ERROR_ACCESS_DENIED)));
    }
}
