//! Event sources polled: reads queues and streams, and hands on what is there, to the functions of event source mappings
//! and to whoever else begins a poller.
//!
//! Start with `queue.rs`, one queue's poller, and with `shards.rs`, `shard.rs` and `lane.rs`, a stream's. Sources are
//! read as any client reads them, by the calls of their APIs; nobody asks twice where waiting would do. `handler.rs` is
//! what they hand batches to.

mod batch;
mod checkpoint;
mod dynamodb;
mod failure;
mod filter;
mod function;
mod handler;
mod kafka;
mod keys;
mod kinesis;
mod lane;
mod pause;
mod progress;
mod queue;
mod queue_event;
mod report;
mod scale;
mod shard;
mod shards;
mod source;
mod stop;
mod window;

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use aws_wire::Result;
use kv::Span;
use service::Ctx;
use svc_lambda::{EventSourceMapping, EventSources};
use tokio::task::JoinHandle;

pub use failure::{Cause, GivenUp};
pub use filter::{is_pattern, payload};
pub use handler::{Batch, Handler, Invoked, Outcome};
pub use kafka::KafkaTopic;
pub use svc_lambda::{Described, MappingSettings, SourceKind};

use crate::filter::Filter;
use crate::function::Function;
use crate::kafka::Topic;
use crate::keys::CHECKPOINTS;
use crate::source::Stream;
use crate::stop::{Stop, stop};

/// What is still at work.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Every source that is polled by this process, as often as it is.
#[derive(Default)]
pub struct Pollers {
    running: Mutex<HashMap<String, Running>>,
    results: Results,
}

struct Running {
    stop: stop::Handle,
    task: JoinHandle<()>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What came of each mapping's last batch, by UUID.
#[derive(Clone, Default)]
pub(crate) struct Results(Arc<Mutex<HashMap<String, &'static str>>>);

impl Results {
    pub(crate) fn tell(&self, uuid: &str, result: &'static str) {
        let mut results = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match results.get_mut(uuid) {
            Some(last) => *last = result,
            None => drop(results.insert(uuid.to_owned(), result)),
        }
    }

    /// A source can't be read, or can be again.
    pub(crate) fn read(&self, uuid: &str, problem: Option<&'static str>) {
        if let Some(problem) = problem {
            return self.tell(uuid, problem);
        }
        let mut results = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if results.get(uuid).is_some_and(|last| kafka::is_problem(last)) {
            results.remove(uuid);
        }
    }
}

/// What is to be polled, how, and for whom.
pub struct Task {
    /// Of the account and region for which it is polled.
    pub cx: Ctx,
    /// A UUID: no two tasks have one.
    pub id: String,
    pub kind: SourceKind,
    pub source_arn: String,
    /// What is read of Kafka, which has no ARN.
    pub topic: Option<KafkaTopic>,
    /// Those of a mapping of that kind.
    pub settings: MappingSettings,
    /// On whose rights it is read.
    pub role: String,
    pub handler: Arc<dyn Handler>,
}

/// A task, as its poller has it at hand.
pub(crate) struct Polled {
    pub cx: Ctx,
    pub id: String,
    pub source_arn: String,
    pub settings: MappingSettings,
    pub filter: Filter,
    pub role: String,
    pub handler: Arc<dyn Handler>,
}

impl Pollers {
    /// Whether sources of this kind are polled.
    pub fn polls(kind: SourceKind) -> bool {
        match kind {
            SourceKind::Sqs | SourceKind::DynamoDb | SourceKind::Kinesis | SourceKind::SelfManagedKafka => {
                true
            }
            SourceKind::ManagedKafka | SourceKind::Mq | SourceKind::DocumentDb => false,
        }
    }

    /// Looks whether a source is there.
    ///
    /// # Errors
    /// Those of the source's service, but for its absence.
    pub async fn look_at(cx: &Ctx, kind: SourceKind, arn: &str) -> Result<Described> {
        match Stream::of(kind, arn) {
            Some(stream) => stream.describe(cx).await,
            None => queue::describe(cx, arn).await,
        }
    }

    /// Begins to poll, or goes on with other settings.
    ///
    /// # Errors
    /// For filters that are no patterns.
    pub async fn begin(&self, task: Task) -> Result<()> {
        self.end(&task.id).await;
        let filter = Filter::parse(task.settings.filters.as_deref().unwrap_or_default())?;
        let topic = task.topic.map(|topic| Stream::Kafka(Arc::new(Topic::new(topic))));
        let stream = topic.or_else(|| Stream::of(task.kind, &task.source_arn));
        let Task { cx, id, source_arn, settings, role, handler, .. } = task;
        let polled = Polled { cx, id: id.clone(), source_arn, settings, filter, role, handler };
        let (handle, stop) = stop();
        let task = tokio::spawn(poll(Arc::new(polled), stream, stop));
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.insert(id, Running { stop: handle, task });
        Ok(())
    }

    /// Ends polling; resolves when the batches under way are done.
    pub async fn end(&self, id: &str) {
        if let Some(mut running) = self.take(id) {
            running.stop.request();
            // A poller that panicked has ended too.
            let _ = (&mut running.task).await;
        }
    }

    /// Forgets how far a task has come that is polled no more.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn forget_progress(cx: &Ctx, id: &str) -> Result<()> {
        let task = (&*cx.caller.account, &*cx.caller.region, id);
        Ok(cx.kv.transact(|tx| CHECKPOINTS.delete_all(tx, &Span::prefix(&task))).await?)
    }

    fn take(&self, id: &str) -> Option<Running> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner).remove(id)
    }
}

impl EventSources for Pollers {
    fn polls(&self, kind: SourceKind) -> bool {
        Self::polls(kind)
    }

    fn describe<'a>(&'a self, cx: Ctx, mapping: &'a EventSourceMapping) -> BoxFuture<'a, Result<Described>> {
        let arn = mapping.source.arn.as_deref().unwrap_or_default();
        if mapping.source.kind == SourceKind::SelfManagedKafka {
            let topic = mapping.source.topics.first().map_or("", String::as_str);
            let checked = kafka::check(topic, &mapping.settings);
            return Box::pin(async { checked.map(|()| Described::Present { visibility_timeout_s: None }) });
        }
        Box::pin(async move { Self::look_at(&cx, mapping.source.kind, arn).await })
    }

    fn start<'a>(&'a self, cx: Ctx, mapping: &'a EventSourceMapping) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let role = Function::role(&cx, &mapping.function_arn).await;
            let function = Function {
                cx: cx.clone(),
                arn: mapping.function_arn.clone(),
                role: role.clone(),
                mapping: mapping.uuid.clone(),
                results: self.results.clone(),
            };
            let task = Task {
                cx,
                id: mapping.uuid.clone(),
                kind: mapping.source.kind,
                source_arn: mapping.source.arn.clone().unwrap_or_default(),
                topic: mapping.source.topics.first().map(|topic| KafkaTopic {
                    bootstrap: mapping.source.endpoints.clone(),
                    name: topic.clone(),
                    group: mapping.settings.consumer_group.clone().unwrap_or_else(|| mapping.uuid.clone()),
                }),
                settings: mapping.settings.clone(),
                role,
                handler: Arc::new(function),
            };
            self.begin(task).await
        })
    }

    fn stop<'a>(&'a self, uuid: &'a str) -> BoxFuture<'a, ()> {
        Box::pin(self.end(uuid))
    }

    fn forget<'a>(&'a self, cx: Ctx, uuid: &'a str) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            self.results.0.lock().unwrap_or_else(PoisonError::into_inner).remove(uuid);
            Self::forget_progress(&cx, uuid).await
        })
    }

    fn last_result(&self, uuid: &str) -> Option<&'static str> {
        self.results.0.lock().unwrap_or_else(PoisonError::into_inner).get(uuid).copied()
    }
}

async fn poll(polled: Arc<Polled>, stream: Option<Stream>, stop: Stop) {
    match stream {
        Some(stream) => shards::run(polled, stream, stop).await,
        None => queue::run(polled, stop).await,
    }
}
