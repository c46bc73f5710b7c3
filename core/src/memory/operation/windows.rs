//! Hints for Windows: what to do about an error number, given what was asked for.

use super::super::facts::Facts;
use super::super::kind::Access;
use super::super::sys;
use super::{CLOSED, Call, INACCESSIBLE, Operation, descriptor};
use mmap_rs::{MmapFlags, UnsafeMmapFlags};
use windows_sys::Win32::Foundation as codes;

/// What to do about an error number.
pub(super) fn hint(operation: &Operation<'_>, code: i32) -> Option<&'static str> {
    let number = code as u32;
    match *operation {
        Operation::Open { .. } | Operation::MemoryFile { .. } => None,
        Operation::Duplicate { .. } => (number == codes::ERROR_INVALID_HANDLE).then_some(CLOSED),
        Operation::Memory { call, facts, .. } => match (call, number) {
            (Call::Lock, codes::ERROR_WORKING_SET_QUOTA | codes::ERROR_NO_SYSTEM_RESOURCES) => Some(
                "raise the minimum working set of the process (SetProcessWorkingSetSize), which limits what can be \
                 locked",
            ),
            (Call::Lock, codes::ERROR_NOACCESS) => Some(INACCESSIBLE),
            (Call::Map, _) if is_large(facts) && number == codes::ERROR_PRIVILEGE_NOT_HELD => Some(
                "large pages need the right 'Lock pages in memory' (SeLockMemoryPrivilege), and it must be enabled",
            ),
            (Call::Map, _) if is_large(facts) && sys::is_out_of_memory(code) => {
                Some("no large pages are free: memory is too fragmented, a restart helps")
            }
            (_, codes::ERROR_COMMITMENT_LIMIT) => Some(if facts.is_file() && !facts.is_shared() {
                "the page file is too small for all committed memory; private writable mappings of files count in full"
            } else {
                "the page file is too small for all committed memory"
            }),
            (Call::Map, codes::ERROR_ACCESS_DENIED) => forbidden(facts, facts.access),
            (Call::Protect(access), codes::ERROR_ACCESS_DENIED) => forbidden(facts, access),
            (Call::Map, codes::ERROR_INVALID_ADDRESS | codes::ERROR_MAPPED_ALIGNMENT)
                if facts.unsafe_flags.contains(UnsafeMmapFlags::MAP_FIXED) =>
            {
                Some("on Windows MAP_FIXED takes only a free address that is a multiple of the allocation granularity")
            }
            (Call::Map | Call::Protect(_), codes::ERROR_DYNAMIC_CODE_BLOCKED) => {
                Some("a policy of this process forbids executable memory")
            }
            (Call::Map, codes::ERROR_FILE_EXISTS) => Some("another mapping lies there, and nothing was replaced"),
            (Call::Resize(_), codes::ERROR_NOT_ENOUGH_MEMORY) => {
                Some("the addresses behind the mapping are taken, or there is not enough memory")
            }
            _ => None,
        },
    }
}

/// Whether large pages were asked for, which need no size of their own.
fn is_large(facts: &Facts) -> bool {
    facts.is_huge() || facts.flags.contains(MmapFlags::HUGE_PAGES)
}

/// Why a protection is refused.
fn forbidden(facts: &Facts, access: Access) -> Option<&'static str> {
    descriptor(facts, access).or_else(|| match (access.is_exec(), facts.is_file()) {
        (true, true) => Some("to execute a file, you need the right to run it, and it must not be open exclusively"),
        (true, false) => Some("a policy of this process forbids executable memory"),
        (false, _) => None,
    })
}
