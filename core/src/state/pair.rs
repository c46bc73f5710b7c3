//! Being alone with two regions at once, without a deadlock.

use super::cell::{Cell, Exclusive, Resident};
use super::gate::Stop;

/// Which of the two refused, and why.
pub type PairStop<'a, R> = (&'a Cell<R>, Stop);

/// Becomes alone with both, or with none. The one at the lower address is asked first, the other by trying: nobody
/// waits for one while holding the other. The caller has made sure that they are two.
pub fn exclusive_pair<'a, R: Resident>(
    left: &'a Cell<R>,
    right: &'a Cell<R>,
) -> Result<(Exclusive<'a, R>, Exclusive<'a, R>), PairStop<'a, R>> {
    let swap = (right as *const Cell<R>) < (left as *const Cell<R>);
    let (first, second) = if swap { (right, left) } else { (left, right) };
    let first_alone = first.exclusive().map_err(|stop| (first, stop))?;
    let second_alone = second.exclusive().map_err(|stop| (second, stop))?;
    Ok(if swap { (second_alone, first_alone) } else { (first_alone, second_alone) })
}
