//! Event sources: their kinds, and the contract between their mappings, which live here, and whoever polls them.
//!
//! Nothing in this crate reads a queue or a stream. What does is given as [`EventSources`]: it knows the sources'
//! services by their APIs and calls them with `cx.call`.

use std::future::Future;
use std::pin::Pin;

use aws_wire::Result;
use serde::{Deserialize, Serialize};

use crate::event_source_mapping::EventSourceMapping;

pub(crate) type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What a mapping reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SourceKind {
    Sqs,
    Kinesis,
    DynamoDb,
    /// Amazon MSK.
    ManagedKafka,
    SelfManagedKafka,
    Mq,
    DocumentDb,
}

impl SourceKind {
    /// The kind of what an ARN names, if it can be a source.
    pub fn of_arn(arn: &str) -> Option<Self> {
        let parts = arn.splitn(6, ':').collect::<Vec<_>>();
        let [_, _, service, _, _, resource] = parts.as_slice() else { return None };
        match *service {
            "sqs" if !resource.is_empty() && !resource.contains([':', '/']) => Some(Self::Sqs),
            "kinesis" if resource.starts_with("stream/") => Some(Self::Kinesis),
            "dynamodb" if resource.starts_with("table/") && resource.contains("/stream/") => {
                Some(Self::DynamoDb)
            }
            "kafka" if resource.starts_with("cluster/") => Some(Self::ManagedKafka),
            "mq" if resource.starts_with("broker:") => Some(Self::Mq),
            "rds" if resource.starts_with("cluster:") => Some(Self::DocumentDb),
            _ => None,
        }
    }

    /// As messages name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sqs => "Amazon SQS",
            Self::Kinesis => "Amazon Kinesis",
            Self::DynamoDb => "DynamoDB Streams",
            Self::ManagedKafka => "Amazon MSK",
            Self::SelfManagedKafka => "Apache Kafka",
            Self::Mq => "Amazon MQ",
            Self::DocumentDb => "Amazon DocumentDB",
        }
    }

    pub(crate) fn is_stream(self) -> bool {
        matches!(self, Self::Kinesis | Self::DynamoDb)
    }

    pub(crate) fn is_kafka(self) -> bool {
        matches!(self, Self::ManagedKafka | Self::SelfManagedKafka)
    }
}

/// What was found where a mapping's source should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Described {
    Absent,
    Present {
        /// Of a queue, in seconds.
        visibility_timeout_s: Option<u32>,
    },
}

/// Whoever polls event sources. `cx` is of the mapping's account and region.
pub trait EventSources: Send + Sync {
    /// Whether sources of this kind are polled here. Of others no mapping can be enabled.
    fn polls(&self, kind: SourceKind) -> bool;

    /// Looks at the source of a mapping that is to be enabled.
    fn describe<'a>(
        &'a self,
        cx: service::Ctx,
        mapping: &'a EventSourceMapping,
    ) -> BoxFuture<'a, Result<Described>>;

    /// Begins to poll for a mapping, or goes on with its new settings. Also asked for every enabled mapping when the
    /// platform starts. An error is shown on the mapping, which is then disabled.
    fn start<'a>(&'a self, cx: service::Ctx, mapping: &'a EventSourceMapping) -> BoxFuture<'a, Result<()>>;

    /// Ends polling for a mapping; resolves when its batches under way are done. One that is not polled is no error.
    fn stop<'a>(&'a self, uuid: &'a str) -> BoxFuture<'a, ()>;

    /// Forgets how far a mapping has come: it was stopped, and is deleted.
    fn forget<'a>(&'a self, cx: service::Ctx, uuid: &'a str) -> BoxFuture<'a, Result<()>>;

    /// What came of a mapping's last batch, as the API shows it; `None` when there was none since the start.
    fn last_result(&self, uuid: &str) -> Option<&'static str>;
}

/// Nobody polls anything.
pub struct NoEventSources;

impl EventSources for NoEventSources {
    fn polls(&self, _: SourceKind) -> bool {
        false
    }

    fn describe<'a>(
        &'a self,
        _: service::Ctx,
        _: &'a EventSourceMapping,
    ) -> BoxFuture<'a, Result<Described>> {
        Box::pin(async { Ok(Described::Absent) })
    }

    fn start<'a>(&'a self, _: service::Ctx, mapping: &'a EventSourceMapping) -> BoxFuture<'a, Result<()>> {
        Box::pin(async { Err(crate::event_source_mapping::not_polled(mapping.source.kind)) })
    }

    fn stop<'a>(&'a self, _: &'a str) -> BoxFuture<'a, ()> {
        Box::pin(async {})
    }

    fn forget<'a>(&'a self, _: service::Ctx, _: &'a str) -> BoxFuture<'a, Result<()>> {
        Box::pin(async { Ok(()) })
    }

    fn last_result(&self, _: &str) -> Option<&'static str> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arns_tell_the_kind() {
        let check = |arn: &str, kind: Option<SourceKind>| assert_eq!(SourceKind::of_arn(arn), kind, "{arn}");
        check("arn:aws:sqs:us-east-1:000000000000:q", Some(SourceKind::Sqs));
        check("arn:aws:kinesis:us-east-1:000000000000:stream/s", Some(SourceKind::Kinesis));
        check("arn:aws:kinesis:us-east-1:000000000000:stream/s/consumer/c:1", Some(SourceKind::Kinesis));
        check("arn:aws:dynamodb:us-east-1:000000000000:table/t/stream/2026", Some(SourceKind::DynamoDb));
        check("arn:aws:dynamodb:us-east-1:000000000000:table/t", None);
        check("arn:aws:kafka:us-east-1:000000000000:cluster/c/1", Some(SourceKind::ManagedKafka));
        check("arn:aws:mq:us-east-1:000000000000:broker:b:b-1", Some(SourceKind::Mq));
        check("arn:aws:rds:us-east-1:000000000000:cluster:c", Some(SourceKind::DocumentDb));
        check("arn:aws:rds:us-east-1:000000000000:db:c", None);
        check("arn:aws:sns:us-east-1:000000000000:t", None);
        check("arn:aws:sqs:us-east-1", None);
    }
}
