//! The bytes of a taken mapping, and what the system does with them.

use super::{Taken, sys};
use mmap_rs::{Error, Mmap, MmapMut, MmapNone};
use std::ops::{Deref, DerefMut, Range};

macro_rules! mapped {
    ($($type:ident),+) => {
        $(impl Taken<$type> {
            /// Keeps the pages in physical memory.
            ///
            /// # Errors
            /// What the system refuses.
            ///
            /// # Examples
            /// ```no_run
            /// # use pyo3_mmap_rs::{Taken, mmap_rs::{Error, MmapMut}};
            /// # fn example(mut m: Taken<MmapMut>) -> Result<(), Error> {
            /// m.lock()?;
            /// # Ok(()) }
            /// ```
            pub fn lock(&mut self) -> Result<(), Error> {
                Ok(sys::lock(self.start(), self.size())?)
            }

            /// Lets the system swap the pages out again.
            ///
            /// # Errors
            /// What the system refuses.
            ///
            /// # Examples
            /// ```no_run
            /// # use pyo3_mmap_rs::{Taken, mmap_rs::{Error, MmapMut}};
            /// # fn example(mut m: Taken<MmapMut>) -> Result<(), Error> {
            /// m.lock()?;
            /// m.unlock()?;
            /// # Ok(()) }
            /// ```
            pub fn unlock(&mut self) -> Result<(), Error> {
                Ok(sys::unlock(self.start(), self.size())?)
            }

            /// Writes a range back to the file, and waits for it.
            ///
            /// # Errors
            /// `InvalidOffset` if the range leaves the mapping; what the system refuses.
            ///
            /// # Examples
            /// ```no_run
            /// # use pyo3_mmap_rs::{Taken, mmap_rs::{Error, MmapMut}};
            /// # fn example(m: Taken<MmapMut>) -> Result<(), Error> {
            /// m.flush(0..m.size())?;
            /// # Ok(()) }
            /// ```
            pub fn flush(&self, range: Range<usize>) -> Result<(), Error> {
                self.flush_pages(range, true)
            }

            /// Begins to write a range back to the file.
            ///
            /// # Errors
            /// As [`Taken::flush`].
            ///
            /// # Examples
            /// ```no_run
            /// # use pyo3_mmap_rs::{Taken, mmap_rs::{Error, MmapMut}};
            /// # fn example(m: Taken<MmapMut>) -> Result<(), Error> {
            /// m.flush_async(0..100)?;
            /// # Ok(()) }
            /// ```
            pub fn flush_async(&self, range: Range<usize>) -> Result<(), Error> {
                self.flush_pages(range, false)
            }

            /// Flushes the instruction cache.
            ///
            /// # Errors
            /// None here; upstream's signature.
            ///
            /// # Examples
            /// ```no_run
            /// # use pyo3_mmap_rs::{Taken, mmap_rs::{Error, MmapMut}};
            /// # fn example(m: Taken<MmapMut>) -> Result<(), Error> {
            /// m.flush_icache()?;
            /// # Ok(()) }
            /// ```
            pub fn flush_icache(&self) -> Result<(), Error> {
                sys::flush_icache(self.start(), self.size());
                Ok(())
            }

            fn flush_pages(&self, range: Range<usize>, wait: bool) -> Result<(), Error> {
                if range.start > range.end || range.end > self.size() {
                    return Err(Error::InvalidOffset);
                }
                // The system wants whole pages.
                let first = range.start - range.start % self.memory.page_size();
                if range.end > first {
                    sys::flush(self.start() + first, range.end - first, wait)?;
                }
                Ok(())
            }
        })+
    };
}

mapped!(MmapNone, Mmap, MmapMut);

macro_rules! readable {
    ($($type:ident),+) => {
        $(impl Taken<$type> {
            /// All bytes.
            ///
            /// # Examples
            /// ```no_run
            /// # use pyo3_mmap_rs::{Taken, mmap_rs::{Error, MmapMut}};
            /// # fn example(m: Taken<MmapMut>) -> Result<(), Error> {
            /// let zeros = m.as_slice().iter().filter(|byte| **byte == 0).count();
            /// # Ok(()) }
            /// ```
            pub fn as_slice(&self) -> &[u8] {
                self
            }
        }

        impl Deref for Taken<$type> {
            type Target = [u8];

            fn deref(&self) -> &[u8] {
                // SAFETY: readable memory that belongs to this value; the same bargain as upstream's about files that
                // others change.
                unsafe { std::slice::from_raw_parts(self.as_ptr(), self.size()) }
            }
        }

        impl AsRef<[u8]> for Taken<$type> {
            fn as_ref(&self) -> &[u8] {
                self
            }
        })+
    };
}

readable!(Mmap, MmapMut);

impl Taken<MmapMut> {
    /// All bytes, to be written.
    ///
    /// # Examples
    /// ```no_run
    /// # use pyo3_mmap_rs::{Taken, mmap_rs::{Error, MmapMut}};
    /// # fn example(mut m: Taken<MmapMut>) -> Result<(), Error> {
    /// m.as_mut_slice()[..5].copy_from_slice(b"hello");
    /// # Ok(()) }
    /// ```
    pub fn as_mut_slice(&mut self) -> &mut [u8] {
        self
    }
}

impl DerefMut for Taken<MmapMut> {
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: writable memory that belongs to this value; as for `deref`.
        unsafe { std::slice::from_raw_parts_mut(self.as_mut_ptr(), self.size()) }
    }
}

impl AsMut<[u8]> for Taken<MmapMut> {
    fn as_mut(&mut self) -> &mut [u8] {
        self
    }
}
