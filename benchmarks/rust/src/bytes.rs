//! Work over many bytes: searches and copies.

use crate::{Outcome, argument, time};
use mmap_rs::{Mmap, MmapFlags, MmapMut, MmapOptions};
use std::cell::RefCell;
use std::fs::File;
use std::hint::black_box;
use std::path::PathBuf;
use std::time::Duration;

thread_local! {
    /// The file of the last turn, mapped: a mapping anew for each turn would be measured too.
    static MAPPED: RefCell<Option<(PathBuf, Mmap)>> = const { RefCell::new(None) };
    /// Anonymous memory of the last turn that asked for some, with as much to copy from.
    static MEMORY: RefCell<Option<(MmapMut, Vec<u8>)>> = const { RefCell::new(None) };
}

/// Gives `work` the bytes of a file.
fn over_file(path: &str, work: impl FnOnce(&[u8]) -> Outcome<Duration>) -> Outcome<Duration> {
    MAPPED.with_borrow_mut(|kept| {
        if kept.as_ref().is_none_or(|(of, _)| of.as_os_str() != path) {
            let file = File::open(path)?;
            let size = usize::try_from(file.metadata()?.len())?;
            let options = MmapOptions::new(size)?.with_flags(MmapFlags::SHARED);
            // SAFETY: the benchmarks write their files before they name them, and leave them alone then.
            *kept = Some((path.into(), unsafe { options.with_file(&file, 0) }.map()?));
        }
        let (_, mapping) = kept.as_ref().ok_or("nothing is mapped")?;
        work(mapping.as_slice())
    })
}

/// Gives `work` so many bytes of memory, and as many to copy from.
fn over_memory(size: &str, work: impl FnOnce(&mut [u8], &[u8]) -> Outcome<Duration>) -> Outcome<Duration> {
    let size: usize = size.parse()?;
    MEMORY.with_borrow_mut(|kept| {
        if kept.as_ref().is_none_or(|(mapping, _)| mapping.size() != size) {
            *kept = Some((MmapOptions::new(size)?.map_mut()?, vec![5; size]));
        }
        let (mapping, source) = kept.as_mut().ok_or("nothing is mapped")?;
        work(mapping.as_mut_slice(), source)
    })
}

/// A needle, written as hexadecimal digits.
fn needle(digits: &str) -> Outcome<Vec<u8>> {
    let pairs = digits.as_bytes().chunks(2);
    pairs.map(|pair| Ok(u8::from_str_radix(std::str::from_utf8(pair)?, 16)?)).collect()
}

/// `find FILE NEEDLE`
pub fn find(arguments: &[&str], loops: u32) -> Outcome<Duration> {
    let needle = needle(argument(arguments, 1)?)?;
    over_file(argument(arguments, 0)?, |bytes| match *needle {
        [byte] => time(loops, || Ok(memchr::memchr(black_box(byte), black_box(bytes)))),
        _ => time(loops, || Ok(memchr::memmem::find(black_box(bytes), black_box(&needle)))),
    })
}

/// `rfind FILE NEEDLE`
pub fn rfind(arguments: &[&str], loops: u32) -> Outcome<Duration> {
    let needle = needle(argument(arguments, 1)?)?;
    over_file(argument(arguments, 0)?, |bytes| match *needle {
        [byte] => time(loops, || Ok(memchr::memrchr(black_box(byte), black_box(bytes)))),
        _ => time(loops, || Ok(memchr::memmem::rfind(black_box(bytes), black_box(&needle)))),
    })
}

/// `count FILE NEEDLE`
pub fn count(arguments: &[&str], loops: u32) -> Outcome<Duration> {
    let needle = needle(argument(arguments, 1)?)?;
    over_file(argument(arguments, 0)?, |bytes| match *needle {
        [byte] => time(loops, || Ok(memchr::memchr_iter(black_box(byte), black_box(bytes)).count())),
        _ => time(loops, || Ok(memchr::memmem::find_iter(black_box(bytes), black_box(&needle)).count())),
    })
}

/// `slice SIZE`: a copy into new memory.
pub fn slice(arguments: &[&str], loops: u32) -> Outcome<Duration> {
    over_memory(argument(arguments, 0)?, |bytes, _| time(loops, || Ok(black_box(&*bytes).to_vec())))
}

/// `fill SIZE`
pub fn fill(arguments: &[&str], loops: u32) -> Outcome<Duration> {
    over_memory(argument(arguments, 0)?, |bytes, _| {
        time(loops, || {
            black_box(&mut *bytes).fill(black_box(7));
            Ok(())
        })
    })
}

/// `copy_within SIZE START END TARGET`
pub fn copy_within(arguments: &[&str], loops: u32) -> Outcome<Duration> {
    let (start, end) = (argument(arguments, 1)?.parse::<usize>()?, argument(arguments, 2)?.parse()?);
    let target = argument(arguments, 3)?.parse()?;
    over_memory(argument(arguments, 0)?, |bytes, _| {
        time(loops, || {
            black_box(&mut *bytes).copy_within(start..end, target);
            Ok(())
        })
    })
}

/// `copy_from_slice SIZE`
pub fn copy_from_slice(arguments: &[&str], loops: u32) -> Outcome<Duration> {
    over_memory(argument(arguments, 0)?, |bytes, source| {
        time(loops, || {
            black_box(&mut *bytes).copy_from_slice(black_box(source));
            Ok(())
        })
    })
}
