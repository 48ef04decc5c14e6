//! Deliveries by HTTP: each subscription's are work of its own, so that an endpoint that is slow or gone holds up
//! nobody else's.
//!
//! A row is one message for one subscription; it is stored with the publishing or the subscribing. While a subscription
//! has rows, it has a lane: a task that sends what is due, at most so many at a time and as fast as the delivery policy
//! allows, and puts what failed back for later. Lanes are in memory; at the start they are made for whoever has rows.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_wire::Result;
use http_client::Client;
use kv::{Direction, Span};
use tokio::sync::{Notify, Semaphore, SemaphorePermit, watch};
use tokio::task::{Id as TaskId, JoinSet};

use crate::Ctx;
use crate::keys::{Id, LETTERS};
use crate::letter::{Recipient, deliver};

/// Requests under way for one subscription.
const LANE_AT_ONCE: usize = 8;
/// Requests under way for all of them.
const AT_ONCE: usize = 512;
/// After a failure of ours.
const PAUSE: Duration = Duration::from_secs(20);

/// What tells the job of new letters, and what it sends with.
pub(crate) struct Courier {
    /// The earliest row that was added since the job last looked, by subscription.
    added: Mutex<BTreeMap<String, i64>>,
    arrivals: watch::Sender<()>,
    at_once: Semaphore,
    client: Client,
}

impl Default for Courier {
    fn default() -> Self {
        Self {
            added: Mutex::default(),
            arrivals: watch::channel(()).0,
            at_once: Semaphore::new(AT_ONCE),
            client: Client::default(),
        }
    }
}

impl Courier {
    /// Letters of this moment or later were committed.
    pub(crate) fn added(&self, subscription_arn: &str, at: i64) {
        let mut added = self.added.lock().expect("no panic while held");
        let earliest = added.entry(subscription_arn.to_owned()).or_insert(at);
        *earliest = at.min(*earliest);
        drop(added);
        self.arrivals.send_replace(());
    }

    /// Waits until another request may be under way.
    pub(crate) async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        self.at_once.acquire().await.ok()
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    fn take(&self) -> BTreeMap<String, i64> {
        std::mem::take(&mut *self.added.lock().expect("no panic while held"))
    }
}

/// How a lane that runs is told of new rows.
struct Bell {
    rung: Notify,
    /// The earliest row added; `i64::MAX` for none.
    earliest: AtomicI64,
}

/// The lanes that run.
struct Lanes {
    running: HashMap<String, (Arc<Bell>, bool)>,
    tasks: JoinSet<()>,
    /// Whose a task is.
    names: HashMap<TaskId, String>,
}

impl Lanes {
    fn ring(&mut self, cx: &Ctx, arn: String, at: i64) {
        if let Some((bell, again)) = self.running.get_mut(&arn) {
            bell.earliest.fetch_min(at, Ordering::SeqCst);
            bell.rung.notify_one();
            // It may be about to end, having seen nothing: then another begins.
            *again = true;
            return;
        }
        let bell = Arc::new(Bell { rung: Notify::new(), earliest: AtomicI64::new(i64::MAX) });
        self.running.insert(arn.clone(), (Arc::clone(&bell), false));
        let task = self.tasks.spawn(Lane::new(cx.clone(), arn.clone(), bell).run());
        self.names.insert(task.id(), arn);
    }

    fn ended(&mut self, cx: &Ctx, task: TaskId) {
        let Some(arn) = self.names.remove(&task) else { return };
        if let Some((_, true)) = self.running.remove(&arn) {
            self.ring(cx, arn, i64::MIN);
        }
    }
}

/// Delivers until the platform stops.
pub(crate) async fn run(cx: Ctx) {
    let mut arrivals = cx.state.courier.arrivals.subscribe();
    let mut lanes = Lanes { running: HashMap::new(), tasks: JoinSet::new(), names: HashMap::new() };
    let known = loop {
        match with_letters(&cx).await {
            Ok(known) => break known,
            Err(error) => {
                tracing::error!(%error, cause = ?error.cause, "look for letters");
                cx.env.sleep(PAUSE).await;
            }
        }
    };
    known.into_iter().for_each(|arn| lanes.ring(&cx, arn, i64::MIN));
    loop {
        cx.state.courier.take().into_iter().for_each(|(arn, at)| lanes.ring(&cx, arn, at));
        tokio::select! {
            _ = arrivals.changed() => {}
            Some(ended) = lanes.tasks.join_next_with_id() => match ended {
                Ok((task, ())) => lanes.ended(&cx, task),
                Err(error) => {
                    tracing::error!(%error, "a lane of deliveries broke");
                    lanes.ended(&cx, error.id());
                }
            },
        }
    }
}

/// The subscriptions that have letters.
async fn with_letters(cx: &Ctx) -> Result<Vec<String>> {
    let snapshot = cx.kv.snapshot().await?;
    let (mut found, mut rest) = (Vec::new(), Span::all());
    while let Some(((arn, ..), _)) = LETTERS.scan(&snapshot, &rest, 1, Direction::Forward)?.pop() {
        rest = Span::all().after_prefix(&(arn.as_str(),));
        found.push(arn);
    }
    Ok(found)
}

/// One subscription's deliveries, while there are any.
struct Lane {
    cx: Ctx,
    arn: String,
    bell: Arc<Bell>,
    /// No row lies before.
    from: i64,
    under_way: BTreeSet<(i64, Id)>,
    tasks: JoinSet<(i64, Id)>,
    /// When the delivery policy allows the next request, in microseconds.
    open_at: i64,
}

impl Lane {
    fn new(cx: Ctx, arn: String, bell: Arc<Bell>) -> Self {
        Self {
            cx,
            arn,
            bell,
            from: i64::MIN,
            under_way: BTreeSet::new(),
            tasks: JoinSet::new(),
            open_at: i64::MIN,
        }
    }

    async fn run(mut self) {
        loop {
            let next = match self.send_due().await {
                Ok(None) if self.tasks.is_empty() => return,
                Ok(next) => next,
                Err(error) => {
                    tracing::error!(%error, cause = ?error.cause, subscription = self.arn, "deliver");
                    Some(self.cx.env.now().after(PAUSE).as_micros())
                }
            };
            self.wait(next).await;
        }
    }

    /// Sends what is due and allowed; gives when to look again, if anything waits for its time.
    async fn send_due(&mut self) -> Result<Option<i64>> {
        let added = self.bell.earliest.swap(i64::MAX, Ordering::SeqCst);
        self.from = self.from.min(added);
        let snapshot = self.cx.kv.snapshot().await?;
        let span = Span::prefix(&(self.arn.as_str(),)).from(&(self.arn.as_str(), self.from, [0; 16]));
        let limit = LANE_AT_ONCE + self.under_way.len();
        let rows = LETTERS.scan(&snapshot, &span, limit, Direction::Forward)?;
        self.from = rows.first().map_or(i64::MAX, |((_, at, _), _)| *at);
        let recipient = Recipient::find(&snapshot, &self.arn)?.map(Arc::new);
        for ((_, at, id), letter) in rows {
            if self.under_way.contains(&(at, id)) {
                continue;
            }
            let now = self.cx.env.now().as_micros();
            if at.max(self.open_at) > now {
                return Ok(Some(at.max(self.open_at)));
            }
            if self.tasks.len() >= LANE_AT_ONCE {
                break;
            }
            if let Some(spacing) = recipient.as_ref().and_then(|recipient| recipient.policy.spacing()) {
                self.open_at = self.cx.env.now().after(spacing).as_micros();
            }
            self.under_way.insert((at, id));
            let (cx, key, recipient) = (self.cx.clone(), (self.arn.clone(), at, id), recipient.clone());
            self.tasks.spawn(async move {
                if let Err(error) = deliver(&cx, &key, letter, recipient).await {
                    tracing::error!(%error, cause = ?error.cause, subscription = key.0, "deliver");
                    // Tried at once, it would fail at once.
                    cx.env.sleep(PAUSE).await;
                }
                (at, id)
            });
        }
        Ok(None)
    }

    /// After a bug of ours, of which nobody knows whose delivery it hit.
    async fn begin_anew(&mut self) {
        self.tasks.shutdown().await;
        self.under_way.clear();
        self.from = i64::MIN;
        self.cx.env.sleep(PAUSE).await;
    }

    async fn wait(&mut self, next: Option<i64>) {
        let now = self.cx.env.now().as_micros();
        let pause = next.map(|next| Duration::from_micros(u64::try_from(next - now).unwrap_or(0)));
        let asleep = async {
            match pause {
                Some(pause) => self.cx.env.sleep(pause).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            Some(done) = self.tasks.join_next() => match done {
                Ok(row) => {
                    self.under_way.remove(&row);
                }
                Err(error) => {
                    tracing::error!(%error, subscription = self.arn, "a delivery broke");
                    self.begin_anew().await;
                }
            },
            () = self.bell.rung.notified() => {}
            () = asleep => {}
        }
    }
}
