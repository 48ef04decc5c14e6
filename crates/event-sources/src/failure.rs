//! What a destination is sent of records that were given up.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use env::Timestamp;
use serde_json::{Value as Json, json};
use service::{Delivery, TargetArn};

use crate::handler::{Batch, Invoked};
use crate::kafka::{DESTINATION, Topic};
use crate::lane::{Entry, Shared};
use crate::pause::Pause;

/// Why records were given up, and what came of them before.
pub struct GivenUp<'a> {
    pub cause: Cause,
    /// How often they were handled in vain.
    pub tries: u32,
    pub last: Option<&'a Invoked>,
}

#[derive(Clone, Copy)]
pub enum Cause {
    Retries,
    Age,
    /// A record alone is more than an event may be.
    Size,
}

impl Cause {
    /// As failures' records call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Retries => "RetryAttemptsExhausted",
            Self::Age => "RecordAgeExceeded",
            Self::Size => "MaximumPayloadSizeExceeded",
        }
    }
}

/// Sends the record of a failure, where there is a destination. `false` when the end was asked for before.
pub(crate) async fn tell(shared: &Shared, entries: &[Entry], given_up: &GivenUp<'_>) -> bool {
    let polled = &shared.polled;
    let id = &polled.id;
    let to = polled.settings.on_failure.as_deref();
    if let (Some(topic), Some(to)) = (shared.stream.topic(), to.and_then(|to| to.strip_prefix(DESTINATION))) {
        return write(shared, topic, to, entries, given_up).await;
    }
    let Some(target) = to.and_then(TargetArn::parse) else {
        tracing::warn!(poller = id, records = entries.len(), "records were given up");
        return true;
    };
    if entries.is_empty() {
        return true;
    }
    let env = &polled.cx.env;
    let now = env.now();
    let mut record = record(shared, entries, given_up, now);
    let within = format!("{id}/{}", shared.shard);
    let object_key = svc_lambda::failure_object_key(&target, &within, &env.uuid().to_string(), now);
    if object_key.is_some() {
        // A bucket has room for the records themselves.
        record["payload"] = event(shared, entries).into();
    }
    let delivery = Delivery {
        target,
        payload: record.to_string().into(),
        sender: polled.handler.sender(),
        attributes: BTreeMap::new(),
        in_order: None,
        bus: None,
        object_key,
        trace: None,
    };
    let mut pause = Pause::default();
    while !shared.stop.is_requested() {
        match polled.cx.deliver(delivery.clone()).await {
            Ok(()) => return true,
            Err(error) if error.is_worth_another_try() => pause.wait(env, &shared.stop).await,
            Err(error) => {
                tracing::error!(%error, poller = id, "the record of a failure could not be delivered");
                return true;
            }
        }
    }
    false
}

/// Writes each record with its failure to a topic
/// (docs.aws.amazon.com/lambda/latest/dg/kafka-on-failure-destination.html). `false` when the end was asked for before.
async fn write(shared: &Shared, topic: &Topic, to: &str, entries: &[Entry], given_up: &GivenUp<'_>) -> bool {
    let env = &shared.polled.cx.env;
    for entry in entries {
        let one = std::slice::from_ref(entry);
        let payload = event(shared, one);
        let mut record = self::record(shared, one, given_up, env.now());
        record["KafkaBatchInfo"] = json!({
            "batchSize": 1,
            "bootstrapServers": topic.bootstrap_servers(),
            "payloadSize": payload.len(),
            "recordInfo": {
                "offset": entry.record.sequence,
                "timestamp": aws_wire::timestamp::iso8601(entry.record.arrived),
            },
        });
        record["payload"] = serde_json::from_str(&payload).unwrap_or_default();
        let sent = serde_json::from_str::<Json>(&entry.record.event).unwrap_or_default();
        let key = sent["key"].as_str().and_then(|key| BASE64.decode(key).ok());
        let mut pause = Pause::default();
        while let Err(error) = topic.write(to, key.clone(), record.to_string()).await {
            tracing::warn!(%error, poller = shared.polled.id, "a topic does not take the record of a failure");
            pause.wait(env, &shared.stop).await;
            if shared.stop.is_requested() {
                return false;
            }
        }
    }
    true
}

/// What the function was to see.
fn event(shared: &Shared, entries: &[Entry]) -> String {
    let records = entries.iter().map(|entry| entry.record.event.as_str()).collect();
    Batch { opening: &shared.opening, records, closing: shared.stream.closing(), trace: None }.event()
}

fn record(shared: &Shared, entries: &[Entry], given_up: &GivenUp<'_>, now: Timestamp) -> Json {
    let time = aws_wire::timestamp::iso8601;
    let (first, last) = (&entries[0].record, &entries[entries.len() - 1].record);
    let mut record = Json::Object(shared.polled.handler.context(given_up));
    record["version"] = "1.0".into();
    record["timestamp"] = time(now).into();
    if let Some(topic) = shared.stream.topic() {
        record["KafkaBatchInfo"] = json!({
            "batchSize": entries.len(),
            "bootstrapServers": topic.bootstrap_servers(),
            "payloadSize": event(shared, entries).len(),
            "recordsInfo": {
                &shared.shard: {
                    "firstRecordOffset": first.sequence,
                    "lastRecordOffset": last.sequence,
                    "firstRecordTimestamp": time(first.arrived),
                    "lastRecordTimestamp": time(last.arrived),
                },
            },
        });
        return record;
    }
    record[shared.stream.batch_info()] = json!({
        "shardId": shared.shard,
        "startSequenceNumber": first.sequence,
        "endSequenceNumber": last.sequence,
        "approximateArrivalOfFirstRecord": time(first.arrived),
        "approximateArrivalOfLastRecord": time(last.arrived),
        "batchSize": entries.len(),
        "streamArn": shared.stream.arn(),
    });
    record
}
