//! One line of what a host can do, as `lambent doctor` prints it.

use serde::{Deserialize, Serialize};

/// Something about this host that matters to sandboxes, found by trying it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    pub name: String,
    pub status: Status,
    /// What was found.
    pub detail: String,
    /// What to do about it; empty when nothing is to be done.
    pub fix: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Status {
    Ok,
    /// Works, with a restriction that `detail` names.
    Limited,
    Missing,
}
