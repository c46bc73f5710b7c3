//! A descriptor of this process's own list, kept open for look-ups.
//!
//! To open and close the list takes several times as long as to ask it. A number that is kept can go wrong, though:
//! a program may close all the descriptors it finds, and then the number may be another file's. So it is compared
//! with the file that was opened: before it is asked, that no other file is; and after, that an answer is of this
//! process. What is not ours is left alone, and a new one opened. A child of `fork` opens its own: the parent's still
//! tells of the parent.

use super::lookup::{self, Answer};
use crate::state::generation;
use std::fs::File;
use std::os::fd::{AsRawFd, BorrowedFd, IntoRawFd, RawFd};
use std::ptr::null_mut;
use std::sync::atomic::{AtomicPtr, Ordering};

/// Device and inode. Those of an open file in /proc are no other file's.
type Identity = (u64, u64);

struct Kept {
    descriptor: RawFd,
    identity: Identity,
    generation: u64,
}

/// Never freed, as another thread may be using it; there is a new one after a fork or a loss only. No lock, which a
/// child could find taken.
static KEPT: AtomicPtr<Kept> = AtomicPtr::new(null_mut());

#[allow(clippy::unnecessary_cast)] // the types differ between systems
fn identity(descriptor: RawFd) -> Option<Identity> {
    let mut stat = std::mem::MaybeUninit::<libc::stat>::uninit();
    // SAFETY: writes the struct, which is read only after success; any number may be asked about.
    let stat = unsafe {
        if libc::fstat(descriptor, stat.as_mut_ptr()) != 0 {
            return None;
        }
        stat.assume_init()
    };
    Some((stat.st_dev as u64, stat.st_ino as u64))
}

impl Kept {
    fn is_still_ours(&self) -> bool {
        identity(self.descriptor) == Some(self.identity)
    }

    fn ask(&self, address: usize) -> Option<Answer> {
        if !self.is_still_ours() {
            return None;
        }
        // SAFETY: open a moment ago. Were it closed meanwhile, the kernel would refuse it, or the check below fail.
        let answer = lookup::ask(unsafe { BorrowedFd::borrow_raw(self.descriptor) }, address);
        self.is_still_ours().then_some(answer)
    }
}

/// Asks this process's list; `None` where that can't be opened now.
pub(super) fn ask(address: usize) -> Option<Answer> {
    let current = KEPT.load(Ordering::Acquire);
    // SAFETY: null, or one that is never freed.
    let kept = unsafe { current.as_ref() };
    let inherited = kept.filter(|kept| kept.generation != generation());
    if let Some(answer) = kept.filter(|_| inherited.is_none()).and_then(|kept| kept.ask(address)) {
        return Some(answer);
    }
    let kept = keep(current)?;
    if let Some(parents) = inherited.filter(|parents| parents.is_still_ours()) {
        // SAFETY: this process's copy of the parent's descriptor, as the check has shown; nothing here uses it.
        unsafe { libc::close(parents.descriptor) };
    }
    kept.ask(address)
}

/// Opens the list and keeps it in the place of `current`, unless another thread was quicker.
fn keep(current: *mut Kept) -> Option<&'static Kept> {
    let file = File::open("/proc/self/maps").ok()?;
    let identity = identity(file.as_raw_fd())?;
    let descriptor = file.into_raw_fd();
    let new = Box::into_raw(Box::new(Kept { descriptor, identity, generation: generation() }));
    match KEPT.compare_exchange(current, new, Ordering::AcqRel, Ordering::Acquire) {
        // SAFETY: just made, and never freed from now on.
        Ok(_) => Some(unsafe { &*new }),
        Err(theirs) => {
            // SAFETY: ours was seen by no one, so its descriptor and its memory can go; theirs is never freed.
            unsafe {
                libc::close(descriptor);
                drop(Box::from_raw(new));
                theirs.as_ref()
            }
        }
    }
}
