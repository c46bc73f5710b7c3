//! Upstream's objects as regions: made, protected, split, merged, flushed, advised and given back.
//!
//! | module | concept | upstream's defects met there |
//! | --- | --- | --- |
//! | [`kind`] | the six types and the five protections, as a table | |
//! | `object` | upstream's objects, one of six types each; under Windows `sys` has its own | |
//! | [`region`] | one or several objects side by side | |
//! | `protect` | the protection of all of a region, or of nothing | |
//! | `split_merge` | cutting a region in two, and joining two | U4, U5, U10 |
//! | [`facts`] | what upstream does not keep of a mapping | U4 |
//! | `file` | what must be known of an open file | |
//! | `operation` | what is asked of the system, for the text and the hint of an error | |
//! | [`foreign`] | memory that other code has mapped, or takes over | |
//! | [`request`] | what a mapping is to be, and what must hold before | U2, U3, U6 |
//! | `map` | making it | U7 |
//! | `replace` | making it in the place of a reservation | |
//! | [`source`] | the file behind it | U6 |
//! | [`memory_file`] | files that are nowhere but in memory | |
//! | `place` | where a mapping is to lie, and addresses that are held for it | |
//! | `resize` | another size for the same region, in place or moved | |
//! | [`page`] | page sizes | U2, U3 |
//! | [`range`] | ranges, checked and widened to pages | U1 |
//! | [`advice`] | advice at any time | U7, U9 |
//! | `attributes` | what was asked for all of a region, to be asked again for pages that join it | |
//! | [`inheritance`] | what a child of `fork` gets | |
//! | `residency` | what is in memory, and bringing it in | |
//! | [`jit`] | memory that a thread must ask to write | U23 |
//! | [`bytes`] | the bytes themselves, through raw pointers | |
//! | `rfind` | the last place of a needle | |
//! | `sys` | system calls that upstream has not, or not so | |

pub mod advice;
mod attributes;
pub mod bytes;
pub mod facts;
mod file;
pub mod foreign;
pub mod inheritance;
pub mod jit;
pub mod kind;
mod map;
pub mod memory_file;
#[cfg(unix)]
mod object;
mod operation;
pub mod page;
mod place;
mod protect;
pub mod range;
pub mod region;
mod replace;
pub mod request;
mod residency;
mod resize;
mod rfind;
pub mod source;
mod split_merge;
mod sys;

pub use facts::{Backing, Facts};
pub(crate) use file::FileNumber;
pub use file::{FileId, FileKind, Identity, Mode};
pub use inheritance::Inherit;
pub use kind::{Access, Kind};
pub use memory_file::MemoryFile;
#[cfg(unix)]
use object::Object;
pub use operation::{Call, Operation};
pub use place::Place;
pub use region::{Failure, Region};
pub use request::Request;
pub use resize::Resize;
pub use source::{FileOrigin, Source};
#[cfg(windows)]
use sys::object::Object;

/// Windows: whether the view of a file that begins at an address is a private one of this process, which the system may
/// not tell.
#[cfg(windows)]
pub(crate) fn is_private_view(base: usize) -> bool {
    sys::is_private_view(base)
}
