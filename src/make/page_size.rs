//! `PageSize`: one page size, as its logarithm.
// PyO3 makes comparisons with a cast that the list counts as an extraction.
#![allow(clippy::disallowed_methods)]

use crate::convert::flags;
use crate::convert::numbers::Number;
use crate::state::error::Result;
use mmap_rs_core::memory::page;
use mmap_rs_core::{Error, mmap_rs};
use pyo3::prelude::*;

/// A page size of `2**log2` bytes. Immutable, ordered, hashable.
///
/// The constants `PageSize._4K` to `PageSize._16G` are upstream's. Not every system offers all of them:
/// `MmapOptions.page_sizes()` returns those on offer.
///
/// Args:
///     log2: the base-2 logarithm of the size, an int: 12 for 4 KiB.
///
/// Raises:
///     InvalidSizeError: if the size does not fit into 64 bits.
///
/// Upstream: `mmap_rs::PageSize`.
///
/// Examples:
///     >>> PageSize(21)
///     PageSize._2M
///     >>> PageSize._2M.bytes
///     2097152
#[pyclass(module = "mmap_rs", frozen, eq, ord, hash)]
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PageSize {
    log2: u32,
}

/// The message also names the method that takes bytes, in case those were passed.
fn too_large(log2: usize) -> Error {
    Error::InvalidSize(format!(
        "no page has 2**{log2} bytes: PageSize takes the logarithm (12 for 4 KiB), PageSize.from_bytes() the bytes"
    ))
}

macro_rules! page_sizes {
    ($($name:ident)*) => {
        /// Upstream's constants, by value.
        const NAMES: &[(usize, &str)] = &[$((mmap_rs::PageSize::$name.0, stringify!($name))),*];

        #[pymethods]
        impl PageSize {
            #[new]
            fn new(log2: Number<usize>) -> Result<Self> {
                let Number(log2) = log2;
                let exponent = u32::try_from(log2).ok().filter(|log2| *log2 < u64::BITS);
                Ok(Self { log2: exponent.ok_or_else(|| too_large(log2))? })
            }

            /// The base-2 logarithm of the size, an int.
            ///
            /// Examples:
            ///     >>> PageSize._4K.log2
            ///     12
            #[getter]
            fn log2(&self) -> u32 {
                self.log2
            }

            /// The size in bytes, an int.
            ///
            /// Examples:
            ///     >>> PageSize._4K.bytes
            ///     4096
            #[getter]
            fn bytes(&self) -> u64 {
                1 << self.log2
            }

            /// Return the page size of `n` bytes.
            ///
            /// Raises:
            ///     InvalidSizeError: if `n` is not a power of two.
            ///
            /// Upstream: none.
            ///
            /// Examples:
            ///     >>> PageSize.from_bytes(4096)
            ///     PageSize._4K
            #[staticmethod]
            fn from_bytes(n: Number<u64>) -> Result<Self> {
                Ok(Self { log2: page::exponent_of(n.0)? })
            }

            /// Return the single page size in a `PageSizes`.
            ///
            /// Raises:
            ///     InvalidSizeError: if it contains none, or more than one.
            ///     ValueError: if bits are unknown.
            ///
            /// Upstream: `PageSize: TryFrom<PageSizes>`, whose result is wrong there.
            ///
            /// Examples:
            ///     >>> PageSize.try_from(PageSizes._2M)
            ///     PageSize._2M
            #[staticmethod]
            fn try_from(page_sizes: &Bound<'_, PyAny>) -> Result<Self> {
                let sizes = flags::argument(page_sizes, "PageSizes", mmap_rs::PageSizes::from_bits)?;
                Ok(Self { log2: page::exponent(sizes)? })
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
