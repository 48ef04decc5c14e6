//! Makes pipes what they are to be: begins and ends their polling, beside the requests that asked.

use std::sync::Arc;

use aws_wire::{AwsError, Result};
use event_sources::{Described, MappingSettings, Pollers, Task};
use kv::{Direction, Span};
use service::Caller;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::Ctx;
use crate::keys::{PIPES, PipeKey};
use crate::pipe::{self, Desired, Pipe, State};
use crate::run::Run;

/// Pipes read at once when the platform starts.
const PAGE: usize = 1000;
/// Pipes that may wait to be settled; a change beyond that waits for its turn.
const SETTLING_MAX: usize = 1024;
/// Pipes settled at once: a poller may take long to finish its batches.
const AT_ONCE_MAX: usize = 64;

/// Which pipes have changed.
pub(crate) struct Changes {
    changed: mpsc::Sender<PipeKey>,
    settling: tokio::sync::Mutex<mpsc::Receiver<PipeKey>>,
}

impl Default for Changes {
    fn default() -> Self {
        let (changed, settling) = mpsc::channel(SETTLING_MAX);
        Self { changed, settling: settling.into() }
    }
}

impl Changes {
    /// A pipe was stored in a state that is to lead to another.
    pub(crate) async fn tell(&self, key: PipeKey) -> Result<()> {
        self.changed.send(key).await.map_err(AwsError::internal)
    }
}

/// Settles what the last run left and polls again what was polled; then settles whatever comes.
pub(crate) async fn run(cx: Ctx) {
    if let Err(error) = resume(&cx).await {
        tracing::error!(%error, "resume pipes");
    }
    let mut settling = cx.state.changes.settling.lock().await;
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
        let page = PIPES.scan(&cx.kv.snapshot().await?, &span, PAGE, Direction::Forward)?;
        let Some((last, _)) = page.last() else { return Ok(()) };
        span = Span::all().after(last);
        for (key, pipe) in page {
            if !pipe.state.is_settled() || pipe.state == State::Running {
                settle(cx, &key).await;
            }
        }
    }
}

async fn settle(cx: &Ctx, key: &PipeKey) {
    if let Err(error) = try_settle(cx, key).await {
        tracing::error!(%error, pipe = key.2, "settle a pipe");
    }
}

async fn try_settle(cx: &Ctx, key: &PipeKey) -> Result<(), kv::Error> {
    let Some(pipe) = PIPES.get(&cx.kv.snapshot().await?, key)? else { return Ok(()) };
    let own = cx.as_caller(Caller::root(&key.0, &key.1)).stateless();
    let done = match (pipe.state, pipe.desired) {
        (State::Deleting, _) => {
            cx.state.pollers.end(&pipe.id).await;
            Pollers::forget_progress(&own, &pipe.id).await.map(|()| State::Deleting)
        }
        (_, Desired::Stopped) => {
            cx.state.pollers.end(&pipe.id).await;
            Ok(State::Stopped)
        }
        (_, Desired::Running) => begin(cx, own, key, &pipe).await.map(|()| State::Running),
    };
    let (state, reason) = match done {
        Ok(state) => (state, None),
        Err(error) => {
            tracing::error!(%error, cause = ?error.cause, pipe = key.2, "a pipe can't be made what it is to be");
            cx.state.pollers.end(&pipe.id).await;
            (pipe.state.failed(), Some(error.message.unwrap_or_default()))
        }
    };
    cx.kv
        .transact(|tx| {
            // While a state leads to another nobody else changes it; tags are no such change.
            let stored =
                PIPES.get(tx, key)?.filter(|stored| stored.id == pipe.id && stored.state == pipe.state);
            let Some(mut stored) = stored else { return Ok(()) };
            if state == State::Deleting {
                return PIPES.delete(tx, key);
            }
            stored.state = state;
            stored.reason.clone_from(&reason);
            PIPES.put(tx, key, &stored)
        })
        .await
}

async fn begin(cx: &Ctx, own: service::Ctx, key: &PipeKey, pipe: &Pipe) -> Result<()> {
    // At a start of the platform a source that is gone may come back, as one of a mapping may.
    if pipe.state != State::Running
        && Pollers::look_at(&own, pipe.kind, &pipe.source).await? == Described::Absent
    {
        return Err(pipe::invalid(format!("The source {} does not exist.", pipe.source)));
    }
    let run = Run { cx: own.clone(), arn: pipe::arn(key), name: key.2.clone(), pipe: Arc::new(pipe.clone()) };
    let task = Task {
        cx: own,
        id: pipe.id.clone(),
        kind: pipe.kind,
        source_arn: pipe.source.clone(),
        topic: None,
        settings: MappingSettings { reports_item_failures: Some(true), ..pipe.settings.clone() },
        role: pipe.role.clone(),
        handler: Arc::new(run),
    };
    cx.state.pollers.begin(task).await
}
