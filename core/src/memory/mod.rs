//! Upstream's objects as regions: made, protected, split, merged, flushed, advised and given back.
//!
//! | module | concept | upstream's defects met there |
//! | --- | --- | --- |
//! | [`kind`] | the six types and the five protections, as a table | |
//! | `object` | upstream's objects, one of six types each; under Windows `sys` has its own | |
//! | [`region`] | one or several objects side by side | U4, U5, U10 |
//! | [`facts`] | what upstream does not keep of a mapping | U4 |
//! | [`request`] | what a mapping is to be; making it | U3, U6, U7 |
//! | [`source`] | the file behind it | U6 |
//! | [`page`] | page sizes | U2, U3 |
//! | [`range`] | ranges, checked and widened to pages | U1 |
//! | [`advice`] | advice at any time | U7, U9 |
//! | [`jit`] | memory that a thread must ask to write | U23 |
//! | [`bytes`] | the bytes themselves, through raw pointers | |
//! | `rfind` | the last place of a needle | |
//! | `sys` | system calls that upstream has not, or not so | |

pub mod advice;
pub mod bytes;
pub mod facts;
pub mod jit;
pub mod kind;
#[cfg(unix)]
mod object;
pub mod page;
pub mod range;
pub mod region;
pub mod request;
mod rfind;
pub mod source;
mod sys;

pub use facts::{Backing, Facts};
pub use kind::{Access, Kind};
#[cfg(unix)]
use object::Object;
pub use region::{Failure, Region};
pub use request::Request;
pub use source::Source;
#[cfg(windows)]
use sys::object::Object;

/// Windows: whether the view of a file that begins at an address is a private one of this process, which the system may
/// not tell.
#[cfg(windows)]
pub(crate) fn is_private_view(base: usize) -> bool {
    sys::is_private_view(base)
}
