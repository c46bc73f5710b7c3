//! How a mapping ended.

/// How a region ended, or why it is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Ending {
    /// It was never there.
    NeverMapped = 1,
    /// Another thread was changing it when the process was forked, so that its state is unknown in the child.
    LostInFork,
    /// It was closed.
    Closed,
    /// A change of it failed halfway and could not be taken back.
    Broken,
    /// `make_none` consumed it.
    MakeNone,
    /// `make_read_only` consumed it.
    MakeReadOnly,
    /// `make_exec` consumed it.
    MakeExec,
    /// `make_exec_no_flush` consumed it.
    MakeExecNoFlush,
    /// `make_mut` consumed it.
    MakeMut,
    /// `make_exec_mut` consumed it.
    MakeExecMut,
    /// `try_from` consumed it.
    TryFrom,
    /// `merge` consumed it.
    Merge,
    /// Another mapping took its place: `MmapOptions::with_reservation`.
    WithReservation,
    /// The mapping was not inherited by this process, a child of `fork`.
    NotInherited,
    /// Code in another language took its memory.
    Taken,
}

impl Ending {
    const ALL: [Self; 15] = [
        Self::NeverMapped,
        Self::LostInFork,
        Self::Closed,
        Self::Broken,
        Self::MakeNone,
        Self::MakeReadOnly,
        Self::MakeExec,
        Self::MakeExecNoFlush,
        Self::MakeMut,
        Self::MakeExecMut,
        Self::TryFrom,
        Self::Merge,
        Self::WithReservation,
        Self::NotInherited,
        Self::Taken,
    ];

    /// The ending with a number; `None` for 0, a region that has not ended.
    pub(super) const fn from_number(number: u64) -> Option<Self> {
        match number {
            1..=15 => Some(Self::ALL[number as usize - 1]),
            _ => None,
        }
    }

    /// Whether the memory is of no concern to this process: its addresses may be somebody else's.
    pub const fn is_foreign(self) -> bool {
        matches!(self, Self::LostInFork | Self::NotInherited)
    }

    /// The method that consumed the mapping, if one did.
    pub const fn method(self) -> Option<&'static str> {
        match self {
            Self::NeverMapped | Self::LostInFork | Self::Closed | Self::Broken | Self::NotInherited | Self::Taken => {
                None
            }
            Self::MakeNone => Some("make_none"),
            Self::MakeReadOnly => Some("make_read_only"),
            Self::MakeExec => Some("make_exec"),
            Self::MakeExecNoFlush => Some("make_exec_no_flush"),
            Self::MakeMut => Some("make_mut"),
            Self::MakeExecMut => Some("make_exec_mut"),
            Self::TryFrom => Some("try_from"),
            Self::Merge => Some("merge"),
            Self::WithReservation => Some("with_reservation"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Ending;

    #[test]
    fn numbers_go_there_and_back() {
        assert!(Ending::ALL.iter().all(|ending| Ending::from_number(*ending as u64) == Some(*ending)));
        assert_eq!((Ending::from_number(0), Ending::from_number(16)), (None, None));
    }
}
