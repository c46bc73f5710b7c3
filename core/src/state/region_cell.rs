//! A region with the count of its uses, and a copy of its span for callers that need only that.
#![expect(unsafe_code, reason = "the cell that the count guards")]

use super::held::Held;
use super::sync::{AtomicUsize, Ordering, UnsafeCell};
use super::use_count::{AcquireError, Mode, Request, Requests, UseCount};
use super::{Ending, Span};
use std::mem::ManuallyDrop;
use std::ptr;
// Never loom's: the flag belongs to the region, which a model makes of its own kind.
use std::sync::atomic::{AtomicBool, AtomicPtr, fence};
use std::time::Duration;

/// What a [`RegionCell`] asks of its region.
pub trait Extent {
    /// Where it lies now.
    fn span(&self) -> Span;

    /// Whether children of `fork` inherit it.
    fn is_inherited(&self) -> bool {
        true
    }

    /// The flag that is set once part of the contents was lost, where there is one.
    fn fault_flag(&self) -> Option<&'static AtomicBool> {
        None
    }
}

/// A region, or what is left of it.
///
/// Invariants: region and span are written during exclusive access only, or by the last use of a region that has ended;
/// a region that has ended is handed to exactly one caller.
pub struct RegionCell<R> {
    uses: UseCount,
    start: AtomicUsize,
    len: AtomicUsize,
    /// The region's fault flag, or null. It stays as it is for as long as anybody uses the region.
    fault_flag: AtomicPtr<AtomicBool>,
    region: UnsafeCell<ManuallyDrop<Option<R>>>,
}

// SAFETY: the region is read through pins on any thread (so it must be Sync) and moved out by whichever thread ends it
// (so it must be Send); the count lets nobody write while another reads.
unsafe impl<R: Send + Sync> Sync for RegionCell<R> {}
// SAFETY: a cell owns its region and shares nothing.
unsafe impl<R: Send> Send for RegionCell<R> {}

impl<R: Extent> RegionCell<R> {
    /// A cell without a region, to be filled before anyone else sees it.
    pub fn vacant() -> Self {
        Self {
            uses: UseCount::vacant(),
            start: AtomicUsize::new(0),
            len: AtomicUsize::new(0),
            fault_flag: AtomicPtr::new(ptr::null_mut()),
            region: UnsafeCell::new(ManuallyDrop::new(None)),
        }
    }

    /// Puts a region into a vacant cell; gives it back where the cell was filled before.
    pub fn fill(&self, region: R) -> Result<(), R> {
        if self.uses.fill().is_err() {
            return Err(region);
        }
        self.publish(&region);
        // SAFETY: `UseCount::fill` gave this caller exclusive access.
        self.region.with_mut(|slot| unsafe { *slot = ManuallyDrop::new(Some(region)) });
        self.uses.keep();
        Ok(())
    }

    /// How the region ended, if it has.
    pub fn ending(&self) -> Option<Ending> {
        self.uses.ending()
    }

    /// How many exports are alive.
    pub fn exports(&self) -> usize {
        self.uses.exports()
    }

    /// Whether part of the contents was lost (see [`Extent::fault_flag`]). To be asked while the region is in use. The
    /// flag is set before a page is replaced, so what was read before this call is covered.
    #[inline]
    pub fn is_faulted(&self) -> bool {
        let flag = self.fault_flag.load(Ordering::Relaxed);
        if flag.is_null() {
            return false;
        }
        // The reads of the caller come before the look at the flag.
        fence(Ordering::Acquire);
        // SAFETY: a flag that lives for ever.
        unsafe { &*flag }.load(Ordering::Acquire)
    }

    /// Updates the copies of the region's values. During exclusive access only.
    fn publish(&self, region: &R) {
        let span = region.span();
        self.start.store(span.start, Ordering::Relaxed);
        self.len.store(span.len, Ordering::Relaxed);
        let flag = region.fault_flag().map_or(ptr::null_mut(), |flag| ptr::from_ref(flag).cast_mut());
        self.fault_flag.store(flag, Ordering::Relaxed);
        self.uses.set_inherited(region.is_inherited());
    }

    #[inline]
    fn span(&self) -> Span {
        Span { start: self.start.load(Ordering::Relaxed), len: self.len.load(Ordering::Relaxed) }
    }

    /// The span, for callers that keep exclusive access from beginning by other means (an interpreter lock) until they
    /// are done with it.
    #[inline]
    pub fn peek(&self) -> Result<Span, AcquireError> {
        self.uses.peek()?;
        Ok(self.span())
    }

    /// Counts a call in flight until the value is dropped.
    #[inline]
    pub fn pin(&self, requests: Requests) -> Result<Pinned<'_, R>, AcquireError> {
        let generation = self.uses.pin(requests)?;
        Ok(Pinned { cell: self, generation, _held: Held::new() })
    }

    /// Counts a call in flight that uses the region by an export which the caller has: see [`UseCount::pin_exported`].
    pub fn pin_exported(&self) -> Result<Pinned<'_, R>, AcquireError> {
        let generation = self.uses.pin_exported()?;
        Ok(Pinned { cell: self, generation, _held: Held::new() })
    }

    /// Counts an export until the value is dropped, or until [`RegionCell::release`] after [`Exported::leak`].
    pub fn export(&self, requests: Requests) -> Result<Exported<'_, R>, AcquireError> {
        self.uses.export(requests)?;
        Ok(Exported { cell: self })
    }

    /// Counts one more export for the holder of one: see [`UseCount::export_again`].
    pub fn export_again(&self) -> Result<Exported<'_, R>, AcquireError> {
        self.uses.export_again()?;
        Ok(Exported { cell: self })
    }

    /// Ends an export that was leaked. The region comes out where it had ended before and this was its last use.
    #[must_use = "a region that comes out is the caller's to unmap"]
    pub fn release(&self) -> Option<R> {
        if self.uses.release() { self.take() } else { None }
    }

    /// Begins exclusive access, until the value is dropped.
    pub fn exclusive(&self) -> Result<Exclusive<'_, R>, AcquireError> {
        self.uses.exclusive()?;
        Ok(Exclusive { cell: self, ended: false, _held: Held::new() })
    }

    /// Ends the region for calls to come, and gives it out unless it is in use; the last of the uses then unmaps it.
    pub fn end_deferred(&self, how: Ending) -> Result<Option<R>, AcquireError> {
        Ok(if self.uses.end_deferred(how)? { self.take() } else { None })
    }

    /// Keeps new pins and exports back until the value is dropped: see [`UseCount::request`].
    pub fn request(&self) -> Request<'_> {
        self.uses.request()
    }

    /// Sleeps until `mode` may succeed: see [`UseCount::wait`].
    pub fn wait(&self, mode: Mode, patience: Duration) {
        self.uses.wait(mode, patience);
    }

    /// Takes the region out. Only for the one caller that the count has chosen.
    fn take(&self) -> Option<R> {
        // SAFETY: the count says so to exactly one caller, and lets nobody in any more.
        self.region.with_mut(|slot| unsafe { (*slot).take() })
    }
}

impl<R> Drop for RegionCell<R> {
    fn drop(&mut self) {
        if self.uses.is_unused() {
            // SAFETY: `&mut self`, and nobody has the region or will get it.
            self.region.with_mut(|slot| unsafe { ManuallyDrop::drop(&mut *slot) });
        }
        // Otherwise (in a child of `fork`) its state is not known: it is leaked, and not touched.
    }
}

/// A call in flight: while it lives, the region stays as it is.
pub struct Pinned<'a, R: Extent> {
    cell: &'a RegionCell<R>,
    generation: u64,
    _held: Held,
}

impl<R: Extent> Pinned<'_, R> {
    /// Where the region lies.
    #[inline]
    pub fn span(&self) -> Span {
        self.cell.span()
    }

    /// See [`RegionCell::is_faulted`].
    #[inline]
    pub fn is_faulted(&self) -> bool {
        self.cell.is_faulted()
    }

    /// Says whether children of `fork` inherit the region: before the system is told that they don't, and after it is
    /// told that they do. In between a child reads the region as ended.
    pub fn set_inherited(&self, inherited: bool) {
        self.cell.uses.set_inherited(inherited);
    }

    /// Reads the region.
    pub fn with<T>(&self, f: impl FnOnce(&R) -> T) -> T {
        self.cell.region.with(|slot| {
            // SAFETY: pinned, so nobody writes it, and it is there.
            let region = unsafe { (*slot).as_ref() };
            f(region.expect("a region in use is there"))
        })
    }
}

impl<R: Extent> Drop for Pinned<'_, R> {
    #[inline]
    fn drop(&mut self) {
        if self.cell.uses.unpin(self.generation) {
            // Closed meanwhile, with nothing left that keeps it.
            drop(self.cell.take());
        }
    }
}

/// An export: while it lives, the region stays mapped, with its protection.
pub struct Exported<'a, R: Extent> {
    cell: &'a RegionCell<R>,
}

impl<R: Extent> Exported<'_, R> {
    /// Where the region lies.
    pub fn span(&self) -> Span {
        self.cell.span()
    }

    /// See [`RegionCell::is_faulted`].
    pub fn is_faulted(&self) -> bool {
        self.cell.is_faulted()
    }

    /// Lets the export go on after this value, until [`RegionCell::release`].
    pub fn leak(self) -> Span {
        let span = self.span();
        std::mem::forget(self);
        span
    }
}

impl<R: Extent> Drop for Exported<'_, R> {
    fn drop(&mut self) {
        drop(self.cell.release());
    }
}

/// Exclusive access. Dropped without [`Exclusive::end`], the region stays, as it is by then.
pub struct Exclusive<'a, R: Extent> {
    cell: &'a RegionCell<R>,
    ended: bool,
    _held: Held,
}

impl<R: Extent> Exclusive<'_, R> {
    /// Reads or changes the region.
    pub fn with<T>(&mut self, f: impl FnOnce(&mut R) -> T) -> T {
        self.cell.region.with_mut(|slot| {
            // SAFETY: nobody else reads or writes it, and it is there.
            let region = unsafe { (*slot).as_mut() };
            f(region.expect("a region that has not ended is there"))
        })
    }

    /// Takes the region out for good.
    pub fn end(mut self, how: Ending) -> R {
        // SAFETY: exclusive access.
        let region = self.cell.region.with_mut(|slot| unsafe { (*slot).take() });
        self.ended = true;
        self.cell.uses.end(how);
        region.expect("a region that has not ended is there")
    }
}

impl<R: Extent> Drop for Exclusive<'_, R> {
    fn drop(&mut self) {
        if !self.ended {
            let cell = self.cell;
            self.with(|region| cell.publish(region));
            cell.uses.keep();
        }
    }
}
