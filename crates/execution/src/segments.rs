//! Traces: which invocations are part of a sampled one, and where what happened in them is told.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use env::Timestamp;

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
    /// AWS's name of the failure, and what the caller got.
    pub failure: Option<(String, Bytes)>,
}

/// Takes what is told of sampled traces. Called beside invocations: it must not wait.
pub trait SegmentSink: Send + Sync {
    fn invocation(&self, version: &Version, traced: Traced);

    /// A segment document, as a function sent it to its X-Ray daemon.
    fn document(&self, version: &Version, document: &str);
}
