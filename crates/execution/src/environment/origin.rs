//! Where an environment comes from: started, made to be copied, or a copy.

use std::sync::Arc;

use super::{Phase, Snapshot};
use crate::pool::Options;
use crate::variables::Access;
use crate::version::Version;

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

/// How the SDKs in an environment get keys: with `token`, where they are in no variables.
pub(super) fn access(options: &Options, version: &Version, token: Option<&Arc<str>>) -> Access {
    match token {
        Some(token) => Access::Container { token: token.to_string() },
        None => Access::Keys((options.credentials)(version)),
    }
}
