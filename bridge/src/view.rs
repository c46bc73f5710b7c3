//! Views of Python's mappings.

use crate::api::{Api, EXECUTE, Info, READ, RawView, WRITE};
use crate::error::{Error, Result};
use crate::given::MmapType;
use mmap_rs::{MmapMut, Protection, ShareMode};
use pyo3::prelude::*;
use std::fmt;
use std::ptr::NonNull;

/// The bytes of an `mmap_rs.Mmap` or `mmap_rs.MmapMut` of Python's.
///
/// As an argument of a `#[pyfunction]` it is made from the object. It is writable if that is an `MmapMut`. As long as it
/// lives, the memory stays mapped where it is, with its protection: in Python, whatever would change or end the mapping
/// raises `BufferError`. It may be used and dropped by any thread, attached to Python or not.
///
/// Python code, other threads and other processes may write the same bytes at any time. [`View::read_into`] and
/// [`View::write_from`] copy, and may copy while the bytes change; [`View::as_slice`] borrows, and is unsafe.
///
/// # Examples
///
/// ```no_run
/// use pyo3_mmap_rs::View;
/// use pyo3_mmap_rs::pyo3::prelude::*;
///
/// /// Counts the lines of a mapping, while other threads of Python run.
/// #[pyfunction]
/// fn count_lines(py: Python<'_>, view: View) -> PyResult<usize> {
///     py.detach(|| {
///         let (mut block, mut lines) = (vec![0; 1 << 16], 0);
///         for offset in (0..view.len()).step_by(block.len()) {
///             let part = block.len().min(view.len() - offset);
///             view.read_into(offset, &mut block[..part])?;
///             lines += block[..part].iter().filter(|byte| **byte == b'\n').count();
///         }
///         Ok(lines)
///     })
/// }
/// ```
pub struct View {
    api: &'static Api,
    raw: NonNull<RawView>,
    info: Info,
    writable: bool,
}

// SAFETY: any thread may use and release a view; what is read and written through it is raw memory.
unsafe impl Send for View {}
// SAFETY: as above; all methods take a shared reference for one call of the table each.
unsafe impl Sync for View {}

impl Drop for View {
    fn drop(&mut self) {
        // SAFETY: this value's own view, which ends here.
        unsafe { (self.api.release)(self.raw.as_ptr()) };
    }
}

// An error here: PyO3 0.26 needs the feature `pyo3-0-26`, later versions must not have it.
#[cfg(not(feature = "pyo3-0-26"))]
impl<'py> FromPyObject<'_, 'py> for View {
    type Error = PyErr;

    fn extract(object: pyo3::Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        View::of(&object)
    }
}

// As above.
#[cfg(feature = "pyo3-0-26")]
impl<'py> FromPyObject<'py> for View {
    fn extract_bound(object: &Bound<'py, PyAny>) -> PyResult<Self> {
        View::of(object)
    }
}

impl View {
    /// A view for all that the object's class allows.
    fn of(mapping: &Bound<'_, PyAny>) -> PyResult<Self> {
        let kind = Api::get(mapping.py())?.info(mapping)?.kind;
        Self::export(mapping, kind == MmapMut::KIND)
    }

    fn export(mapping: &Bound<'_, PyAny>, writable: bool) -> PyResult<Self> {
        let api = Api::get(mapping.py())?;
        let (raw, info) = api.view(mapping, writable)?;
        Ok(Self { api, raw, info, writable })
    }

    /// A view for reading, also of an `MmapMut`. (A view that is an argument of a `#[pyfunction]` is writable if the object
    /// is an `MmapMut`.)
    ///
    /// # Errors
    /// `TypeError` if the object is not an `mmap_rs.Mmap` or `MmapMut`, `mmap_rs.ConsumedError` if it was closed or
    /// consumed, `mmap_rs.FaultError` if a page of it could not be provided, `ImportError` if the package is missing.
    ///
    /// # Examples
    /// ```no_run
    /// # use pyo3_mmap_rs::{View, pyo3::prelude::*};
    /// # fn example(object: &Bound<'_, PyAny>) -> PyResult<()> {
    /// let view = View::new(object)?;
    /// println!("{} bytes at {:#x}", view.len(), view.start());
    /// # Ok(()) }
    /// ```
    pub fn new(mapping: &Bound<'_, PyAny>) -> PyResult<Self> {
        Self::export(mapping, false)
    }

    /// A view for reading and writing.
    ///
    /// # Errors
    /// As [`View::new`]; also `TypeError` if the object is not an `mmap_rs.MmapMut`.
    ///
    /// # Examples
    /// ```no_run
    /// # use pyo3_mmap_rs::{View, pyo3::prelude::*};
    /// # fn example(object: &Bound<'_, PyAny>) -> PyResult<()> {
    /// View::writable(object)?.write_from(0, b"header")?;
    /// # Ok(()) }
    /// ```
    pub fn writable(mapping: &Bound<'_, PyAny>) -> PyResult<Self> {
        Self::export(mapping, true)
    }

    /// One more view of the same, without Python. `None` if the mapping already has too many views, or in a child of `fork`
    /// that did not inherit the memory.
    ///
    /// # Examples
    /// ```no_run
    /// # use pyo3_mmap_rs::View;
    /// # fn example(view: &View) -> Option<()> {
    /// let other = view.try_clone()?;
    /// std::thread::spawn(move || println!("{}", other.len()));
    /// # Some(()) }
    /// ```
    pub fn try_clone(&self) -> Option<Self> {
        // SAFETY: a live view.
        let raw = NonNull::new(unsafe { (self.api.view_again)(self.raw.as_ptr()) })?;
        let Self { api, info, writable, .. } = *self;
        Some(Self { api, raw, info, writable })
    }

    /// The first address.
    ///
    /// # Examples
    /// ```no_run
    /// # use pyo3_mmap_rs::View;
    /// # fn example(view: &View) {
    /// println!("{:#x}", view.start());
    /// # }
    /// ```
    pub fn start(&self) -> usize {
        self.info.start as usize
    }

    /// The address after the last byte.
    ///
    /// # Examples
    /// ```no_run
    /// # use pyo3_mmap_rs::View;
    /// # fn example(view: &View) {
    /// assert_eq!(view.end() - view.start(), view.len());
    /// # }
    /// ```
    pub fn end(&self) -> usize {
        self.start() + self.len()
    }

    /// The length in bytes.
    ///
    /// # Examples
    /// ```no_run
    /// # use pyo3_mmap_rs::View;
    /// # fn example(view: &View) {
    /// println!("{} bytes", view.len());
    /// # }
    /// ```
    pub fn len(&self) -> usize {
        self.info.len
    }

    /// Whether the length is 0: the mapping is of an empty file.
    ///
    /// # Examples
    /// ```no_run
    /// # use pyo3_mmap_rs::View;
    /// # fn example(view: &View) {
    /// if view.is_empty() { println!("the file is empty"); }
    /// # }
    /// ```
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The first byte. It may be read as long as the view lives; see [`View::as_slice`] for what to keep to.
    ///
    /// # Examples
    /// ```no_run
    /// # use pyo3_mmap_rs::View;
    /// # fn example(view: &View) {
    /// let first = view.as_ptr();
    /// # }
    /// ```
    pub fn as_ptr(&self) -> *const u8 {
        self.info.start.cast_const().cast()
    }

    /// The first byte, to be written; `None` if the view is for reading.
    ///
    /// # Examples
    /// ```no_run
    /// # use pyo3_mmap_rs::View;
    /// # fn example(view: &View) {
    /// if let Some(first) = view.as_mut_ptr() { println!("{first:p}"); }
    /// # }
    /// ```
    pub fn as_mut_ptr(&self) -> Option<*mut u8> {
        self.writable.then(|| self.info.start.cast())
    }

    /// Whether bytes can be written through this view.
    ///
    /// # Examples
    /// ```no_run
    /// # use pyo3_mmap_rs::View;
    /// # fn example(view: &View) {
    /// assert!(view.is_writable(), "an MmapMut is needed");
    /// # }
    /// ```
    pub fn is_writable(&self) -> bool {
        self.writable
    }

    /// The protection of the memory.
    ///
    /// # Examples
    /// ```no_run
    /// # use pyo3_mmap_rs::View;
    /// # fn example(view: &View) {
    /// println!("{:?}", view.protection());
    /// # }
    /// ```
    pub fn protection(&self) -> Protection {
        let bits = self.info.protection;
        [(READ, Protection::READ), (WRITE, Protection::WRITE), (EXECUTE, Protection::EXECUTE)]
            .into_iter()
            .filter(|(bit, _)| bits & bit != 0)
            .fold(Protection::empty(), |all, (_, flag)| all | flag)
    }

    /// Whether writes are seen by others that map the same.
    ///
    /// # Examples
    /// ```no_run
    /// # use pyo3_mmap_rs::View;
    /// # fn example(view: &View) {
    /// println!("{:?}", view.share_mode());
    /// # }
    /// ```
    pub fn share_mode(&self) -> ShareMode {
        if self.info.share_mode == 0 { ShareMode::Private } else { ShareMode::Shared }
    }

    /// The size of the pages in bytes.
    ///
    /// # Examples
    /// ```no_run
    /// # use pyo3_mmap_rs::View;
    /// # fn example(view: &View) {
    /// let pages = view.len().div_ceil(view.page_size());
    /// # }
    /// ```
    pub fn page_size(&self) -> usize {
        self.info.page_size
    }

    /// Whether the fault guard of the mapping has replaced a page by zeros. What was read before is covered.
    ///
    /// # Examples
    /// ```no_run
    /// # use pyo3_mmap_rs::View;
    /// # fn example(view: &View) {
    /// if view.is_faulted() { println!("the file has shrunk"); }
    /// # }
    /// ```
    pub fn is_faulted(&self) -> bool {
        self.check_state() == Err(Error::Faulted)
    }

    fn check(&self, offset: usize, count: usize) -> Result<()> {
        let len = self.len();
        match offset.checked_add(count) {
            Some(end) if end <= len => Ok(()),
            _ => Err(Error::OutOfBounds { offset, count, len }),
        }
    }

    fn check_state(&self) -> Result<()> {
        // SAFETY: a live view.
        match unsafe { (self.api.view_state)(self.raw.as_ptr()) } {
            0 => Ok(()),
            1 => Err(Error::Faulted),
            _ => Err(Error::Gone),
        }
    }

    /// Copies bytes from `offset` on out of the mapping. Bytes that others write at this moment may be copied in part.
    ///
    /// # Errors
    /// [`Error::OutOfBounds`], [`Error::Faulted`], [`Error::Gone`]. If the file was truncated and the mapping has no fault guard, the
    /// process ends by `SIGBUS`.
    ///
    /// # Examples
    /// ```no_run
    /// # use pyo3_mmap_rs::{Result, View};
    /// # fn example(view: &View) -> Result<()> {
    /// let mut magic = [0; 4];
    /// view.read_into(0, &mut magic)?;
    /// # Ok(()) }
    /// ```
    pub fn read_into(&self, offset: usize, into: &mut [u8]) -> Result<()> {
        self.check(offset, into.len())?;
        self.check_state()?;
        // SAFETY: within the mapping, which stays; `into` is the caller's own. Through raw pointers, as others may write.
        unsafe { self.as_ptr().add(offset).copy_to(into.as_mut_ptr(), into.len()) };
        self.check_state()
    }

    /// Copies bytes into the mapping, from `offset` on.
    ///
    /// # Errors
    /// [`Error::ReadOnly`], [`Error::OutOfBounds`], [`Error::Faulted`], [`Error::Gone`]. If the file was truncated and the
    /// mapping has no fault guard, the process ends by `SIGBUS`.
    ///
    /// # Examples
    /// ```no_run
    /// # use pyo3_mmap_rs::{Result, View};
    /// # fn example(view: &View) -> Result<()> {
    /// view.write_from(16, &7_u64.to_le_bytes())?;
    /// # Ok(()) }
    /// ```
    pub fn write_from(&self, offset: usize, from: &[u8]) -> Result<()> {
        let start = self.as_mut_ptr().ok_or(Error::ReadOnly)?;
        self.check(offset, from.len())?;
        self.check_state()?;
        // SAFETY: within the mapping, which stays and is writable. `from` may be a part of it.
        unsafe { start.add(offset).copy_from(from.as_ptr(), from.len()) };
        self.check_state()
    }

    /// All bytes, without a copy.
    ///
    /// # Safety
    /// The caller must ensure that nothing writes these bytes while the slice lives (no other thread, no Python code, no
    /// other process), and that it is not used in a child of `fork` that did not inherit the memory. If the file is
    /// truncated, an access ends the process by `SIGBUS`; with a fault guard it reads zeros, and [`View::is_faulted`]
    /// says so.
    ///
    /// # Examples
    /// ```no_run
    /// # use pyo3_mmap_rs::View;
    /// # fn example(view: &View) {
    /// // SAFETY: nothing else in this program writes the file.
    /// let sum: u64 = unsafe { view.as_slice() }.iter().map(|byte| u64::from(*byte)).sum();
    /// # }
    /// ```
    pub unsafe fn as_slice(&self) -> &[u8] {
        // SAFETY: mapped as long as this lives; the caller vouches that nobody writes.
        unsafe { std::slice::from_raw_parts(self.as_ptr(), self.len()) }
    }
}

impl fmt::Debug for View {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "View({:#x}..{:#x}, {:?})", self.start(), self.end(), self.protection())
    }
}
