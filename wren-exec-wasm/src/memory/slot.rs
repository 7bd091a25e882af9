//! One stretch of address space for one memory at a time.

use std::io;
use std::ptr::NonNull;

use rustix::mm::{Advice, MapFlags, MprotectFlags, ProtFlags, madvise, mmap, mmap_anonymous, mprotect, munmap};

use super::image::Image;
use super::page_map;

/// A mapping that begins as the image says, and can be set back to that.
#[derive(Debug)]
pub(super) struct Slot {
    base: NonNull<u8>,
    /// What is mapped, the guard included, in bytes.
    mapped: usize,
    /// How far a memory can grow, in bytes.
    reserved: usize,
    /// What can be accessed now, in bytes.
    accessible: usize,
}

// SAFETY: the mapping is the slot's own, whichever thread has it.
unsafe impl Send for Slot {}
// SAFETY: as above; there is nothing to do with a shared one.
unsafe impl Sync for Slot {}

impl Slot {
    /// Sets address space aside, in bytes, and maps the image.
    pub(super) fn map(image: &Image, reserved: usize, guard: usize) -> io::Result<Self> {
        let reserved = reserved.max(image.memory_bytes);
        let mapped = reserved.checked_add(guard).ok_or(io::ErrorKind::OutOfMemory)?;
        let flags = MapFlags::PRIVATE | MapFlags::NORESERVE;
        // SAFETY: the kernel chooses a place where nothing is.
        let base = unsafe { mmap_anonymous(std::ptr::null_mut(), mapped, ProtFlags::empty(), flags)? };
        let base = NonNull::new(base.cast::<u8>()).ok_or(io::ErrorKind::OutOfMemory)?;
        // From here on it is unmapped whatever happens.
        let slot = Self { base, mapped, reserved, accessible: image.memory_bytes };
        slot.protect(0, image.memory_bytes, MprotectFlags::READ | MprotectFlags::WRITE)?;
        // SAFETY: the places are within what was just mapped, and the file is as long as the image.
        unsafe {
            mmap(
                slot.base().add(image.start).cast(),
                image.bytes.len(),
                ProtFlags::READ | ProtFlags::WRITE,
                flags | MapFlags::FIXED,
                &*image.file,
                image.file_offset,
            )?;
            // A process that is forked from this one needs none of it, and a fork that copies it makes every page of it read-only.
            madvise(slot.base().cast(), mapped, Advice::LinuxDontFork)?;
        }
        Ok(slot)
    }

    pub(super) fn base(&self) -> *mut u8 {
        self.base.as_ptr()
    }

    pub(super) fn reserved_bytes(&self) -> usize {
        self.reserved
    }

    /// Makes `bytes` accessible, which are zero as far as they were not.
    pub(super) fn grow(&mut self, bytes: usize) -> io::Result<()> {
        if bytes > self.reserved {
            return Err(io::ErrorKind::OutOfMemory.into());
        }
        if bytes > self.accessible {
            self.protect(self.accessible, bytes, MprotectFlags::READ | MprotectFlags::WRITE)?;
            self.accessible = bytes;
        }
        Ok(())
    }

    /// Makes the memory what the image says, and keeps up to `kept` bytes of the pages that were written to.
    ///
    /// # Errors
    /// The slot cannot be used any more.
    pub(super) fn reset(&mut self, image: &Image, kept: usize) -> io::Result<()> {
        let (start, end) = (self.base().addr(), image.memory_bytes);
        if self.accessible > end {
            self.release(end, self.accessible)?;
            self.protect(end, self.accessible, MprotectFlags::empty())?;
            self.accessible = end;
        }
        if kept == 0 {
            return self.release(0, end);
        }
        let mut left = kept;
        let mut released = Ok(());
        let scanned = page_map::each_written(start..start + end, |pages| {
            let at = pages.start - start;
            if pages.len() <= left {
                left -= pages.len();
                // SAFETY: the pages are of this slot and can be written to, and no instance has it now.
                let bytes = unsafe { std::slice::from_raw_parts_mut(self.base().add(at), pages.len()) };
                image.restore(at, bytes);
            } else if let Err(error) = self.release(at, at + pages.len()) {
                released = Err(error);
            }
        });
        released?;
        // An older kernel cannot say which pages were written to: then all are given up.
        scanned.or_else(|_| self.release(0, end))
    }

    /// Gives pages up: they are the file's, or zero, when they are next accessed.
    fn release(&self, from: usize, to: usize) -> io::Result<()> {
        // SAFETY: the pages are of this slot, and no instance has it now.
        unsafe { madvise(self.base().add(from).cast(), to - from, Advice::LinuxDontNeed)? };
        Ok(())
    }

    fn protect(&self, from: usize, to: usize, flags: MprotectFlags) -> io::Result<()> {
        // SAFETY: the pages are of this slot.
        unsafe { mprotect(self.base().add(from).cast(), to - from, flags)? };
        Ok(())
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        // SAFETY: nothing points into a slot that is dropped. It fails only for a range that was never mapped.
        let _ = unsafe { munmap(self.base().cast(), self.mapped) };
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::embedded;

    /// More than one call of the kernel's scan reports.
    const PAGES: usize = 300;

    static BYTES: &embedded::Pages<[u8; 200 * 4096]> = &embedded::Pages([7; 200 * 4096]);

    fn page() -> usize {
        rustix::param::page_size()
    }

    fn image() -> Image {
        let (file, file_offset) = embedded::file_of(&BYTES.0).unwrap();
        Image { file: Arc::new(file), file_offset, bytes: &BYTES.0, start: page(), memory_bytes: PAGES * page() }
    }

    fn contents(slot: &mut Slot) -> &mut [u8] {
        // SAFETY: the pages are accessible, and the slot is borrowed for as long.
        unsafe { std::slice::from_raw_parts_mut(slot.base(), slot.accessible) }
    }

    fn expected(image: &Image) -> Vec<u8> {
        let mut bytes = vec![0; image.memory_bytes];
        bytes[image.start..][..image.bytes.len()].copy_from_slice(image.bytes);
        bytes
    }

    #[test]
    fn begins_as_the_image_says_and_is_set_back_to_it() {
        let image = image();
        let mut slot = Slot::map(&image, 2 * image.memory_bytes, page()).unwrap();
        assert!(contents(&mut slot) == expected(&image));
        for kept in [usize::MAX, 20 * page(), 0, usize::MAX] {
            // Every other page, so that each is a stretch of its own.
            for number in (0..PAGES).step_by(2) {
                contents(&mut slot)[number * page() + 5] = 1;
            }
            slot.reset(&image, kept).unwrap();
            assert!(contents(&mut slot) == expected(&image), "{kept} bytes kept");
        }
    }

    #[test]
    fn what_it_grew_by_is_gone_and_zero_when_it_grows_again() {
        let image = image();
        let mut slot = Slot::map(&image, 2 * image.memory_bytes, page()).unwrap();
        for _ in 0..2 {
            slot.grow(image.memory_bytes + 2 * page()).unwrap();
            let grown = &mut contents(&mut slot)[image.memory_bytes..];
            assert_eq!(grown, vec![0; 2 * page()]);
            grown.fill(1);
            slot.reset(&image, usize::MAX).unwrap();
            assert_eq!(slot.accessible, image.memory_bytes);
        }
        assert!(slot.grow(3 * image.memory_bytes).is_err());
    }

    #[test]
    fn the_kernel_names_what_was_written_to_and_nothing_else() {
        let image = image();
        let mut slot = Slot::map(&image, image.memory_bytes, page()).unwrap();
        let written: Vec<usize> = (1..PAGES).step_by(3).collect();
        for number in &written {
            contents(&mut slot)[number * page()] = 9;
        }
        // Reading makes nothing one's own.
        assert_eq!(contents(&mut slot)[0], 0);
        let start = slot.base().addr();
        let mut found = Vec::new();
        let scanned = page_map::each_written(start..start + image.memory_bytes, |pages| {
            found.extend(pages.step_by(page()).map(|address| (address - start) / page()));
        });
        // Linux before 6.7 does not tell.
        if scanned.is_ok() {
            assert_eq!(found, written);
        }
    }
}
