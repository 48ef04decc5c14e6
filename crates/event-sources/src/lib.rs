//! Event source mappings at work: reads queues and streams, and invokes functions with what is there.
//!
//! Start with `queue.rs`, one queue's poller, and with `shards.rs`, `shard.rs` and `lane.rs`, a stream's. Sources are
//! read as any client reads them, by the calls of their APIs; nobody asks twice where waiting would do.

mod batch;
mod checkpoint;
mod dynamodb;
mod failure;
mod filter;
mod invoke;
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

use api_lambda::GetFunctionConfigurationInput;
use aws_wire::Result;
use kv::Span;
use service::Ctx;
use svc_lambda::{Described, EventSourceMapping, EventSources, SourceKind};
use tokio::task::JoinHandle;

use crate::filter::Filter;
use crate::keys::CHECKPOINTS;
use crate::source::Stream;
use crate::stop::{Stop, stop};

type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Every mapping that is polled by this process.
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
}

/// A mapping, as its poller has it at hand.
pub(crate) struct Polled {
    /// Of the mapping's account and region.
    pub cx: Ctx,
    pub mapping: EventSourceMapping,
    pub filter: Filter,
    /// The function's execution role; empty where the function is gone.
    pub role: String,
    pub results: Results,
}

impl Polled {
    /// The ARN of the source; what is polled here has one.
    pub(crate) fn source_arn(&self) -> &str {
        self.mapping.source.arn.as_deref().unwrap_or_default()
    }
}

impl Pollers {
    fn take(&self, uuid: &str) -> Option<Running> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner).remove(uuid)
    }

    async fn end(&self, uuid: &str) {
        if let Some(mut running) = self.take(uuid) {
            running.stop.request();
            // A poller that panicked has ended too.
            let _ = (&mut running.task).await;
        }
    }
}

impl EventSources for Pollers {
    fn polls(&self, kind: SourceKind) -> bool {
        match kind {
            SourceKind::Sqs | SourceKind::DynamoDb | SourceKind::Kinesis => true,
            SourceKind::ManagedKafka
            | SourceKind::SelfManagedKafka
            | SourceKind::Mq
            | SourceKind::DocumentDb => false,
        }
    }

    fn describe<'a>(&'a self, cx: Ctx, mapping: &'a EventSourceMapping) -> BoxFuture<'a, Result<Described>> {
        Box::pin(async move {
            let arn = mapping.source.arn.as_deref().unwrap_or_default();
            match Stream::of(mapping.source.kind, arn) {
                Some(stream) => stream.describe(&cx).await,
                None => queue::describe(&cx, arn).await,
            }
        })
    }

    fn start<'a>(&'a self, cx: Ctx, mapping: &'a EventSourceMapping) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let uuid = mapping.uuid.clone();
            self.end(&uuid).await;
            let filter = Filter::parse(mapping.settings.filters.as_deref().unwrap_or_default())?;
            let stream = Stream::of(mapping.source.kind, mapping.source.arn.as_deref().unwrap_or_default());
            let role = role(&cx, &mapping.function_arn).await;
            let polled = Polled { cx, mapping: mapping.clone(), filter, role, results: self.results.clone() };
            let (handle, stop) = stop();
            let task = tokio::spawn(poll(Arc::new(polled), stream, stop));
            let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
            running.insert(uuid, Running { stop: handle, task });
            Ok(())
        })
    }

    fn stop<'a>(&'a self, uuid: &'a str) -> BoxFuture<'a, ()> {
        Box::pin(self.end(uuid))
    }

    fn forget<'a>(&'a self, cx: Ctx, uuid: &'a str) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            self.results.0.lock().unwrap_or_else(PoisonError::into_inner).remove(uuid);
            let mapping = (&*cx.caller.account, &*cx.caller.region, uuid);
            cx.kv.transact(|tx| CHECKPOINTS.delete_all(tx, &Span::prefix(&mapping))).await?;
            Ok(())
        })
    }

    fn last_result(&self, uuid: &str) -> Option<&'static str> {
        self.results.0.lock().unwrap_or_else(PoisonError::into_inner).get(uuid).copied()
    }
}

async fn role(cx: &Ctx, function: &str) -> String {
    let input = GetFunctionConfigurationInput { function_name: function.to_owned(), qualifier: None };
    cx.call(input).await.ok().and_then(|configuration| configuration.role).unwrap_or_default()
}

async fn poll(polled: Arc<Polled>, stream: Option<Stream>, stop: Stop) {
    match stream {
        Some(stream) => shards::run(polled, stream, stop).await,
        None => queue::run(polled, stop).await,
    }
}
