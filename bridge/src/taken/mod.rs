//! Python's mappings as Rust's.

mod owned;
#[cfg_attr(unix, path = "unix.rs")]
#[cfg_attr(windows, path = "windows.rs")]
mod sys;

use crate::api::{Api, EXECUTE, READ, WRITE};
use crate::given::MmapType;
use mmap_rs::{Error, Mmap, MmapMut, MmapNone, Reserved, ReservedMut, ReservedNone, UnsafeMmapFlags};
use owned::Owned;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut, Range};

/// A mapping that was Python's, with the methods of the type `T` of the crate `mmap-rs`. `Drop` unmaps it. In Python the
/// object is consumed; to return the memory, return the `Taken`.
///
/// It is a type of its own, and not a `T`, because those types can't be made of memory that they have not mapped; and a
/// type rather than a trait, so that its methods are there without an import. It can't be the type of an argument: a call
/// that consumes an object should say so.
///
/// The fault guard of the mapping, if it had one, watches the memory no more.
///
/// # Examples
///
/// ```no_run
/// use pyo3_mmap_rs::Taken;
/// use pyo3_mmap_rs::mmap_rs::MmapMut;
/// use pyo3_mmap_rs::pyo3::prelude::*;
///
/// /// Takes a mapping and clears it in a thread, which unmaps it.
/// #[pyfunction]
/// fn clear(mapping: &Bound<'_, PyAny>) -> PyResult<()> {
///     // SAFETY: the mapping is private and anonymous, so that nobody else can write it.
///     let mut taken = unsafe { Taken::<MmapMut>::new(mapping) }?;
///     std::thread::spawn(move || taken.fill(0));
///     Ok(())
/// }
/// ```
pub struct Taken<T: MmapType> {
    memory: Owned,
    protection: u32,
    shared: bool,
    kind: PhantomData<fn() -> T>,
}

/// What a failed change gives back: the mapping as it was, and why.
type Refused<T> = (Taken<T>, Error);

const NAMES: [&str; 6] = ["MmapNone", "Mmap", "MmapMut", "ReservedNone", "Reserved", "ReservedMut"];

impl<T: MmapType> Taken<T> {
    /// Takes the memory of a Python object whose class has the same name as `T`.
    ///
    /// # Safety
    /// As for `MmapOptions::with_file` of the crate `mmap-rs`: a `Taken` hands out slices. If the mapping is shared or of a
    /// file, the caller must ensure that nobody else writes the bytes or truncates the file while a slice lives; of a mapping
    /// with repeats, which shows the same bytes several times, also that the slice does not. In a child of `fork`, memory with
    /// `Inherit.NONE` must not be used.
    ///
    /// # Errors
    /// `TypeError` if it is of another class, `mmap_rs.ConsumedError` if it was closed or consumed, `BufferError` while
    /// buffers or views over it are alive, `mmap_rs.FaultError` if a page of it could not be provided,
    /// `mmap_rs.InvalidSizeError` if it is empty, `ImportError` if the package is missing. The object is as before then.
    pub unsafe fn new(mapping: &Bound<'_, PyAny>) -> PyResult<Self> {
        let api = Api::get(mapping.py())?;
        let kind = api.info(mapping)?.kind;
        if kind != T::KIND {
            let name = |kind: u32| NAMES.get(kind as usize).copied().unwrap_or("mapping");
            return Err(PyTypeError::new_err(format!("an mmap_rs.{} is needed, not {}", name(T::KIND), name(kind))));
        }
        let taken = api.take(mapping)?;
        let (protection, shared) = (taken.protection, taken.share_mode != 0);
        Ok(Self { memory: Owned::new(&taken), protection, shared, kind: PhantomData })
    }

    /// The first address.
    pub fn start(&self) -> usize {
        self.memory.start()
    }

    /// The address after the last byte.
    pub fn end(&self) -> usize {
        self.start() + self.size()
    }

    /// The first byte.
    pub fn as_ptr(&self) -> *const u8 {
        self.start() as *const u8
    }

    /// The first byte, to be written where `T` is writable.
    pub fn as_mut_ptr(&mut self) -> *mut u8 {
        self.start() as *mut u8
    }

    /// The length in bytes.
    pub fn size(&self) -> usize {
        self.memory.len()
    }

    /// Whether writes are seen by others that map the same.
    pub fn is_shared(&self) -> bool {
        self.shared
    }

    /// Whether the memory can be executed.
    pub fn is_executable(&self) -> bool {
        self.protection & EXECUTE != 0
    }

    /// Cuts the mapping in two: this one keeps the bytes before `at`.
    ///
    /// # Errors
    /// `InvalidOffset` if `at` is not a multiple of the page size inside the mapping, `InvalidOperation` if the memory can
    /// only be given back whole, as on Windows.
    pub fn split_off(&mut self, at: usize) -> Result<Self, Error> {
        let memory = self.memory.split_off(at)?;
        Ok(Self { memory, kind: PhantomData, ..*self })
    }

    /// Cuts the mapping in two: this one keeps the bytes from `at` on.
    ///
    /// # Errors
    /// As [`Taken::split_off`].
    pub fn split_to(&mut self, at: usize) -> Result<Self, Error> {
        let tail = self.split_off(at)?;
        Ok(std::mem::replace(self, tail))
    }

    /// Appends `other`, which starts where this mapping ends.
    ///
    /// # Errors
    /// `MustBeAdjacent`, `AttributeMismatch` (another protection), `BackingMismatch` (given back in another way), with
    /// `other` as it was. Files are not compared: if the two are of different ones, Python does not take the result back.
    pub fn merge(&mut self, other: Self) -> Result<(), (Error, Self)> {
        if self.end() != other.start() {
            return Err((Error::MustBeAdjacent, other));
        }
        if (self.protection, self.shared) != (other.protection, other.shared) {
            return Err((Error::AttributeMismatch, other));
        }
        let Self { memory, protection, shared, kind } = other;
        self.memory.append(memory).map_err(|memory| (Error::BackingMismatch, Self { memory, protection, shared, kind }))
    }

    fn protect<U: MmapType>(self, protection: u32) -> Result<Taken<U>, Refused<T>> {
        let (start, len) = (self.start(), self.size());
        match sys::protect(start, len, protection) {
            Ok(()) => Ok(Taken { memory: self.memory, protection, shared: self.shared, kind: PhantomData }),
            Err(error) => {
                // The system may have changed some pages before it stopped.
                let Self { mut memory, protection, shared, kind } = self;
                if sys::protect(start, len, protection).is_err() {
                    // No page is left that could have the wrong protection.
                    memory.give_back();
                }
                Err((Self { memory, protection, shared, kind }, error.into()))
            }
        }
    }
}

impl<T: MmapType> fmt::Debug for Taken<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = NAMES.get(T::KIND as usize).copied().unwrap_or_default();
        write!(f, "Taken<{name}>({:#x}..{:#x})", self.start(), self.end())
    }
}

/// The object is Python's again.
///
/// # Errors
/// As for [`Given`](crate::Given); the memory is given back then. Python refuses what the system lists as several mappings:
/// one with repeats, or one merged of different files.
impl<'py, T: MmapType> IntoPyObject<'py> for Taken<T> {
    type Target = PyAny;
    type Output = Bound<'py, PyAny>;
    type Error = PyErr;

    fn into_pyobject(self, py: Python<'py>) -> PyResult<Self::Output> {
        let memory = self.memory.described(T::KIND);
        // SAFETY: memory of this value's own, which is forgotten where Python has it.
        let made = unsafe { Api::get(py)?.adopt(py, &memory) }?;
        std::mem::forget(self);
        Ok(made)
    }
}

macro_rules! makes {
    ($($type:ident: $none:ident $read:ident $write:ident),+) => {
        $(impl Taken<$type> {
            /// Makes the memory inaccessible.
            ///
            /// # Errors
            /// What the system refuses, with the mapping as it was; so for all `make_*`. If some pages have changed by then
            /// and can't be changed back, the memory is given back, and the mapping that is returned has no bytes.
            pub fn make_none(self) -> Result<Taken<$none>, (Self, Error)> {
                self.protect(0)
            }

            /// Makes the memory read-only.
            ///
            /// # Errors
            /// As [`Taken::make_none`].
            pub fn make_read_only(self) -> Result<Taken<$read>, (Self, Error)> {
                self.protect(READ)
            }

            /// Makes the memory readable and writable.
            ///
            /// # Errors
            /// As [`Taken::make_none`].
            pub fn make_mut(self) -> Result<Taken<$write>, (Self, Error)> {
                self.protect(READ | WRITE)
            }

            /// Makes the memory readable and executable, and flushes the instruction cache.
            ///
            /// # Errors
            /// As [`Taken::make_none`].
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

macro_rules! mapped {
    ($($type:ident),+) => {
        $(impl Taken<$type> {
            /// Keeps the pages in physical memory.
            ///
            /// # Errors
            /// What the system refuses.
            pub fn lock(&mut self) -> Result<(), Error> {
                Ok(sys::lock(self.start(), self.size())?)
            }

            /// Lets the system swap the pages out again.
            ///
            /// # Errors
            /// What the system refuses.
            pub fn unlock(&mut self) -> Result<(), Error> {
                Ok(sys::unlock(self.start(), self.size())?)
            }

            /// Writes a range back to the file, and waits for it.
            ///
            /// # Errors
            /// `InvalidOffset` if the range leaves the mapping; what the system refuses.
            pub fn flush(&self, range: Range<usize>) -> Result<(), Error> {
                self.flush_pages(range, true)
            }

            /// Begins to write a range back to the file.
            ///
            /// # Errors
            /// As [`Taken::flush`].
            pub fn flush_async(&self, range: Range<usize>) -> Result<(), Error> {
                self.flush_pages(range, false)
            }

            /// Flushes the instruction cache.
            ///
            /// # Errors
            /// None here; upstream's signature.
            pub fn flush_icache(&self) -> Result<(), Error> {
                sys::flush_icache(self.start(), self.size());
                Ok(())
            }

            fn flush_pages(&self, range: Range<usize>, wait: bool) -> Result<(), Error> {
                if range.start > range.end || range.end > self.size() {
                    return Err(Error::InvalidOffset);
                }
                // The system wants whole pages.
                let first = range.start - range.start % self.memory.page_size();
                if range.end > first {
                    sys::flush(self.start() + first, range.end - first, wait)?;
                }
                Ok(())
            }
        })+
    };
}

mapped!(MmapNone, Mmap, MmapMut);

macro_rules! readable {
    ($($type:ident),+) => {
        $(impl Taken<$type> {
            /// All bytes.
            pub fn as_slice(&self) -> &[u8] {
                self
            }
        }

        impl Deref for Taken<$type> {
            type Target = [u8];

            fn deref(&self) -> &[u8] {
                // SAFETY: readable memory that belongs to this value; the same bargain as upstream's about files that
                // others change.
                unsafe { std::slice::from_raw_parts(self.as_ptr(), self.size()) }
            }
        }

        impl AsRef<[u8]> for Taken<$type> {
            fn as_ref(&self) -> &[u8] {
                self
            }
        })+
    };
}

readable!(Mmap, MmapMut);

impl Taken<MmapMut> {
    /// All bytes, to be written.
    pub fn as_mut_slice(&mut self) -> &mut [u8] {
        self
    }
}

impl DerefMut for Taken<MmapMut> {
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: writable memory that belongs to this value; as for `deref`.
        unsafe { std::slice::from_raw_parts_mut(self.as_mut_ptr(), self.size()) }
    }
}

impl AsMut<[u8]> for Taken<MmapMut> {
    fn as_mut(&mut self) -> &mut [u8] {
        self
    }
}

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
