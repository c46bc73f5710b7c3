//! Flags: read from upstream's bitflags for the Python classes, and made into members of those classes.

use crate::call::call;
use mmap_rs::{MmapFlags, PageSizes, Protection, ShareMode, UnsafeMmapFlags};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyType};

/// A class of `mmap_rs._flags`, looked up once.
pub struct FlagClass {
    name: &'static str,
    class: PyOnceLock<Py<PyType>>,
}

impl FlagClass {
    const fn new(name: &'static str) -> Self {
        Self { name, class: PyOnceLock::new() }
    }

    pub fn name(&self) -> &'static str {
        self.name
    }

    pub fn get<'py>(&self, py: Python<'py>) -> PyResult<&Bound<'py, PyType>> {
        self.class.import(py, "mmap_rs._flags", self.name)
    }

    /// The member with these bits.
    fn member<'py>(&self, py: Python<'py>, bits: usize) -> PyResult<Bound<'py, PyAny>> {
        call(self.get(py)?, (bits,), None)
    }
}

pub static MMAP_FLAGS: FlagClass = FlagClass::new("MmapFlags");
pub static UNSAFE_MMAP_FLAGS: FlagClass = FlagClass::new("UnsafeMmapFlags");
pub static PAGE_SIZES: FlagClass = FlagClass::new("PageSizes");
static PROTECTION: FlagClass = FlagClass::new("Protection");
static SHARE_MODE: FlagClass = FlagClass::new("ShareMode");

/// Upstream's flags by class and name: the source of the Python classes.
pub fn all(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
    let classes = PyDict::new(py);
    macro_rules! class {
        ($($flags:ident),*) => {
            $({
                let members = PyDict::new(py);
                for (name, flag) in $flags::all().iter_names() {
                    members.set_item(name, flag.bits())?;
                }
                classes.set_item(stringify!($flags), members)?;
            })*
        };
    }
    class!(MmapFlags, UnsafeMmapFlags, PageSizes, Protection);
    Ok(classes)
}

pub fn unsafe_mmap_flags(py: Python<'_>, flags: UnsafeMmapFlags) -> PyResult<Bound<'_, PyAny>> {
    UNSAFE_MMAP_FLAGS.member(py, flags.bits() as usize)
}

pub fn page_sizes(py: Python<'_>, sizes: PageSizes) -> PyResult<Bound<'_, PyAny>> {
    PAGE_SIZES.member(py, sizes.bits())
}

pub fn protection(py: Python<'_>, protection: Protection) -> PyResult<Bound<'_, PyAny>> {
    PROTECTION.member(py, protection.bits() as usize)
}

pub fn share_mode(py: Python<'_>, mode: ShareMode) -> PyResult<Bound<'_, PyAny>> {
    SHARE_MODE.get(py)?.getattr(match mode {
        ShareMode::Private => "Private",
        ShareMode::Shared => "Shared",
    })
}
