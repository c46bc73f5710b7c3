//! Whether a signal came of an access, and why that faulted, where the signal alone does not say.
//!
//! A signal that somebody sent (`kill`, `pthread_kill`, `sigqueue`) has no address. Linux and FreeBSD say so by its
//! `si_code`, with numbers of their own. Apple's systems do not: xnu's `sendsig` fills in every SIGBUS as if it came of
//! an access, with the address of the thread's last fault. There the processor's state has to decide: if the thread
//! entered the kernel for any reason but a memory fault, the signal was sent. (One that arrives at the very moment of
//! such a fault can't be distinguished from it.)
//!
//! Also on Apple's systems, SIGBUS means a missing page or an access that the protection forbids, with the
//! same `si_code` (xnu's `ux_exception`). A new page would not help against the second, and the access would fault
//! for ever. The processor's state is in the context: `EXC_BAD_ACCESS`'s `__esr` on ARM, `__err` on Intel.
#![expect(unsafe_code, reason = "reads what the system hands to a signal handler")]

/// What the access wanted, as a protection that allows it.
#[cfg(any(test, target_vendor = "apple"))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Access {
    Read,
    Write,
    Execute,
}

#[cfg(any(test, target_vendor = "apple"))]
impl Access {
    /// From ARM's Exception Syndrome Register: its class in bits 26–31, and for data whether it was a write in bit 6.
    /// `None` is no access.
    ///
    /// Instructions for the caches (bit 8) count as writes there, and need to read only. In the lowest bits, 0x0c to
    /// 0x0f are for a page that is there and whose protection forbids it, 0x21 for an address that must be a multiple of
    /// something: no page can help that.
    #[cfg(any(test, target_arch = "aarch64"))]
    const fn of_esr(esr: u32) -> Option<Self> {
        let is_cache = esr & (1 << 8) != 0 && !matches!(esr & 0x3f, 0x0c..=0x0f);
        match esr >> 26 {
            0x24 | 0x25 if esr & 0x3f == 0x21 => None,
            0x20 | 0x21 => Some(Self::Execute),
            0x24 | 0x25 if esr & (1 << 6) != 0 && !is_cache => Some(Self::Write),
            0x24 | 0x25 => Some(Self::Read),
            _ => None,
        }
    }

    /// From the number of an x86 trap, `None` for all but a page fault, and from the fault's error code: a write in bit
    /// 1, a fetch of an instruction in bit 4.
    #[cfg(any(test, target_arch = "x86_64"))]
    const fn of_trap(number: u16, error: u32) -> Option<Self> {
        const PAGE_FAULT: u16 = 14;
        match (number, error & (1 << 4) != 0, error & (1 << 1) != 0) {
            (PAGE_FAULT, true, _) => Some(Self::Execute),
            (PAGE_FAULT, false, true) => Some(Self::Write),
            (PAGE_FAULT, false, false) => Some(Self::Read),
            _ => None,
        }
    }

    const fn allowed_by(self, protection: i32) -> bool {
        let needed = match self {
            Self::Read => libc::PROT_READ,
            Self::Write => libc::PROT_WRITE,
            Self::Execute => libc::PROT_EXEC,
        };
        protection & needed != 0
    }
}

/// What the thread tried; `None` if it tried nothing, or that is not known.
///
/// # Safety
/// `context` is what the kernel handed to a handler with `SA_SIGINFO`.
#[cfg(target_vendor = "apple")]
unsafe fn access(context: *const libc::c_void) -> Option<Access> {
    // SAFETY: the caller vouches for the context; its machine's part is null or valid.
    let machine = unsafe { (*context.cast::<libc::ucontext_t>()).uc_mcontext.as_ref() }?;
    #[cfg(target_arch = "aarch64")]
    return Access::of_esr(machine.__es.__esr);
    #[cfg(target_arch = "x86_64")]
    return Access::of_trap(machine.__es.__trapno, machine.__es.__err);
}

/// Whether the signal came of an access, and so has an address.
///
/// # Safety
/// `context` is what the kernel handed to a handler with `SA_SIGINFO`.
#[cfg(target_vendor = "apple")]
pub(super) unsafe fn is_access(_info: &libc::siginfo_t, context: *const libc::c_void) -> bool {
    // SAFETY: the caller vouches for it.
    unsafe { access(context) }.is_some()
}

/// Whether the signal came of an access, and so has an address.
///
/// # Safety
/// None is needed.
#[cfg(not(target_vendor = "apple"))]
pub(super) unsafe fn is_access(info: &libc::siginfo_t, _context: *const libc::c_void) -> bool {
    if cfg!(target_os = "freebsd") { freebsd_says_access(info.si_code) } else { linux_says_access(info.si_code) }
}

/// Linux: negative or 0 for what programs send; `SI_KERNEL`, 0x80, for signals of its own that are about no address.
#[cfg(any(test, not(target_vendor = "apple")))]
const fn linux_says_access(code: libc::c_int) -> bool {
    code > 0 && code != 0x80
}

/// FreeBSD: `SI_USER`, `SI_QUEUE`, `SI_KERNEL` and the like are numbers from 0x10001 on.
#[cfg(any(test, not(target_vendor = "apple")))]
const fn freebsd_says_access(code: libc::c_int) -> bool {
    code > 0 && code < 0x1_0000
}

/// Whether the protection of the page forbids what was tried, so that no new page can help.
///
/// # Safety
/// `context` is what the kernel handed to a handler with `SA_SIGINFO`.
#[cfg(target_vendor = "apple")]
pub(super) unsafe fn forbidden(_info: &libc::siginfo_t, context: *const libc::c_void, protection: i32) -> bool {
    // SAFETY: the caller vouches for it.
    unsafe { access(context) }.is_none_or(|access| !access.allowed_by(protection))
}

/// Elsewhere such an access is SIGSEGV. But an address that must be a multiple of something, as of an atomic operation,
/// is SIGBUS too, and no new page helps that: it would take the bytes that are there, and the access fault for ever.
///
/// # Safety
/// None is needed.
#[cfg(not(target_vendor = "apple"))]
pub(super) unsafe fn forbidden(info: &libc::siginfo_t, _context: *const libc::c_void, _protection: i32) -> bool {
    is_misaligned(info.si_code)
}

/// `BUS_ADRALN`, the same number on all systems.
#[cfg(any(test, not(target_vendor = "apple")))]
const fn is_misaligned(code: libc::c_int) -> bool {
    code == 1
}

#[cfg(test)]
mod tests {
    use super::Access::{Execute, Read, Write};
    use super::*;

    #[test]
    fn the_processors_words() {
        // ARM's Architecture Reference Manual, ESR_EL1: a data abort from a lower level, translation fault level 3.
        assert_eq!(Access::of_esr(0x9200_0007), Some(Read));
        assert_eq!(Access::of_esr(0x9200_004f), Some(Write));
        assert_eq!(Access::of_esr(0x8200_000f), Some(Execute));
        assert_eq!(Access::of_esr(0x5600_0080), None, "a system call");
        assert_eq!(Access::of_esr(0x8a00_0000), None, "a wrong address of an instruction");
        assert_eq!(Access::of_esr(0x9200_0021), None, "an atomic operation on an odd address");
        // Intel's manual, volume 3, "Page-Fault Exception": present, write, user, reserved bit, fetch.
        assert_eq!(Access::of_trap(14, 0b0_0100), Some(Read));
        assert_eq!(Access::of_trap(14, 0b0_0111), Some(Write));
        assert_eq!(Access::of_trap(14, 0b1_0101), Some(Execute));
        assert_eq!(Access::of_trap(13, 0b0_0111), None, "a general protection fault");
        assert_eq!(Access::of_trap(0, 0), None, "whatever a thread was in when a signal was sent to it");
    }

    #[test]
    fn instructions_for_caches_read() {
        // `ic ivau` and `dc cvau` on a page that is missing: marked as a write (bit 6), and as what they are (bit 8).
        assert_eq!(Access::of_esr(0x9200_0147), Some(Read));
        // A page that is there, and forbids it: as the processor says, so that it is not tried for ever.
        assert_eq!(Access::of_esr(0x9200_014f), Some(Write));
    }

    #[test]
    fn no_page_helps_an_odd_address() {
        assert_eq!([1, 2, 3].map(is_misaligned), [true, false, false]);
    }

    #[test]
    fn what_was_sent_is_no_access() {
        // From the headers of the two systems; `BUS_ADRALN`, `BUS_ADRERR`, `BUS_OBJERR` are 1 to 3 on both.
        for code in 1..=3 {
            assert!(linux_says_access(code) && freebsd_says_access(code), "{code}");
        }
        // SI_USER, SI_KERNEL, SI_QUEUE, SI_TIMER, SI_TKILL.
        for code in [0, 0x80, -1, -2, -6] {
            assert!(!linux_says_access(code), "{code:#x}");
        }
        // SI_NOINFO, SI_USER, SI_QUEUE, SI_TIMER, SI_ASYNCIO, SI_MESGQ, SI_KERNEL, SI_LWP.
        for code in [0, 0x10001, 0x10002, 0x10003, 0x10004, 0x10005, 0x10006, 0x10007] {
            assert!(!freebsd_says_access(code), "{code:#x}");
        }
    }

    #[test]
    fn what_a_protection_allows() {
        let read_write = libc::PROT_READ | libc::PROT_WRITE;
        for (access, protection, allowed) in [
            (Read, libc::PROT_READ, true),
            (Write, libc::PROT_READ, false),
            (Execute, read_write, false),
            (Write, read_write, true),
            (Read, libc::PROT_NONE, false),
            (Execute, libc::PROT_READ | libc::PROT_EXEC, true),
        ] {
            assert_eq!(access.allowed_by(protection), allowed, "{access:?} of {protection}");
        }
    }
}
