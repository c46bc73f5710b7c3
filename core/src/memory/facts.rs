//! What upstream does not keep of a mapping, and what two mappings must share to be one (U4).

use super::file::{FileKind, Identity, Mode};
use super::kind::Access;
use super::page;
use super::source::Source;
use crate::error::listed;
use crate::{Error, Result};
use mmap_rs::{MmapFlags, UnsafeMmapFlags};
use std::fmt;

/// What is behind the pages.
#[derive(Clone, Debug)]
pub enum Backing {
    /// Nothing: zeros at first.
    Anonymous,
    /// A file.
    File {
        /// Which one.
        identity: Identity,
        /// Its kind.
        kind: FileKind,
        /// For what it was opened.
        mode: Mode,
        /// What it was opened from, and where in it the mapping begins.
        source: Box<Source>,
    },
}

/// All that is known of a mapping but its place.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The protection of all its pages.
    pub access: Access,
    /// Only reserved.
    pub reserved: bool,
    /// What is behind it.
    pub backing: Backing,
    /// The flags that it was made with.
    pub flags: MmapFlags,
    /// The unsafe flags that it was made with.
    pub unsafe_flags: UnsafeMmapFlags,
    /// The size of its pages in bytes.
    pub page: usize,
    /// Whether the fault guard watches it.
    pub guarded: bool,
    /// How many times in a row the same bytes are mapped.
    pub repeats: usize,
}

impl Facts {
    /// Whether writes are seen by others that map the same.
    pub fn is_shared(&self) -> bool {
        self.flags.contains(MmapFlags::SHARED)
    }

    /// Whether there is a file behind it.
    pub fn is_file(&self) -> bool {
        matches!(self.backing, Backing::File { .. })
    }

    /// Whether it is made of huge pages.
    pub fn is_huge(&self) -> bool {
        self.page != page::base()
    }

    /// The facts of the part that begins `at` bytes further on.
    pub fn at(&self, at: usize) -> Result<Self> {
        let mut facts = self.clone();
        if let Backing::File { source, .. } = &mut facts.backing {
            **source = source.at(at as u64, None)?;
        }
        Ok(facts)
    }

    /// Takes up what is true of the whole once the part with the facts `next` belongs to it: parts of one file may come
    /// from descriptors with other rights.
    pub(super) fn join(&mut self, next: &Facts) {
        if let (Backing::File { mode, .. }, Backing::File { mode: other, .. }) = (&mut self.backing, &next.backing) {
            if mode != other {
                *mode = Mode::Read;
            }
        }
    }

    /// The protection, for a message.
    fn in_words(&self) -> String {
        let reserved = if self.reserved { "reserved " } else { "" };
        format!("{reserved}{}", listed(self.access.protection().iter_names(), " | "))
    }

    /// What `lasting` compares, for a message.
    fn flag_names(&self) -> String {
        let flags = self.flags - MmapFlags::SHARED;
        let unsafe_flags = self.unsafe_flags & UnsafeMmapFlags::JIT;
        let names = flags.iter_names().map(|(name, _)| name).chain(unsafe_flags.iter_names().map(|(name, _)| name));
        format!("{} and pages of {} bytes", listed(names.map(|name| (name, ())), " | "), self.page)
    }

    /// Whether `other` could go on where `self`, `len` bytes long, ends: equal protection, flags and backing.
    pub fn continued_by(&self, len: usize, other: &Facts) -> Result<()> {
        if self.access != other.access || self.reserved != other.reserved {
            return Err(Error::AttributeMismatch(format!(
                "the first mapping is {}, the second {}: give both the same protection first",
                self.in_words(),
                other.in_words()
            )));
        }
        let lasting =
            |facts: &Facts| (facts.flags - MmapFlags::SHARED, facts.unsafe_flags & UnsafeMmapFlags::JIT, facts.page);
        if lasting(self) != lasting(other) {
            return Err(Error::AttributeMismatch(format!(
                "the first mapping was made with the flags {}, the second with {}",
                self.flag_names(),
                other.flag_names()
            )));
        }
        if self.guarded != other.guarded {
            return Err(Error::AttributeMismatch("one mapping has a fault guard, the other has none".to_owned()));
        }
        if self.is_shared() != other.is_shared() {
            return Err(Error::BackingMismatch("one mapping is shared, the other private".to_owned()));
        }
        match (&self.backing, &other.backing) {
            (Backing::Anonymous, Backing::Anonymous) => Ok(()),
            (Backing::File { identity: one, source, kind, .. }, Backing::File { identity: two, source: other, .. }) => {
                let (offset, name) = (source.offset(), source.name());
                let (next, other_name) = (other.offset(), other.name());
                let wanted = u64::try_from(len).ok().and_then(|len| offset.checked_add(len));
                if one != two && matches!(one, Identity::Mapping(_)) {
                    Err(Error::BackingMismatch(format!(
                        "{name} is {}: only parts of one mapping of it can be merged",
                        kind.in_words()
                    )))
                } else if one != two {
                    Err(Error::BackingMismatch(format!(
                        "{name} and {other_name} are different files: only parts of one can be merged"
                    )))
                } else if wanted != Some(next) {
                    Err(Error::BackingMismatch(format!(
                        "the second mapping begins at offset {next} of {name}, not at {} where the first one ends",
                        wanted.map_or_else(|| "any".to_owned(), |offset| offset.to_string())
                    )))
                } else {
                    Ok(())
                }
            }
            _ => Err(Error::BackingMismatch("one mapping is of a file, the other anonymous".to_owned())),
        }
    }
}

impl fmt::Display for Facts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_shared() { "shared" } else { "private" })?;
        match &self.backing {
            Backing::Anonymous => f.write_str(" anonymous")?,
            Backing::File { source, .. } => write!(f, " {}", source.in_words())?,
        }
        if self.access.is_exec() {
            f.write_str(" executable")?;
        }
        if self.guarded {
            f.write_str(" guarded")?;
        }
        if self.repeats > 1 {
            write!(f, " repeats={}", self.repeats)?;
        }
        Ok(())
    }
}
