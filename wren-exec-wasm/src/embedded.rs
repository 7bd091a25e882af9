//! Data that is compiled into the program, as pages of the program's file: mapping them copies nothing, and every process and
//! instance shares them.
#![allow(unsafe_code, reason = "memory that the kernel maps is pointers")]

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::ptr::NonNull;

use rustix::mm::{MapFlags, ProtFlags, mmap};

/// Bytes that begin on a page of their own, in memory and so in the program's file; the largest page of the machines there are.
#[repr(C, align(65536))]
pub(crate) struct Pages<T: ?Sized>(pub(crate) T);

/// Returns a file with these bytes, and where in it they begin.
///
/// # Errors
/// From the system. Without access to the program's file the bytes are copied into one without a name.
pub(crate) fn file_of(bytes: &[u8]) -> io::Result<(File, u64)> {
    in_program(bytes).map_or_else(|_| Ok((copied(bytes)?, 0)), Ok)
}

/// Maps bytes once more, as private pages. They stay mapped for good.
///
/// # Errors
/// From the system.
pub(crate) fn map(bytes: &[u8]) -> io::Result<NonNull<[u8]>> {
    let (file, offset) = file_of(bytes)?;
    let protection = ProtFlags::READ | ProtFlags::WRITE;
    // SAFETY: the kernel chooses a place where nothing is.
    let base = unsafe { mmap(std::ptr::null_mut(), bytes.len(), protection, MapFlags::PRIVATE, &file, offset)? };
    let base = NonNull::new(base.cast::<u8>()).ok_or(io::ErrorKind::OutOfMemory)?;
    Ok(NonNull::slice_from_raw_parts(base, bytes.len()))
}

/// Finds the bytes in the file that they were loaded from: the program, or a library of it.
fn in_program(bytes: &[u8]) -> io::Result<(File, u64)> {
    let address = bytes.as_ptr().addr() as u64;
    let maps = fs::read_to_string("/proc/self/maps")?;
    let mapping = maps.lines().filter_map(Mapping::parse).find(|mapping| mapping.has(address, bytes.len()));
    let mapping = mapping.ok_or(io::ErrorKind::NotFound)?;
    // The program can have been replaced since it was started: the link still leads to what runs.
    for path in [Path::new("/proc/self/exe"), Path::new(mapping.path)] {
        if let Ok(file) = File::open(path)
            && file.metadata().is_ok_and(|metadata| metadata.ino() == mapping.inode)
        {
            let offset = mapping.offset + (address - mapping.start);
            return if has(&file, offset, bytes)? {
                Ok((file, offset))
            } else {
                Err(io::ErrorKind::InvalidData.into())
            };
        }
    }
    Err(io::ErrorKind::NotFound.into())
}

/// Says whether the first and the last bytes are where they were found.
fn has(file: &File, offset: u64, bytes: &[u8]) -> io::Result<bool> {
    use std::os::unix::fs::FileExt as _;
    let mut sample = [0; 4096];
    let length = sample.len().min(bytes.len());
    let last = bytes.len() - length;
    for at in [0, last] {
        file.read_exact_at(&mut sample[..length], offset + at as u64)?;
        if sample[..length] != bytes[at..at + length] {
            return Ok(false);
        }
    }
    Ok(true)
}

fn copied(bytes: &[u8]) -> io::Result<File> {
    let descriptor = rustix::fs::memfd_create("wren-guest", rustix::fs::MemfdFlags::CLOEXEC)?;
    let mut file = File::from(descriptor);
    file.write_all(bytes)?;
    Ok(file)
}

/// A line of `/proc/<pid>/maps`.
struct Mapping<'a> {
    start: u64,
    end: u64,
    offset: u64,
    inode: u64,
    path: &'a str,
}

impl<'a> Mapping<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let mut fields = line.splitn(6, ' ');
        let (start, end) = fields.next()?.split_once('-')?;
        let offset = fields.nth(1)?;
        let inode = fields.nth(1)?.parse().ok()?;
        let path = fields.next()?.trim_start();
        let number = |text| u64::from_str_radix(text, 16).ok();
        Some(Self { start: number(start)?, end: number(end)?, offset: number(offset)?, inode, path })
    }

    fn has(&self, address: u64, length: usize) -> bool {
        self.start <= address && address + length as u64 <= self.end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static SAMPLE: &Pages<[u8; 5]> = &Pages(*b"pages");

    #[test]
    fn finds_what_is_in_the_program() {
        let (file, offset) = in_program(&SAMPLE.0).unwrap();
        assert_eq!(offset % rustix::param::page_size() as u64, 0);
        assert!(has(&file, offset, b"pages").unwrap());
        assert!(!has(&file, offset, b"pagers").unwrap());
    }

    #[test]
    fn copies_what_is_not() {
        let elsewhere = b"elsewhere".to_vec();
        assert!(in_program(&elsewhere).is_err());
        let (file, offset) = file_of(&elsewhere).unwrap();
        assert!(has(&file, offset, b"elsewhere").unwrap());
    }

    #[test]
    fn a_line_of_the_map_is_read() {
        let line = "7f00-7fff r--p 0001f000 08:01 4711                       /a path/with spaces (deleted)";
        let mapping = Mapping::parse(line).unwrap();
        assert_eq!((mapping.start, mapping.end, mapping.offset, mapping.inode), (0x7f00, 0x7fff, 0x1f000, 4711));
        assert_eq!(mapping.path, "/a path/with spaces (deleted)");
        assert!(mapping.has(0x7f10, 0x10) && !mapping.has(0x7f10, 0x1000));
        assert!(Mapping::parse("7f00-7fff rw-p 00000000 00:00 0").is_none());
    }
}
