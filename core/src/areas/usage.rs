//! How much of an area is in memory.

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

/// More flags than an area has in practice: kernels name about as many. One with more could not be read.
const MOST: usize = 40;

/// Linux's flags of an area, two characters each: `rd`, `wr`, `mr`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct VmFlags {
    codes: [[u8; 2]; MOST],
    len: usize,
}

impl Default for VmFlags {
    fn default() -> Self {
        Self { codes: [[0; 2]; MOST], len: 0 }
    }
}

impl VmFlags {
    /// Adds one of two printable ASCII characters; `None` if it is none, or one too many.
    #[cfg_attr(not(any(target_os = "linux", target_os = "android")), allow(dead_code))]
    pub(super) fn add(&mut self, code: [u8; 2]) -> Option<()> {
        let place = self.codes.get_mut(self.len).filter(|_| code.iter().all(u8::is_ascii_graphic))?;
        *place = code;
        self.len += 1;
        Some(())
    }

    /// The flags, as the kernel lists them.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.codes.iter().take(self.len).filter_map(|code| std::str::from_utf8(code).ok())
    }
}
