//! macOS and iOS: upstream's lists behind the same face.
//!
//! U24: upstream writes another task's port through a pointer to a constant, so other processes are refused. (They
//! could be read with a right that few programs have.)

use super::{Area, Reader};
use crate::{Error, Result};
use mmap_rs::{MemoryAreas, ShareMode};
use std::fs::File;
use std::io::BufReader;
use std::ops::Range;

/// A list of areas, half read.
#[derive(Debug)]
pub(super) struct Source(MemoryAreas<BufReader<File>>);

fn told(error: mmap_rs::Error) -> Error {
    Error::from_upstream(error, || "list of memory areas".to_owned())
}

impl Reader for Source {
    fn open(pid: Option<u32>, range: Option<&Range<usize>>) -> Result<Self> {
        if let Some(pid) = pid.filter(|pid| *pid != std::process::id()) {
            return Err(Error::InvalidOperation(format!(
                "can't read the memory areas of process {pid}: on this system only a process's own"
            )));
        }
        let areas = match range {
            Some(range) => MemoryAreas::query_range(range.clone()),
            None => MemoryAreas::open(None),
        };
        areas.map(Self).map_err(told)
    }

    fn next_area(&mut self) -> Result<Option<Area>> {
        let Some(area) = self.0.next().transpose().map_err(told)? else { return Ok(None) };
        let path = area.path().map(|path| (path.clone().into_os_string(), area.file_offset().unwrap_or_default()));
        Ok(Some(Area {
            allocation_base: area.allocation_base(),
            start: area.start(),
            end: area.end(),
            protection: area.protection(),
            shared: area.share_mode() == ShareMode::Shared,
            is_file: path.is_some(),
            path,
        }))
    }
}
