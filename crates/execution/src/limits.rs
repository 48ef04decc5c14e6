//! Bounds of an invocation, with AWS's values.

use std::time::Duration;

/// A synchronous request's payload: 6 MiB.
pub const PAYLOAD_BYTES_MAX: usize = 6 * 1024 * 1024;
/// A response's payload; AWS's own messages give this number, 100 bytes above 6 MiB.
pub const RESPONSE_BYTES_MAX: usize = PAYLOAD_BYTES_MAX + 100;
/// How long an environment may take from its start to its first `next`.
pub const INIT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the INIT that a snapshot is taken of may take, or the function's timeout if that is longer.
pub const SNAPSHOT_INIT_TIMEOUT: Duration = Duration::from_secs(130);
/// How long a restore may take, after-restore hooks included.
pub const RESTORE_TIMEOUT: Duration = Duration::from_secs(10);
/// Processes and threads of all environments of one version with SnapStart together; each has its own limit besides.
pub(crate) const TEMPLATE_PROCESSES_MAX: u64 = 16 * 1024;
/// The same for a provisioned environment, unless its function's timeout is longer.
pub const PROVISIONED_INIT_TIMEOUT: Duration = Duration::from_secs(130);
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
            ThrottleReason::NothingReserved => true,
            ThrottleReason::ConcurrentInvocationLimitExceeded
            | ThrottleReason::ReservedFunctionConcurrentInvocationLimitExceeded
            | ThrottleReason::FunctionInvocationRateLimitExceeded
            | ThrottleReason::ReservedFunctionInvocationRateLimitExceeded => false,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ThrottleReason {
    /// What functions without reserved concurrency have in common is used up.
    ConcurrentInvocationLimitExceeded,
    /// The function's reserved concurrency is used up.
    ReservedFunctionConcurrentInvocationLimitExceeded,
    /// The function's reserved concurrency is 0: for AWS the same reason.
    NothingReserved,
    /// The function is invoked too often, or needs environments too fast.
    FunctionInvocationRateLimitExceeded,
    /// The same, of a function with reserved concurrency.
    ReservedFunctionInvocationRateLimitExceeded,
}

impl ThrottleReason {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ConcurrentInvocationLimitExceeded => "ConcurrentInvocationLimitExceeded",
            Self::ReservedFunctionConcurrentInvocationLimitExceeded | Self::NothingReserved => {
                "ReservedFunctionConcurrentInvocationLimitExceeded"
            }
            Self::FunctionInvocationRateLimitExceeded => "FunctionInvocationRateLimitExceeded",
            Self::ReservedFunctionInvocationRateLimitExceeded => {
                "ReservedFunctionInvocationRateLimitExceeded"
            }
        }
    }
}
