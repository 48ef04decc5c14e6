//! A topic of a Kafka cluster, read in the name of a consumer group.
//!
//! The group's offsets are where the topic is read from and what is committed when a batch is done; it has no members, for
//! the partitions are all one reader's. Each partition has a client of its own: a broker answers a connection's requests
//! one after the other, and a fetch waits for as long as nothing comes.

use std::collections::HashMap;
use std::time::Duration;

use api_lambda::errors;
use aws_wire::{AwsError, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use env::Timestamp;
use krafka::Kafka;
use krafka::admin::{
    AlterConsumerGroupOffsetsOptions, DescribeTopicsOptions, ListConsumerGroupOffsetsOptions,
    ListOffsetsOptions, OffsetSpec,
};
use krafka::consumer::{AutoOffsetReset, ConsumerRecord, TimestampType, TopicPartition};
use krafka::error::{ErrorCode, KrafkaError};
use serde_json::{Map, Value as Json, json};
use svc_lambda::MappingSettings;
use tokio::sync::OnceCell;

use crate::Polled;
use crate::filter;
use crate::keys::{Checkpoint, FORMAT};
use crate::source::{Cursor, Page, Position, Record, Shard};

/// What events have after their records.
pub(crate) const CLOSING: &str = "]}}";
/// How long a batch waits for more (docs.aws.amazon.com/lambda/latest/dg/kafka-scaling-modes.html).
pub(crate) const WINDOW: Duration = Duration::from_millis(500);
/// How often a batch is tried again without a bound of its own, if a destination is told of it in the end.
pub(crate) const RETRIES_TOLD: i32 = 10;

/// What mappings show while their cluster can't be read.
const UNREACHABLE: &str =
    "PROBLEM: Connection error. Please check your event source connection configuration.";
const NO_TOPIC: &str = "PROBLEM: The topic does not exist in the cluster.";
/// How a destination begins that is a topic of the same cluster.
pub(crate) const DESTINATION: &str = "kafka://";
const TOPIC_MISSING: &str = "KafkaTopicNotFound";

/// Of everything but a fetch.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// A fetch waits so long for records.
const WAIT: Duration = Duration::from_secs(60);
/// A broker that does not even say that there are none is given up then.
const FETCH_WITHIN: Duration = Duration::from_secs(90);
/// A client that finds no broker for its partition looks again after this.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// Of one read.
const RECORDS_MAX: i32 = 1000;
/// What a broker may answer at most, and what a batch may be when it is unpacked.
const BYTES_MAX: usize = 64 * 1024 * 1024;

/// Where a topic is, and who reads it.
#[derive(Clone, Debug)]
pub struct KafkaTopic {
    /// `host:port` of brokers, of which one has to answer.
    pub bootstrap: Vec<String>,
    pub name: String,
    /// The consumer group.
    pub group: String,
}

pub(crate) struct Topic {
    at: KafkaTopic,
    /// Of everything but fetches; made when a broker answers.
    client: OnceCell<Kafka>,
}

/// A partition's reader.
pub(crate) struct Consumer(krafka::consumer::Consumer);

/// What of a mapping's settings can't be honoured.
///
/// # Errors
/// 501 for what wants secrets, of which no service here has any, and for share groups; 400 where what fails would come
/// again.
pub(crate) fn check(topic: &str, settings: &MappingSettings) -> Result<()> {
    let refused = |what: &str| Err(AwsError::parameter_not_implemented("CreateEventSourceMapping", what));
    let access = settings.access.as_deref().unwrap_or_default();
    // Networks are kept and shown; there are none to keep anybody out.
    let secret =
        access.iter().find(|(kind, _)| !matches!(kind.as_str(), "VPC_SUBNET" | "VPC_SECURITY_GROUP"));
    if let Some((kind, _)) = secret {
        return refused(&format!("SourceAccessConfigurations of type {kind}"));
    }
    if settings.on_failure.as_deref().and_then(|to| to.strip_prefix(DESTINATION)) == Some(topic) {
        let message = "The on-failure destination must be another topic than the source.";
        return Err(errors::invalid_parameter_value_exception(message));
    }
    if settings.consumption_mode.as_deref() == Some("Queue") {
        return refused("ConsumptionMode Queue");
    }
    Ok(())
}

/// What a mapping shows of an error.
pub(crate) fn problem(error: &AwsError) -> &'static str {
    if error.code == TOPIC_MISSING { NO_TOPIC } else { UNREACHABLE }
}

pub(crate) fn is_problem(result: &str) -> bool {
    [UNREACHABLE, NO_TOPIC].contains(&result)
}

impl Topic {
    pub(crate) fn new(at: KafkaTopic) -> Self {
        Self { at, client: OnceCell::new() }
    }

    pub(crate) fn bootstrap_servers(&self) -> String {
        self.at.bootstrap.join(",")
    }

    /// What events of a partition have before their records.
    pub(crate) fn opening(&self, partition: &str) -> String {
        let head = json!({ "eventSource": "SelfManagedKafka", "bootstrapServers": self.bootstrap_servers() });
        let head = head.to_string();
        format!("{},\"records\":{{{}:[", &head[..head.len() - 1], Json::from(partition))
    }

    /// # Errors
    /// When no broker answers, or the topic is not there.
    pub(crate) async fn partitions(&self) -> Result<Vec<Shard>> {
        let admin = self.client().await?.admin();
        let mut topics =
            admin.describe_topics([&self.at.name], DescribeTopicsOptions::default()).await.map_err(failed)?;
        let topic = topics.remove(&self.at.name).ok_or_else(missing)?.map_err(failed)?;
        let shard = |partition: i32| Shard {
            id: format!("{}-{partition}", self.at.name),
            parents: Vec::new(),
            closed: false,
        };
        Ok(topic.partitions.iter().map(|partition| shard(partition.partition)).collect())
    }

    /// Where each partition is to be read from: behind what the group has committed, else where the mapping begins.
    /// What a mapping that begins with the latest records finds is committed at once, so that a restart does not skip
    /// what comes until its first batch is done; a partition that is new later is read from its beginning.
    ///
    /// # Errors
    /// When no broker answers, or one refuses.
    pub(crate) async fn checkpoints(
        &self,
        partitions: &[Shard],
        settings: &MappingSettings,
        begun: bool,
    ) -> Result<HashMap<String, Checkpoint>> {
        let admin = self.client().await?.admin();
        let all = partitions.iter().map(|shard| self.partition(&shard.id)).collect::<Vec<_>>();
        let options = ListConsumerGroupOffsetsOptions::default().partitions(all.clone());
        let committed = admin.list_consumer_group_offsets(&self.at.group, options).await.map_err(failed)?;
        let mut offsets = HashMap::new();
        for (partition, found) in committed {
            if let Some(offset) = found.map_err(failed)?.offset {
                offsets.insert(partition, offset);
            }
        }
        let begun = begun || !offsets.is_empty();
        let unknown =
            all.into_iter().filter(|partition| !offsets.contains_key(partition)).collect::<Vec<_>>();
        let latest = settings.starting_position.as_deref() == Some("LATEST") && !begun;
        let spec = match settings.starting_at_us {
            Some(at_us) => OffsetSpec::Timestamp(at_us / 1000),
            None if latest => OffsetSpec::Latest,
            None => OffsetSpec::Earliest,
        };
        let found = self.offsets(&unknown, spec).await?;
        if latest && !found.is_empty() {
            self.commit_offsets(found.iter().map(|(partition, offset)| (partition.clone(), *offset))).await?;
        }
        offsets.extend(found);
        let checkpoint = |offset: i64| Checkpoint {
            format: FORMAT,
            after: Some((offset - 1).to_string()),
            ..Checkpoint::default()
        };
        let named = |(at, offset): (TopicPartition, i64)| {
            (format!("{}-{}", at.topic, at.partition), checkpoint(offset))
        };
        Ok(offsets.into_iter().map(named).collect())
    }

    /// Commits how far a partition was handled.
    ///
    /// # Errors
    /// When no broker answers, or one refuses: somebody else is a member of the group.
    pub(crate) async fn commit(&self, partition: &str, checkpoint: &Checkpoint) -> Result<()> {
        let after = checkpoint.after.as_deref().and_then(|after| after.parse::<i64>().ok());
        let Some(after) = after else { return Ok(()) };
        self.commit_offsets([(self.partition(partition), after + 1)]).await
    }

    /// How many of these records, which are in order, the cluster does not keep any more.
    pub(crate) async fn forgotten<'a>(
        &self,
        partition: &str,
        sequences: impl Iterator<Item = &'a str>,
    ) -> usize {
        let earliest =
            self.offsets(&[self.partition(partition)], OffsetSpec::Earliest).await.unwrap_or_default();
        let earliest = earliest.into_values().next().unwrap_or(0);
        sequences.take_while(|sequence| sequence.parse::<i64>().is_ok_and(|offset| offset < earliest)).count()
    }

    /// Writes a message to another topic of the cluster. One that is not there is no error: nobody is told then, as where
    /// other destinations are gone.
    ///
    /// # Errors
    /// When no broker answers, or one refuses.
    pub(crate) async fn write(&self, to: &str, key: Option<Vec<u8>>, message: String) -> Result<()> {
        let client = self.client().await?;
        let mut topics =
            client.admin().describe_topics([to], DescribeTopicsOptions::default()).await.map_err(failed)?;
        if let Some(Err(error)) = topics.remove(to) {
            if is(&error, ErrorCode::UnknownTopicOrPartition) {
                tracing::error!(topic = to, "a failure's destination is not there");
                return Ok(());
            }
            return Err(failed(error));
        }
        let producer = client.producer().build().await.map_err(failed)?;
        let record = krafka::Record::new(to, message);
        let record = if let Some(key) = key { record.key(key) } else { record };
        let written = producer.send(record).await.map(drop).map_err(failed);
        producer.close().await.map_err(failed)?;
        written
    }

    /// # Errors
    /// When no broker answers.
    pub(crate) async fn consumer(&self, partition: &str, from: &Position) -> Result<Consumer> {
        let partition = self.partition(partition);
        let from = match from {
            Position::After(sequence) => sequence.parse::<i64>().map_err(AwsError::internal)? + 1,
            Position::TrimHorizon | Position::Latest | Position::Since(_) => {
                return Err(AwsError::internal("a partition is read from an offset"));
            }
        };
        let client = connect(&self.at.bootstrap, FETCH_WITHIN).await?;
        let consumer = client
            .consumer_without_group()
            // Of what the cluster has forgotten the oldest that it has comes next.
            .auto_offset_reset(AutoOffsetReset::Earliest)
            .initial_offsets([(partition.clone(), from)])
            .fetch_max_wait(WAIT)
            .idle_poll_backoff(LOOK_AGAIN)
            .max_poll_records(RECORDS_MAX)
            .max_buffered_records(2 * RECORDS_MAX)
            .max_decompressed_size(BYTES_MAX)
            .metrics_push(false);
        let consumer = consumer.build().await.map_err(failed)?;
        consumer.assign(&partition.topic, vec![partition.partition]).await.map_err(failed)?;
        Ok(Consumer(consumer))
    }

    async fn client(&self) -> Result<&Kafka> {
        self.client.get_or_try_init(|| connect(&self.at.bootstrap, ANSWER_WITHIN)).await
    }

    async fn offsets(&self, of: &[TopicPartition], spec: OffsetSpec) -> Result<HashMap<TopicPartition, i64>> {
        if of.is_empty() {
            return Ok(HashMap::new());
        }
        let admin = self.client().await?.admin();
        let asked = of.iter().map(|partition| (partition.clone(), spec));
        let found = admin.list_offsets(asked, ListOffsetsOptions::default()).await.map_err(failed)?;
        let (mut offsets, mut none) = (HashMap::new(), Vec::new());
        for (partition, offset) in found {
            match offset {
                Ok(listed) => drop(offsets.insert(partition, listed.offset)),
                // Nothing is as young as that.
                Err(error) if is(&error, ErrorCode::OffsetNotAvailable) => none.push(partition),
                Err(error) => return Err(failed(error)),
            }
        }
        if !none.is_empty() && matches!(spec, OffsetSpec::Timestamp(_)) {
            offsets.extend(Box::pin(self.offsets(&none, OffsetSpec::Latest)).await?);
        }
        Ok(offsets)
    }

    async fn commit_offsets(&self, offsets: impl IntoIterator<Item = (TopicPartition, i64)>) -> Result<()> {
        let admin = self.client().await?.admin();
        let options = AlterConsumerGroupOffsetsOptions::default();
        let done =
            admin.alter_consumer_group_offsets(&self.at.group, offsets, options).await.map_err(failed)?;
        done.into_values().try_for_each(|done| done.map_err(failed))
    }

    /// The partition of a shard's id.
    fn partition(&self, shard: &str) -> TopicPartition {
        let number = shard.rsplit_once('-').and_then(|(_, number)| number.parse().ok());
        TopicPartition::new(&self.at.name, number.expect("ids are made of a topic and a number"))
    }
}

/// Waits for records, at most as long as a fetch does.
///
/// # Errors
/// When what a broker sent can't be read.
pub(crate) async fn records(polled: &Polled, consumer: Box<Consumer>) -> Result<Page> {
    let found = consumer.0.poll(WAIT).await.map_err(failed)?;
    let records = found.iter().map(|found| record(polled, found)).collect();
    Ok(Page { records, next: Some(Cursor::Consumer(consumer)), seen: None, over: false })
}

async fn connect(bootstrap: &[String], within: Duration) -> Result<Kafka> {
    let client = Kafka::builder(bootstrap.join(",")).client_id("lambent").request_timeout(within);
    client.connect_timeout(ANSWER_WITHIN).max_response_size(BYTES_MAX).connect().await.map_err(failed)
}

fn record(polled: &Polled, found: &ConsumerRecord) -> Record {
    let mut event = Map::new();
    event.insert("topic".to_owned(), (&*found.topic).into());
    event.insert("partition".to_owned(), found.partition.into());
    event.insert("offset".to_owned(), found.offset.into());
    event.insert("timestamp".to_owned(), found.timestamp.into());
    let kind = match found.timestamp_type {
        TimestampType::LogAppendTime => "LOG_APPEND_TIME",
        _ => "CREATE_TIME",
    };
    event.insert("timestampType".to_owned(), kind.into());
    let parts = [("key", &found.key), ("value", &found.value)];
    for (name, bytes) in parts {
        if let Some(bytes) = bytes {
            event.insert(name.to_owned(), BASE64.encode(bytes).into());
        }
    }
    // Bytes are numbers with a sign, as Java has them (github.com/aws/aws-lambda-go/pull/506).
    let header = |(name, value): &(String, Option<bytes::Bytes>)| {
        let bytes =
            value.as_ref().map(|value| value.iter().map(|byte| byte.cast_signed()).collect::<Vec<_>>());
        json!({ name: bytes })
    };
    event.insert("headers".to_owned(), found.headers.iter().map(header).collect());
    let event = Json::Object(event);
    let wanted = polled.filter.passes(|| {
        let mut seen = event.clone();
        for (name, bytes) in parts {
            if let Some(bytes) = bytes {
                seen[name] = filter::payload(&String::from_utf8_lossy(bytes));
            }
        }
        seen
    });
    Record {
        sequence: found.offset.to_string(),
        // One lane has all of a partition.
        key: 0,
        arrived: Timestamp::from_millis(found.timestamp),
        event: event.to_string(),
        wanted,
    }
}

fn is(error: &KrafkaError, wanted: ErrorCode) -> bool {
    matches!(error, KrafkaError::Broker { code, .. } if *code == wanted)
}

fn missing() -> AwsError {
    AwsError::common(TOPIC_MISSING, 404, "the topic does not exist")
}

fn failed(error: KrafkaError) -> AwsError {
    if is(&error, ErrorCode::UnknownTopicOrPartition) {
        return missing();
    }
    AwsError::common("KafkaUnreachable", 503, error.to_string())
}
