//! Where a reader has been, so that one that goes in circles can't go on for ever (U29).

use super::Area;
use crate::{Error, Result};

/// The way so far.
#[derive(Debug, Default)]
pub(super) struct Way {
    /// The start of its last area.
    last: usize,
    /// The highest end of all.
    highest: usize,
    /// How often it went back since it came to that.
    turns: usize,
}

impl Way {
    /// A reader goes back once where look-ups fail and the text is read from its start, and a time or two where areas
    /// are joined meanwhile.
    const TURNS: usize = 100;

    /// Takes note of the reader's next area.
    pub fn step(&mut self, area: &Area) -> Result<()> {
        let is_back = area.start <= self.last && self.highest > 0;
        self.last = area.start;
        if area.end > self.highest {
            (self.highest, self.turns) = (area.end, 0);
        } else if is_back {
            self.turns = self.turns.saturating_add(1);
        }
        if self.turns <= Self::TURNS {
            return Ok(());
        }
        let message = format!("the list of memory areas comes back to {:#x} again and again", area.start);
        Err(Error::Parse { variant: "ParseInt", message })
    }
}
