//! Addresses that are free or taken, and what this system can't do with them.

use super::super::super::inheritance::Inherit;
use super::super::super::kind::Access;
use super::super::super::operation::Operation;
use super::allocation::{Allocation, Place};
use super::object::Object;
use super::{code, protect as protection};
use crate::Error;
use crate::error::SystemError;
use crate::state::Span;
use std::ffi::CStr;
use windows_sys::Win32::Foundation as codes;
use windows_sys::Win32::System::Memory::PAGE_NOACCESS;

/// Pages can't be moved to other addresses.
pub(crate) const MOVES: bool = false;
/// The error number for a place that is too small.
pub(crate) const NO_ROOM: i32 = code(codes::ERROR_NOT_ENOUGH_MEMORY);

/// Whether an error says that an address is taken.
pub(crate) fn is_taken(error: &Error) -> bool {
    const TAKEN: [i32; 2] = [code(codes::ERROR_INVALID_ADDRESS), code(codes::ERROR_FILE_EXISTS)];
    matches!(error, Error::System(SystemError { code, .. }) if TAKEN.contains(code))
}

/// The error for an address that is taken, as other systems have it.
pub(crate) fn taken(operation: &Operation<'_>) -> Error {
    operation.refused(code(codes::ERROR_FILE_EXISTS))
}

/// Addresses that are free now.
pub(crate) fn free_place(near: usize, len: usize) -> Result<usize, i32> {
    let place = Place { address: near, fixed: false };
    Allocation::memory(place, len, PAGE_NOACCESS, true, false).map(|free| free.base())
}

/// Sets the protection of pages of the caller's; `is_copied`: of a private view.
pub(crate) fn protect(span: Span, access: Access, is_copied: bool) -> Result<(), i32> {
    protection::set(span, protection::number(access, is_copied))
}

/// Never called, as pages can't be moved.
pub(crate) fn remap(_from: Span, _len: usize, _access: Access) -> Result<Object, i32> {
    Err(code(codes::ERROR_NOT_SUPPORTED))
}

/// Never called, as pages can't be moved.
pub(crate) fn move_pages(_from: Span, _to: usize) -> Result<(), i32> {
    Err(code(codes::ERROR_NOT_SUPPORTED))
}

/// Never called.
pub(crate) fn move_back(_from: Span, _to: usize, _moved: usize) -> Result<(), i32> {
    Err(code(codes::ERROR_NOT_SUPPORTED))
}

/// Never called.
pub(crate) fn is_lasting(_code: i32) -> bool {
    false
}

/// Never called.
pub(crate) fn is_free(_span: Span) -> bool {
    true
}

/// Never called.
pub(crate) fn is_mapped(_span: Span) -> bool {
    true
}

/// Never called.
pub(crate) fn release(_span: Span) -> Result<(), i32> {
    Ok(())
}

/// There is no `fork`.
pub(crate) fn inherit(_span: Span, _inherit: Inherit, _shared: bool) -> Result<(), i32> {
    Err(code(codes::ERROR_NOT_SUPPORTED))
}

/// There are no names.
pub(crate) fn set_name(_span: Span, _name: Option<&CStr>) -> Result<(), i32> {
    Ok(())
}

/// Never asked.
pub(crate) fn is_unknown(_code: i32) -> bool {
    false
}
