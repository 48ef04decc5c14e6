//! How much may be asked: a bucket of tokens for each who is counted, filled by the clock.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Who are remembered; when there are more, those whose buckets are full again are forgotten.
const BUCKETS_MAX: usize = 10_000;

/// A rate and how much of it may be asked at once.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limit {
    /// Requests a second.
    pub rate: f64,
    pub burst: f64,
}

/// Limits as they are given; each may be missing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Limits {
    pub rate: Option<f64>,
    pub burst: Option<i32>,
}

impl Limits {
    /// A rate alone lets as many ask at once; a burst alone is filled each second.
    pub fn limit(self) -> Option<Limit> {
        match (self.rate, self.burst) {
            (None, None) => None,
            (Some(rate), Some(burst)) => Some(Limit { rate, burst: f64::from(burst) }),
            (Some(rate), None) => Some(Limit { rate, burst: rate.max(1.0) }),
            (None, Some(burst)) => Some(Limit { rate: f64::from(burst), burst: f64::from(burst) }),
        }
    }
}

#[derive(Default)]
pub struct Throttle(Mutex<HashMap<String, Bucket>>);

struct Bucket {
    tokens: f64,
    limit: Limit,
    /// When `tokens` was so.
    at: Duration,
}

impl Bucket {
    fn tokens_at(&self, now: Duration) -> f64 {
        let more = now.saturating_sub(self.at).as_secs_f64() * self.limit.rate;
        (self.tokens + more).min(self.limit.burst)
    }
}

impl Throttle {
    /// Whether `who` may ask once more; `now` is monotonic. A limit that was changed begins with a full bucket.
    ///
    /// # Panics
    /// When another panicked meanwhile.
    pub fn admits(&self, who: &str, limit: Limit, now: Duration) -> bool {
        let mut buckets = self.0.lock().expect("nothing panics while it is held");
        if buckets.len() >= BUCKETS_MAX && !buckets.contains_key(who) {
            buckets.retain(|_, bucket| bucket.tokens_at(now) < bucket.limit.burst);
        }
        let full = || Bucket { tokens: limit.burst, limit, at: now };
        let bucket = buckets.entry(who.to_owned()).or_insert_with(full);
        if bucket.limit != limit {
            *bucket = full();
        }
        bucket.tokens = bucket.tokens_at(now);
        bucket.at = now;
        if bucket.tokens < 1.0 {
            return false;
        }
        bucket.tokens -= 1.0;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_empties_and_fills() {
        let throttle = Throttle::default();
        let limit = Limit { rate: 2.0, burst: 3.0 };
        let ask = |ms: u64| throttle.admits("a", limit, Duration::from_millis(ms));
        assert_eq!([ask(0), ask(0), ask(0), ask(0)], [true, true, true, false]);
        assert_eq!([ask(400), ask(500), ask(600)], [false, true, false]);
        assert_eq!([ask(60_000), ask(60_000), ask(60_000), ask(60_000)], [true, true, true, false]);
        assert!(throttle.admits("b", limit, Duration::ZERO), "each has its own");
        let never = Limit { rate: 0.0, burst: 0.0 };
        assert!(!throttle.admits("c", never, Duration::ZERO));
    }
}
