//! Setting the protection of a region, and committing a reservation: all of it, or nothing.

use super::jit;
use super::kind::Access;
use super::operation::Call;
use super::region::{Failure, Part, Parts, Region};
use crate::Error;

impl Region {
    /// Sets the protection of all of it, or of nothing.
    pub fn make(&mut self, access: Access, flush: bool) -> Result<(), Failure> {
        if !jit::check_change(&self.facts, access).map_err(Failure::kept)? {
            return Ok(());
        }
        let mut after = Parts::new();
        after.try_reserve_exact(self.parts.len()).map_err(|_| Failure::kept(Error::OutOfMemory))?;
        self.tell_guard(access);
        let mut before = std::mem::take(&mut self.parts).into_iter();
        while let Some(part) = before.next() {
            match part.make(access, flush) {
                Ok(part) => after.push(part),
                Err((part, error)) => {
                    let error = self.operation(Call::Protect(access)).upstream(error);
                    // The system may have changed some pages of this part too before it stopped.
                    let undone = after.into_iter().chain([part]);
                    let (parts, lost) = put_back(undone, self.facts.access);
                    self.parts = parts;
                    self.parts.extend(before);
                    self.tell_guard(self.facts.access);
                    return Err(Failure { error, lost });
                }
            }
        }
        self.parts = after;
        self.facts.access = access;
        Ok(())
    }

    /// Turns a reservation into memory: upstream's `TryFrom` of the mapped types.
    pub fn commit(&mut self) -> Result<(), Failure> {
        if !self.facts.reserved {
            return Ok(());
        }
        let mut before = std::mem::take(&mut self.parts).into_iter();
        while let Some(Part { object, locked }) = before.next() {
            match object.commit() {
                Ok(object) => self.parts.push(Part { object, locked }),
                Err((object, error)) => {
                    let error = self.operation(Call::Commit).upstream(error);
                    let lost = object.is_none();
                    self.parts.extend(object.map(|object| Part { object, locked }).into_iter().chain(before));
                    return Err(Failure { error, lost });
                }
            }
        }
        self.facts.reserved = false;
        Ok(())
    }
}

/// Gives parts the protection back that they had.
fn put_back(parts: impl Iterator<Item = Part>, access: Access) -> (Parts, bool) {
    let mut lost = false;
    let parts = parts
        .map(|part| {
            part.make(access, false).unwrap_or_else(|(part, _)| {
                lost = true;
                part
            })
        })
        .collect();
    (parts, lost)
}
