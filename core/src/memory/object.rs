//! One object of upstream's, of any of its six types. Windows has its own: `sys`.
#![expect(unsafe_code, reason = "upstream's functions that can run code or make it writable")]

use super::kind::Access;
use super::sys::Adopted;
use crate::state::Span;
use mmap_rs::{Mmap, MmapMut, MmapNone, MmapOptions, Reserved, ReservedMut, ReservedNone};

/// Upstream's object.
#[derive(Debug)]
pub(super) enum Object {
    MmapNone(MmapNone),
    Mmap(Mmap),
    MmapMut(MmapMut),
    ReservedNone(ReservedNone),
    Reserved(Reserved),
    ReservedMut(ReservedMut),
    /// What upstream has not mapped.
    Adopted(Adopted),
}

/// An object that could not be changed, as it was, and why.
pub(super) type Refused = (Object, mmap_rs::Error);

macro_rules! each {
    ($object:expr, $inner:ident => $value:expr) => {
        match $object {
            Object::MmapNone($inner) => $value,
            Object::Mmap($inner) => $value,
            Object::MmapMut($inner) => $value,
            Object::ReservedNone($inner) => $value,
            Object::Reserved($inner) => $value,
            Object::ReservedMut($inner) => $value,
            Object::Adopted($inner) => $value,
        }
    };
}

macro_rules! from {
    ($($kind:ident),*) => {
        $(impl From<$kind> for Object {
            fn from(inner: $kind) -> Self {
                Object::$kind(inner)
            }
        })*
    };
}

from!(MmapNone, Mmap, MmapMut, ReservedNone, Reserved, ReservedMut, Adopted);

fn wrap<A: Into<Object>, B: Into<Object>>(made: Result<A, (B, mmap_rs::Error)>) -> Result<Object, Refused> {
    made.map(Into::into).map_err(|(object, error)| (object.into(), error))
}

impl Object {
    /// Asks upstream for a mapping or a reservation.
    pub(super) fn new(options: MmapOptions<'_>, access: Access, reserved: bool) -> Result<Self, mmap_rs::Error> {
        Ok(match (access, reserved) {
            (Access::None, false) => options.map_none()?.into(),
            (Access::Read, false) => options.map()?.into(),
            (Access::Exec, false) => options.map_exec()?.into(),
            (Access::Write, false) => options.map_mut()?.into(),
            (Access::None, true) => options.reserve_none()?.into(),
            (Access::Read, true) => options.reserve()?.into(),
            (Access::Exec, true) => options.reserve_exec()?.into(),
            (Access::Write, true) => options.reserve_mut()?.into(),
            // SAFETY: the caller of the unsafe Python method set the JIT flag, which upstream checks; the memory is
            // new, so no code of ours runs from it before somebody writes and calls it.
            (Access::ExecWrite, false) => unsafe { options.map_exec_mut()? }.into(),
            // SAFETY: as above.
            (Access::ExecWrite, true) => unsafe { options.reserve_exec_mut()? }.into(),
        })
    }

    /// Where it lies.
    pub(super) fn span(&self) -> Span {
        each!(self, inner => Span { start: inner.start(), len: inner.size() })
    }

    /// Sets the protection. With `flush`, executable memory is made coherent with what was written before.
    pub(super) fn make(self, access: Access, flush: bool) -> Result<Self, Refused> {
        match access {
            Access::None => each!(self, inner => wrap(inner.make_none())),
            Access::Read => each!(self, inner => wrap(inner.make_read_only())),
            Access::Write => each!(self, inner => wrap(inner.make_mut())),
            Access::Exec if flush => each!(self, inner => wrap(inner.make_exec())),
            // SAFETY: the caller of the unsafe Python method, or the way back of a refused change, where the code
            // was executable before.
            Access::Exec => each!(self, inner => wrap(unsafe { inner.make_exec_no_flush() })),
            // SAFETY: upstream checks the JIT flag, which only the caller of an unsafe Python method can set.
            Access::ExecWrite => each!(self, inner => wrap(unsafe { inner.make_exec_mut() })),
        }
    }

    /// Commits reserved memory: the `TryFrom` of upstream's mapped types. Upstream drops the memory on a failure,
    /// which can't be on Unix, as there is nothing to do.
    pub(super) fn commit(self) -> Result<Self, (Option<Self>, mmap_rs::Error)> {
        let lost = |error| (None, error);
        Ok(match self {
            Object::ReservedNone(inner) => MmapNone::try_from(inner).map_err(lost)?.into(),
            Object::Reserved(inner) => Mmap::try_from(inner).map_err(lost)?.into(),
            Object::ReservedMut(inner) => MmapMut::try_from(inner).map_err(lost)?.into(),
            mapped => mapped,
        })
    }

    /// Cuts the tail off at a page boundary inside it.
    pub(super) fn split_off(&mut self, at: usize) -> Result<Self, mmap_rs::Error> {
        each!(self, inner => inner.split_off(at).map(Into::into))
    }

    /// Flushes a range of a mapped object; a reserved one has nothing to flush.
    pub(super) fn flush(&self, start: usize, end: usize, wait: bool) -> Result<(), mmap_rs::Error> {
        macro_rules! flush {
            ($inner:ident) => {
                if wait { $inner.flush(start..end) } else { $inner.flush_async(start..end) }
            };
        }
        match self {
            Object::MmapNone(inner) => flush!(inner),
            Object::Mmap(inner) => flush!(inner),
            Object::MmapMut(inner) => flush!(inner),
            Object::Adopted(inner) => inner.flush(start..end, wait),
            Object::ReservedNone(_) | Object::Reserved(_) | Object::ReservedMut(_) => Ok(()),
        }
    }

    /// Makes the instruction cache see what was written.
    pub(super) fn flush_icache(&self) -> Result<(), mmap_rs::Error> {
        match self {
            Object::MmapNone(inner) => inner.flush_icache(),
            Object::Mmap(inner) => inner.flush_icache(),
            Object::MmapMut(inner) => inner.flush_icache(),
            Object::Adopted(inner) => inner.flush_icache(),
            Object::ReservedNone(_) | Object::Reserved(_) | Object::ReservedMut(_) => Ok(()),
        }
    }
}
