//! Upstream's six types and the five protections behind them, as a table.

use mmap_rs::Protection;

/// Upstream's type of a mapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Inaccessible.
    MmapNone,
    /// Readable, perhaps executable.
    Mmap,
    /// Writable, perhaps executable.
    MmapMut,
    /// Reserved, inaccessible.
    ReservedNone,
    /// Reserved, readable, perhaps executable.
    Reserved,
    /// Reserved, writable, perhaps executable.
    ReservedMut,
}

impl Kind {
    /// All of them, in the order of their numbers.
    pub const ALL: [Kind; 6] =
        [Kind::MmapNone, Kind::Mmap, Kind::MmapMut, Kind::ReservedNone, Kind::Reserved, Kind::ReservedMut];

    /// Upstream's name of the type.
    pub const fn name(self) -> &'static str {
        match self {
            Kind::MmapNone => "MmapNone",
            Kind::Mmap => "Mmap",
            Kind::MmapMut => "MmapMut",
            Kind::ReservedNone => "ReservedNone",
            Kind::Reserved => "Reserved",
            Kind::ReservedMut => "ReservedMut",
        }
    }

    /// Whether the memory is only reserved.
    pub const fn is_reserved(self) -> bool {
        matches!(self, Kind::ReservedNone | Kind::Reserved | Kind::ReservedMut)
    }

    /// Whether its bytes can be read: of a reserved one never, as it has none yet.
    pub const fn is_readable(self) -> bool {
        matches!(self, Kind::Mmap | Kind::MmapMut)
    }

    /// Whether its bytes can be written.
    pub const fn is_writable(self) -> bool {
        matches!(self, Kind::MmapMut)
    }
}

/// What the processor may do with the pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Nothing.
    None,
    /// Read.
    Read,
    /// Read and execute.
    Exec,
    /// Read and write.
    Write,
    /// Read, write and execute.
    ExecWrite,
}

impl Access {
    /// The type that memory with this protection has.
    pub const fn kind(self, reserved: bool) -> Kind {
        match (self, reserved) {
            (Access::None, false) => Kind::MmapNone,
            (Access::Read | Access::Exec, false) => Kind::Mmap,
            (Access::Write | Access::ExecWrite, false) => Kind::MmapMut,
            (Access::None, true) => Kind::ReservedNone,
            (Access::Read | Access::Exec, true) => Kind::Reserved,
            (Access::Write | Access::ExecWrite, true) => Kind::ReservedMut,
        }
    }

    /// Whether it can be executed.
    pub const fn is_exec(self) -> bool {
        matches!(self, Access::Exec | Access::ExecWrite)
    }

    /// Whether it can be written.
    pub const fn is_write(self) -> bool {
        matches!(self, Access::Write | Access::ExecWrite)
    }

    /// The same in upstream's words.
    pub fn protection(self) -> Protection {
        match self {
            Access::None => Protection::empty(),
            Access::Read => Protection::READ,
            Access::Exec => Protection::READ | Protection::EXECUTE,
            Access::Write => Protection::READ | Protection::WRITE,
            Access::ExecWrite => Protection::READ | Protection::WRITE | Protection::EXECUTE,
        }
    }
}
