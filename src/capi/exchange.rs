//! Memory that changes its owner: adopted from another language, or taken by it.
#![expect(unsafe_code, reason = "functions that other languages call")]

use super::layout::{ANY, Memory, number};
use super::{answer, check_size, mapping};
use crate::state::borrow::{check_fault, exclusive};
use crate::state::classes::{Mapping, vacant};
use crate::state::error::Result;
use mmap_rs_core::adopt::{self as core, Claim};
use mmap_rs_core::memory::Kind;
use mmap_rs_core::memory::foreign::{Owner, Taken};
use mmap_rs_core::mmap_rs::{Protection, ShareMode};
use mmap_rs_core::state::{Ending, Span};
use pyo3::exceptions::PyValueError;
use pyo3::ffi::PyObject;
use pyo3::prelude::*;
use std::ffi::{c_int, c_void};

/// What a structure says, unless it says [`ANY`].
fn unless_any<T>(value: u32, name: &str, read: impl FnOnce(u32) -> Option<T>) -> Result<Option<T>> {
    if value == ANY {
        return Ok(None);
    }
    match read(value) {
        None => Err(PyValueError::new_err(format!("{value} is not a {name}")).into()),
        known => Ok(known),
    }
}

fn claim(memory: &Memory) -> Result<Claim> {
    let kind = Kind::ALL.into_iter().find(|kind| number(*kind) == memory.kind);
    let Some(kind) = kind else {
        return Err(PyValueError::new_err(format!("{} is not a kind of mappings", memory.kind)).into());
    };
    let protection = unless_any(memory.protection, "protection", Protection::from_bits)?;
    let share_mode = unless_any(memory.share_mode, "share mode", |mode| match mode {
        0 => Some(ShareMode::Private),
        1 => Some(ShareMode::Shared),
        _ => None,
    })?;
    // SAFETY: the header asks for it.
    let owner = memory.give_back.map(|function| unsafe { Owner::new(function, memory.context, memory.divisible != 0) });
    Ok(Claim {
        span: Span { start: memory.start as usize, len: memory.len },
        kind,
        protection,
        share_mode,
        page: (memory.page_size != 0).then_some(memory.page_size),
        owner,
    })
}

/// See the header.
pub unsafe extern "C" fn adopt(memory: *const Memory) -> *mut PyObject {
    let work = |py: Python<'_>| {
        // SAFETY: the caller's structure; its first field is set.
        let memory = unsafe { check_memory(memory) }?;
        let claim = claim(memory)?;
        let made = vacant(py, claim.kind)?;
        let target = made.get();
        // SAFETY: the caller hands the memory over.
        py.detach(|| unsafe { core::adopt(&claim) }.map(|region| target.fill(region)))?;
        Ok(made.into_ptr())
    };
    // SAFETY: the caller is attached.
    unsafe { answer(std::ptr::null_mut(), work) }
}

/// See the header.
pub unsafe extern "C" fn take(object: *mut PyObject, memory: *mut Memory) -> c_int {
    let work = |py: Python<'_>| {
        // SAFETY: the caller's structure; its first field is set.
        unsafe { check_memory(memory) }?;
        // SAFETY: the caller's object.
        let mapping = unsafe { mapping(py, object) }?;
        let taken = take_from(py, mapping)?;
        // SAFETY: as above.
        unsafe { *memory = described(&taken) };
        Ok(0)
    };
    // SAFETY: the caller is attached.
    unsafe { answer(-1, work) }
}

fn take_from(py: Python<'_>, mapping: &Mapping) -> Result<Taken> {
    let mut alone = exclusive(py, mapping)?;
    check_fault(mapping.kind(), mapping.cell().is_faulted())?;
    let taken = alone.with(mmap_rs_core::memory::Region::hand_over)?;
    drop(alone.end(Ending::Taken));
    Ok(taken)
}

fn described(taken: &Taken) -> Memory {
    Memory {
        struct_size: size_of::<Memory>(),
        start: taken.span.start as *mut c_void,
        len: taken.span.len,
        page_size: taken.page,
        kind: number(taken.kind),
        protection: taken.access.protection().bits(),
        share_mode: taken.shared.into(),
        divisible: taken.divisible.into(),
        give_back: Some(taken.give_back),
        context: taken.context,
    }
}

/// # Safety
/// Null, or a structure whose first field is set.
unsafe fn check_memory<'a>(memory: *const Memory) -> Result<&'a Memory> {
    if memory.is_null() {
        return Err(PyValueError::new_err("memory is NULL").into());
    }
    // SAFETY: the caller vouches for it.
    check_size(unsafe { (*memory).struct_size }, size_of::<Memory>(), "mmap_rs_memory")?;
    // SAFETY: as above, and as long as it says.
    Ok(unsafe { &*memory })
}
