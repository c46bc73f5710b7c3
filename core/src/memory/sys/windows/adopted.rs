//! Memory of other code: refused so far, in both directions.

use super::super::super::kind::Access;
use super::super::super::region::Objects;
use super::code;
use crate::state::Span;
use std::ffi::c_void;
use windows_sys::Win32::Foundation::ERROR_NOT_SUPPORTED;

/// Refused.
pub(crate) fn adopt(_span: Span, _access: Access, _jit: bool, _given_back: bool) -> Result<Objects, i32> {
    Err(code(ERROR_NOT_SUPPORTED))
}

/// Refused.
pub(crate) fn hand_over(objects: Objects) -> Result<(), Objects> {
    Err(objects)
}

/// Never called, as nothing is handed over.
///
/// # Safety
/// None.
pub(crate) unsafe extern "C" fn give_back(_context: *mut c_void, _start: *mut c_void, _len: usize) {}
