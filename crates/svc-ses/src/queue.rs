//! Rows of work in the order of the moment at which each is due. As in SNS's outbox, where they begin is known in
//! memory, so that nothing walks over what was deleted.

use std::future::Future;
use std::sync::Mutex;
use std::time::Duration;

use aws_wire::{AwsError, Result};
use kv::{Direction, Span, Table};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::keys::Id;
use crate::{Ctx, Ses};

/// Where the rows begin.
pub(crate) struct Agenda {
    place: Mutex<Place>,
    arrivals: watch::Sender<()>,
}

struct Place {
    head: i64,
    /// The earliest row added since the last look began.
    added: i64,
}

impl Default for Agenda {
    fn default() -> Self {
        Self { place: Mutex::new(Place { head: i64::MIN, added: i64::MAX }), arrivals: watch::channel(()).0 }
    }
}

impl Agenda {
    /// A row of this moment was committed.
    pub(crate) fn added(&self, at: i64) {
        let mut place = self.place.lock().expect("no panic while held");
        place.added = place.added.min(at);
        place.head = place.head.min(at);
        drop(place);
        self.arrivals.send_replace(());
    }

    fn arrivals(&self) -> watch::Receiver<()> {
        self.arrivals.subscribe()
    }

    fn begin(&self) -> i64 {
        let mut place = self.place.lock().expect("no panic while held");
        place.added = i64::MAX;
        place.head
    }

    /// Every row before `head` is gone, but for those added meanwhile.
    fn end(&self, head: i64) {
        let mut place = self.place.lock().expect("no panic while held");
        place.head = head.min(place.added);
    }
}

/// Works on rows, so many at once, until the platform stops. `one` takes its row away, or puts it to a later moment and
/// tells the agenda.
pub(crate) async fn work<V, F>(
    cx: Ctx,
    what: &'static str,
    table: &'static Table<(i64, Id), V>,
    at_once: usize,
    agenda: fn(&Ses) -> &Agenda,
    one: fn(Ctx, (i64, Id), V) -> F,
) where
    V: Serialize + DeserializeOwned + Send + 'static,
    F: Future<Output = Result<()>> + Send + 'static,
{
    let mut arrivals = agenda(&cx.state).arrivals();
    loop {
        let next = match work_due(&cx, table, at_once, agenda(&cx.state), one).await {
            Ok(next) => next,
            Err(error) => {
                tracing::error!(%error, cause = ?error.cause, what);
                cx.env.now().as_micros() + 1_000_000
            }
        };
        let wait = u64::try_from(next.saturating_sub(cx.env.now().as_micros())).unwrap_or(0);
        tokio::select! {
            _ = arrivals.changed() => {}
            () = cx.env.sleep(Duration::from_micros(wait)), if next != i64::MAX => {}
        }
    }
}

/// Works on what is due; gives when to look again.
async fn work_due<V, F>(
    cx: &Ctx,
    table: &Table<(i64, Id), V>,
    at_once: usize,
    agenda: &Agenda,
    one: fn(Ctx, (i64, Id), V) -> F,
) -> Result<i64>
where
    V: Serialize + DeserializeOwned + Send + 'static,
    F: Future<Output = Result<()>> + Send + 'static,
{
    let now = cx.env.now().as_micros();
    let from = agenda.begin();
    let span = Span::all().from(&(from, [0; 16]));
    let rows = table.scan(&cx.kv.snapshot().await?, &span, at_once, Direction::Forward)?;
    let next = rows.iter().map(|((at, _), _)| *at).find(|at| *at > now);
    let full = rows.len() == at_once;
    let last = rows.last().map(|((at, _), _)| *at);
    let mut tasks = JoinSet::new();
    for (key, row) in rows.into_iter().filter(|((at, _), _)| *at <= now) {
        tasks.spawn(one(cx.clone(), key, row));
    }
    while let Some(done) = tasks.join_next().await {
        done.map_err(AwsError::internal)??;
    }
    // What follows the last row at its very moment is not gone, so the next look begins there.
    let head = match (full, next) {
        (_, Some(next)) => next,
        (true, None) => last.unwrap_or(now),
        (false, None) => i64::MAX,
    };
    agenda.end(head);
    Ok(if full && next.is_none() { now } else { head })
}
