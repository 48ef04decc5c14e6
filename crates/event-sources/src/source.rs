//! Streams, whichever service has them: shards, places in them, and records as functions see them.

use std::time::Duration;

use aws_wire::Result;
use env::Timestamp;
use service::Ctx;
use svc_lambda::{Described, SourceKind};

use crate::Polled;
use crate::{dynamodb, kinesis};

/// A stream by its ARN.
#[derive(Clone, Debug)]
pub(crate) enum Stream {
    DynamoDb(String),
    Kinesis(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shard {
    pub id: String,
    /// Shards that are to be read before.
    pub parents: Vec<String>,
    /// Whether nothing is added any more.
    pub closed: bool,
}

/// Where reading begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Position {
    TrimHorizon,
    Latest,
    /// Behind the record with this number.
    After(String),
    /// With what arrived at this time or after it, where the stream can be asked so.
    Since(Timestamp),
}

pub(crate) struct Record {
    /// Its number, which is only one shard's.
    pub sequence: String,
    /// The same for all records whose order counts.
    pub key: u64,
    pub arrived: Timestamp,
    /// JSON.
    pub event: String,
    /// Whether filter criteria let it through.
    pub wanted: bool,
}

pub(crate) struct Page {
    pub records: Vec<Record>,
    /// Where to go on; nowhere at the end of a closed shard.
    pub next: Option<String>,
}

impl Stream {
    /// `None` of a queue, and of what is not polled.
    pub(crate) fn of(kind: SourceKind, arn: &str) -> Option<Self> {
        match kind {
            SourceKind::DynamoDb => Some(Self::DynamoDb(arn.to_owned())),
            SourceKind::Kinesis => Some(Self::Kinesis(kinesis::stream_of(arn).to_owned())),
            SourceKind::Sqs
            | SourceKind::ManagedKafka
            | SourceKind::SelfManagedKafka
            | SourceKind::Mq
            | SourceKind::DocumentDb => None,
        }
    }

    pub(crate) fn arn(&self) -> &str {
        match self {
            Self::DynamoDb(arn) | Self::Kinesis(arn) => arn,
        }
    }

    /// What failure records call a batch of it.
    pub(crate) fn batch_info(&self) -> &'static str {
        match self {
            Self::DynamoDb(_) => "DDBStreamBatchInfo",
            Self::Kinesis(_) => "KinesisBatchInfo",
        }
    }

    /// How long it keeps records, where that never changes.
    pub(crate) fn retention(&self) -> Option<Duration> {
        match self {
            Self::DynamoDb(_) => Some(Duration::from_secs(24 * 60 * 60)),
            Self::Kinesis(_) => None,
        }
    }

    /// Whether a reader may begin at a time.
    pub(crate) fn knows_times(&self) -> bool {
        matches!(self, Self::Kinesis(_))
    }

    /// # Errors
    /// Those of the service; a stream that is missing is no error.
    pub(crate) async fn describe(&self, cx: &Ctx) -> Result<Described> {
        match self.shards(cx).await {
            Ok(_) => Ok(Described::Present { visibility_timeout_s: None }),
            Err(error) if error.code == "ResourceNotFoundException" => Ok(Described::Absent),
            Err(error) => Err(error),
        }
    }

    /// # Errors
    /// Those of the service.
    pub(crate) async fn shards(&self, cx: &Ctx) -> Result<Vec<Shard>> {
        match self {
            Self::DynamoDb(arn) => dynamodb::shards(cx, arn).await,
            Self::Kinesis(arn) => kinesis::shards(cx, arn).await,
        }
    }

    /// # Errors
    /// Those of the service.
    pub(crate) async fn iterator(&self, cx: &Ctx, shard: &str, from: &Position) -> Result<String> {
        match self {
            Self::DynamoDb(arn) => dynamodb::iterator(cx, arn, shard, from).await,
            Self::Kinesis(arn) => kinesis::iterator(cx, arn, shard, from).await,
        }
    }

    /// # Errors
    /// Those of the service, `ExpiredIteratorException` among them.
    pub(crate) async fn records(&self, polled: &Polled, shard: &str, iterator: &str) -> Result<Page> {
        match self {
            Self::DynamoDb(arn) => dynamodb::records(polled, arn, iterator).await,
            Self::Kinesis(_) => kinesis::records(polled, shard, iterator).await,
        }
    }
}
