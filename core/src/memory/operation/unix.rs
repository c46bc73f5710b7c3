//! Hints for Unix: what to do about an error number, given what was asked for.

use super::super::facts::{Backing, Facts};
use super::super::file::FileKind;
use super::super::kind::Access;
use super::super::memory_file::{ADD_SEALS, TRUNCATE};
use super::super::source::FileOrigin;
use super::{CLOSED, Call, INACCESSIBLE, Operation, descriptor};
use crate::state::Span;
use libc::{
    EACCES, EAGAIN, EBADF, EBUSY, EEXIST, EFAULT, EFBIG, EINVAL, EIO, EMFILE, ENODEV, ENOMEM, ENOSPC, EOVERFLOW, EPERM,
    EROFS, ETXTBSY,
};
use mmap_rs::{MmapFlags, UnsafeMmapFlags};

const LINUX: bool = cfg!(any(target_os = "linux", target_os = "android"));

const AREAS: &str = "the change would need more mappings than vm.max_map_count allows";
const MEMLOCK: &str = "raise the limit RLIMIT_MEMLOCK (ulimit -l)";
const POOL: &str = "no free huge pages of this size: reserve some (vm.nr_hugepages, or /sys/kernel/mm/hugepages)";
const FILES: &str = "this process has as many files open as RLIMIT_NOFILE allows (ulimit -n)";

/// What to do about an error number.
pub(super) fn hint(operation: &Operation<'_>, code: i32) -> Option<&'static str> {
    match *operation {
        Operation::Open { .. } | Operation::Duplicate { .. } if code == EMFILE => Some(FILES),
        Operation::Open { write } => {
            let is_forbidden = matches!(code, EACCES | EPERM | EROFS | ETXTBSY);
            (write && is_forbidden).then_some(
                "a shared writable mapping needs a file that can be written: map_file's mode 'c', or options without \
                 MmapFlags.SHARED, make a copy-on-write mapping, for which reading is enough",
            )
        }
        Operation::MemoryFile { call, .. } => match code {
            EMFILE => Some(FILES),
            EPERM if call == TRUNCATE => Some("the file is sealed: GROW forbids a larger size, SHRINK a smaller one"),
            EPERM if call == ADD_SEALS => Some("the file is sealed with SEAL, which forbids more seals"),
            EBUSY if call == ADD_SEALS => Some(
                "WRITE is refused while a writable shared mapping of the file exists: close it or make it read-only, or use \
                 FUTURE_WRITE",
            ),
            ENOMEM | ENOSPC => Some("not enough memory, or free huge pages of this size"),
            EINVAL if cfg!(target_vendor = "apple") => {
                Some("this system sets the size of a memory file once, when it is made")
            }
            EFBIG => Some("RLIMIT_FSIZE limits the size of files, also of those in memory"),
            _ => None,
        },
        Operation::Duplicate { .. } => (code == EBADF).then_some(CLOSED),
        Operation::Memory { call, facts, span } => match call {
            Call::Map => map(facts, span, code),
            Call::Protect(access) => protect(facts, access, code),
            Call::Lock => lock(facts, code),
            Call::Advise(advice) => advise(facts, advice, code),
            Call::Split | Call::Unmap | Call::Unlock => (LINUX && code == ENOMEM).then_some(AREAS),
            Call::Resize(_) => resize(facts, code),
            Call::Populate => populate(facts, code),
            Call::Inherit(_) => {
                (LINUX && code == EINVAL).then_some("the system can't do this for this kind of mapping")
            }
            Call::Commit | Call::Flush | Call::FlushIcache | Call::Resident | Call::Name => None,
        },
    }
}

fn map(facts: &Facts, span: Span, code: i32) -> Option<&'static str> {
    let is_fixed = facts.unsafe_flags.contains(UnsafeMmapFlags::MAP_FIXED);
    let is_locked = facts.flags.contains(MmapFlags::LOCKED);
    match code {
        EAGAIN | EPERM if LINUX && is_locked => Some(MEMLOCK),
        EAGAIN if LINUX => {
            Some("this process locks all its memory (mlockall): raise the limit RLIMIT_MEMLOCK (ulimit -l)")
        }
        EPERM if LINUX && is_fixed && span.start < 1 << 20 => Some("the address is below vm.mmap_min_addr"),
        EACCES | EPERM => forbidden(facts, facts.access),
        EBADF => descriptor(facts, facts.access),
        ENOMEM if LINUX && facts.is_huge() => Some(POOL),
        ENOMEM if LINUX && is_counted(facts) => Some(
            "not enough memory or address space (RLIMIT_AS, RLIMIT_DATA, vm.overcommit_memory), or more mappings than \
             vm.max_map_count allows",
        ),
        ENOMEM if LINUX => Some("not enough address space (RLIMIT_AS), or more mappings than vm.max_map_count allows"),
        ENOMEM => Some("not enough memory or address space"),
        EEXIST => Some("another mapping lies there, and nothing was replaced"),
        EINVAL => invalid(facts, span, is_fixed),
        ENODEV | EIO | EOVERFLOW => unmappable(facts, code),
        _ => None,
    }
}

/// Whether Linux counts a mapping as memory that it may have to provide.
fn is_counted(facts: &Facts) -> bool {
    if facts.is_shared() { !facts.is_file() } else { facts.access.is_write() }
}

/// Why a protection is refused.
fn forbidden(facts: &Facts, access: Access) -> Option<&'static str> {
    descriptor(facts, access).or_else(|| {
        if access.is_write() && facts.is_shared() && is_sealed(facts) {
            Some("the file is sealed against writing (WRITE or FUTURE_WRITE)")
        } else if access.is_exec() {
            Some(execution(facts, access))
        } else {
            let writes = access.is_write() && facts.is_shared();
            (LINUX && writes && file_kind(facts) == Some(FileKind::Regular))
                .then_some("the file is sealed against writing (F_SEAL_WRITE), or append-only")
        }
    })
}

/// Whether it is of a file in memory that nobody may write.
fn is_sealed(facts: &Facts) -> bool {
    let Backing::File { source, .. } = &facts.backing else { return false };
    match source.backing() {
        FileOrigin::Memory(file) => file.is_write_sealed(),
        FileOrigin::Descriptor | FileOrigin::Path(_) => false,
    }
}

/// Why execution is refused.
fn execution(facts: &Facts, access: Access) -> &'static str {
    let is_memory_file = matches!(&facts.backing, Backing::File { source, .. } if source.is_memory());
    match facts.is_file() && !is_memory_file {
        _ if cfg!(target_os = "ios") => {
            "iOS refuses executable memory to apps without an entitlement that the App Store does not grant: interpret \
             instead"
        }
        _ if cfg!(target_os = "macos") && facts.is_file() => {
            "a hardened program can execute only signed files, unless it has the entitlement \
             com.apple.security.cs.disable-library-validation"
        }
        _ if cfg!(target_os = "macos") => {
            "a hardened program needs the entitlement com.apple.security.cs.allow-jit and UnsafeMmapFlags.JIT to make \
             memory executable"
        }
        true if LINUX => {
            "the file is on a noexec mount, or a policy forbids execution: SELinux, systemd's \
             MemoryDenyWriteExecute, PR_SET_MDWE"
        }
        true => "the file is on a noexec mount, or a policy forbids execution",
        // It was to be the executable view of two.
        false if is_memory_file && access == Access::Exec && facts.access == Access::Exec => {
            "a policy forbids execution, such as one of SELinux"
        }
        false if LINUX => {
            "a policy forbids memory that was writable to be executed: SELinux, systemd's MemoryDenyWriteExecute, \
             PR_SET_MDWE; map a MemoryFile twice, once by map_mut() and once by map_exec()"
        }
        false => {
            "a policy forbids memory that was writable to be executed: map a MemoryFile twice, once by map_mut() and \
             once by map_exec()"
        }
    }
}

fn file_kind(facts: &Facts) -> Option<FileKind> {
    match &facts.backing {
        Backing::Anonymous => None,
        Backing::File { kind, .. } => Some(*kind),
    }
}

/// Which argument of a map can't be.
fn invalid(facts: &Facts, span: Span, is_fixed: bool) -> Option<&'static str> {
    let is_jit = cfg!(target_vendor = "apple") && facts.unsafe_flags.contains(UnsafeMmapFlags::JIT);
    match file_kind(facts) {
        _ if is_fixed && span.start % facts.page != 0 => Some(if facts.is_huge() {
            "with MAP_FIXED the address must be a multiple of the huge page size"
        } else {
            "with MAP_FIXED the address must be a multiple of page_size()"
        }),
        _ if is_jit && (facts.is_file() || facts.is_shared()) => Some("JIT needs memory that is anonymous and private"),
        _ if is_jit && is_fixed => Some("JIT and MAP_FIXED can't be combined"),
        _ if cfg!(target_os = "freebsd") && facts.flags.contains(MmapFlags::STACK) => {
            Some("STACK needs anonymous memory that can be read and written")
        }
        None => (LINUX && facts.flags.contains(MmapFlags::HUGE_PAGES)).then_some("this kernel has no huge pages"),
        Some(FileKind::Regular) => (facts.is_shared() && facts.access.is_write()).then_some(NOT_SHARED),
        Some(_) => Some(
            "the file's driver decides what can be mapped: see its documentation for offset, size and \
             MmapFlags.SHARED",
        ),
    }
}

const NOT_SHARED: &str =
    "the file system can't map this file shared: map it without MmapFlags.SHARED (changes then stay in memory)";

/// Why a file can't be mapped at all.
fn unmappable(facts: &Facts, code: i32) -> Option<&'static str> {
    Some(match file_kind(facts)? {
        FileKind::Regular if code == EOVERFLOW => "the file system does not support offsets this large",
        FileKind::Regular if code == EIO => return None,
        FileKind::Regular if facts.is_shared() => NOT_SHARED,
        FileKind::Regular => "the file system can't map files: read it instead",
        FileKind::Generated => "the kernel generates this file, and it can't be mapped: read it instead",
        FileKind::Directory => "a directory can't be mapped",
        FileKind::Pipe => "a pipe can't be mapped: read it instead",
        FileKind::Socket => "a socket can't be mapped, except a packet socket with a ring",
        FileKind::Character | FileKind::Block => "the driver of this device can't map it",
        FileKind::Other => "this kind of file can't be mapped",
        // It is mapped.
        FileKind::Foreign => return None,
    })
}

fn protect(facts: &Facts, access: Access, code: i32) -> Option<&'static str> {
    match code {
        EACCES | EPERM => forbidden(facts, access),
        ENOMEM if LINUX && access.is_write() && !facts.is_shared() => Some(
            "not enough memory (RLIMIT_DATA, vm.overcommit_memory), or the change would need more mappings than \
             vm.max_map_count allows",
        ),
        ENOMEM if LINUX => Some(AREAS),
        _ => None,
    }
}

fn lock(facts: &Facts, code: i32) -> Option<&'static str> {
    match code {
        ENOMEM | EAGAIN | EPERM if facts.access == Access::None => Some(INACCESSIBLE),
        EPERM => Some(MEMLOCK),
        ENOMEM | EAGAIN if LINUX && facts.is_huge() => {
            Some("too few huge pages are free (vm.nr_hugepages), or it exceeds the limit RLIMIT_MEMLOCK (ulimit -l)")
        }
        EAGAIN if LINUX => Some("not enough memory to load all of it"),
        ENOMEM | EAGAIN if facts.is_file() => {
            Some("raise the limit RLIMIT_MEMLOCK (ulimit -l), unless the file is now shorter than the mapping")
        }
        ENOMEM if LINUX => {
            Some("raise the limit RLIMIT_MEMLOCK (ulimit -l); or there are more mappings than vm.max_map_count allows")
        }
        ENOMEM | EAGAIN => Some(MEMLOCK),
        _ => None,
    }
}

fn resize(facts: &Facts, code: i32) -> Option<&'static str> {
    match code {
        ENOMEM if facts.is_shared() && !facts.is_file() && !LINUX => {
            Some("the addresses behind the mapping are taken, and on this system shared memory can't be moved")
        }
        ENOMEM => Some("the addresses behind the mapping are taken, or there is not enough memory or address space"),
        EFAULT if LINUX => Some(
            "parts of the mapping differ in advice, protection or lock, and before Linux 6.17 such a mapping can't be \
             moved",
        ),
        EAGAIN if LINUX => Some(MEMLOCK),
        _ => None,
    }
}

fn populate(facts: &Facts, code: i32) -> Option<&'static str> {
    match code {
        EFAULT if facts.is_huge() => Some(POOL),
        EFAULT if facts.is_file() => Some("the file is shorter than the mapping, or its disk is full"),
        ENOMEM => Some("not enough memory"),
        _ => None,
    }
}

fn advise(facts: &Facts, advice: &str, code: i32) -> Option<&'static str> {
    match (code, advice) {
        // Linux says EAGAIN of an advice that has no room to cut an area in two.
        (ENOMEM | EAGAIN, _) if LINUX => Some(AREAS),
        (EINVAL, "DONTNEED") if LINUX && file_kind(facts).is_none_or(|kind| kind == FileKind::Regular) => {
            Some("locked pages can't be dropped: unlock() them first")
        }
        (EINVAL, "TRANSPARENT_HUGE_PAGES") => Some("this kernel has no transparent huge pages for such memory"),
        (EINVAL, _) => Some("the system can't follow this advice for this kind of mapping"),
        _ => None,
    }
}

#[cfg(test)]
#[path = "unix_tests.rs"]
mod tests;
