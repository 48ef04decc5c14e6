//! Streams, whichever service has them: shards, places in them, and records as functions see them.

use std::time::Duration;

use aws_wire::Result;
use env::Timestamp;
use service::Ctx;
use svc_lambda::{Described, SourceKind};

use crate::Polled;
use crate::kinesis::Subscription;
use crate::{dynamodb, kinesis};

/// A stream by its ARN.
#[derive(Clone, Debug)]
pub(crate) enum Stream {
    DynamoDb(String),
    Kinesis {
        stream: String,
        /// Whom records are pushed to; without one they are asked for.
        consumer: Option<String>,
    },
}

/// How a reader goes on.
pub(crate) enum Cursor {
    Iterator(String),
    Subscription(Subscription),
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
    /// How to go on; without it with a new cursor.
    pub next: Option<Cursor>,
    /// The number up to which the shard was looked at, where that is told.
    pub seen: Option<String>,
    /// The shard is closed, and this is its end.
    pub over: bool,
}

impl Page {
    /// What a call with an iterator found; at the end of a closed shard there is no other iterator.
    pub(crate) fn read(records: Vec<Record>, next: Option<String>) -> Self {
        Self { records, over: next.is_none(), next: next.map(Cursor::Iterator), seen: None }
    }
}

impl Stream {
    /// `None` of a queue, and of what is not polled.
    pub(crate) fn of(kind: SourceKind, arn: &str) -> Option<Self> {
        match kind {
            SourceKind::DynamoDb => Some(Self::DynamoDb(arn.to_owned())),
            SourceKind::Kinesis => {
                let stream = kinesis::stream_of(arn).to_owned();
                let consumer = (stream != arn).then(|| arn.to_owned());
                Some(Self::Kinesis { stream, consumer })
            }
            SourceKind::Sqs
            | SourceKind::ManagedKafka
            | SourceKind::SelfManagedKafka
            | SourceKind::Mq
            | SourceKind::DocumentDb => None,
        }
    }

    pub(crate) fn arn(&self) -> &str {
        match self {
            Self::DynamoDb(arn) | Self::Kinesis { stream: arn, .. } => arn,
        }
    }

    /// What failure records call a batch of it.
    pub(crate) fn batch_info(&self) -> &'static str {
        match self {
            Self::DynamoDb(_) => "DDBStreamBatchInfo",
            Self::Kinesis { .. } => "KinesisBatchInfo",
        }
    }

    /// How long it keeps records, where that never changes.
    pub(crate) fn retention(&self) -> Option<Duration> {
        match self {
            Self::DynamoDb(_) => Some(Duration::from_secs(24 * 60 * 60)),
            Self::Kinesis { .. } => None,
        }
    }

    /// Whether a reader may begin at a time.
    pub(crate) fn knows_times(&self) -> bool {
        matches!(self, Self::Kinesis { .. })
    }

    /// # Errors
    /// Those of the service; a stream or consumer that is missing is no error.
    pub(crate) async fn describe(&self, cx: &Ctx) -> Result<Described> {
        let found = match self {
            Self::Kinesis { consumer: Some(consumer), .. } => kinesis::find_consumer(cx, consumer).await,
            _ => self.shards(cx).await.map(drop),
        };
        match found {
            Ok(()) => Ok(Described::Present { visibility_timeout_s: None }),
            Err(error) if error.code == "ResourceNotFoundException" => Ok(Described::Absent),
            Err(error) => Err(error),
        }
    }

    /// # Errors
    /// Those of the service.
    pub(crate) async fn shards(&self, cx: &Ctx) -> Result<Vec<Shard>> {
        match self {
            Self::DynamoDb(arn) => dynamodb::shards(cx, arn).await,
            Self::Kinesis { stream, .. } => kinesis::shards(cx, stream).await,
        }
    }

    /// # Errors
    /// Those of the service.
    pub(crate) async fn cursor(&self, cx: &Ctx, shard: &str, from: &Position) -> Result<Cursor> {
        Ok(match self {
            Self::DynamoDb(arn) => Cursor::Iterator(dynamodb::iterator(cx, arn, shard, from).await?),
            Self::Kinesis { stream, consumer: None } => {
                Cursor::Iterator(kinesis::iterator(cx, stream, shard, from).await?)
            }
            Self::Kinesis { consumer: Some(consumer), .. } => {
                Cursor::Subscription(kinesis::subscribe(cx, consumer, shard, from).await?)
            }
        })
    }

    /// Reads on. A subscription waits for records, or until it is over.
    ///
    /// # Errors
    /// Those of the service, `ExpiredIteratorException` among them.
    pub(crate) async fn records(&self, polled: &Polled, shard: &str, cursor: Cursor) -> Result<Page> {
        match (self, cursor) {
            (_, Cursor::Subscription(events)) => kinesis::pushed(polled, shard, events).await,
            (Self::DynamoDb(arn), Cursor::Iterator(at)) => dynamodb::records(polled, arn, &at).await,
            (Self::Kinesis { .. }, Cursor::Iterator(at)) => kinesis::records(polled, shard, &at).await,
        }
    }
}
