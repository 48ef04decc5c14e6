//! The platform in memory, for tests: raw requests in, raw answers out, on a clock that the test moves.
//!
//! [`Ground`] is what everything stands on, [`Wire`] the platform behind its front door, [`Lambda`] one that has
//! functions; those run in [`Scripted`] sandboxes, whose programs are futures of the test. `execution`'s own tests
//! use the parts in `pools.rs`.

mod container;
mod dynamo;
mod hook;
mod http1;
mod issuer;
mod kinesis;
mod lambda;
mod layer;
mod logs;
mod mailbox;
mod objects;
mod package;
mod pools;
mod runtime;
mod s3;
mod scripted;
mod sources;
mod sqs;
mod streaming;
mod wire;

use std::future::Future;
use std::time::Duration;

pub use container::{Container, Registry};
pub use dynamo::{Dynamo, dynamo_table};
pub use hook::{Got, Hook};
pub use http1::{Connection, Reply};
pub use issuer::Issuer;
pub use kinesis::{Events, Kinesis};
pub use lambda::Lambda;
pub use layer::Layer;
pub use logs::Logs;
pub use mailbox::Mailbox;
pub use objects::Objects;
pub use package::{package, package_of};
pub use pools::{Records, invocation, options, version};
pub use runtime::{Runtime, Work};
pub use s3::S3;
pub use scripted::{Event, Scripted};
pub use sources::Sources;
pub use sqs::Sqs;
pub use streaming::Answering;
pub use wire::{Answer, EPOCH_MS, Ground, Wire, request};

/// Waits for what must come without anybody moving the clock. That nothing comes is a failure, not a hang.
///
/// # Panics
/// When it does not come.
pub async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    let patience = Duration::from_secs(60);
    tokio::time::timeout(patience, future).await.unwrap_or_else(|_| panic!("waited in vain: {what}"))
}
