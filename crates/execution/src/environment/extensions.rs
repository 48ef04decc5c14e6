//! What an environment's extensions do, and what it does about them.

use std::sync::Arc;

use bytes::Bytes;
use sandbox::{Exit, Pending};
use serde_json::json;
use tokio::sync::oneshot;

use super::{Environment, Work};
use crate::delivery;
use crate::extension_state::{Event, State};
use crate::extensions::{Occasion, Refusal};
use crate::extensions_api::Unsubscribed;
use crate::invocation::{Failure, signal_name};
use crate::platform_event::PlatformEvent;
use crate::subscription::{self, Api};

impl Environment {
    /// An extension registers; the identifier that it has from now on.
    pub(crate) fn register(&self, name: &str, events: &[String]) -> Result<String, Refusal> {
        let id = self.new_id();
        let mut runtime = self.runtime();
        runtime.extensions.register(name, events, &id)?;
        if runtime.extensions.are_registered()
            && let Some(registered) = runtime.registered.take()
        {
            let _ = registered.send(());
        }
        Ok(id)
    }

    pub(crate) fn new_id(&self) -> String {
        self.env.uuid().to_string()
    }

    /// An extension asks for its next event.
    pub(crate) fn next_event(self: &Arc<Self>, id: &str) -> Result<oneshot::Receiver<Bytes>, Refusal> {
        let (event, became_ready) = {
            let mut runtime = self.runtime();
            let (event, was_new) = runtime.extensions.next(id)?;
            let found = runtime.extensions.find(id)?;
            (event, was_new.then(|| (found.name.clone(), found.occasions.clone())))
        };
        if let Some((name, occasions)) = became_ready {
            let (name, state) = (name.as_str(), State::Ready.name());
            let event = PlatformEvent::Extension { name, state, occasions: &occasions, error_type: None };
            self.output().tell(&event);
        }
        self.settle();
        Ok(event)
    }

    /// An extension reports that it can't go on.
    pub(crate) fn extension_gives_up(
        self: &Arc<Self>,
        id: &str,
        event: Event,
        told_type: &str,
    ) -> Result<(), Refusal> {
        let name = self.runtime().extensions.give_up(id, event)?;
        let (error_type, state) = match event {
            Event::InitError => ("Extension.InitError", State::InitError),
            _ => ("Extension.ExitError", State::ExitError),
        };
        let failure = Failure::Extension { error_type, message: told_type.chars().take(256).collect() };
        self.extension_failed(&name, state.name(), told_type, failure);
        Ok(())
    }

    /// Tells of the ends of external extensions. Like `watch_exit`, without a strong reference.
    pub(super) fn watch_extensions(self: &Arc<Self>, exits: Vec<Pending<'static, Exit>>) {
        for (index, exit) in exits.into_iter().enumerate() {
            let this = Arc::downgrade(self);
            tokio::spawn(async move {
                let exit = exit.await;
                if let Some(this) = this.upgrade() {
                    this.extension_exited(index, exit);
                }
            });
        }
    }

    fn extension_exited(self: &Arc<Self>, index: usize, exit: Exit) {
        let (name, gave_up) = {
            let mut runtime = self.runtime();
            let is_leaving = runtime.leaving;
            let Some(extension) = runtime.extensions.exited(index) else { return };
            (extension.name.clone(), is_leaving)
        };
        self.changed.notify_waiters();
        if gave_up {
            return;
        }
        let message = match exit {
            Exit::Code(code) => format!("exit code {code}"),
            Exit::Signal(signal) => format!("signal: {}", signal_name(signal)),
            Exit::OutOfMemory => return self.extension_out_of_memory(),
        };
        let error_type = "Extension.Crash";
        let failure = Failure::Extension { error_type, message };
        self.extension_failed(&name, State::Exited.name(), error_type, failure);
    }

    /// The whole sandbox ran out of memory: its program's end says so too.
    fn extension_out_of_memory(self: &Arc<Self>) {
        self.fail(&Failure::Exited(Exit::OutOfMemory));
        self.retire();
    }

    /// Whoever waits for the environment learns that an extension is gone, and the others are told to go too.
    fn extension_failed(self: &Arc<Self>, name: &str, state: &str, error_type: &str, failure: Failure) {
        let occasions = {
            let runtime = self.runtime();
            runtime.extensions.occasions_of(name)
        };
        let error_type = Some(error_type);
        self.output().tell(&PlatformEvent::Extension { name, state, occasions: &occasions, error_type });
        if self.fail(&failure) {
            // Whoever waited for it says how it ends, in the log and to the extensions.
            return;
        }
        self.retire_because(super::Reason::Failure);
    }

    /// Hands the invocation to every extension that asked for invocations.
    pub(super) fn invoke_event(&self, work: &Work) -> Bytes {
        let invocation = &work.invocation;
        json!({
            "eventType": Occasion::Invoke.name(),
            "deadlineMs": work.deadline.as_millis(),
            "requestId": &*invocation.request_id,
            "invokedFunctionArn": invocation.invoked_function_arn,
            "tracing": {
                "type": "X-Amzn-Trace-Id",
                "value": invocation.trace_id.as_deref().unwrap_or_default(),
            },
        })
        .to_string()
        .into()
    }

    /// An extension subscribes to telemetry.
    pub(crate) fn subscribe(self: &Arc<Self>, id: &str, api: Api, body: &[u8]) -> Result<(), Unsubscribed> {
        let name = self.runtime().extensions.find(id).map_err(Unsubscribed::Unknown)?.name.clone();
        if self.output().telemetry.is_closed() {
            return Err(Unsubscribed::Closed);
        }
        let asked = subscription::parse(api, body, self.runtime_api_port).map_err(Unsubscribed::Invalid)?;
        let categories = asked.categories.iter().map(|one| one.name()).collect::<Vec<_>>();
        let subscriber = {
            let mut output = self.output();
            if output.telemetry.api_of(&name).is_some_and(|other| other != api) {
                let message = "The extension has subscribed with the other of Telemetry API and Logs API";
                return Err(Unsubscribed::Invalid(message.to_owned()));
            }
            let subscriber = output.telemetry.subscribe(&name, asked, self.env.monotonic());
            let subscriber = subscriber.ok_or(Unsubscribed::Closed)?;
            let of_logs = api == Api::Logs;
            output.tell(&PlatformEvent::Subscription { name: &name, of_logs, types: &categories });
            subscriber
        };
        let delivery =
            delivery::run(subscriber, Arc::downgrade(self), self.env.clone(), self.frozen.subscribe());
        self.tasks.lock().expect("no panic while held").spawn(delivery);
        Ok(())
    }

    /// A socket in the sandbox.
    pub(crate) fn socket(&self) -> Pending<'_, sandbox::Result<std::os::fd::OwnedFd>> {
        self.sandbox.socket()
    }
}
