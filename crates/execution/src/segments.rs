//! Traces: which invocations are part of a sampled one, and where what happened in them is told.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use env::Timestamp;
use sandbox::Claimed;

use crate::Version;

/// Where an invocation belongs in a trace that is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sampled {
    /// The trace: `1-5759e988-bd862e3fe1be46a994272793`.
    pub root: String,
    /// Of the request's segment, `AWS::Lambda`: sixteen hexadecimal digits.
    pub request_segment: String,
    /// Of the function's segment, `AWS::Lambda::Function`: what the function's own subsegments hang on.
    pub function_segment: String,
    /// The segment of whoever called.
    pub parent: Option<String>,
    /// When the request came.
    pub accepted: Timestamp,
}

/// The steps of an environment's start.
#[derive(Clone, Copy, Debug)]
pub struct ColdStart {
    /// From asking for a sandbox until its program runs.
    pub sandbox: Duration,
    /// Steps of it, where the program was started ahead.
    pub claimed: Option<Claimed>,
    /// From then until the runtime's first `next`: it loads the function's code.
    pub load: Duration,
}

impl ColdStart {
    /// What each step is called, and how long it took; the later ones are parts of the first.
    pub fn steps(&self) -> Vec<(&'static str, Duration)> {
        let parts = self.claimed.map(|Claimed { bounds, mounts, environment }| {
            [("bounds", bounds), ("mounts", mounts), ("environment", environment)]
        });
        [("sandbox", self.sandbox), ("load", self.load)]
            .into_iter()
            .chain(parts.into_iter().flatten())
            .collect()
    }
}

/// How an invocation of a sampled trace went.
#[derive(Debug)]
pub struct Traced {
    pub sampled: Sampled,
    pub request_id: Arc<str>,
    pub began: Timestamp,
    pub answered: Timestamp,
    pub ended: Timestamp,
    /// How long the INIT took that came before.
    pub init: Option<Duration>,
    /// Its steps.
    pub cold_start: Option<ColdStart>,
    /// AWS's name of the failure, and what the caller got.
    pub failure: Option<(String, Bytes)>,
}

/// Takes what is told of sampled traces. Called beside invocations: it must not wait.
pub trait SegmentSink: Send + Sync {
    fn invocation(&self, version: &Version, traced: Traced);

    /// An invocation that was not let in.
    fn throttled(&self, version: &Version, sampled: &Sampled, request_id: &str);

    /// A segment document, as a function sent it to its X-Ray daemon.
    fn document(&self, version: &Version, document: &str);
}
