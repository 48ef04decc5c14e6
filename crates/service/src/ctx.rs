//! What an operation has at hand.

use std::sync::Arc;

use aws_wire::{Input, Request, Response, Result, Wire as _, protocol, schema};
use env::Env;
use kv::Kv;

use crate::{Arrivals, Caller, Delivery, Head, Platform, Sender, Site, TargetArn, Undelivered};

/// The surroundings of one request: its caller, the store, time and randomness, the service's own state `S`.
pub struct Ctx<S = ()> {
    pub caller: Caller,
    /// The service that calls on its own account, by the right that a resource's policy gives it; `caller` is then the
    /// owner of what it calls for.
    pub sender: Option<Arc<Sender>>,
    /// What the answer's `x-amzn-RequestId` says; a UUID.
    pub request_id: Arc<str>,
    /// The request's `X-Amzn-Trace-Id`, as it came.
    pub trace: Option<Arc<str>>,
    /// The authority that the client reached the platform by, for URLs that it is to follow.
    pub host: Arc<str>,
    pub kv: Kv,
    pub env: Env,
    pub state: Arc<S>,
    /// The caller waits for as long as it takes, so a call that waits does so longer than its API lets others.
    pub is_patient: bool,
    pub(crate) platform: Platform,
}

impl<S> Clone for Ctx<S> {
    fn clone(&self) -> Self {
        Self {
            caller: self.caller.clone(),
            sender: self.sender.clone(),
            request_id: Arc::clone(&self.request_id),
            trace: self.trace.clone(),
            host: Arc::clone(&self.host),
            kv: self.kv.clone(),
            env: self.env.clone(),
            state: Arc::clone(&self.state),
            is_patient: self.is_patient,
            platform: self.platform.clone(),
        }
    }
}

impl<S> Ctx<S> {
    /// Calls an operation of whichever service has it, as this request's caller.
    ///
    /// # Errors
    /// What the operation answers; `NotImplementedException` when no service here has it.
    pub async fn call<I: Input>(&self, input: I) -> Result<I::Output> {
        let cx = self.with_state(Arc::new(()));
        let output = self.platform.dispatch(I::SERVICE, I::OPERATION, cx, input.into_value()).await?;
        Ok(I::Output::from_value(output))
    }

    /// Answers a request to `api` as the wire would, for this request's caller: who that is was found out elsewhere,
    /// and what they may is for the service to say.
    pub async fn answer(&self, api: &'static schema::Service, request: Request) -> Response {
        let cx = self.with_state(Arc::new(()));
        let (edge, head) = (self.platform.edge(api), Head::of(&request));
        let answered = self.platform.answer(api, cx.clone(), &request).await;
        let response = answered.unwrap_or_else(|error| {
            let error = match edge {
                Some(edge) => edge.refusal(&head, error),
                None => error,
            };
            protocol::encode_error(protocol::detect(api, &request), api, &error, &self.request_id)
        });
        match edge {
            Some(edge) => edge.finish(cx, head, response).await,
            None => response,
        }
    }

    /// The site that a request is for, and the name that requests to it are signed for.
    pub fn site(&self, request: &Request) -> Option<(Arc<dyn Site>, &'static str)> {
        let (api, site) = self.platform.site(request)?;
        let name = site.signed_for().unwrap_or(api.name);
        Some((site, name))
    }

    /// The same surroundings of a client that came by this authority.
    #[must_use]
    pub fn reached_by(&self, host: &str) -> Self {
        Self { host: host.into(), ..self.clone() }
    }

    /// The same surroundings for another caller.
    #[must_use]
    pub fn as_caller(&self, caller: Caller) -> Self {
        Self { caller, sender: None, ..self.clone() }
    }

    /// The same surroundings for a service that calls on its own account.
    #[must_use]
    pub fn as_service(&self, sender: Sender) -> Self {
        Self { sender: Some(Arc::new(sender)), ..self.clone() }
    }

    /// The same surroundings without the service's state, for what serves several.
    #[must_use]
    pub fn stateless(&self) -> Ctx {
        self.with_state(Arc::new(()))
    }

    /// The same surroundings for a request of this trace.
    #[must_use]
    pub fn with_trace(self, trace: Option<Arc<str>>) -> Self {
        Self { trace, ..self }
    }

    /// The same surroundings for a request that begins here.
    #[must_use]
    pub fn with_request_id(self, request_id: Arc<str>) -> Self {
        Self { request_id, ..self }
    }

    /// The same surroundings for one who waits for as long as it takes, and then drops the call.
    #[must_use]
    pub fn patient(self) -> Self {
        Self { is_patient: true, ..self }
    }

    /// Whether `target` can be sent to: its service is served, and it is there.
    ///
    /// # Errors
    /// Why it can't.
    pub async fn check_target(&self, target: &TargetArn) -> Result<(), Undelivered> {
        self.platform.check_target(target, self.with_state(Arc::new(()))).await
    }

    /// As [`Ctx::check_target`], and whether the target would let `sender` in, as far as its service says beforehand.
    ///
    /// # Errors
    /// Why it can't be sent to.
    pub async fn check_sender(&self, target: &TargetArn, sender: Sender) -> Result<(), Undelivered> {
        self.platform.check_sender(target, sender, self.with_state(Arc::new(()))).await
    }

    /// Sends an event to its target; when this returns, the target has stored it.
    ///
    /// # Errors
    /// Why it was not taken; [`Undelivered::is_worth_another_try`] says whether to come back.
    pub async fn deliver(&self, delivery: Delivery) -> Result<(), Undelivered> {
        self.platform.deliver(delivery, self.with_state(Arc::new(()))).await
    }

    /// Tells that records arrived at an event source, or that its shards are others now; after they are stored.
    pub fn arrived(&self, source_arn: &str) {
        self.platform.arrivals().tell(source_arn);
    }

    /// News of an event source; to be asked for before looking at it.
    pub fn arrivals(&self, source_arn: &str) -> Arrivals {
        self.platform.arrivals().listen(source_arn)
    }

    /// The same surroundings with another service's state.
    #[must_use]
    pub fn with_state<T>(&self, state: Arc<T>) -> Ctx<T> {
        Ctx {
            caller: self.caller.clone(),
            sender: self.sender.clone(),
            request_id: Arc::clone(&self.request_id),
            trace: self.trace.clone(),
            host: Arc::clone(&self.host),
            kv: self.kv.clone(),
            env: self.env.clone(),
            state,
            is_patient: self.is_patient,
            platform: self.platform.clone(),
        }
    }
}
