//! Windows: `VirtualQueryEx`, read as upstream reads it.
//!
//! U17: upstream never closes the handle of another process, and asks for every right to it. U22: its paths are of the
//! kernel's devices, and cut at 260 characters; here they are as programs know them, where a drive is found. A guard
//! page shows as inaccessible, as upstream has it: the first access to it fails. Upstream leaves out what is only
//! reserved; here it is an area without access, as on other systems.
//!
//! How much of an area is in memory is asked of each of its pages, see `working_set`.
//!
//! A process that has ended is there as long as anyone holds a handle to it, with nothing in it that could be listed.
#![expect(unsafe_code, reason = "system calls")]

use super::area::Area;
use super::device;
use super::list::Reader;
use super::usage::Usage;
use super::working_set::Pages;
use crate::memory::{is_private_view, page};
use crate::{Error, Result};
use mmap_rs::Protection;
use std::ffi::{OsString, c_void};
use std::ops::Range;
use std::os::windows::ffi::OsStringExt;
use std::os::windows::io::{AsRawHandle, FromRawHandle, OwnedHandle, RawHandle};
use windows_sys::Win32::Foundation::{ERROR_INVALID_PARAMETER, STILL_ACTIVE};
use windows_sys::Win32::Storage::FileSystem::QueryDosDeviceW;
use windows_sys::Win32::System::Memory as memory;
use windows_sys::Win32::System::Memory::{MEMORY_BASIC_INFORMATION, VirtualQueryEx};
use windows_sys::Win32::System::ProcessStatus::{
    K32GetMappedFileNameW, K32QueryWorkingSetEx, PSAPI_WORKING_SET_EX_INFORMATION,
};
use windows_sys::Win32::System::Threading::{
    GetCurrentProcess, GetExitCodeProcess, OpenProcess, PROCESS_QUERY_INFORMATION, PROCESS_VM_READ,
};

/// The longest name that the system has.
const NAME: usize = 32 * 1024;

/// How many pages are asked about at a time.
const MANY: usize = 1 << 12;

/// A list of areas, half read.
#[derive(Debug)]
pub(super) struct Source {
    /// `None` is this process.
    process: Option<OwnedHandle>,
    address: usize,
    /// Room for a name, and the drives, once an area with a path was met.
    names: Option<Names>,
    /// Whether areas are to say how much of them is in memory.
    usage: bool,
}

/// What names of files are made of.
#[derive(Debug)]
struct Names {
    room: Vec<u16>,
    drives: Vec<device::Drive>,
}

impl Names {
    fn new() -> Self {
        Self { room: vec![0; NAME], drives: drives() }
    }
}

fn failed(call: &str) -> Error {
    Error::last_os("Windows", format!("{call} for the list of memory areas"))
}

impl Reader for Source {
    fn open(pid: Option<u32>, range: Option<&Range<usize>>, usage: bool) -> Result<Self> {
        let process = pid.map(open).transpose()?;
        let mut source = Self { process, address: 0, names: None, usage };
        if let Some(range) = range {
            // A question about an address is answered from its page on; the area may begin before.
            source.address = match source.ask(range.start)? {
                Some(found) if !found.AllocationBase.is_null() => found.AllocationBase as usize,
                _ => range.start,
            };
        }
        Ok(source)
    }

    fn next_area(&mut self) -> Result<Option<Area>> {
        while let Some(found) = self.ask(self.address)? {
            let start = found.BaseAddress as usize;
            let end = start.saturating_add(found.RegionSize);
            if end <= self.address {
                break;
            }
            self.address = end;
            if found.State != memory::MEM_FREE {
                let mut area = self.area(&found, start..end);
                if self.usage {
                    area.usage = Some(Box::new(self.usage_of(&found, start..end)?));
                }
                return Ok(Some(area));
            }
        }
        Ok(None)
    }
}

fn open(pid: u32) -> Result<OwnedHandle> {
    // SAFETY: gives a handle that is ours, or null.
    let handle = unsafe { OpenProcess(PROCESS_QUERY_INFORMATION | PROCESS_VM_READ, 0, pid) };
    if handle.is_null() {
        let error = failed(&format!("OpenProcess of {pid}"));
        // So the system says that there is no such process: nothing else is wrong with the call.
        let is_absent = matches!(&error, Error::System(error) if error.code == ERROR_INVALID_PARAMETER as i32);
        return Err(if is_absent { error.with_errno(libc::ESRCH) } else { error });
    }
    // SAFETY: as above; closed with its owner.
    let process = unsafe { OwnedHandle::from_raw_handle(handle) };
    if has_ended(&process) {
        let operation = format!("OpenProcess of {pid}, which has ended,");
        return Err(Error::system("Windows", ERROR_INVALID_PARAMETER as i32, operation).with_errno(libc::ESRCH));
    }
    #[cfg(target_pointer_width = "32")]
    width::check(&process, pid)?;
    Ok(process)
}

fn has_ended(process: &OwnedHandle) -> bool {
    let mut status = 0;
    // SAFETY: the handle is open, with the right to ask; writes the number.
    let known = unsafe { GetExitCodeProcess(process.as_raw_handle(), &raw mut status) };
    known != 0 && status != STILL_ACTIVE as u32
}

/// A 32-bit process asks about addresses of 32 bits only, and would see the rest of a wider one as missing.
#[cfg(target_pointer_width = "32")]
mod width {
    use super::{AsRawHandle, Error, GetCurrentProcess, OwnedHandle, RawHandle, Result};
    use windows_sys::Win32::System::Threading::IsWow64Process;

    pub(super) fn check(process: &OwnedHandle, pid: u32) -> Result<()> {
        // SAFETY: gives a constant that stands for this process.
        let own = unsafe { GetCurrentProcess() };
        // Where the system itself has 32 bits, nobody is one of its guests.
        if is_guest(own) && !is_guest(process.as_raw_handle()) {
            return Err(Error::InvalidOperation(format!(
                "a 32-bit program can't list the memory areas of {pid}, a 64-bit process: use a 64-bit Python"
            )));
        }
        Ok(())
    }

    /// Whether a process has 32 bits on a system of 64.
    fn is_guest(process: RawHandle) -> bool {
        let mut answer = 0;
        // SAFETY: the handle is open, with the right to ask; writes the number.
        let known = unsafe { IsWow64Process(process, &raw mut answer) };
        known != 0 && answer != 0
    }
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
    fn ask(&self, address: usize) -> Result<Option<MEMORY_BASIC_INFORMATION>> {
        let mut out = MEMORY_BASIC_INFORMATION::default();
        let size = size_of::<MEMORY_BASIC_INFORMATION>();
        // SAFETY: writes the struct; any address may be asked about.
        if unsafe { VirtualQueryEx(self.handle(), address as *const c_void, &raw mut out, size) } == size {
            return Ok(Some(out));
        }
        let error = failed("VirtualQueryEx");
        let is_past_the_last = matches!(&error, Error::System(error) if error.code == ERROR_INVALID_PARAMETER as i32);
        match &self.process {
            Some(process) if has_ended(process) => Err(error.with_errno(libc::ESRCH)),
            _ if is_past_the_last => Ok(None),
            _ => Err(error),
        }
    }

    fn area(&mut self, found: &MEMORY_BASIC_INFORMATION, addresses: Range<usize>) -> Area {
        let is_copied = is_copied(found) || self.process.is_none() && is_private_view(found.AllocationBase as usize);
        let offset = addresses.start.saturating_sub(found.AllocationBase as usize) as u64;
        let path = self.path(found).map(|path| (path, offset));
        Area {
            allocation_base: found.AllocationBase as usize,
            start: addresses.start,
            end: addresses.end,
            protection: protection(found.Protect),
            shared: found.Type & memory::MEM_PRIVATE == 0 && !is_copied,
            is_file: path.is_some(),
            number: None,
            page: None,
            path,
            tag: None,
            usage: None,
        }
    }

    /// How much of an area is in the working set of the process.
    fn usage_of(&self, found: &MEMORY_BASIC_INFORMATION, addresses: Range<usize>) -> Result<Usage> {
        let size = page::base();
        let mut pages = Pages::none();
        // What is only reserved has no pages.
        let mut next = if found.State == memory::MEM_COMMIT { addresses.start } else { addresses.end };
        let mut states = Vec::new();
        while next < addresses.end {
            let end = addresses.end.min(next.saturating_add(MANY * size));
            states.clear();
            states.try_reserve_exact(MANY).map_err(|_| Error::OutOfMemory)?;
            states.extend((next..end).step_by(size).map(|address| PSAPI_WORKING_SET_EX_INFORMATION {
                VirtualAddress: address as *mut c_void,
                ..PSAPI_WORKING_SET_EX_INFORMATION::default()
            }));
            let bytes = u32::try_from(size_of_val(states.as_slice())).unwrap_or(u32::MAX);
            // SAFETY: reads the addresses from the structs and writes the answers into them; any address may be asked about.
            if unsafe { K32QueryWorkingSetEx(self.handle(), states.as_mut_ptr().cast(), bytes) } == 0 {
                let error = failed("QueryWorkingSetEx");
                let is_gone = self.process.as_ref().is_some_and(has_ended);
                return Err(if is_gone { error.with_errno(libc::ESRCH) } else { error });
            }
            for state in &states {
                // SAFETY: the union of the same bits as a number and as fields.
                pages.count(unsafe { state.VirtualAttributes.Flags });
            }
            next = end;
        }
        Ok(pages.usage(size as u64))
    }

    fn path(&mut self, found: &MEMORY_BASIC_INFORMATION) -> Option<OsString> {
        if found.Type & memory::MEM_PRIVATE != 0 {
            return None;
        }
        let (process, address) = (self.handle(), found.BaseAddress.cast_const());
        let names = self.names.get_or_insert_with(Names::new);
        // SAFETY: writes at most `NAME` characters.
        let len = unsafe { K32GetMappedFileNameW(process, address, names.room.as_mut_ptr(), NAME as u32) };
        let name = names.room.get(..len as usize).filter(|name| !name.is_empty())?;
        Some(OsString::from_wide(&device::path(name, &names.drives)))
    }
}

/// Whether pages are copied at the first write, or were. A view that was made for reading is private if anything in it
/// can be written; until then the system does not tell what it will be, and neither can others.
fn is_copied(found: &MEMORY_BASIC_INFORMATION) -> bool {
    const COPIED: [u32; 2] = [memory::PAGE_WRITECOPY, memory::PAGE_EXECUTE_WRITECOPY];
    const READ: [u32; 2] = [memory::PAGE_READONLY, memory::PAGE_EXECUTE_READ];
    COPIED.contains(&found.AllocationProtect)
        || READ.contains(&found.AllocationProtect) && protection(found.Protect).contains(Protection::WRITE)
}

fn protection(protect: u32) -> Protection {
    if protect & memory::PAGE_GUARD != 0 {
        return Protection::empty();
    }
    // Above are bits for how memory is cached.
    match protect & 0xff {
        memory::PAGE_READONLY => Protection::READ,
        memory::PAGE_READWRITE | memory::PAGE_WRITECOPY => Protection::READ | Protection::WRITE,
        memory::PAGE_EXECUTE => Protection::EXECUTE,
        memory::PAGE_EXECUTE_READ => Protection::READ | Protection::EXECUTE,
        memory::PAGE_EXECUTE_READWRITE | memory::PAGE_EXECUTE_WRITECOPY => Protection::all(),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_written_over_a_view_for_reading_is_private() {
        let copied = |at_first, now| {
            is_copied(&MEMORY_BASIC_INFORMATION { AllocationProtect: at_first, Protect: now, ..Default::default() })
        };
        assert!(copied(memory::PAGE_WRITECOPY, memory::PAGE_NOACCESS));
        assert!(copied(memory::PAGE_EXECUTE_WRITECOPY, memory::PAGE_READONLY));
        // Made writable, and then written.
        assert!(copied(memory::PAGE_READONLY, memory::PAGE_WRITECOPY));
        assert!(copied(memory::PAGE_EXECUTE_READ, memory::PAGE_READWRITE));
        assert!(!copied(memory::PAGE_READONLY, memory::PAGE_READONLY));
        assert!(!copied(memory::PAGE_READWRITE, memory::PAGE_READWRITE));
    }
}
