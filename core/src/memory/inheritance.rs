//! What a child of `fork` gets of a mapping.

use super::operation::Call;
use super::region::Region;
use super::sys;
use crate::guard;
use crate::state::{Extent, Pinned};
use crate::{Error, Result};

/// What a child of `fork` gets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum Inherit {
    /// A copy of private memory, the same shared memory.
    #[default]
    Default = 0,
    /// Nothing: the addresses are free there.
    None = 1,
    /// As many zeros.
    Zero = 2,
}

impl Inherit {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 3] = [Self::Default, Self::None, Self::Zero];

    /// The name that Python has for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Default => "DEFAULT",
            Self::None => "NONE",
            Self::Zero => "ZERO",
        }
    }
}

/// Says what children get from now on. On failure nothing has changed.
///
/// The cell and the system never disagree in the direction that would hurt: before the system leaves the memory out of a
/// child, the child reads the mapping as ended.
pub fn set(pinned: &Pinned<'_, Region>, inherit: Inherit) -> Result<()> {
    if !cfg!(unix) {
        return Err(Error::InvalidOperation("this system has no fork, so that nothing is inherited".to_owned()));
    }
    pinned.with(|region| {
        let _turn = region.attributes.change()?;
        let before = region.attributes.inherit();
        check(region, inherit)?;
        let tell = |inherited| {
            pinned.set_inherited(inherited);
            region.entry.set_inherited(inherited);
            region.guard.iter().for_each(|guard| guard::set_inherited(guard, inherited));
        };
        if inherit == Inherit::None {
            tell(false);
        }
        let asked = if region.parts.is_empty() {
            Ok(())
        } else {
            sys::inherit(region.span(), inherit, region.facts().is_shared())
        };
        if asked.is_ok() {
            region.attributes.set_inherit(inherit);
        }
        tell(region.attributes.is_inherited());
        asked.map_err(|code| {
            // Some pages may have it by now.
            let _ = sys::inherit(region.span(), before, region.facts().is_shared());
            region.operation(Call::Inherit(inherit)).refused(code)
        })
    })
}

fn check(region: &Region, inherit: Inherit) -> Result<()> {
    if inherit != Inherit::Zero {
        return Ok(());
    }
    if cfg!(target_vendor = "apple") {
        return Err(Error::InvalidOperation("this system can't give a child zeros in the place of memory".to_owned()));
    }
    let linux = cfg!(any(target_os = "linux", target_os = "android"));
    if linux && (region.facts().is_file() || region.facts().is_shared()) {
        let text = "a child can get zeros only in the place of memory that is private and anonymous";
        return Err(Error::InvalidOperation(text.to_owned()));
    }
    Ok(())
}
