//! Memory that is given back when it is dropped.

use crate::api::{GiveBack, Memory};
use mmap_rs::Error;
use std::ffi::c_void;

#[derive(Debug)]
pub(super) struct Owned {
    start: usize,
    len: usize,
    from: From,
}

/// How it is given back.
#[derive(Clone, Copy, Debug)]
struct From {
    page_size: usize,
    give_back: GiveBack,
    context: *mut c_void,
    divisible: bool,
}

// SAFETY: memory that belongs to this value alone, and a function that any thread may call.
unsafe impl Send for Owned {}
// SAFETY: as above; a shared reference changes nothing.
unsafe impl Sync for Owned {}

impl Drop for Owned {
    fn drop(&mut self) {
        self.give_back();
    }
}

impl Owned {
    /// Gives the memory back now; none is left.
    pub(super) fn give_back(&mut self) {
        let len = std::mem::take(&mut self.len);
        if len > 0 {
            // SAFETY: once for each byte of what was taken, and nobody uses it any more.
            unsafe { (self.from.give_back)(self.from.context, self.start as *mut c_void, len) };
        }
    }

    pub(super) fn new(taken: &Memory) -> Self {
        // The package always gives a function.
        let give_back = taken.give_back.unwrap_or(keep);
        let (page_size, context, divisible) = (taken.page_size, taken.context, taken.divisible != 0);
        let from = From { page_size, give_back, context, divisible };
        Self { start: taken.start as usize, len: taken.len, from }
    }

    /// For a return to Python.
    pub(super) fn described(&self, kind: u32) -> Memory {
        Memory {
            page_size: self.from.page_size,
            divisible: self.from.divisible.into(),
            give_back: Some(self.from.give_back),
            context: self.from.context,
            ..Memory::new(self.start, self.len, kind)
        }
    }

    pub(super) fn start(&self) -> usize {
        self.start
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn page_size(&self) -> usize {
        self.from.page_size
    }

    /// Cuts the tail off.
    pub(super) fn split_off(&mut self, at: usize) -> Result<Self, Error> {
        if at == 0 || at >= self.len || at % self.from.page_size != 0 {
            return Err(Error::InvalidOffset);
        }
        if !self.from.divisible {
            return Err(Error::InvalidOperation);
        }
        let tail = Self { start: self.start + at, len: self.len - at, from: self.from };
        self.len = at;
        Ok(tail)
    }

    /// Takes in what begins where this ends; it comes back where it is given back in another way.
    pub(super) fn append(&mut self, mut tail: Self) -> Result<(), Self> {
        let (one, other) = (self.from, tail.from);
        let is_same = std::ptr::fn_addr_eq(one.give_back, other.give_back)
            && (one.context, one.page_size) == (other.context, other.page_size);
        if !is_same || !one.divisible || !other.divisible || self.len % one.page_size != 0 {
            return Err(tail);
        }
        self.len += tail.len;
        tail.len = 0;
        Ok(())
    }
}

unsafe extern "C" fn keep(_context: *mut c_void, _start: *mut c_void, _len: usize) {}
