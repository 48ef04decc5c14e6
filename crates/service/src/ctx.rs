//! What an operation has at hand.

use std::sync::Arc;

use aws_wire::{Input, Result, Wire as _};
use env::Env;
use kv::Kv;

use crate::{Caller, Platform};

/// The surroundings of one request: its caller, the store, time and randomness, the service's own state `S`.
pub struct Ctx<S = ()> {
    pub caller: Caller,
    /// What the answer's `x-amzn-RequestId` says; a UUID.
    pub request_id: Arc<str>,
    pub kv: Kv,
    pub env: Env,
    pub state: Arc<S>,
    pub(crate) platform: Platform,
}

impl<S> Clone for Ctx<S> {
    fn clone(&self) -> Self {
        Self {
            caller: self.caller.clone(),
            request_id: Arc::clone(&self.request_id),
            kv: self.kv.clone(),
            env: self.env.clone(),
            state: Arc::clone(&self.state),
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

    /// The same surroundings for another caller.
    #[must_use]
    pub fn as_caller(&self, caller: Caller) -> Self {
        Self { caller, ..self.clone() }
    }

    /// The same surroundings without the service's state, for what serves several.
    #[must_use]
    pub fn stateless(&self) -> Ctx {
        self.with_state(Arc::new(()))
    }

    pub(crate) fn with_state<T>(&self, state: Arc<T>) -> Ctx<T> {
        Ctx {
            caller: self.caller.clone(),
            request_id: Arc::clone(&self.request_id),
            kv: self.kv.clone(),
            env: self.env.clone(),
            state,
            platform: self.platform.clone(),
        }
    }
}
