//! Makes the snapshot's objects immortal (PEP 683), so that no run counts references to them: a count that changes is a page that
//! must be copied.

use crate::image::Image;

/// What CPython 3.14 sets the count of an immortal object to where a pointer has 32 bits.
const IMMORTAL: u32 = 5 << 28;
/// More references than any object of the snapshot has, and less than any address within the heap: whatever is larger is not a count.
const MOST_REFERENCES: u32 = 1 << 20;

/// Marks the objects in a list of the addresses of each and of its type. `PyObject` begins with its count and its type, of 32
/// bits each; an object that was freed after the list was written no longer has both.
pub(crate) fn mark(image: &mut Image, objects: &[u8]) {
    let mut marked = 0;
    let (objects, rest) = objects.as_chunks::<8>();
    assert!(rest.is_empty(), "the list of objects has {} bytes too many", rest.len());
    for object in objects {
        let (address, kind) = (word(object), word(&object[4..]));
        let Some(header) = (address as usize).checked_sub(image.start).and_then(|at| image.bytes.get_mut(at..at + 8))
        else {
            continue;
        };
        if word(&header[4..]) == kind && (1..MOST_REFERENCES).contains(&word(header)) {
            header[..4].copy_from_slice(&IMMORTAL.to_le_bytes());
            marked += 1;
        }
    }
    // Nearly all others are immortal already: what the interpreter itself is made of.
    assert!(marked * 2 > objects.len(), "only {marked} of {} objects are where the guest said", objects.len());
}

fn word(bytes: &[u8]) -> u32 {
    u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
}
