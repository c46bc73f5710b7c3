//! A region behind its gate, with its span beside it for those who only need that.

use super::gate::{Gate, Lone, Stop, Wish};
use super::sync::{AtomicU8, AtomicUsize, Ordering, UnsafeCell};
use std::mem::ManuallyDrop;
use std::ptr;
// Never shared with loom: the flag belongs to the region, which a model makes of its own kind.
use std::sync::atomic::{AtomicBool, AtomicPtr};
use std::time::Duration;

/// Where a region lies: its first address and its length in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The first address.
    pub start: usize,
    /// The length in bytes.
    pub len: usize,
}

/// What a [`Cell`] can hold.
pub trait Resident {
    /// Where it lies now.
    fn span(&self) -> Span;

    /// A flag that tells, from when it is set, that part of the contents was lost.
    fn mark(&self) -> Option<&'static AtomicBool> {
        None
    }
}

/// A note before the first region; later ones are the owner's own numbers.
const UNBORN: u8 = u8::MAX;

/// A region, or what is left of it.
///
/// Invariants: the region is written only by who is alone ([`Exclusive`], or the last release after
/// [`Cell::linger`]); the span is written only then; a gone cell hands its region to exactly one caller.
pub struct Cell<R> {
    gate: Gate,
    start: AtomicUsize,
    len: AtomicUsize,
    note: AtomicU8,
    /// The region's mark, or null.
    mark: AtomicPtr<AtomicBool>,
    region: UnsafeCell<ManuallyDrop<Option<R>>>,
}

// SAFETY: the region is reached by `&` through pins (so it must be Sync) and moved out by whichever thread ends it
// (so it must be Send); the gate lets nobody write while another reads.
unsafe impl<R: Send + Sync> Sync for Cell<R> {}
// SAFETY: a cell owns its region and shares nothing.
unsafe impl<R: Send> Send for Cell<R> {}

impl<R: Resident> Cell<R> {
    /// A cell without a region, to be filled before anyone else sees it.
    pub fn vacant() -> Self {
        Self {
            gate: Gate::vacant(),
            start: AtomicUsize::new(0),
            len: AtomicUsize::new(0),
            note: AtomicU8::new(UNBORN),
            mark: AtomicPtr::new(std::ptr::null_mut()),
            region: UnsafeCell::new(ManuallyDrop::new(None)),
        }
    }

    /// Puts a region into a vacant cell; gives it back where the cell had one already.
    pub fn fill(&self, region: R) -> Result<(), R> {
        if self.note.load(Ordering::Acquire) != UNBORN || self.gate.fill().is_err() {
            return Err(region);
        }
        self.note.store(0, Ordering::Release);
        self.show(region.span(), region.mark());
        // SAFETY: `Gate::fill` made this caller the only one.
        self.region.with_mut(|slot| unsafe { *slot = ManuallyDrop::new(Some(region)) });
        self.gate.keep();
        Ok(())
    }

    /// The gate, to ask it.
    #[inline]
    pub fn gate(&self) -> &Gate {
        &self.gate
    }

    /// Whether part of the contents was lost (see [`Resident::mark`]). What the calling thread has read or written
    /// before is covered: the mark is set by a signal handler on the thread that met the loss.
    #[inline]
    pub fn is_marked(&self) -> bool {
        std::sync::atomic::compiler_fence(Ordering::SeqCst);
        let mark = self.mark.load(Ordering::Relaxed);
        // SAFETY: null, or a flag that lives for ever.
        unsafe { mark.as_ref() }.is_some_and(|mark| mark.load(Ordering::Acquire))
    }

    /// What the caller of [`Exclusive::consume`] or [`Cell::linger`] left as a note, once it is gone.
    pub fn note(&self) -> Option<u8> {
        match self.note.load(Ordering::Acquire) {
            UNBORN => None,
            note => Some(note),
        }
    }

    /// Sets what stands beside the region for those who only need that. Only by who is alone.
    fn show(&self, span: Span, mark: Option<&'static AtomicBool>) {
        self.start.store(span.start, Ordering::Relaxed);
        self.len.store(span.len, Ordering::Relaxed);
        let mark = mark.map_or(ptr::null_mut(), |mark| ptr::from_ref(mark).cast_mut());
        self.mark.store(mark, Ordering::Relaxed);
    }

    #[inline]
    fn span(&self) -> Span {
        Span { start: self.start.load(Ordering::Relaxed), len: self.len.load(Ordering::Relaxed) }
    }

    /// The span, for callers that keep exclusive acts from beginning by other means (an interpreter lock) until
    /// they are done with it.
    #[inline]
    pub fn peek(&self) -> Result<Span, Stop> {
        self.gate.peek()?;
        Ok(self.span())
    }

    /// Counts a call in flight until the guard goes.
    #[inline]
    pub fn pin(&self) -> Result<Pinned<'_, R>, Stop> {
        self.gate.pin()?;
        Ok(Pinned { cell: self })
    }

    /// Counts an export until [`Cell::release`], and gives the span that it keeps.
    pub fn export(&self) -> Result<Span, Stop> {
        self.gate.export()?;
        Ok(self.span())
    }

    /// Ends an export; the region comes out where it lingered for this one only.
    #[must_use = "a region that comes out is the caller's to unmap"]
    pub fn release(&self) -> Option<R> {
        if !self.gate.release() {
            return None;
        }
        // SAFETY: the gate says this of exactly one release, and lets no one else in any more.
        self.region.with_mut(|slot| unsafe { (*slot).take() })
    }

    /// Becomes alone until the guard goes.
    pub fn exclusive(&self) -> Result<Exclusive<'_, R>, Stop> {
        self.gate.exclusive()?;
        Ok(Exclusive { cell: self, over: false })
    }

    /// Ends the region for calls now, and gives it out unless exports keep it; then their last release does.
    pub fn linger(&self, note: u8) -> Result<Option<R>, Stop> {
        match self.gate.linger()? {
            Lone::Lingers => {
                self.note.store(note, Ordering::Release);
                Ok(None)
            }
            Lone::Alone => Ok(Some(Exclusive { cell: self, over: false }.consume(note))),
        }
    }

    /// Sleeps until `wish` may come true; see [`Gate::wait`].
    pub fn wait(&self, wish: Wish, patience: Duration) -> bool {
        self.gate.wait(wish, patience)
    }
}

impl<R> Drop for Cell<R> {
    fn drop(&mut self) {
        if self.gate.is_quiet() {
            // SAFETY: `&mut self`, and the region is there: nobody has it or will get it.
            self.region.with_mut(|slot| unsafe { ManuallyDrop::drop(&mut *slot) });
        }
        // Otherwise it has gone out already, or (in a child of `fork`) nobody knows its state: leaked, not touched.
    }
}

/// A call in flight: while it lives the region stays as it is.
pub struct Pinned<'a, R: Resident> {
    cell: &'a Cell<R>,
}

impl<R: Resident> Pinned<'_, R> {
    /// Where the region lies.
    #[inline]
    pub fn span(&self) -> Span {
        self.cell.span()
    }

    /// Reads the region.
    pub fn with<T>(&self, f: impl FnOnce(&R) -> T) -> T {
        self.cell.region.with(|slot| {
            // SAFETY: pinned, so nobody writes it; and not gone, so it is there.
            let region = unsafe { (*slot).as_ref() };
            f(region.expect("a live cell has a region"))
        })
    }
}

impl<R: Resident> Drop for Pinned<'_, R> {
    #[inline]
    fn drop(&mut self) {
        self.cell.gate.unpin();
    }
}

/// Alone with the region. Dropped without [`Exclusive::consume`], the region stays, as it is by then.
pub struct Exclusive<'a, R: Resident> {
    cell: &'a Cell<R>,
    over: bool,
}

impl<R: Resident> Exclusive<'_, R> {
    /// Reads or changes the region.
    pub fn with<T>(&mut self, f: impl FnOnce(&mut R) -> T) -> T {
        self.cell.region.with_mut(|slot| {
            // SAFETY: alone, so nobody else reads or writes it; and not gone, so it is there.
            let region = unsafe { (*slot).as_mut() };
            f(region.expect("a live cell has a region"))
        })
    }

    /// Takes the region out for good. The note says why.
    pub fn consume(mut self, note: u8) -> R {
        // SAFETY: alone.
        let region = self.cell.region.with_mut(|slot| unsafe { (*slot).take() });
        self.cell.note.store(note, Ordering::Release);
        self.over = true;
        self.cell.gate.consume();
        region.expect("a live cell has a region")
    }
}

impl<R: Resident> Drop for Exclusive<'_, R> {
    fn drop(&mut self) {
        if !self.over {
            let (span, mark) = self.with(|region| (region.span(), region.mark()));
            self.cell.show(span, mark);
            self.cell.gate.keep();
        }
    }
}
