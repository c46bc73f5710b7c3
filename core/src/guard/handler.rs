//! The handler of SIGBUS.
//!
//! Everything that runs in it is async-signal-safe: atomic loads and stores, arithmetic, and the system calls `mmap`,
//! `munmap`, `sigaction`, `pthread_sigmask` and `raise`, of which POSIX names all but the first two; those are bare system
//! calls in every C library that this is built for, without a lock or an allocation of their own. `errno` is put back. No Rust code
//! in it can panic: it indexes nothing and adds nothing that could overflow. None of its values has a destructor, as the
//! handler that it forwards to may leave it by `longjmp`.
#![expect(unsafe_code, reason = "a signal handler")]

use super::slot::Found;
use super::{cause, spare, table};
use crate::state::generation;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, Ordering};
use std::{mem, ptr};

/// The action that ours replaced; null is the default one. Leaked, as another thread may be reading it in the handler.
static BEFORE: AtomicPtr<libc::sigaction> = AtomicPtr::new(ptr::null_mut());

static INSTALLED: AtomicBool = AtomicBool::new(false);

type Plain = extern "C" fn(libc::c_int);
type WithInfo = extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void);

/// The right to install, of one thread at a time.
struct Turn;

/// 0, or one more than the generation of the process whose thread has the turn: what a thread had at a `fork` is free in
/// the child.
static TURN: AtomicU64 = AtomicU64::new(0);

impl Turn {
    fn take() -> Self {
        let mine = generation().wrapping_add(1);
        loop {
            let seen = TURN.load(Ordering::Relaxed);
            let free = seen != mine;
            if free && TURN.compare_exchange(seen, mine, Ordering::Acquire, Ordering::Relaxed).is_ok() {
                return Self;
            }
            std::thread::yield_now();
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        TURN.store(0, Ordering::Release);
    }
}

/// Installs the handler, once.
///
/// It is not put in front of a handler that was installed later: that one may forward to ours, which would then forward
/// to it, without an end. Where there is no handler at all, ours was removed, and is installed again.
pub(super) fn install() -> Result<(), i32> {
    if is_ours(&action(None)?) {
        return Ok(());
    }
    let _turn = Turn::take();
    let current = action(None)?;
    if is_ours(&current) || INSTALLED.load(Ordering::Relaxed) && is_handler(&current) {
        return Ok(());
    }
    // SAFETY: all zeros is a valid `sigaction`: no flags, an empty mask on every system.
    let mut ours: libc::sigaction = unsafe { mem::zeroed() };
    ours.sa_sigaction = handle as WithInfo as usize;
    // On the alternate stack where a thread has one. SIGBUS stays blocked meanwhile, as a second one, from within
    // the handler, could only be a defect of its own.
    ours.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
    // Where a signal that somebody sends would not have interrupted a system call, it does not now.
    if current.sa_sigaction == libc::SIG_IGN || current.sa_flags & libc::SA_RESTART != 0 {
        ours.sa_flags |= libc::SA_RESTART;
    }
    // SAFETY: a mask to empty.
    unsafe { libc::sigemptyset(&mut ours.sa_mask) };
    // The first signal may come before the next call returns.
    remember(&current);
    let replaced = action(Some(&ours))?;
    if replaced.sa_sigaction != current.sa_sigaction && !is_ours(&replaced) {
        // Somebody installed another one between the two calls.
        remember(&replaced);
    }
    INSTALLED.store(true, Ordering::Relaxed);
    Ok(())
}

fn is_ours(action: &libc::sigaction) -> bool {
    action.sa_sigaction == handle as WithInfo as usize
}

fn is_handler(action: &libc::sigaction) -> bool {
    !matches!(action.sa_sigaction, libc::SIG_DFL | libc::SIG_IGN)
}

fn remember(action: &libc::sigaction) {
    let is_default = action.sa_sigaction == libc::SIG_DFL;
    let before = if is_default { ptr::null_mut() } else { Box::into_raw(Box::new(*action)) };
    BEFORE.store(before, Ordering::Release);
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

extern "C" fn handle(signal: libc::c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: the thread's own `errno`.
    let errno = unsafe { *errno_place() };
    // SAFETY: the kernel hands a valid `siginfo_t` to a handler with SA_SIGINFO.
    let handled = unsafe { cause::is_access(&*info, context) && replace(&*info, context) };
    if !handled {
        forward(signal, info, context);
    }
    // SAFETY: as above.
    unsafe { *errno_place() = errno };
}

/// A page of zeros needs no promise of memory; FreeBSD never made one.
#[cfg(not(target_os = "freebsd"))]
const NO_RESERVE: libc::c_int = libc::MAP_NORESERVE;
#[cfg(target_os = "freebsd")]
const NO_RESERVE: libc::c_int = 0;

/// Replaces what is missing by zeros, if it is ours. False where it is not, or could not be done.
///
/// # Safety
/// Both are the kernel's.
unsafe fn replace(info: &libc::siginfo_t, context: *const libc::c_void) -> bool {
    // SAFETY: of a signal that came of an access.
    let address = unsafe { info.si_addr() } as usize;
    let Some(found) = table::find(address) else { return false };
    let entry = found.entry;
    // SAFETY: the caller vouches for the context.
    if unsafe { cause::forbidden(info, context, entry.protection) } {
        return false;
    }
    // Where there is no room for one more memory area, all of the mapping still has its own.
    let whole = entry.start..entry.end;
    [(found.repair(), false), (whole.clone(), false), (whole, true)].iter().any(|(range, without_spare)| {
        if *without_spare && !spare::give_up() {
            return false;
        }
        table::mark(range);
        let (start, len) = (range.start as *mut libc::c_void, range.len());
        let flags = libc::MAP_FIXED | libc::MAP_PRIVATE | libc::MAP_ANON | NO_RESERVE;
        // SAFETY: the range belongs to a guarded mapping, whose owner keeps it mapped while anybody may access it. What
        // was there can't be read any more, or is given up: the mapping is marked.
        let placed = unsafe { libc::mmap(start, len, entry.protection, flags, -1, 0) };
        let done = placed != libc::MAP_FAILED;
        if done {
            keep_private(&found, start, len);
            table::mark(range);
        }
        done
    })
}

/// Has new pages not be inherited by children of `fork`, as those that they replace.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn keep_private(found: &Found<'_>, start: *mut libc::c_void, len: usize) {
    if found.is_private() {
        // SAFETY: the pages that were just mapped. Where it fails, a child has some zeros that nobody knows of.
        unsafe { libc::madvise(start, len, libc::MADV_DONTFORK) };
    }
}

/// Other systems have the new pages inherited; nobody knows of them.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn keep_private(_found: &Found<'_>, _start: *mut libc::c_void, _len: usize) {}

/// Gives the signal to the action that ours replaced.
fn forward(signal: libc::c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: null, or an action that was leaked for good.
    let Some(before) = (unsafe { BEFORE.load(Ordering::Acquire).as_ref() }) else { return die(signal, info, context) };
    match before.sa_sigaction {
        libc::SIG_DFL => die(signal, info, context),
        // Nobody can ignore a fault of an access: the kernel would end the process.
        // SAFETY: valid, as in `handle`.
        libc::SIG_IGN if unsafe { !cause::is_access(&*info, context) } => {}
        libc::SIG_IGN => die(signal, info, context),
        _ => call(before, signal, info, context),
    }
}

/// Calls a handler as the kernel would: with the signals blocked that it wants blocked, and once only with
/// `SA_RESETHAND`.
fn call(before: &libc::sigaction, signal: libc::c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    if before.sa_flags & libc::SA_RESETHAND != 0 {
        let me = ptr::from_ref(before).cast_mut();
        let first = BEFORE.compare_exchange(me, ptr::null_mut(), Ordering::AcqRel, Ordering::Relaxed);
        if first.is_err() {
            return die(signal, info, context);
        }
    }
    // SAFETY: all zeros are valid signal sets, and the calls get pointers to such.
    let kept = unsafe {
        let (mut kept, mut only): (libc::sigset_t, libc::sigset_t) = (mem::zeroed(), mem::zeroed());
        libc::pthread_sigmask(libc::SIG_BLOCK, &before.sa_mask, &mut kept);
        if before.sa_flags & libc::SA_NODEFER != 0 {
            libc::sigemptyset(&mut only);
            libc::sigaddset(&mut only, signal);
            libc::pthread_sigmask(libc::SIG_UNBLOCK, &only, ptr::null_mut());
        }
        kept
    };
    if before.sa_flags & libc::SA_SIGINFO != 0 {
        // SAFETY: installed as a handler with three arguments, which is what the flag says.
        let handler = unsafe { mem::transmute::<usize, WithInfo>(before.sa_sigaction) };
        handler(signal, info, context);
    } else {
        // SAFETY: installed as a handler with one argument.
        let handler = unsafe { mem::transmute::<usize, Plain>(before.sa_sigaction) };
        handler(signal);
    }
    // SAFETY: the set that the first call filled.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &kept, ptr::null_mut()) };
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
