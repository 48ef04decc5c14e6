//! Makes event source mappings what they are to be: starts and stops their polling, beside the requests that asked.

use std::sync::Arc;

use api_lambda::errors;
use aws_wire::{AwsError, Result};
use kv::{Direction, Span};
use service::Caller;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::Ctx;
use crate::asynchronous::destination;
use crate::event_source::{Described, EventSources, SourceKind};
use crate::event_source_mapping::{EventSourceMapping, MappingState, not_polled};
use crate::keys::{EVENT_SOURCE_MAPPINGS, MAPPING_IDENTITIES, MappingKey};
use crate::published::Found;

/// Mappings read at once when the platform starts.
const PAGE: usize = 1000;
/// Mappings that may wait to be settled; a change beyond that waits for its turn.
const SETTLING_MAX: usize = 1024;
/// Mappings settled at once: a poller may take long to finish its batches.
const AT_ONCE_MAX: usize = 64;

/// Who polls, and which mappings have changed.
pub(crate) struct Mappings {
    sources: Arc<dyn EventSources>,
    changed: mpsc::Sender<MappingKey>,
    settling: tokio::sync::Mutex<mpsc::Receiver<MappingKey>>,
}

impl Mappings {
    pub(crate) fn new(sources: Arc<dyn EventSources>) -> Self {
        let (changed, settling) = mpsc::channel(SETTLING_MAX);
        Self { sources, changed, settling: settling.into() }
    }

    /// As the API shows it.
    pub(crate) fn shown(&self, mapping: &EventSourceMapping) -> api_lambda::EventSourceMappingConfiguration {
        mapping.shown(self.sources.last_result(&mapping.uuid))
    }

    /// A mapping was stored in a state that is to lead to another.
    pub(crate) async fn changed(&self, key: MappingKey) -> Result<()> {
        self.changed.send(key).await.map_err(AwsError::internal)
    }

    /// Looks whether a mapping that is to be enabled can be polled, for this function.
    ///
    /// # Errors
    /// 501 when nothing here polls its kind of source, 400 when the source is missing or does not suit the function.
    pub(crate) async fn check_source(
        &self,
        cx: &Ctx,
        mapping: &EventSourceMapping,
        function: &Found,
    ) -> Result<()> {
        let kind = mapping.source.kind;
        if !mapping.enabled {
            return Ok(());
        }
        if !self.sources.polls(kind) {
            return Err(not_polled(kind));
        }
        // A topic is of the source's own cluster, which may not be reachable yet.
        let to = mapping.settings.on_failure.as_deref();
        if let Some(to) = to.filter(|to| !to.is_empty() && !to.starts_with("kafka://")) {
            destination::check_of_mapping(cx, to).await?;
        }
        let timeout_s = function
            .published
            .as_ref()
            .map_or(function.function.wanted.timeout_s, |published| published.settings.timeout_s);
        match self.sources.describe(cx.stateless(), mapping).await? {
            Described::Absent => Err(absent(mapping)),
            Described::Present { visibility_timeout_s: Some(visible_s) } if visible_s < timeout_s => {
                Err(errors::invalid_parameter_value_exception(format!(
                    "Queue visibility timeout: {visible_s} seconds is less than Function timeout: {timeout_s} seconds"
                )))
            }
            Described::Present { .. } => Ok(()),
        }
    }
}

fn absent(mapping: &EventSourceMapping) -> AwsError {
    let arn = mapping.source.arn.as_deref().unwrap_or_default();
    errors::invalid_parameter_value_exception(match mapping.source.kind {
        SourceKind::Sqs => {
            "Error occurred while ReceiveMessage. SQS Error Code: AWS.SimpleQueueService.NonExistentQueue. SQS Error \
             Message: The specified queue does not exist."
                .to_owned()
        }
        SourceKind::Kinesis | SourceKind::DynamoDb => format!("Stream not found: {arn}"),
        kind => format!("The {} event source can not be found: {arn}", kind.name()),
    })
}

/// Settles what the last run left and polls again what was polled; then settles whatever comes.
pub(crate) async fn run(cx: Ctx) {
    if let Err(error) = resume(&cx).await {
        tracing::error!(%error, "resume event source mappings");
    }
    let mut settling = cx.state.mappings.settling.lock().await;
    let mut under_way = JoinSet::new();
    while let Some(key) = settling.recv().await {
        while under_way.try_join_next().is_some() {}
        if under_way.len() >= AT_ONCE_MAX {
            under_way.join_next().await;
        }
        let cx = cx.clone();
        under_way.spawn(async move { settle(&cx, &key).await });
    }
}

async fn resume(cx: &Ctx) -> Result<(), kv::Error> {
    let mut span = Span::all();
    loop {
        let page = EVENT_SOURCE_MAPPINGS.scan(&cx.kv.snapshot().await?, &span, PAGE, Direction::Forward)?;
        let Some((last, _)) = page.last() else { return Ok(()) };
        span = Span::all().after(last);
        for (key, mapping) in page {
            if !mapping.state.is_settled() || mapping.enabled {
                settle(cx, &key).await;
            }
        }
    }
}

async fn settle(cx: &Ctx, key: &MappingKey) {
    if let Err(error) = try_settle(cx, key).await {
        tracing::error!(%error, mapping = key.2, "settle an event source mapping");
    }
}

async fn try_settle(cx: &Ctx, key: &MappingKey) -> Result<(), kv::Error> {
    let Some(mapping) = EVENT_SOURCE_MAPPINGS.get(&cx.kv.snapshot().await?, key)? else { return Ok(()) };
    let sources = &cx.state.mappings.sources;
    let caller = Caller::root(&key.0, &key.1);
    let started = if mapping.enabled && mapping.state != MappingState::Deleting {
        sources.start(cx.as_caller(caller).stateless(), &mapping).await
    } else {
        sources.stop(&mapping.uuid).await;
        match mapping.state {
            MappingState::Deleting => sources.forget(cx.as_caller(caller).stateless(), &mapping.uuid).await,
            _ => Ok(()),
        }
    };
    let problem = started.err().map(|error| {
        tracing::error!(%error, cause = ?error.cause, mapping = key.2, "poll an event source");
        error.message.unwrap_or_default()
    });
    cx.kv
        .transact(|tx| {
            // While a state leads to another nobody else changes it; tags are no such change.
            let stored = EVENT_SOURCE_MAPPINGS.get(tx, key)?.filter(|stored| stored.state == mapping.state);
            let Some(mut stored) = stored else { return Ok(()) };
            if stored.state == MappingState::Deleting {
                MAPPING_IDENTITIES.delete(tx, &stored.identity())?;
                return EVENT_SOURCE_MAPPINGS.delete(tx, key);
            }
            stored.enabled &= problem.is_none();
            stored.state = if stored.enabled { MappingState::Enabled } else { MappingState::Disabled };
            stored.problem.clone_from(&problem);
            EVENT_SOURCE_MAPPINGS.put(tx, key, &stored)
        })
        .await
}
