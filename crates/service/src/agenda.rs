//! Outboxes: rows ordered by the moment at which they are due, worked on until none is left.
//!
//! Where the rows begin is known in memory, so that nobody who looks for what is due walks over what was deleted.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Mutex;
use std::time::Duration;

use aws_wire::{AwsError, Result};
use env::{Listener, Signal};
use kv::{Direction, Span, Table};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::task::JoinSet;

use crate::Ctx;

/// When a row is due, in microseconds since the epoch, and which it is.
pub type RowKey = (i64, [u8; 16]);

/// The clock is looked at this often, for it may be set.
pub(crate) const LOOK_EVERY: Duration = Duration::from_secs(60);
pub(crate) const AFTER_A_FAILURE: Duration = Duration::from_secs(1);

/// What a service of state `S` stores with a change and does afterwards, so that a crash loses none of it.
pub struct Outbox<S: 'static, V: 'static> {
    /// For the log: what is done.
    pub what: &'static str,
    pub table: &'static Table<RowKey, V>,
    /// Rows worked on at once.
    pub at_once: usize,
    pub agenda: fn(&S) -> &Agenda,
    /// Rows of one lane are worked on one after the other; a row without one goes alone.
    pub lane: fn(&RowKey, &V) -> Option<String>,
}

impl<S, V> Outbox<S, V>
where
    S: Send + Sync + 'static,
    V: Serialize + DeserializeOwned + Send + 'static,
{
    /// Works until the platform stops. `one` takes its row away, or puts it to a later moment and tells the agenda.
    pub async fn run<F>(self, cx: Ctx<S>, one: fn(Ctx<S>, RowKey, V) -> F)
    where
        F: Future<Output = Result<()>> + Send + 'static,
    {
        let mut arrivals = (self.agenda)(&cx.state).arrivals();
        loop {
            let next = match self.work_due(&cx, one).await {
                Ok(next) => next,
                Err(error) => {
                    tracing::error!(%error, cause = ?error.cause, what = self.what);
                    cx.env.now().after(AFTER_A_FAILURE).as_micros()
                }
            };
            let wait = u64::try_from(next.saturating_sub(cx.env.now().as_micros())).unwrap_or(0);
            tokio::select! {
                biased;
                () = arrivals.changed() => {}
                () = cx.env.sleep(Duration::from_micros(wait).min(LOOK_EVERY)) => {}
            }
        }
    }

    /// Works on what is due; gives when to look again.
    async fn work_due<F>(&self, cx: &Ctx<S>, one: fn(Ctx<S>, RowKey, V) -> F) -> Result<i64>
    where
        F: Future<Output = Result<()>> + Send + 'static,
    {
        let now = cx.env.now().as_micros();
        let agenda = (self.agenda)(&cx.state);
        let span = Span::all().from(&(agenda.begin(), [0; 16]));
        let rows = self.table.scan(&cx.kv.snapshot().await?, &span, self.at_once, Direction::Forward)?;
        let next = rows.iter().map(|((at, _), _)| *at).find(|at| *at > now);
        let full = rows.len() == self.at_once;
        let last = rows.last().map(|((at, _), _)| *at);
        let (mut lanes, mut tasks) = (BTreeMap::<String, Vec<(RowKey, V)>>::new(), JoinSet::new());
        for (key, row) in rows.into_iter().filter(|((at, _), _)| *at <= now) {
            match (self.lane)(&key, &row) {
                Some(lane) => lanes.entry(lane).or_default().push((key, row)),
                None => drop(tasks.spawn(one(cx.clone(), key, row))),
            }
        }
        for (_, rows) in lanes {
            let cx = cx.clone();
            tasks.spawn(async move {
                for (key, row) in rows {
                    one(cx.clone(), key, row).await?;
                }
                Ok(())
            });
        }
        // One that fails ends none of the others.
        let mut failed = Ok(());
        while let Some(done) = tasks.join_next().await {
            failed = failed.and(done.map_err(AwsError::internal).flatten());
        }
        failed?;
        // What follows the last row at its very moment is not gone, so the next look begins there.
        let head = match (full, next) {
            (_, Some(next)) => next,
            (true, None) => last.unwrap_or(now),
            (false, None) => i64::MAX,
        };
        agenda.end(head);
        Ok(if full && next.is_none() { now } else { head })
    }
}

/// Where an outbox begins. Whoever adds a row says so.
pub struct Agenda {
    place: Mutex<Place>,
    arrivals: Signal,
}

struct Place {
    head: i64,
    /// The earliest row added since the last look began.
    added: i64,
}

impl Default for Agenda {
    fn default() -> Self {
        let place = Mutex::new(Place { head: i64::MIN, added: i64::MAX });
        Self { place, arrivals: Signal::default() }
    }
}

impl Agenda {
    /// A row of this moment was committed.
    pub fn added(&self, at: i64) {
        let mut place = self.place.lock().expect("no panic while held");
        place.added = place.added.min(at);
        place.head = place.head.min(at);
        drop(place);
        self.arrivals.raise();
    }

    fn arrivals(&self) -> Listener {
        self.arrivals.listen()
    }

    /// A look begins; no row is due before what this gives.
    fn begin(&self) -> i64 {
        let mut place = self.place.lock().expect("no panic while held");
        place.added = i64::MAX;
        place.head
    }

    /// The look is over: every row before `head` is gone, but for those added meanwhile.
    fn end(&self, head: i64) {
        let mut place = self.place.lock().expect("no panic while held");
        place.head = head.min(place.added);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_added_during_a_look_is_seen_by_the_next() {
        let agenda = Agenda::default();
        assert_eq!(agenda.begin(), i64::MIN);
        agenda.added(7);
        agenda.end(i64::MAX);
        assert_eq!(agenda.begin(), 7);
        agenda.end(20);
        assert_eq!(agenda.begin(), 20);
        agenda.end(i64::MAX);
        agenda.added(5);
        assert_eq!(agenda.begin(), 5);
    }
}
