//! Windows: the kernel's names of files, `\Device\HarddiskVolume3\x`, as programs know them: `C:\x` (U22). That of a
//! device without a drive, such as a mounted folder, can be opened as `\\?\GLOBALROOT\Device\HarddiskVolume3\x`.

/// The name of a device and the drive that stands for it, such as `C:`.
pub(super) type Drive = (Vec<u16>, [u16; 2]);

const SEPARATOR: u16 = b'\\' as u16;

/// A name as programs know it, so that they can open it.
pub(super) fn path(name: &[u16], drives: &[Drive]) -> Vec<u16> {
    let strip = |start: &str| name.strip_prefix(start.encode_utf16().collect::<Vec<_>>().as_slice());
    // The kernel's folder of the names that programs know.
    if let Some(rest) = strip(r"\??\UNC\") {
        return [&[SEPARATOR; 2], rest].concat();
    }
    if let Some(rest) = strip(r"\??\") {
        return rest.to_vec();
    }
    // One device's name may begin with another's: `HarddiskVolume1`, `HarddiskVolume12`.
    let below = |device: &[u16]| name.strip_prefix(device).filter(|rest| rest.first() == Some(&SEPARATOR));
    for (device, drive) in drives {
        if let Some(rest) = below(device) {
            return [drive.as_slice(), rest].concat();
        }
    }
    let network: Vec<u16> = r"\Device\Mup".encode_utf16().collect();
    match below(&network) {
        Some(rest) => [&[SEPARATOR], rest].concat(),
        None if strip(r"\Device\").is_some() => r"\\?\GLOBALROOT".encode_utf16().chain(name.iter().copied()).collect(),
        None => name.to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wide(text: &str) -> Vec<u16> {
        text.encode_utf16().collect()
    }

    #[test]
    fn u22_names_of_files() {
        let drives = [
            (wide(r"\Device\HarddiskVolume1"), [u16::from(b'C'), u16::from(b':')]),
            (wide(r"\Device\HarddiskVolume12"), [u16::from(b'D'), u16::from(b':')]),
        ];
        for (name, expected) in [
            (r"\Device\HarddiskVolume1\a\b.dll", r"C:\a\b.dll"),
            (r"\Device\HarddiskVolume12\a", r"D:\a"),
            (r"\Device\HarddiskVolume123\a", r"\\?\GLOBALROOT\Device\HarddiskVolume123\a"),
            (r"\Device\Mup\server\share\a", r"\\server\share\a"),
            (r"\Device\HarddiskVolume1", r"\\?\GLOBALROOT\Device\HarddiskVolume1"),
            (r"\??\C:\a\b.dll", r"C:\a\b.dll"),
            (r"\??\UNC\server\share\a", r"\\server\share\a"),
            (r"\SomeOther\a", r"\SomeOther\a"),
            ("", ""),
        ] {
            assert_eq!(path(&wide(name), &drives), wide(expected), "{name}");
        }
    }
}
