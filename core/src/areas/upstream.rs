//! Other systems: upstream's lists behind the same face.

use super::{Area, Reader};
use crate::{Error, Result};
use mmap_rs::{MemoryAreas, ShareMode};
use std::fs::File;
use std::io::BufReader;
use std::ops::Range;

/// A list of areas, half read.
#[derive(Debug)]
pub(super) struct Reader(MemoryAreas<BufReader<File>>);

fn told(error: mmap_rs::Error) -> Error {
    Error::from_upstream(error, || "list of memory areas".to_owned())
}

impl Reader {
    pub(super) fn open(pid: Option<u32>, range: Option<&Range<usize>>) -> Result<Self> {
        let areas = match range {
            Some(range) => MemoryAreas::query_process_range(pid, range.clone()),
            None => MemoryAreas::open(pid),
        };
        areas.map(Self).map_err(told)
    }

    pub(super) fn next_area(&mut self) -> Result<Option<Area>> {
        let Some(area) = self.0.next().transpose().map_err(told)? else { return Ok(None) };
        let path = area.path().map(|path| (path.clone().into_os_string(), area.file_offset().unwrap_or_default()));
        Ok(Some(Area {
            allocation_base: area.allocation_base(),
            start: area.start(),
            end: area.end(),
            protection: area.protection(),
            shared: area.share_mode() == ShareMode::Shared,
            path,
        }))
    }
}
