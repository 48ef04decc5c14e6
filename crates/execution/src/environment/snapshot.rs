//! SnapStart: an environment that becomes a template after its INIT, and environments that are restored from one.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use sandbox::Template;
use tokio::sync::oneshot;

use super::origin::{Initialising, Kind, Origin, Parts, access};
use super::{Environment, InitFailure, Phase};
use crate::ahead::Like;
use crate::invocation::{Failure, RestoreFailure};
use crate::launch::{external_extensions, log_stream, spec};
use crate::limits::{RESTORE_TIMEOUT, SNAPSHOT_INIT_TIMEOUT};
use crate::output::Output;
use crate::platform_event::PlatformEvent;
use crate::report;
use crate::starts::Room;
use crate::state::{Event, Refusal};
use crate::version::Version;

/// What environments of a version with SnapStart are made from.
pub(crate) enum Snapshot {
    Taken(Taken),
    /// The function can't be copied, so each environment runs INIT. Why, for the function's owner.
    Impossible(String),
}

/// A snapshot, and the environment that holds it.
pub(crate) struct Taken {
    environment: Arc<Environment>,
    template: Arc<dyn Template>,
}

impl Taken {
    pub(crate) fn is_alive(&self) -> bool {
        self.environment.is_alive()
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.environment.retire();
    }
}

/// The answer that `restore/next` waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Restore {
    /// Fork: the child is the snapshot.
    Fork,
    /// Go on; there is no snapshot.
    GoOn,
}

impl Environment {
    /// Runs a version's INIT once and takes the snapshot.
    pub(crate) async fn snapshot(
        parts: Parts<'_>,
        version: &Arc<Version>,
        room: Room,
    ) -> Result<Snapshot, InitFailure> {
        if !external_extensions(version)?.is_empty() {
            return Ok(Snapshot::Impossible("it has extensions beside it".to_owned()));
        }
        let budget = SNAPSHOT_INIT_TIMEOUT.max(version.timeout);
        let this = Self::init(parts, version, room, Kind::Template, Phase::Init, budget).await?;
        let took = this.init.lock().expect("no panic while held").take().unwrap_or_default();
        let restoring = this.runtime().restoring.take();
        let fork = move || {
            if let Some(restoring) = restoring {
                let _ = restoring.send(Restore::Fork);
            }
        };
        let taken = this.sandbox.snapshot(Box::new(fork)).await;
        let mut output = this.output();
        output.drain();
        output.flush();
        output.say(report::init_report(took, Phase::Init.name(), None));
        match taken {
            Ok(template) => {
                drop(output);
                let template = Arc::<dyn Template>::from(template);
                // The first start is not to wait for its copy either.
                let options = parts.options;
                let access = access(options, version, this.container_token());
                let made_for = spec(options, version, ("", Phase::Init), "", &[], &access);
                parts.ahead.expect(&[Like::copy_of(&template, &made_for)], options.env.monotonic());
                Ok(Snapshot::Taken(Taken { environment: this, template }))
            }
            Err(sandbox::Error::NoSnapshot(reason)) => {
                output.tell(&PlatformEvent::NoSnapshot { reason: &reason });
                drop(output);
                this.retire();
                Ok(Snapshot::Impossible(reason))
            }
            Err(error @ sandbox::Error::Unsupported { .. }) => {
                let reason = error.to_string();
                output.tell(&PlatformEvent::NoSnapshot { reason: &reason });
                drop(output);
                this.retire();
                Ok(Snapshot::Impossible(reason))
            }
            Err(error) => {
                drop(output);
                this.retire();
                Err(Failure::Sandbox(error.to_string()).into())
            }
        }
    }

    /// Starts an environment from a snapshot and waits until its hooks have run.
    pub(crate) async fn restore(
        parts: Parts<'_>,
        (snapshot, taken): (&Arc<Snapshot>, &Taken),
        version: &Arc<Version>,
        room: Room,
    ) -> Result<Arc<Self>, InitFailure> {
        let options = parts.options;
        let env = &options.env;
        let id = env.uuid().simple().to_string();
        let stream = log_stream(version, env.now(), &id);
        let token = taken.environment.container_token();
        let spec =
            spec(options, version, (&id, Phase::Init), &stream.name, &[], &access(options, version, token));
        let output = Output::new(stream, version.logging, Arc::clone(&options.sink), env.clone());
        let output = Arc::new(Mutex::new(output));
        let failed = |failure| InitFailure { failure, output: Some(Arc::clone(&output)) };
        let began = env.monotonic();
        let started = parts.ahead.copy(&taken.template, spec, began).await;
        let started = started.map_err(|error| failed(Failure::Sandbox(error.to_string())))?;
        let origin = Origin {
            id,
            phase: Phase::Init,
            extensions: Vec::new(),
            kind: Kind::Restored,
            token,
            snapshot: Some(Arc::clone(snapshot)),
        };
        let (this, Initialising { ready, exit, .. }) =
            Self::assemble(parts, version, room, &output, origin, started).map_err(failed)?;
        this.output().tell(&PlatformEvent::RestoreStart { version, instance: &this.id });
        this.watch_exit(exit);
        let outcome = tokio::select! {
            outcome = ready => outcome.unwrap_or(Err(Failure::Sandbox("the runtime was dropped".into()))),
            () = env.sleep(RESTORE_TIMEOUT) => Err(Failure::Restore(RestoreFailure::TimedOut)),
        };
        let took = env.monotonic() - began;
        let failure = match outcome {
            Ok(()) => None,
            Err(failure @ (Failure::Sandbox(_) | Failure::Restore(_))) => Some(failure),
            Err(failure) => Some(Failure::Restore(RestoreFailure::Failed(failure.error_type().to_owned()))),
        };
        let mut output = this.output();
        output.drain();
        output.flush();
        output.tell(&PlatformEvent::RestoreReport { duration: took, failure: failure.as_ref() });
        output.telemetry.close();
        drop(output);
        match failure {
            None => {
                *this.restore.lock().expect("no panic while held") = Some(took);
                Ok(this)
            }
            Some(failure) => {
                this.retire();
                Err(InitFailure { failure, output: Some(Arc::clone(&this.output)) })
            }
        }
    }

    /// Says that a version is served without a snapshot, once its runtime is ready.
    pub(crate) fn say_no_snapshot(&self, reason: &str) {
        self.output().tell(&PlatformEvent::NoSnapshot { reason });
    }

    /// The runtime has run its hooks and waits for the snapshot.
    pub(crate) fn restore_next(&self) -> Result<oneshot::Receiver<Restore>, Refusal> {
        let mut runtime = self.runtime();
        runtime.state.step(Event::RestoreNext { has_snap_start: self.kind.has_snap_start() })?;
        let (sender, receiver) = oneshot::channel();
        if self.kind == Kind::Template {
            runtime.restoring = Some(sender);
            if let Some(ready) = runtime.ready.take() {
                let _ = ready.send(Ok(()));
            }
        } else {
            let _ = sender.send(Restore::GoOn);
        }
        Ok(receiver)
    }

    /// The runtime gives up after the snapshot.
    pub(crate) fn restore_failed(&self, failure: Failure) -> Result<(), Refusal> {
        let mut runtime = self.runtime();
        let has_snap_start = self.kind.has_snap_start();
        runtime.state = runtime.state.step(Event::RestoreError { has_snap_start })?;
        if let Some(ready) = runtime.ready.take() {
            let _ = ready.send(Err(failure));
        }
        Ok(())
    }

    fn container_token(&self) -> Option<&Arc<str>> {
        self.keys.as_ref().map(|keys| &keys.token)
    }
}

/// How long a restore took, as its bill has it: from the start until the runtime's first `next`.
pub(super) type Took = Mutex<Option<Duration>>;
