use super::super::super::file::{Identity, Mode};
use super::super::super::inheritance::Inherit;
use super::super::super::memory_file::MemoryFile;
use super::super::super::page;
use super::super::super::source::Source;
use super::*;

/// All error numbers that systems have.
const CODES: std::ops::Range<i32> = 1..140;
const ACCESSES: [Access; 5] = [Access::None, Access::Read, Access::Exec, Access::Write, Access::ExecWrite];

fn facts(access: Access, flags: MmapFlags) -> Facts {
    Facts {
        access,
        reserved: false,
        backing: Backing::Anonymous,
        flags,
        unsafe_flags: UnsafeMmapFlags::empty(),
        page: page::base(),
        guarded: false,
        repeats: 1,
    }
}

fn of_file(kind: FileKind, mode: Mode, access: Access, flags: MmapFlags) -> Facts {
    let source = Source::path("file".into(), 0, false).expect("offset 0");
    let backing = Backing::File { identity: Identity::unique(), kind, mode, source: Box::new(source) };
    Facts { backing, ..facts(access, flags) }
}

fn of_memory_file(access: Access) -> Facts {
    let file = MemoryFile::new(1, None, None).expect("memory");
    let source = Box::new(file.source(0, false).expect("offset 0"));
    let backing =
        Backing::File { identity: Identity::unique(), kind: FileKind::Regular, mode: Mode::ReadWrite, source };
    Facts { backing, ..facts(access, MmapFlags::SHARED) }
}

fn calls() -> impl Iterator<Item = Call> {
    let rest = [
        Call::Map,
        Call::Commit,
        Call::Split,
        Call::Flush,
        Call::FlushIcache,
        Call::Lock,
        Call::Unlock,
        Call::Advise("DONTNEED"),
        Call::Advise("WILLNEED"),
        Call::Unmap,
        Call::Resize(1),
        Call::Inherit(Inherit::None),
        Call::Resident,
        Call::Populate,
        Call::Name,
    ];
    rest.into_iter().chain(ACCESSES.map(Call::Protect))
}

fn told(facts: &Facts, call: Call, code: i32) -> Option<&'static str> {
    hint(&Operation::Memory { call, facts, span: Span { start: 0, len: 1 } }, code)
}

/// All hints for a mapping that is made, or is there.
fn hints(facts: &Facts) -> Vec<&'static str> {
    calls().flat_map(|call| CODES.filter_map(move |code| told(facts, call, code))).collect()
}

#[test]
fn nothing_about_files_where_there_is_no_file() {
    for access in ACCESSES {
        for flags in [MmapFlags::empty(), MmapFlags::SHARED, MmapFlags::LOCKED, MmapFlags::HUGE_PAGES] {
            for page in [page::base(), page::base() << 9] {
                for hint in hints(&Facts { page, ..facts(access, flags) }) {
                    for word in ["file", "descriptor", "opened", "driver"] {
                        assert!(!hint.contains(word), "{access:?} {flags:?}: {hint}");
                    }
                }
            }
        }
    }
}

#[test]
fn nothing_that_was_not_asked_for() {
    let kinds = [FileKind::Regular, FileKind::Generated, FileKind::Directory, FileKind::Pipe, FileKind::Socket];
    let plain = ACCESSES.map(|access| facts(access, MmapFlags::empty()));
    let files = kinds
        .into_iter()
        .flat_map(|kind| ACCESSES.map(|access| of_file(kind, Mode::ReadWrite, access, MmapFlags::empty())));
    for facts in plain.into_iter().chain(files) {
        for hint in hints(&facts) {
            for word in ["MAP_FIXED", "HUGE_PAGES", "huge", "JIT", "STACK", "mmap_min_addr"] {
                let is_apple = cfg!(target_vendor = "apple") && word == "JIT";
                assert!(is_apple || !hint.contains(word), "{facts:?}: {hint}");
            }
        }
    }
}

#[test]
fn a_limit_of_locked_memory_is_named_to_who_locks() {
    let plain = facts(Access::Write, MmapFlags::empty());
    let asked = facts(Access::Write, MmapFlags::LOCKED);
    assert!(told(&plain, Call::Lock, ENOMEM).is_some_and(|hint| hint.contains("RLIMIT_MEMLOCK")));
    assert!(told(&plain, Call::Map, EPERM).is_none());
    if LINUX {
        assert!(told(&asked, Call::Map, EPERM).is_some_and(|hint| hint.contains("RLIMIT_MEMLOCK")));
        assert!(told(&asked, Call::Map, EAGAIN).is_some_and(|hint| hint.contains("RLIMIT_MEMLOCK")));
    }
    let none = facts(Access::None, MmapFlags::empty());
    assert!(told(&none, Call::Lock, ENOMEM).is_some_and(|hint| hint.contains("inaccessible")));
}

#[test]
fn huge_pages_name_their_pool_and_nothing_else_does() {
    if !LINUX {
        return;
    }
    let small = facts(Access::Write, MmapFlags::empty());
    let huge = Facts { page: page::base() << 9, ..small.clone() };
    let file = of_file(FileKind::Regular, Mode::ReadWrite, Access::Write, MmapFlags::SHARED);
    let huge_file = Facts { page: page::base() << 9, ..file.clone() };
    for facts in [&huge, &huge_file] {
        let hint = told(facts, Call::Map, ENOMEM).expect("known");
        assert!(hint.contains("vm.nr_hugepages") && !hint.contains("RLIMIT"), "{hint}");
    }
    for facts in [&small, &file] {
        let hint = told(facts, Call::Map, ENOMEM).expect("known");
        assert!(!hint.contains("hugepages") && hint.contains("RLIMIT_AS"), "{hint}");
    }
    // A shared map of a file takes no memory that could run out.
    assert!(told(&file, Call::Map, ENOMEM).is_some_and(|hint| !hint.contains("overcommit")));
}

#[test]
fn a_refused_descriptor_names_its_mode() {
    let shared = MmapFlags::SHARED;
    let of = |mode, access, flags| of_file(FileKind::Regular, mode, access, flags);
    let hint = |facts: &Facts, call| told(facts, call, EACCES).unwrap_or_default();
    assert!(hint(&of(Mode::Read, Access::Write, shared), Call::Map).contains("for reading only"));
    assert!(hint(&of(Mode::Write, Access::Read, shared), Call::Map).contains("for writing only"));
    assert!(hint(&of(Mode::Neither, Access::Read, shared), Call::Map).contains("O_PATH"));
    assert!(hint(&of(Mode::Read, Access::Read, shared), Call::Protect(Access::Write)).contains("for reading only"));
    // Reading is enough for a copy, and the descriptor is not the reason.
    assert!(!hint(&of(Mode::Read, Access::Write, MmapFlags::empty()), Call::Map).contains("opened"));
    assert!(!hint(&of(Mode::ReadWrite, Access::Write, shared), Call::Map).contains("opened"));
}

#[test]
fn refused_execution_names_the_policies() {
    if !LINUX {
        return;
    }
    let anonymous = facts(Access::Write, MmapFlags::empty());
    let file = of_file(FileKind::Regular, Mode::Read, Access::Read, MmapFlags::empty());
    let memory = of_memory_file(Access::Write);
    for (facts, has_mount) in [(&anonymous, false), (&file, true), (&memory, false)] {
        let hint = told(facts, Call::Protect(Access::Exec), EACCES).expect("known");
        for policy in ["SELinux", "MemoryDenyWriteExecute", "PR_SET_MDWE"] {
            assert!(hint.contains(policy), "{hint}");
        }
        assert_eq!(hint.contains("noexec"), has_mount);
        assert_eq!(hint.contains("map a MemoryFile twice"), !has_mount);
    }
    // This is one of the two views already.
    let view = of_memory_file(Access::Exec);
    let hint = told(&view, Call::Map, EACCES).expect("known");
    assert!(hint.contains("SELinux") && !hint.contains("MemoryFile") && !hint.contains("noexec"), "{hint}");
}

#[test]
fn a_file_system_without_shared_maps_is_named() {
    // FUSE with direct I/O, 9p.
    for code in [ENODEV, EINVAL] {
        let shared = of_file(FileKind::Regular, Mode::ReadWrite, Access::Write, MmapFlags::SHARED);
        let hint = told(&shared, Call::Map, code).expect("known");
        assert!(hint.contains("without MmapFlags.SHARED") && !hint.contains("socket"), "{hint}");
    }
    let private = of_file(FileKind::Regular, Mode::ReadWrite, Access::Write, MmapFlags::empty());
    assert!(hints(&private).iter().all(|hint| !hint.contains("SHARED")));
}

#[test]
fn a_fixed_address_is_named_where_it_is_wrong() {
    let mut fixed = facts(Access::Read, MmapFlags::empty());
    fixed.unsafe_flags = UnsafeMmapFlags::MAP_FIXED;
    let at = |start, code| {
        let span = Span { start, len: 1 };
        hint(&Operation::Memory { call: Call::Map, facts: &fixed, span }, code)
    };
    assert!(at(7, EINVAL).is_some_and(|hint| hint.contains("multiple of page_size()")));
    assert_eq!(at(16 * page::base(), EINVAL), None);
    assert_eq!(at(4096, EPERM).is_some_and(|hint| hint.contains("mmap_min_addr")), LINUX);
    assert_eq!(at(usize::MAX / 4096 * 4096, EPERM), None);
}
