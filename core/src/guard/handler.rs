//! The handler of SIGBUS.
//!
//! Everything that runs in it is async-signal-safe: atomic loads and stores, arithmetic, and the system calls `mmap`,
//! `sigaction` and `raise`, of which POSIX names the last two; `mmap` is a bare system call in every C library that
//! this is built for, without a lock or an allocation of its own. `errno` is put back. No Rust code in it can panic:
//! it indexes nothing and adds nothing that could overflow.

use super::{cause, table};
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};
use std::{mem, ptr};

/// Who is asked after us. Leaked, as another thread may be reading it in the handler.
struct Before {
    action: libc::sigaction,
    /// Who was next until this one came in front of us.
    older: *mut Before,
}

static BEFORE: AtomicPtr<Before> = AtomicPtr::new(ptr::null_mut());

/// Which of the two faces of our handler was installed last. Whoever came in front of us has kept the other one as
/// his predecessor, so that we can tell when he puts it back.
static FACE: AtomicUsize = AtomicUsize::new(0);
const FACES: [WithInfo; 2] = [handle_even, handle_odd];

extern "C" fn handle_even(signal: libc::c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    handle(signal, info, context);
}

extern "C" fn handle_odd(signal: libc::c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // Another constant than the even one's, so that the two stay two functions.
    std::hint::black_box(FACES.len());
    handle(signal, info, context);
}

type Plain = extern "C" fn(libc::c_int);
type WithInfo = extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void);

/// Installs the handler, unless it is in place.
pub(super) fn install() -> Result<(), i32> {
    let current = action(None)?;
    if face(&current).is_some() {
        return Ok(());
    }
    let face = 1 - FACE.load(Ordering::Acquire) % 2;
    // SAFETY: all zeros is a valid `sigaction`: no flags, an empty mask on every system.
    let mut ours: libc::sigaction = unsafe { mem::zeroed() };
    ours.sa_sigaction = FACES[face] as usize;
    // On the alternate stack where a thread has one. SIGBUS stays blocked meanwhile, as a second one, from within
    // the handler, could only be a defect of its own.
    ours.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
    // SAFETY: a mask to empty.
    unsafe { libc::sigemptyset(&mut ours.sa_mask) };
    // Who came before must be known before the first signal can come.
    let before = Before { action: current, older: BEFORE.load(Ordering::Acquire) };
    BEFORE.store(Box::into_raw(Box::new(before)), Ordering::Release);
    FACE.store(face, Ordering::Release);
    action(Some(&ours)).map(drop)
}

/// Which face of ours an action is, if any.
fn face(action: &libc::sigaction) -> Option<usize> {
    FACES.iter().position(|face| *face as usize == action.sa_sigaction)
}

/// Reads, and with `new` replaces, what happens on SIGBUS.
fn action(new: Option<&libc::sigaction>) -> Result<libc::sigaction, i32> {
    // SAFETY: as in `install`.
    let mut old: libc::sigaction = unsafe { mem::zeroed() };
    let new = new.map_or(ptr::null(), ptr::from_ref);
    // SAFETY: null or a valid action, and a place for the old one.
    match unsafe { libc::sigaction(libc::SIGBUS, new, &mut old) } {
        0 => Ok(old),
        _ => Err(std::io::Error::last_os_error().raw_os_error().unwrap_or(0)),
    }
}

fn handle(signal: libc::c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: the thread's own `errno`.
    let errno = unsafe { *errno_place() };
    // SAFETY: the kernel hands a valid `siginfo_t` to a handler with SA_SIGINFO.
    let handled = unsafe { cause::is_access(&*info, context) && replace(&*info, context) };
    if !handled {
        hand_on(signal, info, context);
    }
    // SAFETY: as above.
    unsafe { *errno_place() = errno };
}

/// A page of zeros needs no promise of memory; FreeBSD never made one.
#[cfg(not(target_os = "freebsd"))]
const NO_RESERVE: libc::c_int = libc::MAP_NORESERVE;
#[cfg(target_os = "freebsd")]
const NO_RESERVE: libc::c_int = 0;

/// Puts a page of zeros where one is missing, if it is ours. False where it is not, or could not be done.
///
/// # Safety
/// Both are the kernel's.
unsafe fn replace(info: &libc::siginfo_t, context: *const libc::c_void) -> bool {
    // SAFETY: of a signal that came of an access.
    let address = unsafe { info.si_addr() } as usize;
    let Some(page) = table::find(address) else { return false };
    // SAFETY: the caller vouches for the context.
    if unsafe { cause::forbidden(info, context, page.protection) } {
        return false;
    }
    let flags = libc::MAP_FIXED | libc::MAP_PRIVATE | libc::MAP_ANON | NO_RESERVE;
    // SAFETY: the page belongs to a guarded mapping, whose owner keeps it mapped while anybody may access it; what
    // was there can't be read any more.
    let placed = unsafe { libc::mmap(page.start as *mut _, page.len, page.protection, flags, -1, 0) };
    if placed == libc::MAP_FAILED {
        return false;
    }
    table::mark(address);
    true
}

/// Gives the signal to who would have got it without us.
fn hand_on(signal: libc::c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    let before = BEFORE.load(Ordering::Acquire);
    // SAFETY: null, or an action that was leaked for good.
    let Some(before) = (unsafe { before.as_ref() }) else { return die(signal, info, context) };
    ask(&before.action, signal, info, context);
    // One who came in front of us and steps back (as Python's faulthandler does before it sends the signal again)
    // puts our other face in place: from now on the one before him is next.
    let current = action(None).ok().and_then(|current| face(&current));
    if let Some(face) = current.filter(|face| *face != FACE.load(Ordering::Acquire)) {
        FACE.store(face, Ordering::Release);
        BEFORE.store(before.older, Ordering::Release);
    }
}

/// Does what an action says.
fn ask(before: &libc::sigaction, signal: libc::c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    match before.sa_sigaction {
        libc::SIG_DFL => die(signal, info, context),
        // Nobody can ignore a fault of an access: the kernel would end the process.
        // SAFETY: valid, as in `handle`.
        libc::SIG_IGN if unsafe { !cause::is_access(&*info, context) } => {}
        libc::SIG_IGN => die(signal, info, context),
        address if before.sa_flags & libc::SA_SIGINFO != 0 => {
            // SAFETY: installed as a handler with three arguments, which is what the flag says.
            let handler = unsafe { mem::transmute::<usize, WithInfo>(address) };
            handler(signal, info, context);
        }
        address => {
            // SAFETY: installed as a handler with one argument.
            let handler = unsafe { mem::transmute::<usize, Plain>(address) };
            handler(signal);
        }
    }
}

/// The default action: the process ends. For an access, by doing it again without a handler, so that a core dump
/// shows it; else by a signal that comes when this handler returns.
fn die(signal: libc::c_int, info: *mut libc::siginfo_t, context: *const libc::c_void) {
    // SAFETY: as in `install`; all zeros is the default action.
    let default: libc::sigaction = unsafe { mem::zeroed() };
    // SAFETY: a valid action, and what the kernel handed over; both calls are async-signal-safe.
    unsafe {
        libc::sigaction(signal, &default, ptr::null_mut());
        if !cause::is_access(&*info, context) {
            libc::raise(signal);
        }
    }
}

#[cfg(any(target_os = "linux", target_os = "emscripten"))]
unsafe fn errno_place() -> *mut libc::c_int {
    // SAFETY: always there.
    unsafe { libc::__errno_location() }
}

#[cfg(target_os = "android")]
unsafe fn errno_place() -> *mut libc::c_int {
    // SAFETY: always there.
    unsafe { libc::__errno() }
}

#[cfg(any(target_os = "macos", target_os = "ios", target_os = "freebsd"))]
unsafe fn errno_place() -> *mut libc::c_int {
    // SAFETY: always there.
    unsafe { libc::__error() }
}
