//! A program in Rust that embeds Python: Python code fills a mapping that Rust has made, and Rust takes it back.

use pyo3::prelude::*;
use pyo3::types::PyDict;
use pyo3_mmap_rs::mmap_rs::{MmapMut, MmapOptions};
use pyo3_mmap_rs::{Given, Taken};

fn main() -> PyResult<()> {
    let made = MmapOptions::new(1 << 20).and_then(MmapOptions::map_mut).expect("memory");
    let taken = Python::attach(|py| -> PyResult<Taken<MmapMut>> {
        let locals = PyDict::new(py);
        locals.set_item("m", Given(made))?;
        py.run(c"m[:5] = b'hello'; m.fill(0x2a, range(5, len(m)))", None, Some(&locals))?;
        let mapping = locals.get_item("m")?.expect("it was set");
        // SAFETY: private and anonymous memory, which nobody else can write.
        unsafe { Taken::new(&mapping) }
    })?;
    let text = String::from_utf8_lossy(&taken[..8]);
    println!("{text} and {} more bytes", taken.size() - 8);
    Ok(())
}
