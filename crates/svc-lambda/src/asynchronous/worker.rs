//! The worker: takes work that is due, has it done, and stores what follows before it forgets.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use env::Env;
use kv::Kv;
use service::Undelivered;
use tokio::task::JoinSet;

use crate::asynchronous::event::{Attempted, Condition, Event, Next, Parcel, Plan, Work};
use crate::asynchronous::lanes::Run;
use crate::asynchronous::queue::{Queue, joined, split};
use crate::asynchronous::record;
use crate::keys::{FunctionKey, WorkKey};

/// How long the worker waits after a failure of the store.
const STORE_FAILED: Duration = Duration::from_secs(1);

/// Who does the work: the platform, or a simulation.
pub(crate) trait Doer: Send + Sync + 'static {
    /// What applies to an event; `None` when its function is gone.
    fn plan(
        &self,
        function: &FunctionKey,
        event: &Event,
    ) -> impl Future<Output = Result<Option<Plan>, kv::Error>> + Send;

    fn attempt(&self, function: &FunctionKey, event: &Event) -> impl Future<Output = Attempted> + Send;

    fn send(
        &self,
        function: &FunctionKey,
        parcel: &Parcel,
    ) -> impl Future<Output = Result<(), Undelivered>> + Send;

    /// Makes an event's fate seen. Comes before it is stored, so a crash may repeat it but not swallow it.
    fn tell(&self, function: &FunctionKey, id: &str, fate: &Fate<'_>);
}

/// What became of an event, or of a record of it.
#[derive(Debug)]
pub(crate) enum Fate<'a> {
    /// It ended well, or its failure was stored to be sent on.
    Handled,
    /// It failed, with nowhere to send that.
    Dropped(Condition),
    /// Its function is gone.
    Orphaned,
    /// It went round in a loop.
    Recursive,
    /// Its target takes the record no more.
    Undelivered(&'a Parcel, &'a Undelivered),
}

/// Everything that one piece of work needs.
struct Task<D> {
    queue: Arc<Queue>,
    kv: Kv,
    env: Env,
    doer: Arc<D>,
    key: WorkKey,
}

/// Drains the queue for ever. Dropping it leaves what is running as if it had not begun.
pub(crate) async fn run<D: Doer>(queue: &Arc<Queue>, kv: &Kv, env: &Env, doer: Arc<D>) {
    while let Err(error) = queue.recover(kv).await {
        tracing::error!(%error, "find events of the last run");
        env.sleep(STORE_FAILED).await;
    }
    let mut running = JoinSet::new();
    loop {
        while running.try_join_next().is_some() {}
        match queue.take(kv, env.now()).await {
            Ok(Some((key, work))) => {
                let task = Task {
                    queue: Arc::clone(queue),
                    kv: kv.clone(),
                    env: env.clone(),
                    doer: Arc::clone(&doer),
                    key,
                };
                running.spawn(task.run(work));
            }
            Ok(None) => queue.changed(env).await,
            Err(error) => {
                tracing::error!(%error, "take an event from its queue");
                env.sleep(STORE_FAILED).await;
            }
        }
    }
}

impl<D: Doer> Task<D> {
    async fn run(self, work: Work) {
        let done = match work {
            Work::Invoke(event) => self.invoke(event).await,
            Work::Deliver(parcel) => self.deliver(parcel).await,
        };
        match done {
            Ok(run) => self.queue.ended(&self.key, run, self.env.now()),
            Err(error) => {
                // Whether it was stored is unknown: it is done once more.
                tracing::error!(%error, id = self.key.4, "store what became of an event");
                self.env.sleep(STORE_FAILED).await;
                self.queue.given_up(&self.key, self.env.now());
            }
        }
    }

    async fn invoke(&self, mut event: Event) -> Result<Run, kv::Error> {
        let (function, _) = split(&self.key);
        let Some(plan) = self.doer.plan(&function, &event).await? else {
            self.doer.tell(&function, &event.request_id, &Fate::Orphaned);
            return self.replace(&[]).await.map(|()| Run::Other);
        };
        if event.has_expired(&plan, self.env.now()) {
            return self.end(&event, &plan, Condition::EventAgeExceeded).await.map(|()| Run::Other);
        }
        let attempted = self.doer.attempt(&function, &event).await;
        let run = match attempted {
            Attempted::Answered { .. } => Run::Ran,
            Attempted::Throttled => Run::Throttled,
            Attempted::Interrupted => return std::future::pending().await,
            _ => Run::Other,
        };
        if attempted == Attempted::Recursive {
            self.doer.tell(&function, &event.request_id, &Fate::Recursive);
        }
        // Its settings may have changed while it ran.
        let plan = self.doer.plan(&function, &event).await?.unwrap_or(plan);
        match event.step(attempted, &plan, self.env.now()) {
            Next::Again(due) => {
                let key = joined(&function, &(due, event.request_id.clone()));
                self.replace(&[(key, Work::Invoke(event))]).await?;
            }
            Next::Ended(condition) => self.end(&event, &plan, condition).await?,
            Next::Gone => {
                self.doer.tell(&function, &event.request_id, &Fate::Orphaned);
                self.replace(&[]).await?;
            }
            Next::Left => {}
        }
        Ok(run)
    }

    /// Stores the records of an event's end in its place.
    async fn end(&self, event: &Event, plan: &Plan, condition: Condition) -> Result<(), kv::Error> {
        let (function, _) = split(&self.key);
        let now = self.env.now();
        let parcels = record::parcels(&function, event, plan, condition, now);
        let mut next = Vec::new();
        for parcel in parcels {
            let bytes = parcel.body.len();
            if bytes > record::RECORD_BYTES_MAX {
                let error = Undelivered::TooLarge { bytes, bytes_max: record::RECORD_BYTES_MAX };
                self.doer.tell(&function, &event.request_id, &Fate::Undelivered(&parcel, &error));
                continue;
            }
            let id = format!("{}/{}", event.request_id, record::name(&parcel.kind));
            next.push((joined(&function, &(now, id)), Work::Deliver(parcel)));
        }
        let is_lost = condition != Condition::Success && next.is_empty();
        let fate = if is_lost { Fate::Dropped(condition) } else { Fate::Handled };
        self.doer.tell(&function, &event.request_id, &fate);
        self.replace(&next).await
    }

    async fn deliver(&self, mut parcel: Parcel) -> Result<Run, kv::Error> {
        let (function, (_, id)) = split(&self.key);
        let next = match self.doer.send(&function, &parcel).await {
            Ok(()) => None,
            Err(error) => {
                let due = error.is_worth_another_try().then(|| parcel.again(self.env.now())).flatten();
                if due.is_none() {
                    self.doer.tell(&function, &parcel.request_id, &Fate::Undelivered(&parcel, &error));
                }
                due
            }
        };
        let next = next.map(|due| (joined(&function, &(due, id)), Work::Deliver(parcel)));
        self.replace(next.as_slice()).await.map(|()| Run::Other)
    }

    async fn replace(&self, next: &[(WorkKey, Work)]) -> Result<(), kv::Error> {
        self.queue.replace(&self.kv, &self.key, next).await
    }
}
