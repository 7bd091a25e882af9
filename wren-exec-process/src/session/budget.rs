//! How fast a guest may make this process work.

use std::time::Duration;

use tokio::time::Instant;

/// What a guest may have parsed at once.
const BURST_BYTES: usize = 64 * 1024 * 1024;
/// What it may have parsed in the long run, per second.
const BYTES_PER_SECOND: usize = 8 * 1024 * 1024;

/// An allowance of bytes that fills up with time. A guest that spent it is read more slowly, and never refused: an honest one
/// with much to say is only slower, and no other run waits for either.
#[derive(Debug)]
pub(crate) struct Budget {
    left: usize,
    counted: Instant,
}

impl Budget {
    pub(crate) fn new(now: Instant) -> Self {
        Self { left: BURST_BYTES, counted: now }
    }

    /// Takes what a frame costs, and returns how long to wait before the next.
    pub(crate) fn spend(&mut self, bytes: usize, now: Instant) -> Duration {
        let earned = (now - self.counted).as_millis().saturating_mul(BYTES_PER_SECOND as u128) / 1000;
        // Time too short to earn anything is counted the next time.
        if earned > 0 {
            self.left = self.left.saturating_add(usize::try_from(earned).unwrap_or(BURST_BYTES)).min(BURST_BYTES);
            self.counted = now;
        }
        let missing = bytes.saturating_sub(self.left);
        self.left = self.left.saturating_sub(bytes);
        Duration::from_secs_f64(missing as f64 / BYTES_PER_SECOND as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_free_and_more_takes_time() {
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let mut budget = Budget::new(start);
        assert_eq!(budget.spend(BURST_BYTES, start), Duration::ZERO);
        assert_eq!(budget.spend(2 * BYTES_PER_SECOND, start), Duration::from_secs(2));
        assert_eq!(budget.spend(BYTES_PER_SECOND, after(1)), Duration::ZERO);
        assert_eq!(budget.spend(BURST_BYTES + BYTES_PER_SECOND, after(1_000_000)), Duration::from_secs(1));
    }
}
