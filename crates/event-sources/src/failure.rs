//! What a mapping's destination is sent of records that were given up.

use std::collections::BTreeMap;

use env::Timestamp;
use serde_json::{Value as Json, json};
use service::{Delivery, Sender, TargetArn};

use crate::invoke::{Invoked, Outcome};
use crate::lane::{Entry, Shared};
use crate::pause::Pause;

/// Why records were given up, and what came of them before.
pub(crate) struct GivenUp<'a> {
    pub cause: Cause,
    /// How often the function failed.
    pub tries: u32,
    pub last: Option<&'a Invoked>,
}

#[derive(Clone, Copy)]
pub(crate) enum Cause {
    Retries,
    Age,
}

/// Sends the record of a failure, where the mapping has a destination. `false` when the end was asked for before.
pub(crate) async fn tell(shared: &Shared, entries: &[Entry], given_up: &GivenUp<'_>) -> bool {
    let polled = &shared.polled;
    let uuid = &polled.mapping.uuid;
    let Some(target) = polled.mapping.settings.on_failure.as_deref().and_then(TargetArn::parse) else {
        tracing::warn!(mapping = uuid, records = entries.len(), "records were given up");
        return true;
    };
    if entries.is_empty() {
        return true;
    }
    let env = &polled.cx.env;
    let now = env.now();
    let mut record = record(shared, entries, given_up, now);
    let object_key = (target.service() == "s3").then(|| {
        let moment = aws_wire::timestamp::iso8601(Timestamp::from_secs(now.as_secs()));
        let (day, time) = (moment[..10].replace('-', "/"), moment[..19].replace(':', "."));
        format!("aws/lambda/{uuid}/{}/{day}/{time}-{}", shared.shard, env.uuid())
    });
    if object_key.is_some() {
        // A bucket has room for the records themselves.
        let records = entries.iter().map(|entry| serde_json::from_str::<Json>(&entry.record.event));
        record["payload"] =
            json!({ "Records": records.filter_map(Result::ok).collect::<Json>() }).to_string().into();
    }
    let arn = &polled.mapping.function_arn;
    let delivery = Delivery {
        target,
        payload: record.to_string().into(),
        sender: Sender {
            service: "lambda.amazonaws.com".to_owned(),
            source_arn: arn.clone(),
            source_account: polled.cx.caller.account.to_string(),
            role: Some(polled.role.clone()),
        },
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
                tracing::error!(%error, mapping = uuid, "the record of a failure could not be delivered");
                return true;
            }
        }
    }
    false
}

fn record(shared: &Shared, entries: &[Entry], given_up: &GivenUp<'_>, now: Timestamp) -> Json {
    let time = aws_wire::timestamp::iso8601;
    let (first, last) = (&entries[0].record, &entries[entries.len() - 1].record);
    let request_id = given_up.last.map(|invoked| invoked.request_id.clone());
    let executed = given_up.last.map(|invoked| match &invoked.outcome {
        Outcome::Answered { executed_version, .. } => (executed_version, None),
        Outcome::Failed { executed_version } => (executed_version, Some("Unhandled")),
        Outcome::NotRun | Outcome::Recursive => (&None, None),
    });
    let response = executed.map(|(version, error)| {
        let mut response =
            json!({ "statusCode": 200, "executedVersion": version.as_deref().unwrap_or("$LATEST") });
        if let Some(error) = error {
            response["functionError"] = error.into();
        }
        response
    });
    let mut record = json!({
        "requestContext": {
            "requestId": request_id.unwrap_or_else(|| shared.polled.cx.env.uuid().to_string()),
            "functionArn": shared.polled.mapping.function_arn,
            "condition": match given_up.cause {
                Cause::Retries => "RetryAttemptsExhausted",
                Cause::Age => "RecordAgeExceeded",
            },
            "approximateInvokeCount": given_up.tries,
        },
    });
    if let Some(response) = response {
        record["responseContext"] = response;
    }
    record["version"] = "1.0".into();
    record["timestamp"] = time(now).into();
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
