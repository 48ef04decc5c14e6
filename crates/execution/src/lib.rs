//! Where functions run: execution environments, their pools, and the Runtime API that speaks to them.
//!
//! Start with `pool.rs`: an invocation takes an idle environment or waits for the first that is free or ready.

mod alarms;
mod closing;
mod dates;
mod delivery;
mod environment;
mod extension_state;
mod extensions;
mod extensions_api;
mod invocation;
mod launch;
mod limits;
mod logging;
mod output;
mod platform_event;
mod pool;
mod report;
mod runtime_api;
mod runtimes;
mod state;
mod stream;
mod stream_api;
mod subscription;
mod telemetry;
mod variables;
mod version;

pub use invocation::{Failure, Invocation, Outcome};
pub use limits::{
    INIT_TIMEOUT, LIFETIME_MAX, LOG_TAIL_BYTES, PAYLOAD_BYTES_MAX, RESPONSE_BYTES_MAX, ThrottleReason,
    Throttled,
};
pub use logging::{Level, Logging};
pub use output::{LogSink, LogStream, Record};
pub use pool::{Options, Pools, Refused};
pub use runtimes::{Hosted, Interpreter, Language, MissingRuntime, Runtimes, Substitution};
pub use stream::{AnswerStream, Sink, Streamed, Streaming};
pub use variables::Credentials;
pub use version::Version;
