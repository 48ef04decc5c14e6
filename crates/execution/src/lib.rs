//! Where functions run: execution environments, their pools, and the Runtime API that speaks to them.
//!
//! Start with `pool.rs`: an invocation takes an idle environment or waits for the first that is free or ready.
//! `admission.rs` says who may run, `starts.rs` whose environment is started next, `provisioned.rs` keeps some ready,
//! `keep_alive.rs` says how long idle ones stay.

mod admission;
mod ahead;
mod alarms;
mod closing;
mod corked;
mod dates;
mod delivery;
mod environment;
mod extension_state;
mod extensions;
mod extensions_api;
mod image;
mod invocation;
mod keep_alive;
mod launch;
mod limits;
mod logging;
mod output;
mod patience;
mod platform_event;
mod pool;
mod provisioned;
mod report;
mod runtime_api;
mod runtimes;
mod segments;
mod snapshots;
mod starts;
mod state;
mod stream;
mod stream_api;
mod subscription;
mod telemetry;
mod variables;
mod version;

pub use admission::Rates;
pub use ahead::Ahead;
pub use image::Image;
pub use invocation::{Failure, Invocation, Outcome, RestoreFailure};
pub use keep_alive::{Habits, KeepAlive, Plan};
pub use limits::{
    INIT_TIMEOUT, LIFETIME_MAX, LOG_TAIL_BYTES, PAYLOAD_BYTES_MAX, PROVISIONED_INIT_TIMEOUT,
    RESPONSE_BYTES_MAX, RESTORE_TIMEOUT, SNAPSHOT_INIT_TIMEOUT, ThrottleReason, Throttled,
};
pub use logging::{Level, Logging};
pub use output::{LogSink, LogStream, Record};
pub use pool::{Options, PlatformDoor, Pools, Refused};
pub use provisioned::{Provisioning, ProvisioningStatus};
pub use runtimes::{Hosted, Interpreter, Language, MissingRuntime, Runtimes, Substitution};
pub use segments::{ColdStart, Sampled, SegmentSink, Traced};
pub use snapshots::Prepared;
pub use stream::{AnswerStream, Sink, Streamed, Streaming};
pub use variables::Credentials;
pub use version::Version;
