//! A mapping in the place of a reservation, whose addresses nobody else can take in between.

use super::kind::Access;
#[cfg(unix)]
use super::map::Unfilled;
use super::place::Place;
use super::region::{Failure, Region};
use super::request::{Plan, Request};
use crate::state::Extent;
use crate::{Error, Result};
#[cfg(unix)]
use mmap_rs::MmapFlags;

impl Request {
    /// Makes the mapping in the place of a reservation. On success that has no memory any more, and is to be dropped. On
    /// failure it is as it was, unless the failure says that it is lost.
    ///
    /// A call that fails may leave a hole in its place, which another thread could fill. `is_intact` says whether it did
    /// not.
    pub fn map_over(
        &self,
        reservation: &mut Region,
        access: Access,
        reserved: bool,
        is_intact: impl Fn(&Region) -> bool,
    ) -> Result<Region, Failure> {
        reservation.check_system_owned("replaced").map_err(Failure::kept)?;
        let span = reservation.span();
        if self.is_fixed() || self.place != Place::Any {
            let text = "a mapping that takes the place of a reservation can't have another address too";
            return Err(Failure::kept(Error::InvalidOperation(text.to_owned())));
        }
        let plan = self.plan(access, reserved).map_err(Failure::kept)?;
        if plan.len != span.len {
            return Err(Failure::kept(Error::InvalidSize(format!(
                "a mapping of {} bytes can't take the place of a reservation of {} bytes: cut off as many with split_to()",
                plan.len, span.len
            ))));
        }
        if span.start % plan.pages.unit != 0 {
            return Err(Failure::kept(Error::InvalidOffset(format!(
                "the reservation at {:#x} is not at a multiple of the page size, {} bytes",
                span.start, plan.pages.unit
            ))));
        }
        self.replace(&plan, reservation, is_intact)
    }

    /// Finds out what the system has against this mapping, before a reservation is touched: maps as much of it elsewhere as
    /// is needed for that.
    #[cfg(unix)]
    fn try_elsewhere(&self, plan: &Plan) -> Result<()> {
        let is_plain = match &plan.opened {
            Some(opened) => opened.status.kind.is_one_memory(),
            None => true,
        };
        if plan.facts.is_huge() {
            // They are counted, and there may be no more than are needed.
            return Ok(());
        }
        // A device may allow its whole size only. Each repeat is an area, of which the system allows so many.
        let size = if is_plain { self.size.min(plan.pages.unit) } else { self.size };
        let costly = MmapFlags::POPULATE | MmapFlags::LOCKED;
        let trial = Self { size, flags: self.flags - costly, guarded: false, ..self.clone() };
        trial.parts(plan).and_then(|parts| trial.region(parts, trial.len(), plan.facts.clone())).map(drop)
    }

    /// Maps over a reservation.
    #[cfg(unix)]
    fn replace(
        &self,
        plan: &Plan,
        reservation: &mut Region,
        is_intact: impl Fn(&Region) -> bool,
    ) -> Result<Region, Failure> {
        self.try_elsewhere(plan).map_err(Failure::kept)?;
        let made = self.fill(plan, reservation.span()).and_then(|parts| {
            let region = Region::new(parts, plan.len, plan.facts.clone());
            let mut region = region.map_err(|error| Unfilled { error, len: plan.len })?;
            match self.finish(&mut region) {
                Ok(()) => Ok(region),
                Err(error) => {
                    region.forget();
                    Err(Unfilled { error, len: plan.len })
                }
            }
        });
        match made {
            Ok(region) => {
                reservation.forget();
                Ok(region)
            }
            Err(Unfilled { error, len }) => {
                reservation.reserve_again(len);
                // What it has lost is taken back, if nobody else has it by now. Otherwise it is not touched again.
                let lost = !reservation.restore(is_intact);
                if lost {
                    reservation.forget();
                }
                Err(Failure { error, lost })
            }
        }
    }

    #[cfg(windows)]
    fn replace(
        &self,
        _plan: &Plan,
        _reservation: &mut Region,
        _is_intact: impl Fn(&Region) -> bool,
    ) -> Result<Region, Failure> {
        let text = "this system can't map into the place of a reservation";
        Err(Failure::kept(Error::InvalidOperation(text.to_owned())))
    }
}
