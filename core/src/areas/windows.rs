//! Windows: `VirtualQueryEx`, read as upstream reads it.
//!
//! U17: upstream never closes the handle of another process, and asks for every right to it. U22: its paths are of the
//! kernel's devices, and cut at 260 characters; here they are as programs know them, where a drive is found. A guard
//! page shows as inaccessible, as upstream has it: the first access to it fails.

use super::device;
use super::{Area, Reader};
use crate::{Error, Result};
use mmap_rs::Protection;
use std::ffi::{OsString, c_void};
use std::ops::Range;
use std::os::windows::ffi::OsStringExt;
use std::os::windows::io::{AsRawHandle, FromRawHandle, OwnedHandle, RawHandle};

const PROCESS_VM_READ: u32 = 0x0010;
const PROCESS_QUERY_INFORMATION: u32 = 0x0400;
const MEM_COMMIT: u32 = 0x1000;
const MEM_PRIVATE: u32 = 0x2_0000;
const PAGE_READONLY: u32 = 0x02;
const PAGE_READWRITE: u32 = 0x04;
const PAGE_WRITECOPY: u32 = 0x08;
const PAGE_EXECUTE: u32 = 0x10;
const PAGE_EXECUTE_READ: u32 = 0x20;
const PAGE_EXECUTE_READWRITE: u32 = 0x40;
const PAGE_EXECUTE_WRITECOPY: u32 = 0x80;
const PAGE_GUARD: u32 = 0x100;
const ERROR_INVALID_PARAMETER: i32 = 87;

/// The longest name that the system has.
const NAME: usize = 32 * 1024;

/// `MEMORY_BASIC_INFORMATION`.
#[repr(C)]
#[derive(Default)]
struct Information {
    base_address: usize,
    allocation_base: usize,
    allocation_protect: u32,
    #[cfg(target_pointer_width = "64")]
    partition: u32,
    region_size: usize,
    state: u32,
    protect: u32,
    kind: u32,
}

#[link(name = "kernel32")]
unsafe extern "system" {
    fn OpenProcess(access: u32, inherit: i32, id: u32) -> RawHandle;
    fn GetCurrentProcess() -> RawHandle;
    fn VirtualQueryEx(process: RawHandle, address: *const c_void, out: *mut Information, size: usize) -> usize;
    fn K32GetMappedFileNameW(process: RawHandle, address: *const c_void, name: *mut u16, size: u32) -> u32;
    fn QueryDosDeviceW(device: *const u16, target: *mut u16, size: u32) -> u32;
}

/// A list of areas, half read.
#[derive(Debug)]
pub(super) struct Source {
    /// `None` is this process.
    process: Option<OwnedHandle>,
    address: usize,
    name: Vec<u16>,
    drives: Vec<device::Drive>,
}

fn failed(call: &str) -> Error {
    Error::last_os("Windows", format!("{call} for the list of memory areas"))
}

impl Reader for Source {
    fn open(pid: Option<u32>, range: Option<&Range<usize>>) -> Result<Self> {
        let process = pid.map(open).transpose()?;
        let mut source = Self { process, address: 0, name: vec![0; NAME], drives: drives() };
        if let Some(range) = range {
            // A question about an address is answered from its page on; the area may begin before.
            source.address = match source.ask(range.start)? {
                Some(found) if found.allocation_base != 0 => found.allocation_base,
                _ => range.start,
            };
        }
        Ok(source)
    }

    fn next_area(&mut self) -> Result<Option<Area>> {
        while let Some(found) = self.ask(self.address)? {
            let (start, end) = (found.base_address, found.base_address.saturating_add(found.region_size));
            if end <= self.address {
                break;
            }
            self.address = end;
            if found.state & MEM_COMMIT != 0 {
                return Ok(Some(self.area(&found, start..end)));
            }
        }
        Ok(None)
    }
}

fn open(pid: u32) -> Result<OwnedHandle> {
    // SAFETY: gives a handle that is ours, or null.
    let handle = unsafe { OpenProcess(PROCESS_QUERY_INFORMATION | PROCESS_VM_READ, 0, pid) };
    if handle.is_null() {
        return Err(failed("OpenProcess"));
    }
    // SAFETY: as above; closed with its owner.
    Ok(unsafe { OwnedHandle::from_raw_handle(handle) })
}

impl Source {
    fn handle(&self) -> RawHandle {
        match &self.process {
            Some(handle) => handle.as_raw_handle(),
            // SAFETY: gives a constant that stands for this process.
            None => unsafe { GetCurrentProcess() },
        }
    }

    /// What there is at an address; `None` past the last.
    fn ask(&self, address: usize) -> Result<Option<Information>> {
        let mut out = Information::default();
        let size = size_of::<Information>();
        // SAFETY: writes the struct; any address may be asked about.
        if unsafe { VirtualQueryEx(self.handle(), address as *const c_void, &raw mut out, size) } == size {
            return Ok(Some(out));
        }
        match std::io::Error::last_os_error().raw_os_error() {
            Some(ERROR_INVALID_PARAMETER) => Ok(None),
            _ => Err(failed("VirtualQueryEx")),
        }
    }

    fn area(&mut self, found: &Information, addresses: Range<usize>) -> Area {
        let is_copied = matches!(found.allocation_protect, PAGE_WRITECOPY | PAGE_EXECUTE_WRITECOPY);
        let offset = found.base_address.saturating_sub(found.allocation_base) as u64;
        let path = self.path(found).map(|path| (path, offset));
        Area {
            allocation_base: found.allocation_base,
            start: addresses.start,
            end: addresses.end,
            protection: protection(found.protect),
            shared: found.kind & MEM_PRIVATE == 0 && !is_copied,
            is_file: path.is_some(),
            path,
        }
    }

    fn path(&mut self, found: &Information) -> Option<OsString> {
        if found.kind & MEM_PRIVATE != 0 {
            return None;
        }
        let (process, address) = (self.handle(), found.base_address as *const c_void);
        // SAFETY: writes at most `NAME` characters.
        let len = unsafe { K32GetMappedFileNameW(process, address, self.name.as_mut_ptr(), NAME as u32) };
        let name = self.name.get(..len as usize).filter(|name| !name.is_empty())?;
        Some(OsString::from_wide(&device::path(name, &self.drives)))
    }
}

fn protection(protect: u32) -> Protection {
    if protect & PAGE_GUARD != 0 {
        return Protection::empty();
    }
    // Above are bits for how memory is cached.
    match protect & 0xff {
        PAGE_READONLY => Protection::READ,
        PAGE_READWRITE | PAGE_WRITECOPY => Protection::READ | Protection::WRITE,
        PAGE_EXECUTE => Protection::EXECUTE,
        PAGE_EXECUTE_READ => Protection::READ | Protection::EXECUTE,
        PAGE_EXECUTE_READWRITE | PAGE_EXECUTE_WRITECOPY => Protection::all(),
        _ => Protection::empty(),
    }
}

/// The drives, with the devices behind them.
fn drives() -> Vec<device::Drive> {
    let mut target = [0u16; 1024];
    let mut found = Vec::new();
    for letter in b'A'..=b'Z' {
        let drive = [u16::from(letter), u16::from(b':'), 0];
        // SAFETY: the name ends with 0; writes at most the length of `target`.
        let len = unsafe { QueryDosDeviceW(drive.as_ptr(), target.as_mut_ptr(), target.len() as u32) };
        // The first of several names is the one in use; each ends with 0.
        let device: Vec<u16> = target[..len as usize].iter().copied().take_while(|unit| *unit != 0).collect();
        if !device.is_empty() {
            found.push((device, [drive[0], drive[1]]));
        }
    }
    found
}
