//! Making, dividing and joining mappings, with mmap-rs.

use crate::{Outcome, argument, time};
use mmap_rs::MmapOptions;
use std::fs::File;
use std::time::Duration;

/// `map SIZE`: map anonymous memory and give it back.
pub fn map(arguments: &[&str], loops: u32) -> Outcome<Duration> {
    let size = argument(arguments, 0)?.parse()?;
    time(loops, || Ok(MmapOptions::new(size)?.map_mut()?))
}

/// `map_file FILE`: map a file and give it back.
pub fn map_file(arguments: &[&str], loops: u32) -> Outcome<Duration> {
    let file = File::open(argument(arguments, 0)?)?;
    let size = usize::try_from(file.metadata()?.len())?;
    time(loops, || {
        // SAFETY: the benchmarks leave the file alone, and nothing of it is read here.
        Ok(unsafe { MmapOptions::new(size)?.with_file(&file, 0) }.map()?)
    })
}

/// `split_merge SIZE AT`: divide a mapping, and join the parts again.
pub fn split_merge(arguments: &[&str], loops: u32) -> Outcome<Duration> {
    let (size, at) = (argument(arguments, 0)?.parse()?, argument(arguments, 1)?.parse()?);
    let mut mapping = MmapOptions::new(size)?.map_mut()?;
    time(loops, || {
        let rest = mapping.split_off(at)?;
        mapping.merge(rest).map_err(|(error, _)| error)?;
        Ok(())
    })
}
