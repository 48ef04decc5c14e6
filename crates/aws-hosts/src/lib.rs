//! AWS's own hosts, as sandboxes see them: `*.amazonaws.com` leads to the platform.
//!
//! For clients that can't be told of another endpoint. `names.rs` answers what a sandbox asks its name server,
//! `authority.rs` is the local authority whose certificates the platform shows there, and which only sandboxes trust.

mod authority;
mod names;
mod zone;

pub use authority::{Authority, Failed, SUBJECT_HASH};
pub use names::{Elsewhere, serve};
