//! A Kinesis data stream.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::pin::Pin;

use api_kinesis::{
    DescribeStreamConsumerInput, GetRecordsInput, GetShardIteratorInput, ListShardsInput, ShardIteratorType,
    StartingPosition, SubscribeToShardEventStream, SubscribeToShardInput, errors,
};
use aws_wire::{AwsError, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use env::Timestamp;
use futures_util::{Stream, StreamExt as _};
use serde_json::{Value as Json, json};
use service::Ctx;

use crate::Polled;
use crate::filter;
use crate::source::{Cursor, Page, Position, Record, Shard};

/// Of one read. Ten megabytes are the other bound, which is the stream's.
const RECORDS_MAX: i32 = 1000;

/// The stream of an ARN, which may be that of one of its consumers.
pub(crate) fn stream_of(arn: &str) -> &str {
    arn.split_once("/consumer/").map_or(arn, |(stream, _)| stream)
}

pub(crate) async fn shards(cx: &Ctx, stream: &str) -> Result<Vec<Shard>> {
    let (mut shards, mut next) = (Vec::new(), None::<String>);
    loop {
        // A token stands for the stream too.
        let stream_arn = next.is_none().then(|| stream.to_owned());
        let listed = cx.call(ListShardsInput { stream_arn, next_token: next, ..ListShardsInput::default() });
        let listed = listed.await?;
        let found = listed.shards.unwrap_or_default().into_iter().map(|shard| Shard {
            id: shard.shard_id,
            parents: shard.parent_shard_id.into_iter().chain(shard.adjacent_parent_shard_id).collect(),
            closed: shard.sequence_number_range.ending_sequence_number.is_some(),
        });
        shards.extend(found);
        next = listed.next_token;
        if next.is_none() {
            return Ok(shards);
        }
    }
}

pub(crate) async fn iterator(cx: &Ctx, stream: &str, shard: &str, from: &Position) -> Result<String> {
    let (kind, starting_sequence_number, timestamp) = place(from);
    let input = GetShardIteratorInput {
        stream_arn: Some(stream.to_owned()),
        shard_id: shard.to_owned(),
        shard_iterator_type: kind,
        starting_sequence_number,
        timestamp,
        ..GetShardIteratorInput::default()
    };
    let iterator = cx.call(input).await?.shard_iterator;
    iterator.ok_or_else(|| AwsError::internal("a shard has no iterator"))
}

fn place(from: &Position) -> (ShardIteratorType, Option<String>, Option<Timestamp>) {
    match from {
        Position::TrimHorizon => (ShardIteratorType::TrimHorizon, None, None),
        Position::Latest => (ShardIteratorType::Latest, None, None),
        Position::After(sequence) => (ShardIteratorType::AfterSequenceNumber, Some(sequence.clone()), None),
        Position::Since(at) => (ShardIteratorType::AtTimestamp, None, Some(*at)),
    }
}

pub(crate) async fn records(polled: &Polled, shard: &str, iterator: &str) -> Result<Page> {
    let input = GetRecordsInput {
        shard_iterator: iterator.to_owned(),
        limit: Some(RECORDS_MAX),
        ..GetRecordsInput::default()
    };
    let output = polled.cx.call(input).await?;
    let records = output.records.into_iter().map(|found| record(polled, shard, found)).collect();
    Ok(Page::read(records, output.next_shard_iterator))
}

/// What a shard pushes to a consumer, for five minutes.
pub(crate) type Subscription = Pin<Box<dyn Stream<Item = SubscribeToShardEventStream> + Send>>;

/// # Errors
/// Those of the service, among them that there is no such consumer.
pub(crate) async fn find_consumer(cx: &Ctx, consumer: &str) -> Result<()> {
    let input = DescribeStreamConsumerInput {
        consumer_arn: Some(consumer.to_owned()),
        ..DescribeStreamConsumerInput::default()
    };
    cx.call(input).await.map(drop)
}

/// # Errors
/// Those of the service.
pub(crate) async fn subscribe(
    cx: &Ctx,
    consumer: &str,
    shard: &str,
    from: &Position,
) -> Result<Subscription> {
    let (r#type, sequence_number, timestamp) = place(from);
    let input = SubscribeToShardInput {
        consumer_arn: consumer.to_owned(),
        shard_id: shard.to_owned(),
        starting_position: StartingPosition { r#type, sequence_number, timestamp },
        ..SubscribeToShardInput::default()
    };
    Ok(Box::pin(cx.clone().patient().call(input).await?.event_stream.take()))
}

/// Waits for the next event.
///
/// # Errors
/// The exception that ends the subscription.
pub(crate) async fn pushed(polled: &Polled, shard: &str, mut events: Subscription) -> Result<Page> {
    let Some(event) = events.next().await else {
        return Ok(Page { records: Vec::new(), next: None, seen: None, over: false });
    };
    let Some(event) = event.subscribe_to_shard_event else { return Err(ended(event)) };
    let records = event.records.into_iter().map(|found| record(polled, shard, found)).collect();
    Ok(Page {
        records,
        next: Some(Cursor::Subscription(events)),
        seen: Some(event.continuation_sequence_number),
        over: event.child_shards.is_some(),
    })
}

/// Why a subscription ended before its time.
fn ended(event: SubscribeToShardEventStream) -> AwsError {
    let gone =
        event.resource_not_found_exception.map(|e| errors::resource_not_found_exception(text(e.message)));
    let taken = event.resource_in_use_exception.map(|e| errors::resource_in_use_exception(text(e.message)));
    gone.or(taken).unwrap_or_else(|| AwsError::internal("a subscription failed"))
}

fn text(message: Option<String>) -> String {
    message.unwrap_or_default()
}

fn record(polled: &Polled, shard: &str, found: api_kinesis::Record) -> Record {
    let arrived = found.approximate_arrival_timestamp.unwrap_or(Timestamp::from_secs(0));
    let partition_key = found.partition_key.unwrap_or_default();
    let mut key = DefaultHasher::new();
    partition_key.hash(&mut key);
    let kinesis = json!({
        "kinesisSchemaVersion": "1.0",
        "partitionKey": partition_key,
        "sequenceNumber": found.sequence_number,
        "data": BASE64.encode(&found.data),
        "approximateArrivalTimestamp": aws_wire::timestamp::epoch_seconds(arrived),
    });
    let seen = || seen(kinesis.clone(), &found.data);
    let wanted = polled.filter.passes(seen);
    let event = json!({
        "kinesis": kinesis,
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": format!("{shard}:{}", found.sequence_number),
        "eventName": "aws:kinesis:record",
        "invokeIdentityArn": polled.role,
        "awsRegion": &*polled.cx.caller.region,
        "eventSourceARN": polled.source_arn,
    });
    Record { sequence: found.sequence_number, key: key.finish(), arrived, event: event.to_string(), wanted }
}

/// What filter criteria see: the data as it was before it was made text.
fn seen(mut kinesis: Json, data: &[u8]) -> Json {
    kinesis["data"] = filter::payload(&String::from_utf8_lossy(data));
    kinesis
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_consumers_arn_names_its_stream() {
        let stream = "arn:aws:kinesis:us-east-1:000000000000:stream/s";
        assert_eq!(stream_of(&format!("{stream}/consumer/c:1795428672")), stream);
        assert_eq!(stream_of(stream), stream);
    }
}
