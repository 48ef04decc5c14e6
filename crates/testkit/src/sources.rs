//! Event sources that exist as a test says, and a record of what is polled.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard};

use aws_wire::{AwsError, Result};
use svc_lambda::{Described, EventSourceMapping, EventSources, SourceKind};
use tokio::sync::Semaphore;

/// Queues and streams without records.
pub struct Sources {
    state: Mutex<State>,
    /// Permits to begin or to end polling.
    passes: Semaphore,
}

#[derive(Default)]
struct State {
    /// By ARN or `host:port`, with a queue's visibility timeout.
    present: BTreeMap<String, Option<u32>>,
    /// By UUID.
    polled: BTreeMap<String, EventSourceMapping>,
    /// UUIDs that can't be polled.
    broken: bool,
    stopped: BTreeSet<String>,
}

impl Sources {
    /// These sources; polling begins and ends at once.
    pub fn new(present: &[(&str, Option<u32>)]) -> Self {
        let present = present.iter().map(|(name, visible)| ((*name).to_owned(), *visible)).collect();
        let state = State { present, ..State::default() };
        Self { state: state.into(), passes: Semaphore::new(Semaphore::MAX_PERMITS / 2) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no panic while held")
    }

    /// What is polled, by UUID.
    pub fn polled(&self) -> BTreeMap<String, EventSourceMapping> {
        self.state().polled.clone()
    }

    /// Whether polling for this UUID was ended.
    pub fn stopped(&self, uuid: &str) -> bool {
        self.state().stopped.contains(uuid)
    }

    /// From now on nothing can be polled.
    pub fn break_down(&self) {
        self.state().broken = true;
    }

    /// Nobody polls any more, as after a crash.
    pub fn forget(&self) {
        self.state().polled.clear();
    }

    /// Polling neither begins nor ends before [`Sources::release`].
    pub fn hold(&self) {
        self.passes.forget_permits(Semaphore::MAX_PERMITS);
    }

    pub fn release(&self) {
        self.passes.add_permits(Semaphore::MAX_PERMITS / 2);
    }

    async fn pass(&self) {
        self.passes.acquire().await.expect("never closed").forget();
    }
}

type Pending<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

impl EventSources for Sources {
    fn polls(&self, kind: SourceKind) -> bool {
        kind != SourceKind::Mq
    }

    fn describe<'a>(
        &'a self,
        _: service::Ctx,
        mapping: &'a EventSourceMapping,
    ) -> Pending<'a, Result<Described>> {
        let source = &mapping.source;
        let names = source.arn.iter().chain(&source.endpoints);
        let state = self.state();
        let found = names.into_iter().find_map(|name| state.present.get(name)).copied();
        let described =
            found.map_or(Described::Absent, |visible| Described::Present { visibility_timeout_s: visible });
        Box::pin(async move { Ok(described) })
    }

    fn start<'a>(&'a self, _: service::Ctx, mapping: &'a EventSourceMapping) -> Pending<'a, Result<()>> {
        Box::pin(async move {
            self.pass().await;
            let mut state = self.state();
            if state.broken {
                return Err(AwsError::common("Broken", 500, "The source broke down."));
            }
            state.polled.insert(mapping.uuid.clone(), mapping.clone());
            Ok(())
        })
    }

    fn stop<'a>(&'a self, uuid: &'a str) -> Pending<'a, ()> {
        Box::pin(async move {
            self.pass().await;
            let mut state = self.state();
            state.polled.remove(uuid);
            state.stopped.insert(uuid.to_owned());
        })
    }

    fn forget<'a>(&'a self, _: service::Ctx, _: &'a str) -> Pending<'a, Result<()>> {
        Box::pin(async { Ok(()) })
    }

    fn last_result(&self, _: &str) -> Option<&'static str> {
        None
    }
}
