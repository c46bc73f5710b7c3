//! Flags: read from upstream's bitflags for the Python classes, and made into members of those classes.
//!
//! The classes are looked up at each use: an object in a static would belong to one interpreter, and be used in others.

use super::numbers::{Number, is_index, shown_as_given};
use crate::call::{attribute, call, is_instance, member, repr};
use mmap_rs::{MmapFlags, PageSizes, Protection, ShareMode, UnsafeMmapFlags};
use mmap_rs_core::memory::Inherit;
use mmap_rs_core::memory::memory_file::SEALS;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyDict;

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
    let seals = PyDict::new(py);
    for (name, bit) in SEALS {
        seals.set_item(name, bit)?;
    }
    classes.set_item("Seals", seals)?;
    Ok(classes)
}

fn class<'py>(py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyAny>> {
    member(py, "mmap_rs._flags", name)
}

fn with_bits<'py>(py: Python<'py>, name: &str, bits: usize) -> PyResult<Bound<'py, PyAny>> {
    call(&class(py, name)?, (bits,), None)
}

pub fn unsafe_mmap_flags(py: Python<'_>, flags: UnsafeMmapFlags) -> PyResult<Bound<'_, PyAny>> {
    with_bits(py, "UnsafeMmapFlags", flags.bits() as usize)
}

pub fn page_sizes(py: Python<'_>, sizes: PageSizes) -> PyResult<Bound<'_, PyAny>> {
    with_bits(py, "PageSizes", sizes.bits())
}

pub fn protection(py: Python<'_>, protection: Protection) -> PyResult<Bound<'_, PyAny>> {
    with_bits(py, "Protection", protection.bits() as usize)
}

pub fn share_mode(py: Python<'_>, mode: ShareMode) -> PyResult<Bound<'_, PyAny>> {
    let name = match mode {
        ShareMode::Private => "Private",
        ShareMode::Shared => "Shared",
    };
    attribute(&class(py, "ShareMode")?, name)
}

/// The flags of an argument: members of their class, or plain integers with known bits.
pub fn argument<B: TryFrom<usize>, F>(
    object: &Bound<'_, PyAny>,
    name: &str,
    from_bits: impl FnOnce(B) -> Option<F>,
) -> PyResult<F> {
    let py = object.py();
    let is_number = is_index(object);
    let is_member = is_instance(object, &class(py, name)?)?;
    if !is_member && (!is_number || is_instance(object, &member(py, "enum", "Enum")?)?) {
        let given = if is_number { repr(object)?.into_any() } else { object.get_type().name()?.into_any() };
        return Err(PyTypeError::new_err(format!("{name} are needed, not {given}")));
    }
    let bits = Number::<usize>::checked(object)?.ok().and_then(|bits| B::try_from(bits.0).ok());
    bits.and_then(from_bits).ok_or_else(|| {
        let shown = shown_as_given(object);
        PyValueError::new_err(format!("{shown} has bits that are not in {name}: combine members of {name}"))
    })
}

/// The bits of seals.
pub fn seals(object: &Bound<'_, PyAny>) -> PyResult<u32> {
    let all = SEALS.iter().fold(0, |all, (_, bit)| all | bit);
    argument(object, "Seals", |bits: u32| (bits & !all == 0).then_some(bits))
}

/// Seals as members of their class; what has no name is left out.
pub fn seal_members(py: Python<'_>, bits: u32) -> PyResult<Bound<'_, PyAny>> {
    let all = SEALS.iter().fold(0, |all, (_, bit)| all | bit);
    with_bits(py, "Seals", (bits & all) as usize)
}

/// What a child of `fork` is to get: a member of `mmap_rs.Inherit`.
pub fn inherit(object: &Bound<'_, PyAny>) -> PyResult<Inherit> {
    if !is_instance(object, &class(object.py(), "Inherit")?)? {
        let name = object.get_type().name()?;
        return Err(PyTypeError::new_err(format!("an Inherit is needed, such as Inherit.NONE, not {name}")));
    }
    let value = Number::<usize>::checked(&attribute(object, "value")?)?.map_or(0, |value| value.0);
    Inherit::ALL.get(value).copied().ok_or_else(|| PyValueError::new_err(format!("Inherit has no member {value}")))
}

pub fn mmap_flags(object: &Bound<'_, PyAny>) -> PyResult<MmapFlags> {
    argument(object, "MmapFlags", MmapFlags::from_bits)
}
