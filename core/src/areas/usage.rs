//! How much of an area is in memory.

use super::vm_flags::VmFlags;

/// What a system says of an area, in bytes; `None` is what it does not say.
///
/// The terms are those of `/proc/PID/smaps` (proc_pid_smaps(5)). A page is *private* if no other process maps it, and
/// *dirty* if it was written since it was read from its file, or has no file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Usage {
    /// In physical memory.
    pub resident: Option<u64>,
    /// The same, with each page divided by the number of processes that map it.
    pub proportional: Option<u64>,
    /// Mapped by other processes too, and not written.
    pub shared_clean: Option<u64>,
    /// Mapped by other processes too, and written.
    pub shared_dirty: Option<u64>,
    /// Mapped by this process only, and not written.
    pub private_clean: Option<u64>,
    /// Mapped by this process only, and written.
    pub private_dirty: Option<u64>,
    /// Accessed since the system last cleared its marks.
    pub referenced: Option<u64>,
    /// Without a file behind it.
    pub anonymous: Option<u64>,
    /// Moved out to swap.
    pub swap: Option<u64>,
    /// Locked into memory.
    pub locked: Option<u64>,
    /// In huge pages.
    pub huge: Option<u64>,
    /// Linux's own flags of the area.
    pub vm_flags: Option<VmFlags>,
}

impl Usage {
    /// The numbers by name, in the order in which they are documented.
    pub fn numbers(&self) -> [(&'static str, Option<u64>); 11] {
        [
            ("resident", self.resident),
            ("proportional", self.proportional),
            ("shared_clean", self.shared_clean),
            ("shared_dirty", self.shared_dirty),
            ("private_clean", self.private_clean),
            ("private_dirty", self.private_dirty),
            ("referenced", self.referenced),
            ("anonymous", self.anonymous),
            ("swap", self.swap),
            ("locked", self.locked),
            ("huge", self.huge),
        ]
    }

    /// Forgets the numbers, which don't fit any more.
    pub(super) fn forget(&mut self) {
        *self = Self { vm_flags: self.vm_flags.take(), ..Self::default() };
    }
}
