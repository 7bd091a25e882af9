//! A token bucket as one number: the instant at which it is full again.
//!
//! That is the generic cell rate algorithm: time and tokens are the same thing, so a bucket needs no task that fills it, one
//! that is full needs no place at all, and a record in a store holds one as well as a map does.

/// How many requests a key may send: so many a minute for good, and more at once after a pause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    per_minute: u32,
    burst: u32,
}

/// The most requests a minute that can be told apart from no limit.
const MOST: u32 = 6_000_000;

impl RateLimit {
    pub(super) const fn fixed(per_minute: u32, burst: u32) -> Self {
        Self { per_minute, burst }
    }

    /// Allows so many requests a minute, and a sixth of that, at least one, at once. 0 counts as 1.
    #[must_use]
    pub fn per_minute(requests: u32) -> Self {
        let per_minute = requests.clamp(1, MOST);
        Self { per_minute, burst: (per_minute / 6).max(1) }
    }

    /// Sets how many requests there may be at once after a pause. 0 counts as 1.
    #[must_use]
    pub fn with_burst(mut self, requests: u32) -> Self {
        self.burst = requests.clamp(1, MOST);
        self
    }

    /// Returns how many requests a minute there may be.
    #[must_use]
    pub fn requests_per_minute(&self) -> u32 {
        self.per_minute
    }

    /// Returns how many requests there may be at once after a pause.
    #[must_use]
    pub fn burst(&self) -> u32 {
        self.burst
    }

    /// How long one token takes, in microseconds.
    fn interval(self) -> i64 {
        60_000_000 / i64::from(self.per_minute)
    }

    /// How long it takes to fill a bucket that is empty, in microseconds.
    fn capacity(self) -> i64 {
        self.interval() * i64::from(self.burst)
    }
}

impl Default for RateLimit {
    /// 600 requests a minute, 100 at once: four agents with one key may each ask twice a second what a run is doing, and deploy
    /// beside it; who follows runs as events asks once. A loop without a pause is stopped after its first hundred.
    fn default() -> Self {
        Self::fixed(600, 100)
    }
}

/// A bucket. Instants are microseconds since 1970.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Bucket(i64);

/// What became of a wish for tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Taken {
    pub(super) granted: u32,
    /// How many there are still.
    pub(super) left: u32,
    /// How long it takes until there is one, in microseconds.
    pub(super) wait: i64,
    /// How long it takes until there are all, in microseconds.
    pub(super) full_in: i64,
}

impl Taken {
    pub(super) fn wait_s(&self) -> u64 {
        seconds(self.wait).max(1)
    }
}

impl Bucket {
    pub(super) const fn full_at(micros: i64) -> Self {
        Self(micros)
    }

    pub(super) const fn micros(self) -> i64 {
        self.0
    }

    /// Takes as many of `want` tokens as there are. A clock that was set back makes nobody wait for longer than an empty
    /// bucket takes to fill.
    pub(super) fn take(self, limit: RateLimit, now: i64, want: u32) -> (Self, Taken) {
        let (interval, capacity) = (limit.interval(), limit.capacity());
        let owed = self.0.saturating_sub(now).clamp(0, capacity);
        let free = u32::try_from((capacity - owed) / interval).unwrap_or(u32::MAX);
        let granted = want.min(free);
        let owed = owed + i64::from(granted) * interval;
        let left = free - granted;
        let wait = if left > 0 { 0 } else { interval - (capacity - owed) };
        (Self(now + owed), Taken { granted, left, wait, full_in: owed })
    }
}

/// How a key stands after a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Standing {
    limit: RateLimit,
    taken: Taken,
}

impl Standing {
    pub(super) fn of(limit: RateLimit, taken: Taken) -> Self {
        Self { limit, taken }
    }

    /// Returns after how many seconds to ask again, if this request is one too many.
    pub(crate) fn refused(&self) -> Option<u64> {
        (self.taken.granted == 0).then(|| self.taken.wait_s())
    }

    pub(crate) fn limit(&self) -> RateLimit {
        self.limit
    }

    /// Returns the fields `RateLimit-Policy` and `RateLimit` of draft-ietf-httpapi-ratelimit-headers-10.
    pub(crate) fn fields(&self) -> [(&'static str, String); 2] {
        let (limit, taken) = (self.limit, self.taken);
        [
            ("ratelimit-policy", format!("\"key\";q={};w=60", limit.per_minute)),
            ("ratelimit", format!("\"key\";r={};t={}", taken.left, seconds(taken.full_in))),
        ]
    }
}

/// Whole seconds, the last one begun.
fn seconds(micros: i64) -> u64 {
    u64::try_from(micros.max(0)).unwrap_or(0).div_ceil(1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000;

    fn drain(bucket: &mut Bucket, limit: RateLimit, now: i64) -> u32 {
        (0..10_000)
            .map_while(|_| {
                let (after, taken) = bucket.take(limit, now, 1);
                *bucket = after;
                (taken.granted == 1).then_some(())
            })
            .count() as u32
    }

    #[test]
    fn a_bucket_gives_its_burst_at_once_and_then_its_rate() {
        let (limit, mut bucket) = (RateLimit::default(), Bucket::default());
        let now = 1_000 * SECOND;
        assert_eq!(drain(&mut bucket, limit, now), 100);
        assert_eq!(drain(&mut bucket, limit, now + SECOND), 10);
        assert_eq!(drain(&mut bucket, limit, now + 61 * SECOND), 100, "never more than the burst");
        let mut given = 0;
        for second in 62..=121 {
            given += drain(&mut bucket, limit, now + second * SECOND);
        }
        assert_eq!(given, 600);
    }

    #[test]
    fn who_waits_as_told_is_served() {
        let (limit, mut bucket) = (RateLimit::per_minute(7).with_burst(3), Bucket::default());
        let mut now = 0;
        drain(&mut bucket, limit, now);
        for _ in 0..100 {
            let (_, refused) = bucket.take(limit, now, 1);
            assert_eq!(refused.granted, 0);
            assert!(bucket.take(limit, now + refused.wait - 1, 1).1.granted == 0);
            now += refused.wait;
            let (after, taken) = bucket.take(limit, now, 1);
            assert_eq!(taken.granted, 1);
            bucket = after;
        }
    }

    #[test]
    fn a_clock_that_was_set_back_costs_no_more_than_an_empty_bucket() {
        let limit = RateLimit::default();
        let (bucket, _) = Bucket::default().take(limit, 1_000_000 * SECOND, 5);
        let (_, taken) = bucket.take(limit, 0, 1);
        assert_eq!((taken.granted, taken.wait_s()), (0, 1));
    }

    #[test]
    fn what_is_out_of_range_is_brought_into_it() {
        for limit in [RateLimit::per_minute(0), RateLimit::per_minute(u32::MAX), RateLimit::per_minute(5).with_burst(0)]
        {
            assert_eq!(Bucket::default().take(limit, SECOND, 1).1.granted, 1, "{limit:?}");
        }
        assert_eq!(RateLimit::per_minute(600), RateLimit::default().with_burst(100));
    }

    #[test]
    fn the_headers_are_the_drafts() {
        let limit = RateLimit::default();
        let (_, taken) = Bucket::default().take(limit, SECOND, 1);
        let [policy, standing] = Standing::of(limit, taken).fields();
        assert_eq!(policy, ("ratelimit-policy", "\"key\";q=600;w=60".to_owned()));
        assert_eq!(standing, ("ratelimit", "\"key\";r=99;t=1".to_owned()));
    }
}
