//! The machine's clock, and one that a test moves by hand.

use std::fmt;
use std::sync::Mutex;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::sync::oneshot;

use crate::{Clock, Sleep};

/// A moment of wall-clock time: microseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    pub const fn from_millis(millis: i64) -> Self {
        Self(millis.saturating_mul(1000))
    }

    pub const fn from_secs(secs: i64) -> Self {
        Self(secs.saturating_mul(1_000_000))
    }

    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// Whole milliseconds, rounded down.
    pub const fn as_millis(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// Whole seconds, rounded down.
    pub const fn as_secs(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    pub fn after(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)))
    }

    /// How long after `earlier` this is; zero when it is not.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}us", self.0)
    }
}

/// The machine's clock.
pub(crate) struct SystemClock {
    started: Instant,
}

impl SystemClock {
    pub(crate) fn start() -> Self {
        Self { started: Instant::now() }
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        Timestamp(i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX))
    }

    fn monotonic(&self) -> Duration {
        self.started.elapsed()
    }

    fn sleep(&self, duration: Duration) -> Sleep {
        Box::pin(tokio::time::sleep(duration))
    }
}

/// A clock that stands still until [`ManualClock::advance`] moves it.
pub struct ManualClock {
    epoch: Timestamp,
    state: Mutex<ManualState>,
}

#[derive(Default)]
struct ManualState {
    elapsed: Duration,
    sleepers: Vec<(Duration, oneshot::Sender<()>)>,
}

impl ManualClock {
    pub fn new(epoch: Timestamp) -> Self {
        Self { epoch, state: Mutex::default() }
    }

    /// Moves time forward and wakes every sleeper whose time has come.
    pub fn advance(&self, duration: Duration) {
        let mut state = self.state.lock().expect("no panic while held");
        state.elapsed += duration;
        let now = state.elapsed;
        let (due, waiting) = std::mem::take(&mut state.sleepers).into_iter().partition(|(at, _)| *at <= now);
        state.sleepers = waiting;
        for (_, sleeper) in due {
            // The sleeper may have been dropped: then nobody waits for this moment any more.
            let _ = sleeper.send(());
        }
    }
}

impl ManualClock {
    /// How long until the first sleeper is due; `None` when nobody sleeps.
    pub fn next_due(&self) -> Option<Duration> {
        let mut state = self.state.lock().expect("no panic while held");
        state.sleepers.retain(|(_, sleeper)| !sleeper.is_closed());
        let first = state.sleepers.iter().map(|(at, _)| *at).min();
        first.map(|at| at.saturating_sub(state.elapsed))
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        self.epoch.after(self.monotonic())
    }

    fn monotonic(&self) -> Duration {
        self.state.lock().expect("no panic while held").elapsed
    }

    fn sleep(&self, duration: Duration) -> Sleep {
        let (sender, receiver) = oneshot::channel();
        let mut state = self.state.lock().expect("no panic while held");
        if duration.is_zero() {
            return Box::pin(std::future::ready(()));
        }
        let due = state.elapsed + duration;
        state.sleepers.push((due, sender));
        Box::pin(async move {
            let _ = receiver.await;
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[tokio::test]
    async fn a_sleeper_wakes_when_its_time_has_come() {
        let clock = Arc::new(ManualClock::new(Timestamp::from_secs(100)));
        let sleep = clock.sleep(Duration::from_secs(5));
        clock.advance(Duration::from_secs(4));
        assert_eq!(clock.now(), Timestamp::from_secs(104));
        let task = tokio::spawn(sleep);
        tokio::task::yield_now().await;
        assert!(!task.is_finished());
        assert_eq!(clock.next_due(), Some(Duration::from_secs(1)));
        clock.advance(Duration::from_secs(1));
        task.await.expect("the sleeper does not panic");
        drop(clock.sleep(Duration::from_secs(1)));
        assert_eq!(clock.next_due(), None, "who has gone does not sleep");
    }
}
