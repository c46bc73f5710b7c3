//! Letting other Python threads run during long work.

use crate::call::RaisedException;
use mmap_rs_core::memory::{Region, Source};
use mmap_rs_core::state::Extent;
use pyo3::prelude::*;

/// From how many bytes on a call lets other threads run. Below it, switching costs more than the work.
pub const LARGE: usize = 64 * 1024;

/// Runs `work` detached where it is over many bytes. Whatever it holds must go before it ends: a thread that the ending
/// interpreter stops where it attaches again would keep it for ever.
#[inline]
pub fn detached_if<T: Send>(py: Python<'_>, large: bool, work: impl FnOnce() -> T + Send) -> T {
    if large { py.detach(work) } else { work() }
}

/// Whether a region has so many pages that a system call for each of them lasts longer than a switch of threads.
pub fn is_large(region: &Region) -> bool {
    region.span().len >= LARGE
}

/// Whether the end of a region may take long: where there is much to unmap, or a whole file in memory to free.
pub fn is_long_end(region: &Region) -> bool {
    is_large(region) || region.source().is_some_and(Source::is_memory)
}

/// Unmaps a region that came out of its cell, detached where that may take long. An object that is deallocated does so
/// while an exception may be on its way, which a function of other code could replace.
pub fn free(py: Python<'_>, region: Region) {
    let large = is_long_end(&region);
    let raised = region.has_owner().then(|| RaisedException::take(py));
    detached_if(py, large, move || drop(region));
    if let Some(raised) = raised {
        raised.restore(py);
    }
}
