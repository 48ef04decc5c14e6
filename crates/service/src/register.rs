//! A service as the list of what it does.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use aws_wire::{Input, Result, Value, schema};

use crate::{Ctx, Delivery, Edge, Sender, Site, TargetArn, Undelivered};

/// What a handler, a site or an edge is still at.
pub type Pending<T> = Pin<Box<dyn Future<Output = T> + Send>>;
type Handler = Box<dyn Fn(Ctx, Value) -> Pending<Result<Value>> + Send + Sync>;
pub(crate) type Receiver<T> = Box<dyn Fn(Ctx, T) -> Pending<Result<(), Undelivered>> + Send + Sync>;
type Preparation = Box<dyn Fn(Ctx) -> Pending<kv::Result<()>> + Send + Sync>;
type Job = Box<dyn Fn(Ctx) -> Pending<()> + Send + Sync>;

/// How a service receives what others send to its ARNs.
pub(crate) struct Target {
    pub(crate) check: Receiver<TargetArn>,
    pub(crate) deliver: Receiver<Delivery>,
}

/// A service: its API, its operations' handlers, what it receives, and its background jobs.
pub struct Service {
    pub(crate) api: &'static schema::Service,
    pub(crate) handlers: HashMap<&'static str, Handler>,
    /// By the service part of ARNs.
    pub(crate) targets: HashMap<&'static str, Target>,
    /// Who is let in, by the service part of ARNs.
    pub(crate) doors: HashMap<&'static str, Receiver<(TargetArn, Sender)>>,
    pub(crate) preparations: Vec<Preparation>,
    pub(crate) jobs: Vec<(&'static str, Job)>,
    pub(crate) sites: Vec<Arc<dyn Site>>,
    pub(crate) edge: Option<Arc<dyn Edge>>,
}

/// Registers the operations of a service whose state is `S`.
pub struct Builder<S> {
    service: Service,
    state: Arc<S>,
}

impl Service {
    /// Begins a service; its handlers find `state` in their [`Ctx`].
    #[expect(clippy::new_ret_no_self, reason = "a service is read as `Service::new(..).op(..).op(..)`")]
    pub fn new<S: Send + Sync + 'static>(api: &'static schema::Service, state: Arc<S>) -> Builder<S> {
        let service = Self {
            api,
            handlers: HashMap::new(),
            targets: HashMap::new(),
            doors: HashMap::new(),
            preparations: Vec::new(),
            jobs: Vec::new(),
            sites: Vec::new(),
            edge: None,
        };
        Builder { service, state }
    }

    pub fn api(&self) -> &'static schema::Service {
        self.api
    }

    /// Whether an operation has a handler.
    pub fn serves(&self, operation: &str) -> bool {
        self.handlers.contains_key(operation)
    }
}

impl<S: Send + Sync + 'static> Builder<S> {
    /// Registers the handler of the operation that its input names.
    #[must_use]
    pub fn op<I, H, F>(mut self, handler: H) -> Self
    where
        I: Input,
        H: Fn(Ctx<S>, I) -> F + Send + Sync + 'static,
        F: Future<Output = Result<I::Output>> + Send + 'static,
    {
        let state = Arc::clone(&self.state);
        let handler = move |cx: Ctx, input: Value| -> Pending<Result<Value>> {
            let answer = handler(cx.with_state(Arc::clone(&state)), I::from_value(input));
            Box::pin(async move { answer.await.map(aws_wire::Wire::into_value) })
        };
        let before = self.service.handlers.insert(I::OPERATION.name, Box::new(handler));
        assert!(before.is_none(), "{} is registered twice", I::OPERATION.name);
        self
    }

    /// Receives events that others send to ARNs whose service is `kind`. `check` says whether such an ARN could be
    /// sent to; `deliver` returns once the event is stored.
    #[must_use]
    pub fn target<C, CF, D, DF>(mut self, kind: &'static str, check: C, deliver: D) -> Self
    where
        C: Fn(Ctx<S>, TargetArn) -> CF + Send + Sync + 'static,
        CF: Future<Output = Result<(), Undelivered>> + Send + 'static,
        D: Fn(Ctx<S>, Delivery) -> DF + Send + Sync + 'static,
        DF: Future<Output = Result<(), Undelivered>> + Send + 'static,
    {
        let (state, own) = (Arc::clone(&self.state), Arc::clone(&self.state));
        let target = Target {
            check: Box::new(move |cx, arn| Box::pin(check(cx.with_state(Arc::clone(&state)), arn))),
            deliver: Box::new(move |cx, delivery| {
                Box::pin(deliver(cx.with_state(Arc::clone(&own)), delivery))
            }),
        };
        let before = self.service.targets.insert(kind, target);
        assert!(before.is_none(), "two receive for {kind}");
        self
    }

    /// Says whether a sender would be let in, for those who refuse to be configured otherwise.
    #[must_use]
    pub fn door<D, DF>(mut self, kind: &'static str, lets_in: D) -> Self
    where
        D: Fn(Ctx<S>, TargetArn, Sender) -> DF + Send + Sync + 'static,
        DF: Future<Output = Result<(), Undelivered>> + Send + 'static,
    {
        let state = Arc::clone(&self.state);
        let door = move |cx: Ctx, (arn, sender): (TargetArn, Sender)| -> Pending<Result<(), Undelivered>> {
            Box::pin(lets_in(cx.with_state(Arc::clone(&state)), arn, sender))
        };
        let before = self.service.doors.insert(kind, Box::new(door));
        assert!(before.is_none(), "two open doors for {kind}");
        self
    }

    /// Reads something that is kept in memory, before anybody can call.
    #[must_use]
    pub fn prepare<P, F>(mut self, preparation: P) -> Self
    where
        P: Fn(Ctx<S>) -> F + Send + Sync + 'static,
        F: Future<Output = kv::Result<()>> + Send + 'static,
    {
        let state = Arc::clone(&self.state);
        let preparation = move |cx: Ctx| -> Pending<kv::Result<()>> {
            Box::pin(preparation(cx.with_state(Arc::clone(&state))))
        };
        self.service.preparations.push(Box::new(preparation));
        self
    }

    /// Registers a task that runs from start to shutdown.
    #[must_use]
    pub fn job<J, F>(mut self, name: &'static str, job: J) -> Self
    where
        J: Fn(Ctx<S>) -> F + Send + Sync + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let state = Arc::clone(&self.state);
        let job = move |cx: Ctx| -> Pending<()> { Box::pin(job(cx.with_state(Arc::clone(&state)))) };
        self.service.jobs.push((name, Box::new(job)));
        self
    }

    /// Registers addresses beside the API; `make` is given the service's state.
    #[must_use]
    pub fn site<T: Site + 'static>(mut self, make: impl FnOnce(Arc<S>) -> T) -> Self {
        self.service.sites.push(Arc::new(make(Arc::clone(&self.state))));
        self
    }

    /// Registers what the API does in a way of its own at the edge of the wire.
    #[must_use]
    pub fn edge(mut self, edge: impl Edge + 'static) -> Self {
        self.service.edge = Some(Arc::new(edge));
        self
    }

    pub fn done(self) -> Service {
        self.service
    }
}
