//! The durable queue: rows of `keys::WORK`, and the lanes that remember where each function's next one lies.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Mutex, MutexGuard};

use env::{Env, Timestamp};
use kv::{Direction, Kv, Span};
use tokio::sync::Notify;

use crate::asynchronous::Counts;
use crate::asynchronous::event::Work;
use crate::asynchronous::intake::Intake;
use crate::asynchronous::lanes::{Lanes, Row, Run};
use crate::keys::{FunctionKey, WORK, WorkKey};

/// Rows looked at in one read, while those before are running.
const LOOK: usize = 4;

pub(crate) struct Queue {
    lanes: Mutex<Lanes>,
    /// Told when there may be something to do.
    changed: Notify,
    pub intake: Intake,
    pub counts: Counts,
}

/// Rows on their way into the store. They are announced when this is dropped: even if whether they were written is
/// unknown.
struct Announced<'a> {
    queue: &'a Queue,
    /// The first of each function: what comes behind it is found from there.
    firsts: Vec<(FunctionKey, Row)>,
}

impl<'a> Announced<'a> {
    fn new<'k>(queue: &'a Queue, keys: impl Iterator<Item = &'k WorkKey>) -> Self {
        let mut firsts = BTreeMap::<_, &WorkKey>::new();
        for key in keys {
            let first = firsts.entry((&key.0, &key.1, &key.2)).or_insert(key);
            *first = (*first).min(key);
        }
        Self { queue, firsts: firsts.into_values().map(split).collect() }
    }
}

impl Drop for Announced<'_> {
    fn drop(&mut self) {
        let mut lanes = self.queue.lanes();
        let mut has_room = false;
        for (function, row) in &self.firsts {
            has_room |= lanes.announce(function, row);
        }
        drop(lanes);
        if has_room {
            self.queue.changed.notify_one();
        }
    }
}

pub(crate) fn split((account, region, name, due, id): &WorkKey) -> (FunctionKey, Row) {
    ((account.clone(), region.clone(), name.clone()), (*due, id.clone()))
}

pub(crate) fn joined((account, region, name): &FunctionKey, (due, id): &Row) -> WorkKey {
    (account.clone(), region.clone(), name.clone(), *due, id.clone())
}

impl Queue {
    /// Work of which at most `running_max` runs at once.
    pub(crate) fn new(running_max: usize) -> Self {
        Self {
            lanes: Mutex::new(Lanes::new(running_max)),
            changed: Notify::new(),
            intake: Intake::default(),
            counts: Counts::default(),
        }
    }

    fn lanes(&self) -> MutexGuard<'_, Lanes> {
        self.lanes.lock().expect("no panic while held")
    }

    /// Stores work; durable when this returns.
    ///
    /// # Errors
    /// Those of the store.
    pub(crate) async fn put(&self, kv: &Kv, rows: &[(WorkKey, Work)]) -> Result<(), kv::Error> {
        let _announced = Announced::new(self, rows.iter().map(|(key, _)| key));
        // It reads nothing, so it meets no conflict.
        kv.transact(|tx| rows.iter().try_for_each(|(key, work)| WORK.put(tx, key, work))).await
    }

    /// Stores what follows in place of what is done.
    ///
    /// # Errors
    /// Those of the store; it is then open whether it was done.
    pub(crate) async fn replace(
        &self,
        kv: &Kv,
        done: &WorkKey,
        next: &[(WorkKey, Work)],
    ) -> Result<(), kv::Error> {
        let _announced = Announced::new(self, next.iter().map(|(key, _)| key));
        kv.transact(|tx| {
            WORK.delete(tx, done)?;
            next.iter().try_for_each(|(key, work)| WORK.put(tx, key, work))
        })
        .await
    }

    /// Begins anew with what is stored: work of an earlier run of the platform, or of an earlier worker.
    ///
    /// # Errors
    /// Those of the store.
    pub(crate) async fn recover(&self, kv: &Kv) -> Result<(), kv::Error> {
        self.lanes().reset();
        let mut span = Span::all();
        loop {
            let first = WORK.scan(&kv.snapshot().await?, &span, 1, Direction::Forward)?;
            let Some((key, _)) = first.first() else { return Ok(()) };
            let (function, _) = split(key);
            span = Span::all().after_prefix(&(&function.0, &function.1, &function.2));
            self.lanes().recover(&function);
        }
    }

    /// Work that is due, counted as running until `ended`; `None` when there is none.
    ///
    /// # Errors
    /// Those of the store.
    pub(crate) async fn take(&self, kv: &Kv, now: Timestamp) -> Result<Option<(WorkKey, Work)>, kv::Error> {
        loop {
            let Some((function, from)) = self.lanes().next(now) else { return Ok(None) };
            let mut found = self.look(kv, &function, from).await;
            let mut lanes = self.lanes();
            match &mut found {
                Ok(Some((key, _))) if key.3 <= now => {
                    lanes.took(&function, split(key).1);
                    return found;
                }
                Ok(later) => lanes.found_none(&function, later.as_ref().map(|(key, _)| key.3)),
                Err(_) => {
                    lanes.recover(&function);
                    lanes.found_none(&function, None);
                    return found;
                }
            }
        }
    }

    /// The first row of a function at or behind `from` that nobody has taken.
    async fn look(
        &self,
        kv: &Kv,
        function: &FunctionKey,
        from: Row,
    ) -> Result<Option<(WorkKey, Work)>, kv::Error> {
        let snapshot = kv.snapshot().await?;
        let lane = Span::prefix(&(&function.0, &function.1, &function.2));
        let mut span = lane.clone().from(&joined(function, &from));
        // Almost always the first row is the one.
        let mut limit = 1;
        loop {
            let rows = WORK.scan(&snapshot, &span, limit, Direction::Forward)?;
            let is_last = rows.len() < limit;
            let last = rows.last().map(|(key, _)| key.clone());
            let free = {
                let lanes = self.lanes();
                rows.into_iter().find(|(key, _)| !lanes.is_taken(function, &split(key).1))
            };
            match last {
                Some(last) if free.is_none() && !is_last => span = lane.clone().after(&last),
                _ => return Ok(free),
            }
            limit = LOOK;
        }
    }

    /// Work does not run any more, and what became of it is stored.
    pub(crate) fn ended(&self, key: &WorkKey, run: Run, now: Timestamp) {
        let (function, row) = split(key);
        self.lanes().ended(&function, &row, run, now);
        self.changed.notify_one();
    }

    /// Work does not run any more, and is to be found again.
    pub(crate) fn given_up(&self, key: &WorkKey, now: Timestamp) {
        self.ended(key, Run::Other, now);
        drop(Announced::new(self, std::iter::once(key)));
    }

    /// Waits until there may be something to do: work was stored, has ended, or is due.
    pub(crate) fn changed<'a>(&'a self, env: &Env) -> impl Future<Output = ()> + use<'a> {
        let due = self.lanes().next_due().map(|due| env.sleep(due.since(env.now())));
        async move {
            match due {
                Some(due) => tokio::select! {
                    () = self.changed.notified() => {}
                    () = due => {}
                },
                None => self.changed.notified().await,
            }
        }
    }

    /// Whether nothing is to be done, now or later.
    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.lanes().is_empty()
    }

    #[cfg(test)]
    pub(crate) fn next_due(&self) -> Option<Timestamp> {
        self.lanes().next_due()
    }
}
