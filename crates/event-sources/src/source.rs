//! Streams, whichever service has them: shards, places in them, and records as functions see them.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use aws_wire::{AwsError, Result};
use env::Timestamp;
use service::Ctx;
use svc_lambda::{Described, MappingSettings, SourceKind};

use crate::Polled;
use crate::handler::{CLOSING, OPENING};
use crate::kafka::{self, Topic};
use crate::kinesis::Subscription;
use crate::report;
use crate::{dynamodb, kinesis};

/// A stream by its ARN, or a topic.
#[derive(Clone)]
pub(crate) enum Stream {
    DynamoDb(String),
    Kinesis {
        stream: String,
        /// Whom records are pushed to; without one they are asked for.
        consumer: Option<String>,
    },
    Kafka(Arc<Topic>),
}

/// How a reader goes on.
pub(crate) enum Cursor {
    Iterator(String),
    Subscription(Subscription),
    /// Of a topic's partition.
    Consumer(Box<kafka::Consumer>),
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

    /// Empty of a topic, which has none.
    pub(crate) fn arn(&self) -> &str {
        match self {
            Self::Kafka(_) => "",
            Self::DynamoDb(arn) | Self::Kinesis { stream: arn, .. } => arn,
        }
    }

    /// What failure records call a batch of it.
    pub(crate) fn batch_info(&self) -> &'static str {
        match self {
            Self::DynamoDb(_) => "DDBStreamBatchInfo",
            Self::Kinesis { .. } => "KinesisBatchInfo",
            Self::Kafka(_) => "KafkaBatchInfo",
        }
    }

    pub(crate) fn topic(&self) -> Option<&Arc<Topic>> {
        match self {
            Self::Kafka(topic) => Some(topic),
            Self::DynamoDb(_) | Self::Kinesis { .. } => None,
        }
    }

    /// What events have before their records.
    pub(crate) fn opening(&self, shard: &str) -> String {
        self.topic().map_or_else(|| OPENING.to_owned(), |topic| topic.opening(shard))
    }

    /// And after them.
    pub(crate) fn closing(&self) -> &'static str {
        if self.topic().is_some() { kafka::CLOSING } else { CLOSING }
    }

    /// What a function calls a record that failed.
    pub(crate) fn item_id<'a>(&self, shard: &str, sequence: &'a str) -> Cow<'a, str> {
        match self {
            Self::Kafka(_) => report::of_partition(shard, sequence).into(),
            Self::DynamoDb(_) | Self::Kinesis { .. } => sequence.into(),
        }
    }

    /// How long a batch waits for more where nothing else is said.
    pub(crate) fn window(&self) -> Duration {
        if self.topic().is_some() { kafka::WINDOW } else { Duration::ZERO }
    }

    /// How often a batch is tried again where nothing bounds it.
    pub(crate) fn retries_max(&self, settings: &MappingSettings) -> Option<i32> {
        let told = settings.on_failure.as_ref().is_some_and(|to| !to.is_empty());
        (told && self.topic().is_some()).then_some(kafka::RETRIES_TOLD)
    }

    /// How long it keeps records, where that never changes.
    pub(crate) fn retention(&self) -> Option<Duration> {
        match self {
            Self::DynamoDb(_) => Some(Duration::from_secs(24 * 60 * 60)),
            Self::Kinesis { .. } | Self::Kafka(_) => None,
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
            // A cluster that can't be reached is told of with the last result, as on AWS.
            Self::Kafka(_) => Ok(()),
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
            Self::Kafka(topic) => topic.partitions().await,
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
            Self::Kafka(topic) => Cursor::Consumer(Box::new(topic.consumer(shard, from).await?)),
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
            (_, Cursor::Consumer(consumer)) => kafka::records(polled, consumer).await,
            (Self::Kafka(_), Cursor::Iterator(_)) => Err(AwsError::internal("topics have no iterators")),
        }
    }
}
