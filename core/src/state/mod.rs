//! Ownership, exports and threads: what Rust's compiler proves about a mapping, checked at run time.
//!
//! A [`RegionCell`] holds a region and its [`UseCount`], one atomic word. There are four kinds of use:
//!
//! | use | needs | meanwhile |
//! | --- | --- | --- |
//! | a pin ([`Pinned`]), for a call | not ended; waits for exclusive access and requests for it | the span can't change |
//! | an export ([`Exported`]), for a buffer | the same | the region can't be changed or unmapped |
//! | exclusive access ([`Exclusive`]) | no exports, else refused; waits for pins | no other use |
//! | [`RegionCell::end_deferred`] | not ended; waits for exclusive access | ended for calls; the last use unmaps |
//!
//! All are values that end on drop. Nothing here waits by itself: each attempt returns at once, and callers that may
//! sleep call [`RegionCell::wait`].

mod backoff;
mod ending;
mod fork;
mod held;
mod pair;
mod region_cell;
mod sync;
mod use_count;
mod word;

pub use ending::Ending;
pub use fork::{generation, watch};
pub use held::{Held, assert_nothing_held};
pub use pair::exclusive_pair;
pub use region_cell::{Exclusive, Exported, Extent, Pinned, RegionCell};
pub use use_count::{AcquireError, Mode, Request, Requests, UseCount};

/// Where a region lies: its first address and its length in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The first address.
    pub start: usize,
    /// The length in bytes.
    pub len: usize,
}
