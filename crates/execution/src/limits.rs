//! Bounds of an invocation, with AWS's values.

use std::time::Duration;

/// A synchronous request's payload: 6 MiB.
pub const PAYLOAD_BYTES_MAX: usize = 6 * 1024 * 1024;
/// A response's payload; AWS's own messages give this number, 100 bytes above 6 MiB.
pub const RESPONSE_BYTES_MAX: usize = PAYLOAD_BYTES_MAX + 100;
/// How long an environment may take from its start to its first `next`.
pub const INIT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long an environment lives at most, however busy: Lambda recycles its own every few hours, and the keys that it
/// started with expire.
pub const LIFETIME_MAX: Duration = Duration::from_secs(6 * 60 * 60);
/// How much of an invocation's log `LogType: Tail` returns.
pub const LOG_TAIL_BYTES: usize = 4096;

/// An invocation that was refused because too many run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Throttled(pub ThrottleReason);

impl Throttled {
    /// Whether trying again is of no use until somebody changes the function's settings.
    pub const fn is_for_good(self) -> bool {
        match self.0 {
            ThrottleReason::ConcurrentInvocationLimitExceeded => false,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ThrottleReason {
    /// The account's concurrency is used up.
    ConcurrentInvocationLimitExceeded,
}

impl ThrottleReason {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ConcurrentInvocationLimitExceeded => "ConcurrentInvocationLimitExceeded",
        }
    }
}
