//! The place of one region, as others may read it at any time.
//!
//! A reader may see a start and a length of two different times. That does no harm: what overlaps a region which moves or
//! ends at this moment was refused before, or is not its memory any more; and of two threads that each register pages and
//! then look, the one that looks last sees the other's.

use super::sync::{AtomicU64, AtomicUsize, Ordering, fence};
use crate::state::{Span, generation};

/// See the module.
#[derive(Debug)]
pub struct Slot {
    start: AtomicUsize,
    /// 0 where there is none.
    len: AtomicUsize,
    /// 0 where children of `fork` inherit it; otherwise the generation that has it, plus 1.
    process: AtomicU64,
    /// The next free slot's number plus 1, while this one is free.
    pub(super) next: std::sync::atomic::AtomicU32,
}

impl Default for Slot {
    fn default() -> Self {
        Self {
            start: AtomicUsize::new(0),
            len: AtomicUsize::new(0),
            process: AtomicU64::new(0),
            next: std::sync::atomic::AtomicU32::new(0),
        }
    }
}

impl Slot {
    /// Registers pages.
    pub fn set(&self, pages: Span) {
        self.start.store(pages.start, Ordering::Release);
        self.len.store(pages.len, Ordering::Release);
    }

    /// Registers nothing.
    pub fn clear(&self) {
        self.len.store(0, Ordering::Release);
    }

    /// Says whether children of `fork` have it.
    pub fn set_inherited(&self, inherited: bool) {
        let process = if inherited { 0 } else { generation().saturating_add(1) };
        self.process.store(process, Ordering::Release);
    }

    /// Where it begins.
    pub fn start(&self) -> usize {
        self.start.load(Ordering::Acquire)
    }

    /// The pages that this thread has registered here. What others have registered before is seen from now on, or they
    /// will see this.
    pub fn registered(&self) -> Span {
        fence(Ordering::SeqCst);
        Span { start: self.start(), len: self.len.load(Ordering::Acquire) }
    }

    /// Whether its pages meet others, in this process.
    pub fn meets(&self, pages: Span) -> bool {
        let len = self.len.load(Ordering::Acquire);
        if len == 0 || pages.len == 0 {
            return false;
        }
        let start = self.start();
        let meets = start < pages.start.saturating_add(pages.len) && pages.start < start.saturating_add(len);
        meets && matches!(self.process.load(Ordering::Acquire), process if process == 0 || process == generation() + 1)
    }
}
