//! Does the work of the benchmarks in plain Rust, in turns that the Python side asks for.
//!
//! Each line of the standard input asks for one turn: how many loops, the name of the work, and its arguments. The
//! answer is a line of JSON: `{"work": "find", "loops": 10, "ns": 203410}`, where `ns` is the time of the whole turn.
//! So both sides can be timed in turns, on the same files. The work is named in the table [`WORK`].

mod bare;
mod bytes;
mod mapped;

use std::io::{BufRead, Write};
use std::time::{Duration, Instant};

pub type Outcome<T> = Result<T, Box<dyn std::error::Error>>;
type Work = fn(&[&str], u32) -> Outcome<Duration>;

/// All work by name.
const WORK: &[(&str, Work)] = &[
    ("find", bytes::find),
    ("rfind", bytes::rfind),
    ("count", bytes::count),
    ("slice", bytes::slice),
    ("fill", bytes::fill),
    ("copy_within", bytes::copy_within),
    ("copy_from_slice", bytes::copy_from_slice),
    ("map", mapped::map),
    ("map_file", mapped::map_file),
    ("split_merge", mapped::split_merge),
    ("mmap", bare::mmap),
    ("mprotect", bare::mprotect),
    ("mlock", bare::mlock),
    ("msync", bare::msync),
    ("mremap", bare::mremap),
];

/// The time of `loops` calls; what they return is dropped within.
pub fn time<T>(loops: u32, mut work: impl FnMut() -> Outcome<T>) -> Outcome<Duration> {
    let begun = Instant::now();
    for _ in 0..loops {
        std::hint::black_box(work()?);
    }
    Ok(begun.elapsed())
}

/// The argument at a place.
pub fn argument<'a>(arguments: &[&'a str], place: usize) -> Outcome<&'a str> {
    arguments.get(place).copied().ok_or_else(|| format!("argument {place} is missing").into())
}

/// One turn, as a line asks for it.
fn turn(line: &str) -> Outcome<String> {
    let words: Vec<&str> = line.split('\t').collect();
    let (loops, name) = (argument(&words, 0)?.parse()?, argument(&words, 1)?);
    let (_, work) = WORK.iter().find(|(known, _)| *known == name).ok_or_else(|| format!("no work named {name}"))?;
    let took = work(words.get(2..).unwrap_or_default(), loops)?;
    Ok(format!("{{\"work\": \"{name}\", \"loops\": {loops}, \"ns\": {}}}", took.as_nanos()))
}

fn main() -> Outcome<()> {
    let mut answers = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        writeln!(answers, "{}", turn(&line?)?)?;
        answers.flush()?;
    }
    Ok(())
}
