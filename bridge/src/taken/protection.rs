//! What changes the protection of a taken mapping, and with it its type.

use super::{Taken, sys};
use crate::api::{EXECUTE, READ, WRITE};
use mmap_rs::{Error, Mmap, MmapMut, MmapNone, Reserved, ReservedMut, ReservedNone, UnsafeMmapFlags};
use std::marker::PhantomData;

macro_rules! makes {
    ($($type:ident: $none:ident $read:ident $write:ident),+) => {
        $(impl Taken<$type> {
            /// Makes the memory inaccessible.
            ///
            /// # Errors
            /// What the system refuses, with the mapping as it was; so for all `make_*`. If some pages have changed by then
            /// and can't be changed back, the memory is given back, and the mapping that is returned has no bytes.
            ///
            /// # Examples
            /// ```no_run
            /// # use pyo3_mmap_rs::{Taken, mmap_rs::{Error, MmapMut}};
            /// # fn example(m: Taken<MmapMut>) -> Result<(), Error> {
            /// let guard = m.make_none().map_err(|(_, error)| error)?;
            /// # Ok(()) }
            /// ```
            pub fn make_none(self) -> Result<Taken<$none>, (Self, Error)> {
                self.protect(0)
            }

            /// Makes the memory read-only.
            ///
            /// # Errors
            /// As [`Taken::make_none`].
            ///
            /// # Examples
            /// ```no_run
            /// # use pyo3_mmap_rs::{Taken, mmap_rs::{Error, MmapMut}};
            /// # fn example(m: Taken<MmapMut>) -> Result<(), Error> {
            /// let constant = m.make_read_only().map_err(|(_, error)| error)?;
            /// # Ok(()) }
            /// ```
            pub fn make_read_only(self) -> Result<Taken<$read>, (Self, Error)> {
                self.protect(READ)
            }

            /// Makes the memory readable and writable.
            ///
            /// # Errors
            /// As [`Taken::make_none`].
            ///
            /// # Examples
            /// ```no_run
            /// # use pyo3_mmap_rs::{Taken, mmap_rs::{Error, MmapMut}};
            /// # fn example(m: Taken<MmapMut>) -> Result<(), Error> {
            /// let constant = m.make_read_only().map_err(|(_, error)| error)?;
            /// let m = constant.make_mut().map_err(|(_, error)| error)?;
            /// # Ok(()) }
            /// ```
            pub fn make_mut(self) -> Result<Taken<$write>, (Self, Error)> {
                self.protect(READ | WRITE)
            }

            /// Makes the memory readable and executable, and flushes the instruction cache.
            ///
            /// # Errors
            /// As [`Taken::make_none`].
            ///
            /// # Examples
            /// ```no_run
            /// # use pyo3_mmap_rs::{Taken, mmap_rs::{Error, MmapMut}};
            /// # fn example(m: Taken<MmapMut>) -> Result<(), Error> {
            /// let code = m.make_exec().map_err(|(_, error)| error)?;
            /// # Ok(()) }
            /// ```
            pub fn make_exec(self) -> Result<Taken<$read>, (Self, Error)> {
                let made: Taken<$read> = self.protect(READ | EXECUTE)?;
                sys::flush_icache(made.start(), made.size());
                Ok(made)
            }

            /// Makes the memory readable and executable.
            ///
            /// # Safety
            /// As upstream's: the instruction cache must be flushed before code is run that was written before.
            ///
            /// # Errors
            /// As [`Taken::make_none`].
            ///
            /// # Examples
            /// ```no_run
            /// # use pyo3_mmap_rs::{Taken, mmap_rs::{Error, MmapMut}};
            /// # fn example(m: Taken<MmapMut>) -> Result<(), Error> {
            /// // SAFETY: nothing is run before the flush.
            /// let code = unsafe { m.make_exec_no_flush() }.map_err(|(_, error)| error)?;
            /// code.flush_icache()?;
            /// # Ok(()) }
            /// ```
            pub unsafe fn make_exec_no_flush(self) -> Result<Taken<$read>, (Self, Error)> {
                self.protect(READ | EXECUTE)
            }

            /// Makes the memory readable, writable and executable.
            ///
            /// # Safety
            /// As upstream's.
            ///
            /// # Errors
            /// `UnsafeFlagNeeded` unless the memory was writable and executable when it was taken; as
            /// [`Taken::make_none`].
            ///
            /// # Examples
            /// ```no_run
            /// # use pyo3_mmap_rs::{Taken, mmap_rs::{Error, MmapMut}};
            /// # fn example(m: Taken<MmapMut>) -> Result<(), Error> {
            /// // SAFETY: code that is written is not run until it is whole.
            /// let code = unsafe { m.make_exec_mut() }.map_err(|(_, error)| error)?;
            /// # Ok(()) }
            /// ```
            pub unsafe fn make_exec_mut(self) -> Result<Taken<$write>, (Self, Error)> {
                let all = READ | WRITE | EXECUTE;
                if self.protection == all {
                    return self.protect(all);
                }
                Err((self, Error::UnsafeFlagNeeded(UnsafeMmapFlags::JIT)))
            }
        })+
    };
}

makes!(
    MmapNone: MmapNone Mmap MmapMut,
    Mmap: MmapNone Mmap MmapMut,
    MmapMut: MmapNone Mmap MmapMut,
    ReservedNone: ReservedNone Reserved ReservedMut,
    Reserved: ReservedNone Reserved ReservedMut,
    ReservedMut: ReservedNone Reserved ReservedMut
);

macro_rules! commits {
    ($($reserved:ident => $mapped:ident),+) => {
        $(impl TryFrom<Taken<$reserved>> for Taken<$mapped> {
            type Error = Error;

            /// Commits the memory. Where that fails, it is given back.
            fn try_from(reserved: Taken<$reserved>) -> Result<Self, Error> {
                sys::commit(reserved.start(), reserved.size(), reserved.protection)?;
                let Taken { memory, protection, shared, .. } = reserved;
                Ok(Self { memory, protection, shared, kind: PhantomData })
            }
        })+
    };
}

commits!(ReservedNone => MmapNone, Reserved => Mmap, ReservedMut => MmapMut);

macro_rules! converts {
    ($($source:ident => $target:ident: $make:ident),+) => {
        $(impl TryFrom<Taken<$source>> for Taken<$target> {
            type Error = Error;

            /// Changes the protection. Where that fails, the memory is given back.
            fn try_from(source: Taken<$source>) -> Result<Self, Error> {
                source.$make().map_err(|(_, error)| error)
            }
        })+
    };
}

converts!(
    MmapNone => Mmap: make_read_only,
    MmapMut => Mmap: make_read_only,
    MmapNone => MmapMut: make_mut,
    Mmap => MmapMut: make_mut,
    ReservedNone => Reserved: make_read_only,
    ReservedMut => Reserved: make_read_only,
    ReservedNone => ReservedMut: make_mut,
    Reserved => ReservedMut: make_mut
);
