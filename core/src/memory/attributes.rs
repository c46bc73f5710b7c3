//! What was asked of the system for all of a region after it was made, to be asked again for pages that join it.

use super::advice;
use super::inheritance::Inherit;
use super::source::OpenFile;
use super::sys;
use crate::state::Span;
use crate::{Error, Result};
use mmap_rs::MmapFlags;
use std::ffi::CString;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Attributes {
    /// The bits of the `MmapFlags` that are advice and stay in effect.
    advice: AtomicU32,
    /// Whether an empty region was locked.
    locked: AtomicBool,
    /// Whether the system has refused to move it, for a reason that stays.
    immovable: AtomicBool,
    /// The file of which new pages are, where it was opened by its path.
    pub(super) file: Option<OpenFile>,
    /// What a child of `fork` gets: an [`Inherit`]. Changed with the name's lock held.
    inherit: AtomicU8,
    /// Whether it has a name.
    is_named: AtomicBool,
    name: Mutex<Option<CString>>,
}

impl Clone for Attributes {
    fn clone(&self) -> Self {
        let name = self.name();
        Self {
            advice: AtomicU32::new(self.advice().bits()),
            locked: AtomicBool::new(self.is_locked()),
            immovable: AtomicBool::new(self.is_immovable()),
            file: self.file.clone(),
            inherit: AtomicU8::new(self.inherit() as u8),
            is_named: AtomicBool::new(name.is_some()),
            name: Mutex::new(name),
        }
    }
}

impl Attributes {
    pub(super) fn new(advice: MmapFlags, locked: bool) -> Self {
        let attributes = Self::default();
        attributes.note_advice(advice);
        attributes.note_locked(locked);
        attributes
    }

    /// Begins a change of the name or the inheritance, here and in the system. Never waits: a thread that is in the middle of
    /// one at the moment of a `fork` does not exist in the child.
    pub(super) fn change(&self) -> Result<MutexGuard<'_, Option<CString>>> {
        match self.name.try_lock() {
            Ok(name) => Ok(name),
            Err(TryLockError::Poisoned(poisoned)) => Ok(PoisonError::into_inner(poisoned)),
            Err(TryLockError::WouldBlock) => Err(Error::InvalidOperation(
                "another thread is changing the name or inheritance of this mapping".to_owned(),
            )),
        }
    }

    fn name(&self) -> Option<CString> {
        if !self.is_named.load(Ordering::Relaxed) {
            return None;
        }
        self.change().ok().and_then(|name| name.clone())
    }

    /// Notes another name.
    pub(super) fn set_name(&self, place: &mut Option<CString>, name: Option<CString>) {
        self.is_named.store(name.is_some(), Ordering::Relaxed);
        *place = name;
    }

    /// What a child of `fork` gets.
    pub(super) fn inherit(&self) -> Inherit {
        Inherit::ALL.get(usize::from(self.inherit.load(Ordering::Relaxed))).copied().unwrap_or_default()
    }

    /// Notes what a child gets.
    pub(super) fn set_inherit(&self, inherit: Inherit) {
        self.inherit.store(inherit as u8, Ordering::Relaxed);
    }

    /// Whether a region that is empty, and so has no pages to remember it, was locked.
    pub(super) fn is_locked(&self) -> bool {
        self.locked.load(Ordering::Relaxed)
    }

    /// Notes that the region was locked, or unlocked.
    pub(super) fn note_locked(&self, locked: bool) {
        self.locked.store(locked, Ordering::Relaxed);
    }

    /// Whether the system has refused to move it, for a reason that stays.
    pub(super) fn is_immovable(&self) -> bool {
        self.immovable.load(Ordering::Relaxed)
    }

    /// Notes such a refusal.
    pub(super) fn note_immovable(&self) {
        self.immovable.store(true, Ordering::Relaxed);
    }

    fn advice(&self) -> MmapFlags {
        MmapFlags::from_bits_retain(self.advice.load(Ordering::Relaxed))
    }

    /// Whether children of `fork` get it.
    pub(super) fn is_inherited(&self) -> bool {
        self.inherit() != Inherit::None
    }

    /// Notes advice about all of the region. What is done once and over, such as `WILLNEED`, is not noted.
    pub(super) fn note_advice(&self, flags: MmapFlags) {
        const ORDER: MmapFlags = MmapFlags::SEQUENTIAL.union(MmapFlags::RANDOM_ACCESS);
        let lasting = flags - MmapFlags::WILLNEED - MmapFlags::DONTNEED;
        // The last advice about the order of accesses replaces the one before.
        let kept = if lasting.intersects(ORDER) { self.advice() - ORDER } else { self.advice() };
        self.advice.store((kept | lasting).bits(), Ordering::Relaxed);
    }

    /// Refuses to make one mapping of two that a child would get in different ways.
    pub(super) fn check_merge(&self, next: &Self) -> Result<()> {
        let (one, two) = (self.inherit(), next.inherit());
        if one == two {
            return Ok(());
        }
        Err(Error::AttributeMismatch(format!(
            "the first mapping has Inherit.{}, the second Inherit.{}: give both the same first",
            one.name(),
            two.name()
        )))
    }

    /// Keeps what is true of both.
    pub(super) fn join(&self, next: &Self) {
        self.advice.store((self.advice() & next.advice()).bits(), Ordering::Relaxed);
        let name = self.name();
        if name != next.name() {
            if let Ok(mut place) = self.change() {
                self.set_name(&mut place, None);
            }
        }
    }

    /// Asks the system for the same for new pages.
    pub(super) fn apply(&self, span: Span, shared: bool) -> Result<(), i32> {
        for (_, number) in advice::numbers(self.advice()).into_iter().flatten() {
            sys::advise(span, number)?;
        }
        if self.inherit() != Inherit::Default {
            sys::inherit(span, self.inherit(), shared)?;
        }
        if let Some(name) = self.name() {
            // A name is for those who look at the list of areas; without it the memory is as good.
            let _ = sys::set_name(span, Some(&name));
        }
        Ok(())
    }
}
