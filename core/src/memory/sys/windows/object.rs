//! A mapping or a part of one, in any of the six types.
//!
//! U13, U18: every protection is set as it is named. A reservation only remembers its protection until it is
//! committed: the system keeps none for pages that are not there.

use super::super::super::foreign::Adoption;
use super::super::super::kind::Access;
pub(crate) use super::allocation::Place;
use super::allocation::{self, Allocation};
use super::file::Rights;
use super::view::{self, Refusal, Window};
use super::{code, flush, protect};
use crate::state::Span;
use mmap_rs::UnsafeMmapFlags;
use std::fs::File;
use std::sync::Arc;
use windows_sys::Win32::Foundation::ERROR_ACCESS_DENIED;

/// What is to be made.
pub(crate) struct Plan<'a> {
    pub(crate) size: usize,
    pub(crate) place: Place,
    /// Whether memory that is writable and executable was asked for.
    pub(crate) jit: bool,
    /// Of large pages.
    pub(crate) large: bool,
    /// Whether writes reach the file.
    pub(crate) shared: bool,
    /// Whether the file is a section of the page file.
    pub(crate) section: bool,
    /// The file, its length and the offset in it.
    pub(crate) file: Option<(&'a Arc<File>, u64, u64)>,
}

/// Why a mapping was not made.
pub(crate) enum Unmade {
    /// Files have no large pages here.
    LargePages,
    /// It would reach past the end of the file.
    PastEnd,
    /// As upstream would say it.
    Error(mmap_rs::Error),
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Object {
    allocation: Arc<Allocation>,
    span: Span,
    access: Access,
    /// Whether the pages are there, and not only their addresses.
    committed: bool,
    /// Whether memory that is writable and executable was asked for.
    jit: bool,
    backing: Option<Backing>,
}

/// What a view of a file may do.
#[derive(Clone, Debug)]
struct Backing {
    shared: bool,
    can_write: bool,
    can_execute: bool,
    /// Kept for `flush`, where there can be something to flush.
    file: Option<Arc<File>>,
}

/// An object that could not be changed, as it was, and why.
pub(crate) type Refused = (Object, mmap_rs::Error);

fn system(code: i32) -> mmap_rs::Error {
    std::io::Error::from_raw_os_error(code).into()
}

impl Object {
    /// Makes a mapping or a reservation.
    pub(crate) fn new(plan: &Plan<'_>, access: Access, reserved: bool) -> Result<Self, Unmade> {
        let (place, jit) = (plan.place, plan.jit);
        check_jit(access, jit).map_err(Unmade::Error)?;
        let (allocation, committed, backing) = match plan.file {
            None => {
                let number = protect::number(access, false);
                let made = Allocation::memory(place, plan.size, number, reserved, plan.large);
                (made.map_err(|code| Unmade::Error(system(code)))?, !reserved || plan.large, None)
            }
            Some(_) if plan.large => return Err(Unmade::LargePages),
            Some((file, file_len, offset)) => {
                let rights = if plan.section { Rights::of_section(file) } else { Rights::of(file) };
                let window = Window { offset, len: plan.size, file_len, shared: plan.shared, jit };
                let view = view::map(&rights, &window, place, access).map_err(|refusal| match refusal {
                    Refusal::PastEnd => Unmade::PastEnd,
                    Refusal::Code(code) => Unmade::Error(system(code)),
                })?;
                let backing = Backing {
                    shared: plan.shared,
                    can_write: view.can_write,
                    can_execute: view.can_execute,
                    file: (plan.shared && rights.write && !plan.section).then(|| rights.file.clone()),
                };
                (view.allocation, true, Some(backing))
            }
        };
        let span = Span { start: allocation.base(), len: plan.size };
        Ok(Self { allocation: Arc::new(allocation), span, access, committed, jit, backing })
    }

    /// Memory that other code has mapped.
    pub(super) fn adopted(allocation: Allocation, adoption: &Adoption, is_view: bool) -> Self {
        let view = Backing { shared: adoption.shared, can_write: true, can_execute: true, file: None };
        Self {
            allocation: Arc::new(allocation),
            span: adoption.span,
            access: adoption.access,
            committed: !adoption.reserved,
            jit: adoption.access == Access::ExecWrite,
            backing: is_view.then_some(view),
        }
    }

    /// Leaves the memory to other code, unless it is a part of what was allocated at once.
    pub(crate) fn hand_over(mut self) -> Result<(), Self> {
        let start = self.span.start;
        match Arc::get_mut(&mut self.allocation).filter(|allocation| allocation.base() == start) {
            Some(allocation) => {
                allocation.hand_over();
                Ok(())
            }
            None => Err(self),
        }
    }

    /// Where it lies.
    pub(crate) fn span(&self) -> Span {
        self.span
    }

    /// Sets the protection. With `flush`, executable memory is made coherent with what was written before.
    pub(crate) fn make(mut self, access: Access, flush: bool) -> Result<Self, Refused> {
        let changed = self.check(access).and_then(|()| {
            if !self.committed {
                return Ok(());
            }
            protect::set(self.span, self.number(access)).map_err(system)?;
            if flush && access.is_exec() {
                protect::flush_icache(self.span).map_err(system)?;
            }
            Ok(())
        });
        match changed {
            Ok(()) => {
                self.access = access;
                Ok(self)
            }
            Err(error) => Err((self, error)),
        }
    }

    /// Refuses what the system would refuse in words that say little.
    fn check(&self, access: Access) -> Result<(), mmap_rs::Error> {
        check_jit(access, self.jit)?;
        match &self.backing {
            Some(view) if access.is_write() && !view.can_write || access.is_exec() && !view.can_execute => {
                Err(system(code(ERROR_ACCESS_DENIED)))
            }
            _ => Ok(()),
        }
    }

    fn number(&self, access: Access) -> u32 {
        protect::number(access, self.backing.as_ref().is_some_and(|view| !view.shared))
    }

    /// Commits reserved memory: the `TryFrom` of upstream's mapped types. On failure it stays reserved.
    pub(crate) fn commit(mut self) -> Result<Self, (Option<Self>, mmap_rs::Error)> {
        if !self.committed {
            if let Err(code) = allocation::commit(self.span, self.number(self.access)) {
                return Err((Some(self), system(code)));
            }
            self.committed = true;
        }
        Ok(self)
    }

    /// Cuts the tail off at a page boundary inside it.
    pub(crate) fn split_off(&mut self, at: usize) -> Result<Self, mmap_rs::Error> {
        let (start, len) = self
            .span
            .start
            .checked_add(at)
            .zip(self.span.len.checked_sub(at).filter(|rest| at > 0 && *rest > 0))
            .ok_or(mmap_rs::Error::InvalidOffset)?;
        self.span.len = at;
        Ok(Self {
            allocation: self.allocation.clone(),
            span: Span { start, len },
            access: self.access,
            committed: self.committed,
            jit: self.jit,
            backing: self.backing.clone(),
        })
    }

    /// Flushes a range to the file; with `wait`, until it is there. What is private or has no file goes nowhere.
    pub(crate) fn flush(&self, start: usize, end: usize, wait: bool) -> Result<(), mmap_rs::Error> {
        let Some(view) = self.backing.as_ref().filter(|view| view.shared) else { return Ok(()) };
        let len = end.min(self.span.len).saturating_sub(start);
        if len == 0 {
            return Ok(());
        }
        let span = Span { start: self.span.start.saturating_add(start), len };
        flush::flush(span, view.file.as_deref().filter(|_| wait)).map_err(system)
    }

    /// Makes the instruction cache see what was written.
    pub(crate) fn flush_icache(&self) -> Result<(), mmap_rs::Error> {
        if self.committed { protect::flush_icache(self.span).map_err(system) } else { Ok(()) }
    }
}

fn check_jit(access: Access, jit: bool) -> Result<(), mmap_rs::Error> {
    if access == Access::ExecWrite && !jit {
        return Err(mmap_rs::Error::UnsafeFlagNeeded(UnsafeMmapFlags::JIT));
    }
    Ok(())
}

impl Drop for Object {
    fn drop(&mut self) {
        // The last object leaves nothing to anyone: dropping the allocation gives all of it back at once.
        if Arc::strong_count(&self.allocation) > 1 {
            self.allocation.leave(self.span);
        }
    }
}
