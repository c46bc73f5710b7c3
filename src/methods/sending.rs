//! What another process must know of a mapping to make the same.

use crate::convert::paths;
use crate::make::memory_file::MemoryFile;
use crate::state::borrow::with_region;
use crate::state::classes::Mapping;
use crate::state::error::Result;
use mmap_rs_core::memory::{Backing, FileId, FileOrigin, MemoryFile as Core};
use pyo3::prelude::*;
use pyo3::types::PyDict;

/// What can be sent of a mapping, as plain values.
struct Sendable {
    memory: Option<Core>,
    path: Option<std::path::PathBuf>,
    identity: Option<FileId>,
    offset: u64,
    past_end: bool,
    size: usize,
    repeats: usize,
    flags: u32,
    unsafe_flags: u32,
    executable: bool,
    guarded: bool,
}

/// What another process needs to make the mapping again, a dict; `None` if it can't.
#[pyfunction(name = "_sent")]
pub fn sent<'py>(py: Python<'py>, mapping: &Bound<'py, Mapping>) -> Result<Option<Bound<'py, PyDict>>> {
    let found = with_region(
        py,
        mapping.get(),
        |_| false,
        |region| {
            let facts = region.facts();
            let Backing::File { source, .. } = &facts.backing else { return None };
            if !facts.is_shared() || facts.reserved {
                return None;
            }
            let (memory, path) = match source.backing() {
                FileOrigin::Descriptor => return None,
                FileOrigin::Memory(memory) => (Some(memory.clone()), None),
                // Another mapping of a device may be of other memory.
                FileOrigin::Path(_) if source.found().is_none() => return None,
                FileOrigin::Path(path) => (None, Some(path.to_path_buf())),
            };
            Some(Sendable {
                memory,
                path,
                identity: source.found(),
                offset: source.offset(),
                past_end: source.past_end(),
                size: region.len_of_one(),
                repeats: facts.repeats,
                flags: facts.flags.bits(),
                unsafe_flags: facts.unsafe_flags.bits(),
                executable: facts.access.is_exec(),
                guarded: facts.guarded,
            })
        },
    )?;
    let Some(found) = found else { return Ok(None) };
    let values = PyDict::new(py);
    match (found.memory, &found.path) {
        (Some(memory), _) => values.set_item("memory", Bound::new(py, MemoryFile::of(memory))?)?,
        (None, Some(path)) => values.set_item("path", paths::text(py, path)?)?,
        (None, None) => return Ok(None),
    }
    values.set_item("identity", found.identity.map(|file| (file.device, file.inode, file.born)))?;
    values.set_item("offset", found.offset)?;
    values.set_item("past_end", found.past_end)?;
    values.set_item("size", found.size)?;
    values.set_item("repeats", found.repeats)?;
    values.set_item("flags", found.flags)?;
    values.set_item("unsafe_flags", found.unsafe_flags)?;
    values.set_item("executable", found.executable)?;
    values.set_item("guarded", found.guarded)?;
    Ok(Some(values))
}
