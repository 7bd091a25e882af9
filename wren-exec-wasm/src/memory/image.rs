//! What is in an instance's memory when it begins.

use std::fs::File;
use std::sync::Arc;

/// The part of the memory that is not zero: pages of a file, and where they belong.
#[derive(Debug, Clone)]
pub(crate) struct Image {
    /// The file that has the bytes, from `file_offset` on.
    pub(crate) file: Arc<File>,
    /// In bytes; a multiple of the page size.
    pub(crate) file_offset: u64,
    /// The same bytes, to set pages back with.
    pub(crate) bytes: &'static [u8],
    /// Where in the memory they begin, in bytes; a multiple of the page size.
    pub(crate) start: usize,
    /// How large a memory is when it begins, in bytes.
    pub(crate) memory_bytes: usize,
}

impl Image {
    /// Sets `pages`, which are `at` bytes into a memory, to what they were in the beginning.
    pub(crate) fn restore(&self, at: usize, pages: &mut [u8]) {
        let before = self.start.saturating_sub(at).min(pages.len());
        let (zeros, pages) = pages.split_at_mut(before);
        zeros.fill(0);
        let from = (at + before).saturating_sub(self.start).min(self.bytes.len());
        let copied = (self.bytes.len() - from).min(pages.len());
        let (copies, zeros) = pages.split_at_mut(copied);
        copies.copy_from_slice(&self.bytes[from..from + copied]);
        zeros.fill(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image() -> Image {
        let file = Arc::new(File::open("/dev/null").unwrap());
        Image { file, file_offset: 0, bytes: b"abcd", start: 4, memory_bytes: 12 }
    }

    #[test]
    fn restores_what_is_before_within_and_after_the_image() {
        for at in 0..12 {
            for end in at..=12 {
                let mut pages = vec![b'x'; end - at];
                image().restore(at, &mut pages);
                assert_eq!(pages, b"\0\0\0\0abcd\0\0\0\0"[at..end], "{at}..{end}");
            }
        }
    }
}
