//! Where an environment comes from: started, made to be copied, or a copy; and how its start can fail.

use std::sync::{Arc, Mutex};

use sandbox::{Exit, Pending};
use tokio::sync::oneshot;

use super::{Ended, Snapshot};
use crate::ahead::Waiting;
use crate::alarms::Alarms;
use crate::invocation::Failure;
use crate::output::Output;
use crate::pool::Options;
use crate::variables::Access;
use crate::version::Version;

/// What environments are made with.
#[derive(Clone, Copy)]
pub(crate) struct Parts<'a> {
    pub options: &'a Options,
    pub alarms: &'a Arc<Alarms>,
    pub ahead: &'a Waiting,
}

/// How an environment came to be.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    OnDemand,
    /// Its INIT runs to be copied.
    Template,
    /// A copy.
    Restored,
    /// Of a version with SnapStart that can't be copied: it runs its own INIT, hooks included.
    Repeated,
}

impl Kind {
    pub(super) fn has_snap_start(self) -> bool {
        self != Self::OnDemand
    }
}

/// Where an environment comes from.
pub(super) struct Origin<'a> {
    pub id: String,
    pub phase: Phase,
    pub extensions: Vec<String>,
    pub kind: Kind,
    /// What keys are asked for with, where they are in no variables.
    pub token: Option<&'a Arc<str>>,
    pub snapshot: Option<Arc<Snapshot>>,
}

/// An INIT that did not reach its first `next`.
pub(crate) struct InitFailure {
    pub failure: Failure,
    /// Where the invocation that waited for it writes its lines.
    pub output: Option<Arc<Mutex<Output>>>,
}

/// Of a start that was never tried.
impl From<Failure> for InitFailure {
    fn from(failure: Failure) -> Self {
        Self { failure, output: None }
    }
}

/// In which phase an INIT runs: before an invocation, again within one, or ahead of all.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    Init,
    Invoke,
    Provisioned,
}

impl Phase {
    /// As `AWS_LAMBDA_INITIALIZATION_TYPE` says it.
    pub(crate) const fn initialization_type(self) -> &'static str {
        match self {
            Self::Init | Self::Invoke => "on-demand",
            Self::Provisioned => "provisioned-concurrency",
        }
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Init | Self::Provisioned => "init",
            Self::Invoke => "invoke",
        }
    }
}

/// What somebody waits for during INIT.
pub(super) struct Initialising {
    pub ready: oneshot::Receiver<Ended>,
    /// Absent without external extensions.
    pub registered: Option<oneshot::Receiver<()>>,
    pub exit: Pending<'static, Exit>,
}

/// How the SDKs in an environment get keys: with `token`, where they are in no variables.
pub(super) fn access(options: &Options, version: &Version, token: Option<&Arc<str>>) -> Access {
    match token {
        Some(token) => Access::Container { token: token.to_string() },
        None => Access::Keys((options.credentials)(version)),
    }
}
