//! The native stacks that scripts are executed on, used again and again.
#![allow(unsafe_code, reason = "memory that the kernel maps is pointers")]

use std::io;
use std::ops::Range;
use std::ptr::NonNull;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use rustix::mm::{Advice, MapFlags, MprotectFlags, ProtFlags, madvise, mmap_anonymous, mprotect, munmap};
use wasmtime::{StackCreator, StackMemory};

/// What a stack at rest keeps of its pages, from its top, in bytes.
const KEPT_BYTES: usize = 128 << 10;
/// What cannot be accessed below a stack, in bytes: a page of any machine.
const GUARD_BYTES: usize = 64 << 10;

/// The stacks of an executor.
#[derive(Debug, Default)]
pub(crate) struct Stacks {
    free: Arc<Mutex<Vec<Mapping>>>,
}

// SAFETY: a mapping is of one stack at a time, aligned to pages, with a guard below. It was zero when it was mapped; after that
// it has what an earlier stack left, which only compiled code and the host can see, and both write before they read.
unsafe impl StackCreator for Stacks {
    fn new_stack(&self, size: usize, zeroed: bool) -> wasmtime::Result<Box<dyn StackMemory>> {
        let mut mapping = match self.free.lock().pop() {
            Some(mapping) if mapping.usable() == size && !zeroed => Some(mapping),
            _ => None,
        };
        if mapping.is_none() {
            mapping = Some(Mapping::new(size)?);
        }
        Ok(Box::new(Stack { mapping, free: Arc::downgrade(&self.free) }))
    }
}

struct Stack {
    /// Gone only while this is being dropped.
    mapping: Option<Mapping>,
    free: Weak<Mutex<Vec<Mapping>>>,
}

impl Stack {
    fn mapping(&self) -> &Mapping {
        self.mapping.as_ref().unwrap_or_else(|| unreachable!("a stack has its mapping until it is dropped"))
    }
}

// SAFETY: the mapping lives as long as this.
unsafe impl StackMemory for Stack {
    fn top(&self) -> *mut u8 {
        self.range().end as *mut u8
    }

    fn range(&self) -> Range<usize> {
        let mapping = self.mapping();
        let base = mapping.base.addr().get();
        base + GUARD_BYTES..base + mapping.bytes
    }

    fn guard_range(&self) -> Range<*mut u8> {
        let base = self.mapping().base.as_ptr();
        base..base.wrapping_add(GUARD_BYTES)
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        if let (Some(mapping), Some(free)) = (self.mapping.take(), self.free.upgrade())
            && mapping.release().is_ok()
        {
            free.lock().push(mapping);
        }
    }
}

/// A stack and its guard, which is below it.
#[derive(Debug)]
struct Mapping {
    base: NonNull<u8>,
    bytes: usize,
}

// SAFETY: the mapping is its own, whichever thread has it.
unsafe impl Send for Mapping {}
// SAFETY: as above; there is nothing to do with a shared one.
unsafe impl Sync for Mapping {}

impl Mapping {
    fn new(size: usize) -> io::Result<Self> {
        let bytes = size.checked_add(GUARD_BYTES).ok_or(io::ErrorKind::OutOfMemory)?;
        let flags = MapFlags::PRIVATE | MapFlags::NORESERVE;
        // SAFETY: the kernel chooses a place where nothing is.
        let base = unsafe { mmap_anonymous(std::ptr::null_mut(), bytes, ProtFlags::READ | ProtFlags::WRITE, flags)? };
        let base = NonNull::new(base.cast::<u8>()).ok_or(io::ErrorKind::OutOfMemory)?;
        let mapping = Self { base, bytes };
        // SAFETY: the guard is the mapping's first part, and a process that is forked from this one needs none of it.
        unsafe {
            mprotect(base.as_ptr().cast(), GUARD_BYTES, MprotectFlags::empty())?;
            madvise(base.as_ptr().cast(), bytes, Advice::LinuxDontFork)?;
        }
        Ok(mapping)
    }

    fn usable(&self) -> usize {
        self.bytes - GUARD_BYTES
    }

    /// Gives up the pages that only a deep recursion reaches.
    fn release(&self) -> io::Result<()> {
        let deep = self.usable().saturating_sub(KEPT_BYTES);
        // SAFETY: the pages are the mapping's, and nothing runs on it.
        unsafe { madvise(self.base.as_ptr().add(GUARD_BYTES).cast(), deep, Advice::LinuxDontNeed)? };
        Ok(())
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: nothing runs on a mapping that is dropped. It fails only for a range that was never mapped.
        let _ = unsafe { munmap(self.base.as_ptr().cast(), self.bytes) };
    }
}
