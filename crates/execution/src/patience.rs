//! When an invocation waits for an environment at work rather than take one more.
//!
//! A function that answers within a fraction of a millisecond gains nothing from more environments than there are
//! processors. It loses: each that takes a turn finds the processor's caches full of the others, and an interpreter then
//! needs several times as long for the same answer. So while as many of a version's environments work as there are
//! processors, callers of such a function wait for one of those. They wait for as long as some come back; when none does
//! for a moment, somebody has begun to wait for something, and all go on as if there were no such rule.
//!
//! Where many work at once, each answer takes as many times as long, and what a function needs alone is not seen: such a
//! function is tried. If its answers take no less time then, it is not the processor that they take it for.

use std::collections::VecDeque;
use std::num::NonZero;
use std::sync::{Arc, LazyLock};
use std::thread::available_parallelism;
use std::time::Duration;

use tokio::sync::oneshot;

use crate::environment::Environment;

/// A function whose quickest recent answer took longer waits for more than the processor.
const QUICK_MAX: Duration = Duration::from_micros(400);
/// Answers of which the quickest counts. What else runs on the machine makes single ones slow, hardly ever all of them.
const RECENT: u32 = 64;
/// How long nobody comes back before those who wait go on.
pub(crate) const LULL: Duration = Duration::from_millis(5);
/// How long nobody waits after waiting was for nothing: at first, and when it was so again and again.
const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(10);
/// On one processor, one environment has its event while the answer of another is on its way.
const PROCESSORS_MIN: usize = 2;
static PROCESSORS: LazyLock<usize> =
    LazyLock::new(|| available_parallelism().map_or(PROCESSORS_MIN, NonZero::get).max(PROCESSORS_MIN));

/// A pool's part in it.
#[derive(Default)]
pub(crate) struct Patience {
    /// As the last so many answers have it; not before there were as many.
    is_quick: bool,
    /// Of those answers so far.
    quickest: Duration,
    /// The most that worked at once meanwhile.
    crowd: usize,
    answers: u32,
    /// Environments that were given out and have not come back.
    at_work: usize,
    /// Dropped where waiting is over and brought nothing.
    waiting: VecDeque<oneshot::Sender<Arc<Environment>>>,
    /// Environments that whoever waited has got.
    served: u64,
    is_watched: bool,
    /// Nobody waits before, by the monotonic clock.
    paused_until: Duration,
    /// How long the last pause was; zero where none was in vain.
    paused_for: Duration,
}

impl Patience {
    /// The runtime took so long for its answer.
    pub(crate) fn answered(&mut self, took: Duration, now: Duration) {
        let is_first = self.answers == 0;
        self.quickest = if is_first { took } else { self.quickest.min(took) };
        self.crowd = if is_first { self.at_work } else { self.crowd.max(self.at_work) };
        self.answers += 1;
        if self.answers < RECENT {
            return;
        }
        self.answers = 0;
        if self.crowd > *PROCESSORS {
            self.is_quick = self.quickest <= QUICK_MAX * u32::try_from(self.crowd).unwrap_or(u32::MAX);
            return;
        }
        self.is_quick = self.quickest <= QUICK_MAX;
        if self.is_quick {
            self.paused_for = Duration::ZERO;
        } else {
            self.pause(now);
        }
    }

    fn pause(&mut self, now: Duration) {
        self.paused_for = (self.paused_for * 2).clamp(PAUSE_MIN, PAUSE_MAX);
        self.paused_until = now + self.paused_for;
    }

    /// One more environment is given out.
    pub(crate) fn given_out(&mut self) {
        self.at_work += 1;
    }

    /// One that was given out is back, or ended.
    pub(crate) fn is_back(&mut self) {
        self.at_work = self.at_work.saturating_sub(1);
    }

    /// The way to the environment that a caller is to wait for, where enough work already; and whether somebody has to
    /// watch from now on.
    pub(crate) fn wait(&mut self, now: Duration) -> Option<(oneshot::Receiver<Arc<Environment>>, bool)> {
        if !self.is_quick || self.at_work < *PROCESSORS || now < self.paused_until {
            return None;
        }
        let (sender, environment) = oneshot::channel();
        self.waiting.push_back(sender);
        Some((environment, !std::mem::replace(&mut self.is_watched, true)))
    }

    /// Gives `environment` to whoever waits longest; gives it back when nobody does.
    pub(crate) fn serve(&mut self, environment: Arc<Environment>) -> Option<Arc<Environment>> {
        let mut granted = environment;
        while let Some(waiting) = self.waiting.pop_front() {
            match waiting.send(granted) {
                Ok(()) => {
                    self.served += 1;
                    return None;
                }
                Err(back) => granted = back,
            }
        }
        Some(granted)
    }

    pub(crate) fn served(&self) -> u64 {
        self.served
    }

    /// Whether to look again, when so many had been served a moment ago. Nobody waits any more where none was since.
    pub(crate) fn is_watched_on(&mut self, served_before: u64, now: Duration) -> bool {
        if !self.waiting.is_empty() && self.served == served_before {
            self.pause(now);
            self.give_up();
        }
        self.is_watched = !self.waiting.is_empty();
        self.is_watched
    }

    /// Lets all who wait look for themselves.
    pub(crate) fn give_up(&mut self) {
        self.waiting.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(1);

    /// One of which so many work at once, and which has answered.
    fn after(crowd: usize, answers: impl IntoIterator<Item = u64>) -> Patience {
        let mut patience = Patience::default();
        (0..crowd).for_each(|_| patience.given_out());
        answers.into_iter().for_each(|micros| patience.answered(Duration::from_micros(micros), NOW));
        patience
    }

    #[test]
    fn only_callers_of_quick_functions_wait_and_only_for_those_at_work() {
        let check = |answers: Vec<u64>, crowd: usize, expected: bool| {
            let mut patience = after(crowd, answers.clone());
            assert_eq!(patience.wait(NOW).is_some(), expected, "{answers:?} {crowd}");
        };
        let (few, many) = (*PROCESSORS, *PROCESSORS * 10);
        check(vec![50; 63], few, false);
        check(vec![50; 64], few, true);
        check(vec![50; 64], few - 1, false);
        check(vec![3000; 64], few, false);
        let mostly_slow = (0..64).map(|number| if number == 9 { 50 } else { 3000 });
        check(mostly_slow.collect(), few, true);
        check([vec![50; 64], vec![3000; 64]].concat(), few, false);
        check(vec![3000; 64], many, true);
        check(vec![500_000; 64], many, false);
    }

    #[test]
    fn what_is_slow_alone_is_tried_ever_more_rarely() {
        let (few, many) = (*PROCESSORS, *PROCESSORS * 10);
        let mut patience = after(many, [3000; 64]);
        let mut now = NOW;
        let mut pauses = Vec::new();
        for _ in 0..9 {
            assert!(patience.wait(now).is_some(), "it is tried");
            for crowd in [few, many] {
                patience.at_work = crowd;
                (0..64).for_each(|_| patience.answered(Duration::from_millis(3), now));
            }
            pauses.push((patience.paused_until - now).as_millis());
            assert!(patience.wait(now).is_none());
            now = patience.paused_until;
        }
        assert_eq!(pauses, [100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000]);
        patience.at_work = few;
        (0..64).for_each(|_| patience.answered(QUICK_MAX, now));
        assert_eq!((patience.wait(now).is_some(), patience.paused_for), (true, Duration::ZERO));
    }

    #[test]
    fn nobody_waits_where_none_comes_back() {
        let mut patience = after(*PROCESSORS, [50; 64]);
        let Some((mut environment, true)) = patience.wait(NOW) else { panic!("it waits, first of all") };
        let Some((_second, false)) = patience.wait(NOW) else { panic!("it waits, and somebody watches") };
        patience.served += 1;
        assert!(patience.is_watched_on(0, NOW), "one was served");
        assert_eq!(environment.try_recv().err(), Some(oneshot::error::TryRecvError::Empty));
        assert!(!patience.is_watched_on(1, NOW));
        assert_eq!(environment.try_recv().err(), Some(oneshot::error::TryRecvError::Closed));
        assert!(patience.wait(NOW + PAUSE_MIN / 2).is_none());
        assert!(patience.wait(NOW + PAUSE_MIN).is_some());
        patience.is_back();
        assert!(patience.wait(NOW + PAUSE_MIN).is_none());
    }
}
