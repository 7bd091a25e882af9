//! A heap of due times with four children to a node.
//!
//! Sixteen bytes an item put the four children of a node on one cache line or two, and halve the levels of a binary heap:
//! with a million items the time goes into waiting for memory, not into comparing. There is no index from slot to
//! position, which every swap would have to keep up at a random place of memory; instead an outdated item stays until
//! it surfaces, see `Planner`.

const ARITY: usize = 4;

/// A due time in the heap. Items at the same time are ordered by slot, which makes the order of a run repeatable.
#[derive(Debug, Clone, Copy)]
pub(super) struct HeapItem {
    /// Milliseconds since 1970 in UTC.
    pub(super) due_ms: i64,
    pub(super) slot: u32,
    /// The slot's stamp at the time; an item whose slot has another one by now is outdated.
    pub(super) stamp: u32,
}

impl HeapItem {
    /// Time and slot as one number, which compares without a branch.
    #[inline]
    fn rank(&self) -> i128 {
        i128::from(self.due_ms) << 32 | i128::from(self.slot)
    }
}

/// A min-heap of [`HeapItem`]s.
#[derive(Debug, Default)]
pub(super) struct DueHeap {
    items: Vec<HeapItem>,
}

impl DueHeap {
    pub(super) fn len(&self) -> usize {
        self.items.len()
    }

    pub(super) fn peek(&self) -> Option<HeapItem> {
        self.items.first().copied()
    }

    pub(super) fn push(&mut self, item: HeapItem) {
        self.items.push(item);
        self.sift_up(self.items.len() - 1);
    }

    /// Replaces the first item, which must exist, by one that is not earlier.
    pub(super) fn replace_first(&mut self, item: HeapItem) {
        if let Some(first) = self.items.first_mut() {
            *first = item;
            self.sift_down(0);
        }
    }

    pub(super) fn pop(&mut self) {
        let Some(last) = self.items.pop() else { return };
        if !self.items.is_empty() {
            self.replace_first(last);
        }
    }

    /// Drops the items that `keep` refuses, in linear time.
    pub(super) fn retain(&mut self, keep: impl FnMut(&HeapItem) -> bool) {
        self.items.retain(keep);
        // Half of what a burst of removals has left behind would otherwise stay allocated for good.
        self.items.shrink_to(self.items.len() * 2);
        for parent in (0..self.items.len().div_ceil(ARITY)).rev() {
            self.sift_down(parent);
        }
    }

    fn sift_up(&mut self, mut place: usize) {
        let item = self.items[place];
        while place > 0 {
            let parent = (place - 1) / ARITY;
            if self.items[parent].rank() <= item.rank() {
                break;
            }
            self.items[place] = self.items[parent];
            place = parent;
        }
        self.items[place] = item;
    }

    fn sift_down(&mut self, mut place: usize) {
        let item = self.items[place];
        loop {
            let first = place * ARITY + 1;
            let end = self.items.len().min(first + ARITY);
            if first >= end {
                break;
            }
            // A plain loop: a chain of iterators is not always inlined here, and then halves the speed of the planner.
            let mut least = first;
            for child in first + 1..end {
                if self.items[child].rank() < self.items[least].rank() {
                    least = child;
                }
            }
            if item.rank() <= self.items[least].rank() {
                break;
            }
            self.items[place] = self.items[least];
            place = least;
        }
        self.items[place] = item;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn drain(mut heap: DueHeap) -> Vec<i64> {
        let mut order = Vec::new();
        while let Some(first) = heap.peek() {
            order.push(first.due_ms);
            heap.pop();
        }
        order
    }

    proptest! {
        #[test]
        fn items_come_out_in_order(mut times in prop::collection::vec(-50_i64..50, 0..200), dropped in -50_i64..50) {
            let mut heap = DueHeap::default();
            for (slot, &due_ms) in times.iter().enumerate() {
                heap.push(HeapItem { due_ms, slot: slot as u32, stamp: 0 });
            }
            heap.retain(|item| item.due_ms != dropped);
            times.retain(|due_ms| *due_ms != dropped);
            times.sort_unstable();
            prop_assert_eq!(drain(heap), times);
        }
    }
}
