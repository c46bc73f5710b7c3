//! Exclusive access to two regions at once, without a deadlock.

use super::region_cell::{Exclusive, Extent, RegionCell};
use super::use_count::AcquireError;

/// Begins exclusive access to both, or to neither; the cell that refused otherwise. The one at the lower address is
/// tried first, and nobody waits for one while holding the other. The caller has made sure that they are two.
#[allow(clippy::type_complexity)]
pub fn exclusive_pair<'a, R: Extent>(
    left: &'a RegionCell<R>,
    right: &'a RegionCell<R>,
) -> Result<(Exclusive<'a, R>, Exclusive<'a, R>), (&'a RegionCell<R>, AcquireError)> {
    let swap = std::ptr::from_ref(right) < std::ptr::from_ref(left);
    let (first, second) = if swap { (right, left) } else { (left, right) };
    let one = first.exclusive().map_err(|error| (first, error))?;
    let two = second.exclusive().map_err(|error| (second, error))?;
    Ok(if swap { (two, one) } else { (one, two) })
}
