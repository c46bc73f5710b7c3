//! Mach's own error numbers (`kern_return_t`) as the matching `errno`: the same number means something else in each.

use crate::Error;

/// Mach's numbers, from `mach/kern_return.h` and `mach/message.h`.
#[cfg_attr(not(target_vendor = "apple"), allow(dead_code))]
pub(crate) mod codes {
    pub const INVALID_ADDRESS: i32 = 1;
    pub const PROTECTION_FAILURE: i32 = 2;
    pub const NO_SPACE: i32 = 3;
    pub const INVALID_ARGUMENT: i32 = 4;
    pub const RESOURCE_SHORTAGE: i32 = 6;
    pub const NO_ACCESS: i32 = 8;
    pub const ABORTED: i32 = 14;
    pub const INVALID_TASK: i32 = 16;
    pub const TERMINATED: i32 = 37;
    pub const DENIED: i32 = 53;
    /// The port that was asked is dead.
    pub const SEND_INVALID_DEST: i32 = 0x1000_0003;
}

/// The `errno` that says most nearly the same.
pub(crate) const fn errno(code: i32) -> i32 {
    match code {
        codes::INVALID_ADDRESS => libc::EFAULT,
        codes::PROTECTION_FAILURE | codes::NO_ACCESS => libc::EACCES,
        codes::NO_SPACE | codes::RESOURCE_SHORTAGE => libc::ENOMEM,
        codes::INVALID_ARGUMENT => libc::EINVAL,
        codes::ABORTED => libc::EINTR,
        codes::INVALID_TASK | codes::TERMINATED | codes::SEND_INVALID_DEST => libc::ESRCH,
        codes::DENIED => libc::EPERM,
        _ => libc::EIO,
    }
}

/// An error of Mach's, with what was tried.
pub(crate) fn error(code: i32, operation: &str) -> Error {
    told_as(errno(code), code, operation)
}

/// The same where the caller knows better which `errno` fits.
pub(crate) fn told_as(errno: i32, code: i32, operation: &str) -> Error {
    Error::system("Mach", errno, format!("{operation} (Mach's error {code:#x})"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn machs_numbers_are_no_errno() {
        // Handed on as they are, 1, 2 and 3 would be a missing permission, file and process.
        for (code, expected) in [
            (codes::INVALID_ADDRESS, libc::EFAULT),
            (codes::PROTECTION_FAILURE, libc::EACCES),
            (codes::NO_SPACE, libc::ENOMEM),
            (codes::SEND_INVALID_DEST, libc::ESRCH),
            (5, libc::EIO),
            (-305, libc::EIO),
        ] {
            let Error::System(error) = error(code, "list of memory areas") else { panic!("of the system") };
            assert_eq!((error.variant, error.code), ("Mach", expected), "{code}");
            assert_eq!(error.operation, format!("list of memory areas (Mach's error {code:#x})"));
        }
    }
}
