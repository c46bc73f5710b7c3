//! Wine, where it must be known.
//!
//! In Wine 8 a view that was made for reading and is made copy-on-write later still writes into its file, or can't be
//! changed at all. Wine charges nobody for memory that is not written, so that nothing is lost there by making each
//! private view a copy-on-write one.

use std::sync::OnceLock;
use windows_sys::Win32::System::LibraryLoader::{GetModuleHandleW, GetProcAddress};
use windows_sys::core::{s, w};

/// Whether a view of a file must be made copy-on-write from the start to be it.
pub(super) fn writes_through() -> bool {
    static FOUND: OnceLock<bool> = OnceLock::new();
    *FOUND.get_or_init(|| {
        // SAFETY: names that end with 0; the library is in every process, for its whole life.
        let version = unsafe { GetProcAddress(GetModuleHandleW(w!("ntdll.dll")), s!("wine_get_version")) };
        version.is_some()
    })
}
