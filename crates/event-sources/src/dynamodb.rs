//! A table's stream.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use api_dynamodbstreams::{DescribeStreamInput, GetRecordsInput, GetShardIteratorInput, ShardIteratorType};
use aws_wire::json::{Naming, to_json};
use aws_wire::{AwsError, Input as _, Result, Wire as _};
use env::Timestamp;
use serde_json::{Value as Json, json};
use service::Ctx;

use crate::Polled;
use crate::filter::Filter;
use crate::source::{Page, Position, Record, Shard};

pub(crate) async fn shards(cx: &Ctx, arn: &str) -> Result<Vec<Shard>> {
    let (mut shards, mut start) = (Vec::new(), None);
    loop {
        let input = DescribeStreamInput {
            stream_arn: arn.to_owned(),
            exclusive_start_shard_id: start,
            ..DescribeStreamInput::default()
        };
        let described = cx.call(input).await?.stream_description.unwrap_or_default();
        let found = described.shards.unwrap_or_default().into_iter().map(|shard| Shard {
            id: shard.shard_id.unwrap_or_default(),
            parents: shard.parent_shard_id.into_iter().collect(),
            closed: shard.sequence_number_range.is_some_and(|range| range.ending_sequence_number.is_some()),
        });
        shards.extend(found);
        start = described.last_evaluated_shard_id;
        if start.is_none() {
            return Ok(shards);
        }
    }
}

pub(crate) async fn iterator(cx: &Ctx, arn: &str, shard: &str, from: &Position) -> Result<String> {
    let of_type = |kind, sequence_number| GetShardIteratorInput {
        stream_arn: arn.to_owned(),
        shard_id: shard.to_owned(),
        shard_iterator_type: kind,
        sequence_number,
        timestamp: None,
    };
    let oldest = || of_type(ShardIteratorType::TrimHorizon, None);
    let iterator = match from {
        // What arrived too early is left out by whoever reads.
        Position::TrimHorizon | Position::Since(_) => cx.call(oldest()).await?,
        Position::Latest => cx.call(of_type(ShardIteratorType::Latest, None)).await?,
        Position::After(sequence) => {
            let after = of_type(ShardIteratorType::AfterSequenceNumber, Some(sequence.clone()));
            match cx.call(after).await {
                // Everything up to there is older than the stream keeps.
                Err(error) if error.code == "TrimmedDataAccessException" => cx.call(oldest()).await?,
                answer => answer?,
            }
        }
    };
    iterator.shard_iterator.ok_or_else(|| AwsError::internal("a shard has no iterator"))
}

pub(crate) async fn records(polled: &Polled, arn: &str, iterator: &str) -> Result<Page> {
    let input = GetRecordsInput { shard_iterator: iterator.to_owned(), limit: None };
    let mut output = polled.cx.call(input).await?;
    let next = output.next_shard_iterator.take();
    let io = GetRecordsInput::OPERATION.io.expect("an operation that was called");
    let Json::Object(mut shown) = to_json(&output.into_value(), io.output, None, Naming::AwsJson) else {
        return Err(AwsError::internal("records are no object"));
    };
    let Some(Json::Array(records)) = shown.remove("Records") else {
        return Ok(Page::read(Vec::new(), next));
    };
    let records = records.into_iter().map(|record| self::record(record, arn, &polled.filter)).collect();
    Ok(Page::read(records, next))
}

/// A record of the API as a function sees it: the same, with the stream's ARN, and whoever did it in small letters.
fn record(mut record: Json, arn: &str, filter: &Filter) -> Record {
    record["eventSourceARN"] = arn.into();
    if let Some(identity) = record.get_mut("userIdentity") {
        *identity = json!({ "principalId": identity["PrincipalId"], "type": identity["Type"] });
    }
    let change = &record["dynamodb"];
    let mut key = DefaultHasher::new();
    change["Keys"].to_string().hash(&mut key);
    let seconds = change["ApproximateCreationDateTime"].as_f64().unwrap_or_default();
    Record {
        sequence: change["SequenceNumber"].as_str().unwrap_or_default().to_owned(),
        key: key.finish(),
        arrived: aws_wire::timestamp::from_epoch_seconds(seconds).unwrap_or(Timestamp::from_secs(0)),
        event: record.to_string(),
        wanted: filter.passes(|| record),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deletion_by_time_to_live_reads_as_awss() {
        let shown = json!({
            "eventID": "e",
            "eventName": "REMOVE",
            "dynamodb": {
                "ApproximateCreationDateTime": 1_795_428_672,
                "Keys": { "h": { "S": "a" } },
                "SequenceNumber": "100000000000000000007",
            },
            "userIdentity": { "PrincipalId": "dynamodb.amazonaws.com", "Type": "Service" },
        });
        let filter = Filter::parse(&[r#"{"eventName":["REMOVE"]}"#.to_owned()]).expect("a pattern");
        let record = record(shown, "arn", &filter);
        assert_eq!(record.sequence, "100000000000000000007");
        assert_eq!(record.arrived, Timestamp::from_secs(1_795_428_672));
        assert!(record.wanted);
        let event = serde_json::from_str::<Json>(&record.event).expect("JSON");
        assert_eq!(
            event["userIdentity"],
            json!({ "principalId": "dynamodb.amazonaws.com", "type": "Service" })
        );
        assert_eq!(event["eventSourceARN"], "arn");
    }
}
