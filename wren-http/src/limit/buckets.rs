//! Many buckets in a bounded memory.

use std::collections::HashMap;
use std::hash::Hash;

use super::bucket::Bucket;

/// How many buckets are kept: a few hundred KiB.
const MOST: usize = 10_000;

/// Buckets by their keys. What has no place is full, and one that is full again needs none. Where there is no room even so,
/// those are forgotten that are full again the soonest: it is they that lose the least by it.
#[derive(Debug)]
pub(super) struct Buckets<K> {
    all: HashMap<K, Bucket>,
}

impl<K> Default for Buckets<K> {
    fn default() -> Self {
        Self { all: HashMap::new() }
    }
}

impl<K: Hash + Eq + Clone> Buckets<K> {
    pub(super) fn get(&self, key: &K) -> Bucket {
        self.all.get(key).copied().unwrap_or_default()
    }

    pub(super) fn contains(&self, key: &K) -> bool {
        self.all.contains_key(key)
    }

    pub(super) fn remove(&mut self, key: &K) {
        self.all.remove(key);
    }

    pub(super) fn put(&mut self, key: K, bucket: Bucket, now: i64) {
        if self.all.len() >= MOST && !self.all.contains_key(&key) {
            self.make_room(now);
        }
        self.all.insert(key, bucket);
    }

    /// Makes room for an eighth at once, so that most calls look at none of the others.
    fn make_room(&mut self, now: i64) {
        self.all.retain(|_, bucket| bucket.micros() >= now);
        let keep = MOST - MOST / 8;
        if self.all.len() <= keep {
            return;
        }
        let mut ends: Vec<Bucket> = self.all.values().copied().collect();
        let surplus = ends.len() - keep;
        let (_, last, _) = ends.select_nth_unstable(surplus - 1);
        let last = *last;
        let mut left = surplus;
        self.all.retain(|_, bucket| {
            let goes = *bucket <= last && left > 0;
            left -= usize::from(goes);
            !goes
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_never_more_than_the_bound_and_the_emptiest_stay() {
        let mut buckets = Buckets::default();
        buckets.put(u64::MAX, Bucket::full_at(1_000_000), 0);
        for key in 0..100_000_u64 {
            buckets.put(key, Bucket::full_at(1_000 + i64::try_from(key % 100).unwrap()), 0);
            assert!(buckets.all.len() <= MOST);
        }
        assert!(buckets.contains(&u64::MAX));
    }

    #[test]
    fn those_that_are_full_again_go_first() {
        let mut buckets = Buckets::default();
        for key in 0..MOST {
            buckets.put(key, Bucket::full_at(if key == 7 { 50 } else { 10 }), 0);
        }
        buckets.put(MOST, Bucket::full_at(60), 20);
        assert_eq!(buckets.all.len(), 2);
        assert_eq!(buckets.get(&7), Bucket::full_at(50));
    }
}
