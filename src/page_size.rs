//! `PageSize`: one page size, as its logarithm.

use crate::args::flag;
use crate::error::told;
use crate::flags::PAGE_SIZES;
use mmap_rs_core::memory::page;
use mmap_rs_core::{Error, mmap_rs};
use pyo3::prelude::*;

/// PageSize(log2): a page size of `2**log2` bytes (upstream: `mmap_rs::PageSize`). Immutable, ordered, hashable.
///
/// `InvalidSizeError` where no number of 64 bits could hold the size. Not all sizes exist on all systems:
/// `MmapOptions.page_sizes()` tells.
#[pyclass(module = "mmap_rs", frozen, eq, ord, hash)]
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PageSize {
    log2: u32,
}

macro_rules! page_sizes {
    ($($name:ident)*) => {
        /// Upstream's constants, by value.
        const NAMES: &[(usize, &str)] = &[$((mmap_rs::PageSize::$name.0, stringify!($name))),*];

        #[pymethods]
        impl PageSize {
            #[new]
            fn new(py: Python<'_>, log2: usize) -> PyResult<Self> {
                let exponent = u32::try_from(log2).ok().filter(|log2| *log2 < u64::BITS);
                let known = exponent.ok_or_else(|| Error::InvalidSize(format!("no page has 2**{log2} bytes")));
                told(py, known).map(|log2| Self { log2 })
            }

            /// The logarithm of the size to base 2.
            #[getter]
            fn log2(&self) -> u32 {
                self.log2
            }

            /// The size in bytes.
            #[getter]
            fn bytes(&self) -> u64 {
                1 << self.log2
            }

            /// from_bytes(n): the page size of `n` bytes; `InvalidSizeError` where that is no power of two.
            #[staticmethod]
            fn from_bytes(py: Python<'_>, n: u64) -> PyResult<Self> {
                told(py, page::exponent_of(n)).map(|log2| Self { log2 })
            }

            /// try_from(page_sizes): the one page size in a `PageSizes`; `InvalidSizeError` where it is not one.
            #[staticmethod]
            fn try_from(py: Python<'_>, page_sizes: &Bound<'_, PyAny>) -> PyResult<Self> {
                let sizes = flag(page_sizes, &PAGE_SIZES, mmap_rs::PageSizes::from_bits)?;
                told(py, page::exponent(sizes)).map(|log2| Self { log2 })
            }

            fn __repr__(&self) -> String {
                match NAMES.iter().find(|(log2, _)| *log2 == self.log2 as usize) {
                    Some((_, name)) => format!("PageSize.{name}"),
                    None => format!("PageSize({})", self.log2),
                }
            }

            fn __getnewargs__(&self) -> (u32,) {
                (self.log2,)
            }

            $(
                #[classattr]
                #[allow(non_upper_case_globals)]
                const $name: Self = Self { log2: mmap_rs::PageSize::$name.0 as u32 };
            )*
        }
    };
}

page_sizes!(_4K _64K _512K _1M _2M _4M _8M _16M _32M _256M _512M _1G _2G _16G);

impl PageSize {
    pub fn exponent(self) -> u32 {
        self.log2
    }
}
