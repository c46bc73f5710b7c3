//! The structures of `mmap_rs.h`, version 1. What is here never changes: a later version adds to the end of the table,
//! and to the end of a structure that begins with its size.

use mmap_rs_core::memory::foreign::GiveBack;
use mmap_rs_core::memory::{Kind, Region};
use mmap_rs_core::state::Pinned;
use pyo3::ffi::PyObject;
use std::ffi::{c_int, c_void};

/// `MMAP_RS_API_VERSION`.
pub const VERSION: u32 = 1;

/// `MMAP_RS_ANY`.
pub const ANY: u32 = u32::MAX;

/// `MMAP_RS_OK`.
pub const OK: c_int = 0;
/// `MMAP_RS_FAULTED`.
pub const FAULTED: c_int = 1;
/// `MMAP_RS_GONE`.
pub const GONE: c_int = 2;

/// `mmap_rs_info`.
#[repr(C)]
pub struct Info {
    pub struct_size: usize,
    pub start: *mut c_void,
    pub len: usize,
    pub page_size: usize,
    pub kind: u32,
    pub protection: u32,
    pub share_mode: u32,
    pub faulted: u32,
}

impl Info {
    pub fn of(pinned: &Pinned<'_, Region>) -> Self {
        let span = pinned.span();
        pinned.with(|region| Self {
            struct_size: size_of::<Self>(),
            start: span.start as *mut c_void,
            len: span.len,
            page_size: region.facts().page,
            kind: number(region.kind()),
            protection: region.facts().access.protection().bits(),
            share_mode: region.facts().is_shared().into(),
            faulted: pinned.is_faulted().into(),
        })
    }
}

/// The header's number of a kind: its place among all.
pub fn number(kind: Kind) -> u32 {
    kind as u32
}

/// `mmap_rs_memory`.
#[repr(C)]
pub struct Memory {
    pub struct_size: usize,
    pub start: *mut c_void,
    pub len: usize,
    pub page_size: usize,
    pub kind: u32,
    pub protection: u32,
    pub share_mode: u32,
    pub divisible: u32,
    pub give_back: Option<GiveBack>,
    pub context: *mut c_void,
}

/// `mmap_rs_view`: nobody but this crate knows what is in it.
#[repr(C)]
pub struct RawView {
    _private: [u8; 0],
}

/// `mmap_rs_api`.
#[repr(C)]
pub struct Api {
    pub version: u32,
    pub reserved: u32,
    pub info: unsafe extern "C" fn(*mut PyObject, *mut Info) -> c_int,
    pub view: unsafe extern "C" fn(*mut PyObject, c_int, *mut Info) -> *mut RawView,
    pub view_again: unsafe extern "C" fn(*const RawView) -> *mut RawView,
    pub view_state: unsafe extern "C" fn(*const RawView) -> c_int,
    pub release: unsafe extern "C" fn(*mut RawView),
    pub adopt: unsafe extern "C" fn(*const Memory) -> *mut PyObject,
    pub take: unsafe extern "C" fn(*mut PyObject, *mut Memory) -> c_int,
}
