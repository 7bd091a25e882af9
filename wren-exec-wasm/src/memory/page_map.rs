//! Which pages of this process were written to, as Linux 6.7 and later tell: `PAGEMAP_SCAN`, of the kernel's
//! `Documentation/admin-guide/mm/pagemap.rst`.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::sync::LazyLock;

use rustix::ioctl::{Updater, ioctl, opcode};

/// The kernel's `struct pm_scan_arg`.
#[repr(C)]
#[derive(Debug, Default)]
struct ScanArguments {
    size: u64,
    flags: u64,
    start: u64,
    end: u64,
    walk_end: u64,
    regions: u64,
    regions_length: u64,
    max_pages: u64,
    category_inverted: u64,
    category_mask: u64,
    category_anyof_mask: u64,
    return_mask: u64,
}

/// The kernel's `struct page_region`.
#[repr(C)]
#[derive(Debug, Default, Clone, Copy)]
struct Region {
    start: u64,
    end: u64,
    categories: u64,
}

const SCAN: rustix::ioctl::Opcode = opcode::read_write::<ScanArguments>(b'f', 16);
const IS_FILE: u64 = 1 << 2;
const IS_PRESENT: u64 = 1 << 3;
const IS_SWAPPED: u64 = 1 << 4;
const IS_ZERO_PAGE: u64 = 1 << 5;

/// Stretches of pages that one call of the kernel reports.
const REGIONS: usize = 64;

/// Calls `each` with every stretch of pages between two addresses that is private memory now: a page of a private mapping of a
/// file, or of zeros, becomes that when it is written to.
///
/// # Errors
/// From a kernel that does not have this.
pub(super) fn each_written(pages: Range<usize>, mut each: impl FnMut(Range<usize>)) -> io::Result<()> {
    static PAGE_MAP: LazyLock<io::Result<File>> = LazyLock::new(|| File::open("/proc/self/pagemap"));
    let file = PAGE_MAP.as_ref().map_err(|error| io::Error::from(error.kind()))?;
    let mut start = pages.start;
    while start < pages.end {
        let mut regions = [Region::default(); REGIONS];
        let mut arguments = ScanArguments {
            size: size_of::<ScanArguments>() as u64,
            start: start as u64,
            end: pages.end as u64,
            regions: regions.as_mut_ptr() as u64,
            regions_length: REGIONS as u64,
            category_inverted: IS_FILE | IS_ZERO_PAGE,
            category_mask: IS_FILE | IS_ZERO_PAGE,
            category_anyof_mask: IS_PRESENT | IS_SWAPPED,
            ..ScanArguments::default()
        };
        // SAFETY: the structure is the kernel's, and it writes no more regions than there are.
        unsafe { ioctl(file, Updater::<SCAN, _>::new(&mut arguments))? };
        for region in regions.iter().take_while(|region| region.end > 0) {
            each(region.start as usize..region.end as usize);
        }
        if arguments.walk_end <= start as u64 {
            return Err(io::Error::other("the kernel's scan of pages does not advance"));
        }
        start = arguments.walk_end as usize;
    }
    Ok(())
}
