//! How long idle environments are kept, and when one is started before it is asked for.
//!
//! As in Shahrad et al., "Serverless in the Wild" (USENIX ATC 2020, section 4.2), the times that lay between an invocation's
//! end and the next invocation of a version are counted by the minute, and the histogram says when an environment is
//! likely to be wanted: it ends when nobody comes for a while, and one is there again shortly before somebody does. The
//! paper cuts at percentiles; here the stretch of minutes is chosen that gives the most for what it costs, which on the
//! same day has fewer cold starts at less memory (docs/adr/0040-keep-alive.md).

use std::time::Duration;

/// Minutes that the histogram tells apart; the paper's four hours.
const BINS: usize = 240;
/// Idle times before any is believed.
const SEEN_MIN: u32 = 8;
/// What a minute of an idle environment costs, in cold starts.
const WORTH: f64 = 0.04;
/// Within which the estimates may miss; of themselves.
const MARGIN: f64 = 0.1;
/// Short times change a plan little: it is made anew once in so many.
const PLANNED_EVERY: u32 = 64;
/// An environment that is not needed for less than this stays: to start another would cost more than it keeps.
const AWAY_MIN: Duration = Duration::from_secs(120);

/// What policy pools follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeepAlive {
    /// Idle environments end after this time.
    Fixed(Duration),
    /// As the habits of a version's callers have it; this time where they have none.
    Learned { otherwise: Duration },
}

/// From an invocation's end on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// No environment needs to be there before; zero when one stays.
    pub away: Duration,
    /// None needs to be there any longer.
    pub until: Duration,
}

/// The idle times of one version.
#[derive(Clone, Debug)]
pub struct Habits {
    minutes: Box<[u32; BINS]>,
    /// Idle times longer than the histogram.
    beyond: u32,
    seen: u32,
    /// When something happened last, by the monotonic clock.
    last: Option<Duration>,
    learned: Option<Plan>,
}

impl Default for Habits {
    fn default() -> Self {
        Self { minutes: Box::new([0; BINS]), beyond: 0, seen: 0, last: None, learned: None }
    }
}

impl Habits {
    /// Somebody calls at `now`, by the monotonic clock.
    pub fn arrive(&mut self, now: Duration) {
        let Some(last) = self.last.replace(now) else { return };
        let minute = usize::try_from(now.saturating_sub(last).as_secs() / 60).unwrap_or(BINS);
        match self.minutes.get_mut(minute) {
            Some(count) => *count = count.saturating_add(1),
            None => self.beyond = self.beyond.saturating_add(1),
        }
        self.seen = self.seen.saturating_add(1);
        if minute > 0 || self.seen.is_multiple_of(PLANNED_EVERY) {
            self.learned = self.learn();
        }
    }

    /// An invocation ended at `now`.
    pub fn finish(&mut self, now: Duration) {
        self.last = Some(now);
    }

    /// When something happened last.
    pub fn last(&self) -> Option<Duration> {
        self.last
    }

    /// What holds from an invocation's end on.
    pub fn plan(&self, policy: KeepAlive) -> Plan {
        match policy {
            KeepAlive::Fixed(until) => Plan { away: Duration::ZERO, until },
            KeepAlive::Learned { otherwise } => {
                self.learned.unwrap_or(Plan { away: Duration::ZERO, until: otherwise })
            }
        }
    }

    /// `None` when too little was seen.
    fn learn(&self) -> Option<Plan> {
        if self.seen < SEEN_MIN {
            return None;
        }
        // A minute kept gives those who come in it, and costs all who have not come before it. The best stretch of
        // minutes is the one whose sum of both is largest.
        let mut waiting = f64::from(self.seen);
        let (mut best, mut sum, mut from) = ((0.0, 0, 1), 0.0, 0);
        for (minute, count) in self.minutes.iter().enumerate() {
            if sum <= 0.0 {
                (sum, from) = (0.0, minute);
            }
            sum += f64::from(*count) - waiting * WORTH;
            waiting -= f64::from(*count);
            if sum > best.0 {
                best = (sum, from, minute + 1);
            }
        }
        let (_, from, to) = best;
        let minutes = |count: usize| Duration::from_secs(60 * count as u64);
        let away = minutes(from).mul_f64(1.0 - MARGIN);
        let away = if away < AWAY_MIN { Duration::ZERO } else { away };
        Some(Plan { away, until: minutes(to).mul_f64(1.0 + MARGIN) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: KeepAlive = KeepAlive::Learned { otherwise: Duration::from_secs(600) };
    const MINUTE: Duration = Duration::from_secs(60);
    const FIXED: Plan = Plan { away: Duration::ZERO, until: Duration::from_secs(600) };

    fn after(minutes: impl IntoIterator<Item = u64>) -> Plan {
        let (mut habits, mut now) = (Habits::default(), Duration::ZERO);
        habits.arrive(now);
        for minutes in minutes {
            now += Duration::from_secs(60 * minutes);
            habits.arrive(now);
        }
        habits.plan(POLICY)
    }

    #[test]
    fn a_timer_has_its_environment_shortly_before_it_fires() {
        let plan = after([60; 10]);
        assert_eq!(plan, Plan { away: Duration::from_secs(54 * 60), until: Duration::from_secs(4026) });
    }

    #[test]
    fn who_comes_often_is_waited_for_a_little() {
        let plan = after((0..200).map(|n| u64::from(n % 50 == 0)));
        assert_eq!(plan, Plan { away: Duration::ZERO, until: Duration::from_secs(132) });
    }

    #[test]
    fn who_comes_after_hours_is_not_waited_for() {
        assert_eq!(after([300; 10]), Plan { away: Duration::ZERO, until: Duration::from_secs(66) });
        let evenly = after((0..240).map(|n| n * 7 % 240));
        assert!(
            evenly.away > 180 * MINUTE && evenly.until >= 240 * MINUTE,
            "the later, the surer: {evenly:?}"
        );
    }

    #[test]
    fn where_little_is_known_the_time_is_fixed() {
        assert_eq!(after([]), FIXED);
        assert_eq!(after([60; 7]), FIXED, "too few");
        assert_eq!(
            Habits::default().plan(KeepAlive::Fixed(Duration::from_secs(5))).until,
            Duration::from_secs(5)
        );
    }
}
