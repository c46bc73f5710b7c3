//! Bytes on their way to the disk (U21: upstream's `flush` only starts to write them, as `flush_async` does).

use super::{code, done};
use crate::state::Span;
use std::ffi::c_void;
use std::fs::File;
use std::os::windows::io::AsRawHandle;
use windows_sys::Win32::Foundation::ERROR_LOCK_VIOLATION;
use windows_sys::Win32::Storage::FileSystem::FlushFileBuffers;
use windows_sys::Win32::System::Memory::FlushViewOfFile;

/// How often a flush is tried that meets the system's own writing of the same pages.
const TRIES: u32 = 5;

/// Hands changed pages to the file, and has the file written to its disk, with what describes it.
pub(super) fn flush(span: Span, file: Option<&File>) -> Result<(), i32> {
    hand_over(span)?;
    match file {
        // SAFETY: the handle is open while `file` lives.
        Some(file) => done(unsafe { FlushFileBuffers(file.as_raw_handle()) }),
        None => Ok(()),
    }
}

fn hand_over(span: Span) -> Result<(), i32> {
    for _ in 1..TRIES {
        match once(span) {
            Err(number) if number == code(ERROR_LOCK_VIOLATION) => std::thread::yield_now(),
            other => return other,
        }
    }
    once(span)
}

fn once(span: Span) -> Result<(), i32> {
    // SAFETY: the span lies in a view that the caller owns.
    done(unsafe { FlushViewOfFile(span.start as *const c_void, span.len) })
}
