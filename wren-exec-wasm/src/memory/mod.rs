//! The linear memory of instances: CPython's memory as the build left it, mapped copy-on-write, used again and again.
//!
//! Wasmtime's own pool does nearly this. It gives up what a run wrote beyond its first 32 stretches of pages, and an interpreter
//! writes to hundreds: the next run pays a page fault for each of them, which is most of what a short run takes. Here the pages
//! that a run wrote to stay with the slot and get the image's bytes back, which costs a tenth of a fault.
#![allow(unsafe_code, reason = "memory that the kernel maps is pointers")]

mod image;
mod page_map;
mod slot;

use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use wasmtime::{LinearMemory, MemoryCreator, MemoryType};

pub(crate) use image::Image;
use slot::Slot;

/// What a slot may keep of the pages that a run wrote to, in bytes. What is over goes back to the machine.
const KEPT_BYTES: usize = 8 << 20;

/// The slots of an executor.
#[derive(Debug)]
pub(crate) struct Memories {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    image: Image,
    /// Slots that a memory is in wait for the next one, the last used first.
    free: Mutex<Vec<Slot>>,
    /// How many free slots may keep pages; there need be no more than runs at once.
    warm: usize,
}

impl Memories {
    /// Slots are mapped when they are first needed; as many as `warm` of those at rest keep their pages.
    pub(crate) fn new(image: Image, warm: usize) -> Self {
        Self { shared: Arc::new(Shared { image, free: Mutex::default(), warm }) }
    }
}

// SAFETY: a slot's address space is its own, of the size and with the guard that wasmtime asks for, and belongs to one memory at
// a time. It is not zero-filled but filled with the image: the guest's data segments are there, and not in its module.
unsafe impl MemoryCreator for Memories {
    fn new_memory(
        &self,
        _: MemoryType,
        minimum: usize,
        _: Option<usize>,
        reserved: Option<usize>,
        guard: usize,
    ) -> Result<Box<dyn LinearMemory>, String> {
        let (shared, image) = (&self.shared, &self.shared.image);
        if minimum != image.memory_bytes {
            return Err(format!("a memory of {minimum} bytes, where the guest's has {}", image.memory_bytes));
        }
        // The lock is not held while a slot is mapped.
        let free = shared.free.lock().pop();
        let slot = match free {
            Some(slot) => slot,
            None => Slot::map(image, reserved.unwrap_or(minimum), guard)
                .map_err(|error| format!("address space for an instance: {error}"))?,
        };
        Ok(Box::new(Memory { slot: Some(slot), bytes: minimum, shared: Arc::downgrade(shared) }))
    }
}

/// An instance's memory, in a slot.
struct Memory {
    /// Gone only while this is being dropped.
    slot: Option<Slot>,
    bytes: usize,
    shared: Weak<Shared>,
}

impl Memory {
    fn slot(&self) -> &Slot {
        self.slot.as_ref().unwrap_or_else(|| unreachable!("a memory has its slot until it is dropped"))
    }
}

// SAFETY: the slot is mapped until this is dropped, and what is beyond `bytes` cannot be accessed.
unsafe impl LinearMemory for Memory {
    fn byte_size(&self) -> usize {
        self.bytes
    }

    fn byte_capacity(&self) -> usize {
        self.slot().reserved_bytes()
    }

    fn grow_to(&mut self, bytes: usize) -> wasmtime::Result<()> {
        if let Some(slot) = &mut self.slot {
            slot.grow(bytes)?;
            self.bytes = bytes;
        }
        Ok(())
    }

    fn as_ptr(&self) -> *mut u8 {
        self.slot().base()
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        let (Some(mut slot), Some(shared)) = (self.slot.take(), self.shared.upgrade()) else { return };
        let kept = if shared.free.lock().len() < shared.warm { KEPT_BYTES } else { 0 };
        // A slot that cannot be set back is unmapped, and the next run gets a new one.
        if slot.reset(&shared.image, kept).is_ok() {
            shared.free.lock().push(slot);
        }
    }
}
