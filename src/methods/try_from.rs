//! `try_from` of the classes that have it, upstream's `TryFrom` pairs; and what says how they are made.

use super::transitions::try_from;
use crate::state::classes::{Mapping, Mmap, MmapNone, Reserved, ReservedMut, ReservedNone, no_constructor};
use crate::state::error::Result;
use mmap_rs_core::memory::Kind;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

#[pymethods]
impl MmapNone {
    #[new]
    #[pyo3(signature = (*_args, **_named), text_signature = None)]
    fn refuse(_args: &Bound<'_, PyTuple>, _named: Option<&Bound<'_, PyDict>>) -> PyResult<PyClassInitializer<Self>> {
        Err(no_constructor(Kind::MmapNone))
    }

    /// Make an `MmapNone` from another mapping, which is consumed.
    ///
    /// Args:
    ///     other: a `ReservedNone`, which is committed.
    ///
    /// Raises:
    ///     TypeError: if it is of another class.
    ///     BufferError: while buffers over it are alive.
    ///     SystemCallError: if the system refuses. In all cases `other` is as before, unless the message says that it
    ///         was unmapped.
    ///
    /// Upstream: `MmapNone: TryFrom`.
    ///
    /// Examples:
    ///     >>> rest = MmapOptions(1 << 20).reserve_none()
    ///     >>> MmapNone.try_from(rest).size() == 1 << 20
    ///     True
    #[staticmethod]
    #[pyo3(name = "try_from")]
    fn from_other<'py>(other: &Bound<'py, PyAny>) -> Result<Bound<'py, Mapping>> {
        try_from(Kind::MmapNone, other)
    }
}

#[pymethods]
impl Mmap {
    #[new]
    #[pyo3(signature = (*_args, **_named), text_signature = None)]
    fn refuse(_args: &Bound<'_, PyTuple>, _named: Option<&Bound<'_, PyDict>>) -> PyResult<PyClassInitializer<Self>> {
        Err(no_constructor(Kind::Mmap))
    }

    /// Make an `Mmap` from another mapping, which is consumed.
    ///
    /// Args:
    ///     other: an `MmapMut` or `MmapNone`, which is made read-only, or a `Reserved`, which is committed.
    ///
    /// Raises:
    ///     TypeError: if it is of another class.
    ///     BufferError: while buffers over it are alive.
    ///     SystemCallError: if the system refuses. In all cases `other` is as before, unless the message says that it
    ///         was unmapped.
    ///
    /// Upstream: `Mmap: TryFrom`.
    ///
    /// Examples:
    ///     >>> m = MmapOptions(4096).map_mut()
    ///     >>> m[0] = 7
    ///     >>> Mmap.try_from(m)[0], m.closed
    ///     (7, True)
    #[staticmethod]
    #[pyo3(name = "try_from")]
    fn from_other<'py>(other: &Bound<'py, PyAny>) -> Result<Bound<'py, Mapping>> {
        try_from(Kind::Mmap, other)
    }
}

#[pymethods]
impl Reserved {
    #[new]
    #[pyo3(signature = (*_args, **_named), text_signature = None)]
    fn refuse(_args: &Bound<'_, PyTuple>, _named: Option<&Bound<'_, PyDict>>) -> PyResult<PyClassInitializer<Self>> {
        Err(no_constructor(Kind::Reserved))
    }

    /// Make a `Reserved` from another mapping, which is consumed.
    ///
    /// Args:
    ///     other: a `ReservedMut` or `ReservedNone`, which is made read-only.
    ///
    /// Raises:
    ///     TypeError: if it is of another class.
    ///     BufferError: while buffers over it are alive.
    ///     SystemCallError: if the system refuses. In all cases `other` is as before, unless the message says that it
    ///         was unmapped.
    ///
    /// Upstream: `Reserved: TryFrom`.
    ///
    /// Examples:
    ///     >>> rest = MmapOptions(1 << 20).reserve_mut()
    ///     >>> Reserved.try_from(rest).size() == 1 << 20
    ///     True
    #[staticmethod]
    #[pyo3(name = "try_from")]
    fn from_other<'py>(other: &Bound<'py, PyAny>) -> Result<Bound<'py, Mapping>> {
        try_from(Kind::Reserved, other)
    }
}

#[pymethods]
impl ReservedMut {
    #[new]
    #[pyo3(signature = (*_args, **_named), text_signature = None)]
    fn refuse(_args: &Bound<'_, PyTuple>, _named: Option<&Bound<'_, PyDict>>) -> PyResult<PyClassInitializer<Self>> {
        Err(no_constructor(Kind::ReservedMut))
    }

    /// Make a `ReservedMut` from another mapping, which is consumed.
    ///
    /// Args:
    ///     other: a `Reserved` or `ReservedNone`, which is made writable.
    ///
    /// Raises:
    ///     TypeError: if it is of another class.
    ///     BufferError: while buffers over it are alive.
    ///     SystemCallError: if the system refuses. In all cases `other` is as before, unless the message says that it
    ///         was unmapped.
    ///
    /// Upstream: `ReservedMut: TryFrom`.
    ///
    /// Examples:
    ///     >>> rest = MmapOptions(1 << 20).reserve_none()
    ///     >>> head = MmapMut.try_from(ReservedMut.try_from(rest))
    ///     >>> head[0] = 1
    #[staticmethod]
    #[pyo3(name = "try_from")]
    fn from_other<'py>(other: &Bound<'py, PyAny>) -> Result<Bound<'py, Mapping>> {
        try_from(Kind::ReservedMut, other)
    }
}

#[pymethods]
impl ReservedNone {
    #[new]
    #[pyo3(signature = (*_args, **_named), text_signature = None)]
    fn refuse(_args: &Bound<'_, PyTuple>, _named: Option<&Bound<'_, PyDict>>) -> PyResult<PyClassInitializer<Self>> {
        Err(no_constructor(Kind::ReservedNone))
    }
}
