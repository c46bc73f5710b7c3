//! Python's mappings as Rust's.

mod bytes;
mod owned;
mod protection;
#[cfg_attr(unix, path = "unix.rs")]
#[cfg_attr(windows, path = "windows.rs")]
mod sys;

use crate::api::{Api, EXECUTE};
use crate::given::MmapType;
use mmap_rs::Error;
use owned::Owned;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use std::fmt;
use std::marker::PhantomData;

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
    ///
    /// # Examples
    /// ```no_run
    /// # use pyo3_mmap_rs::{Taken, mmap_rs::MmapMut, pyo3::prelude::*};
    /// # fn example(mapping: &Bound<'_, PyAny>) -> PyResult<()> {
    /// // SAFETY: private and anonymous memory, which nobody else can write.
    /// let taken = unsafe { Taken::<MmapMut>::new(mapping) }?;
    /// # Ok(()) }
    /// ```
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
    ///
    /// # Examples
    /// ```no_run
    /// # use pyo3_mmap_rs::{Taken, mmap_rs::{Error, MmapMut}};
    /// # fn example(m: Taken<MmapMut>) -> Result<(), Error> {
    /// println!("{:#x}", m.start());
    /// # Ok(()) }
    /// ```
    pub fn start(&self) -> usize {
        self.memory.start()
    }

    /// The address after the last byte.
    ///
    /// # Examples
    /// ```no_run
    /// # use pyo3_mmap_rs::{Taken, mmap_rs::{Error, MmapMut}};
    /// # fn example(m: Taken<MmapMut>) -> Result<(), Error> {
    /// assert_eq!(m.end() - m.start(), m.size());
    /// # Ok(()) }
    /// ```
    pub fn end(&self) -> usize {
        self.start() + self.size()
    }

    /// The first byte.
    ///
    /// # Examples
    /// ```no_run
    /// # use pyo3_mmap_rs::{Taken, mmap_rs::{Error, MmapMut}};
    /// # fn example(m: Taken<MmapMut>) -> Result<(), Error> {
    /// let first = m.as_ptr();
    /// # Ok(()) }
    /// ```
    pub fn as_ptr(&self) -> *const u8 {
        self.start() as *const u8
    }

    /// The first byte, to be written where `T` is writable.
    ///
    /// # Examples
    /// ```no_run
    /// # use pyo3_mmap_rs::{Taken, mmap_rs::{Error, MmapMut}};
    /// # fn example(mut m: Taken<MmapMut>) -> Result<(), Error> {
    /// let first = m.as_mut_ptr();
    /// # Ok(()) }
    /// ```
    pub fn as_mut_ptr(&mut self) -> *mut u8 {
        self.start() as *mut u8
    }

    /// The length in bytes.
    ///
    /// # Examples
    /// ```no_run
    /// # use pyo3_mmap_rs::{Taken, mmap_rs::{Error, MmapMut}};
    /// # fn example(m: Taken<MmapMut>) -> Result<(), Error> {
    /// println!("{} bytes", m.size());
    /// # Ok(()) }
    /// ```
    pub fn size(&self) -> usize {
        self.memory.len()
    }

    /// Whether writes are seen by others that map the same.
    ///
    /// # Examples
    /// ```no_run
    /// # use pyo3_mmap_rs::{Taken, mmap_rs::{Error, MmapMut}};
    /// # fn example(m: Taken<MmapMut>) -> Result<(), Error> {
    /// assert!(!m.is_shared(), "others would see it");
    /// # Ok(()) }
    /// ```
    pub fn is_shared(&self) -> bool {
        self.shared
    }

    /// Whether the memory can be executed.
    ///
    /// # Examples
    /// ```no_run
    /// # use pyo3_mmap_rs::{Taken, mmap_rs::{Error, MmapMut}};
    /// # fn example(m: Taken<MmapMut>) -> Result<(), Error> {
    /// assert!(!m.is_executable());
    /// # Ok(()) }
    /// ```
    pub fn is_executable(&self) -> bool {
        self.protection & EXECUTE != 0
    }

    /// Cuts the mapping in two: this one keeps the bytes before `at`.
    ///
    /// # Errors
    /// `InvalidOffset` if `at` is not a multiple of the page size inside the mapping, `InvalidOperation` if the memory can
    /// only be given back whole, as on Windows.
    ///
    /// # Examples
    /// ```no_run
    /// # use pyo3_mmap_rs::{Taken, mmap_rs::{Error, MmapMut}};
    /// # fn example(mut m: Taken<MmapMut>) -> Result<(), Error> {
    /// let tail = m.split_off(1 << 16)?;
    /// assert_eq!(tail.start(), m.end());
    /// # Ok(()) }
    /// ```
    pub fn split_off(&mut self, at: usize) -> Result<Self, Error> {
        let memory = self.memory.split_off(at)?;
        Ok(Self { memory, kind: PhantomData, ..*self })
    }

    /// Cuts the mapping in two: this one keeps the bytes from `at` on.
    ///
    /// # Errors
    /// As [`Taken::split_off`].
    ///
    /// # Examples
    /// ```no_run
    /// # use pyo3_mmap_rs::{Taken, mmap_rs::{Error, MmapMut}};
    /// # fn example(mut m: Taken<MmapMut>) -> Result<(), Error> {
    /// let head = m.split_to(1 << 16)?;
    /// assert_eq!(head.end(), m.start());
    /// # Ok(()) }
    /// ```
    pub fn split_to(&mut self, at: usize) -> Result<Self, Error> {
        let tail = self.split_off(at)?;
        Ok(std::mem::replace(self, tail))
    }

    /// Appends `other`, which starts where this mapping ends.
    ///
    /// # Errors
    /// `MustBeAdjacent`, `AttributeMismatch` (another protection), `BackingMismatch` (given back in another way), with
    /// `other` as it was. Files are not compared: if the two are of different ones, Python does not take the result back.
    ///
    /// # Examples
    /// ```no_run
    /// # use pyo3_mmap_rs::{Taken, mmap_rs::{Error, MmapMut}};
    /// # fn example(mut m: Taken<MmapMut>) -> Result<(), Error> {
    /// let tail = m.split_off(1 << 16)?;
    /// m.merge(tail).map_err(|(error, _tail)| error)?;
    /// # Ok(()) }
    /// ```
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
