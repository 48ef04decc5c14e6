//! When something is due for an environment: its invocation's timeout, freezing, its end.
//!
//! One task waits for the earliest of all. An environment has at most one alarm that counts, and moves from call to
//! call without touching it: what is due is looked up when the alarm goes off. So a warm invocation sets no timer,
//! which in tokio would wake another thread each time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::{Mutex, Weak};
use std::time::Duration;

use env::Env;
use tokio::sync::Notify;
use tokio_util::task::TaskTracker;

use crate::environment::Environment;

#[derive(Default)]
pub(crate) struct Alarms {
    entries: Mutex<BinaryHeap<Reverse<Alarm>>>,
    /// An alarm was set that is earlier than all others.
    earlier: Notify,
    /// Environments that take leave of their extensions.
    pub(crate) endings: TaskTracker,
}

struct Alarm {
    /// By the monotonic clock.
    due: Duration,
    environment: Weak<Environment>,
}

impl Alarms {
    pub(crate) fn set(&self, due: Duration, environment: Weak<Environment>) {
        let mut entries = self.entries.lock().expect("no panic while held");
        let is_earliest = entries.peek().is_none_or(|Reverse(first)| due < first.due);
        entries.push(Reverse(Alarm { due, environment }));
        if is_earliest {
            self.earlier.notify_one();
        }
    }

    /// Lets alarms go off until the task is dropped.
    pub(crate) async fn run(&self, env: &Env) {
        loop {
            let first =
                self.entries.lock().expect("no panic while held").peek().map(|Reverse(first)| first.due);
            let Some(due) = first else {
                self.earlier.notified().await;
                continue;
            };
            let now = env.monotonic();
            if due > now {
                tokio::select! {
                    () = env.sleep(due - now) => {}
                    () = self.earlier.notified() => {}
                }
                continue;
            }
            let alarm = self.entries.lock().expect("no panic while held").pop();
            if let Some(Reverse(alarm)) = alarm
                && let Some(environment) = alarm.environment.upgrade()
            {
                environment.alarm(alarm.due, now);
            }
        }
    }
}

impl PartialEq for Alarm {
    fn eq(&self, other: &Self) -> bool {
        self.due == other.due
    }
}

impl Eq for Alarm {}

impl PartialOrd for Alarm {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Alarm {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.due.cmp(&other.due)
    }
}
