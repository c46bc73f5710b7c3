//! Why an access faulted, where the signal alone does not say.
//!
//! On Apple's systems SIGBUS tells of a missing page and of an access that the protection forbids, with one and the
//! same `si_code` (xnu's `ux_exception`). A new page would not help against the second, and the access would fault
//! for ever. The processor's own words are in the context: `EXC_BAD_ACCESS`'s `__esr` on ARM, `__err` on Intel.

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
    #[cfg(any(test, target_arch = "aarch64"))]
    const fn of_esr(esr: u32) -> Option<Self> {
        match esr >> 26 {
            0x20 | 0x21 => Some(Self::Execute),
            0x24 | 0x25 if esr & (1 << 6) != 0 => Some(Self::Write),
            0x24 | 0x25 => Some(Self::Read),
            _ => None,
        }
    }

    /// From the error code of an x86 page fault: a write in bit 1, a fetch of an instruction in bit 4.
    #[cfg(any(test, target_arch = "x86_64"))]
    const fn of_page_fault(error: u32) -> Self {
        match (error & (1 << 4) != 0, error & (1 << 1) != 0) {
            (true, _) => Self::Execute,
            (false, true) => Self::Write,
            (false, false) => Self::Read,
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

/// Whether the protection of the page forbids what was tried, so that no new page can help.
///
/// # Safety
/// `context` is what the kernel handed to a handler with `SA_SIGINFO`.
#[cfg(target_vendor = "apple")]
pub(super) unsafe fn forbidden(context: *const libc::c_void, protection: i32) -> bool {
    // SAFETY: the caller vouches for the context; its machine's part is null or valid.
    let Some(machine) = (unsafe { (*context.cast::<libc::ucontext_t>()).uc_mcontext.as_ref() }) else { return false };
    #[cfg(target_arch = "aarch64")]
    let access = Access::of_esr(machine.__es.__esr);
    #[cfg(target_arch = "x86_64")]
    let access = Some(Access::of_page_fault(machine.__es.__err));
    access.is_some_and(|access| !access.allowed_by(protection))
}

/// Elsewhere such an access is SIGSEGV.
///
/// # Safety
/// None is needed.
#[cfg(not(target_vendor = "apple"))]
pub(super) unsafe fn forbidden(_context: *const libc::c_void, _protection: i32) -> bool {
    false
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
        // Intel's manual, volume 3, "Page-Fault Exception": present, write, user, reserved bit, fetch.
        assert_eq!(Access::of_page_fault(0b0_0100), Read);
        assert_eq!(Access::of_page_fault(0b0_0111), Write);
        assert_eq!(Access::of_page_fault(0b1_0101), Execute);
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
