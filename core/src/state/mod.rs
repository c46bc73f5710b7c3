//! Ownership, exports and threads: what Rust's compiler proves of a mapping, proved again at run time.
//!
//! A [`Cell`] holds a region and its [`Gate`], one atomic word. Acts on it are of four kinds:
//!
//! | act | needs | while it runs |
//! | --- | --- | --- |
//! | pin ([`Pinned`]) | not gone; waits for an exclusive act | the span can't change |
//! | export ([`Cell::export`]) | not gone; waits for an exclusive act | the region can't be changed or ended |
//! | exclusive ([`Exclusive`]) | no exports, else busy; waits for pins | alone; ends as kept, changed or gone |
//! | linger ([`Cell::linger`]) | not gone; waits for pins | gone for calls; the last release hands the region out |
//!
//! Nothing here blocks by itself: a `try` answers at once, and [`Cell::wait`] is called by whoever may sleep.

mod backoff;
mod cell;
mod fork;
mod gate;
mod pair;
mod sync;

pub use cell::{Cell, Exclusive, Pinned, Resident, Span};
pub use fork::{generation, watch};
pub use gate::{Gate, Lone, Stop, Wish};
pub use pair::{PairStop, exclusive_pair};
