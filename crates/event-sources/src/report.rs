//! Which records of a batch failed, as the function's answer has it (`ReportBatchItemFailures`).

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt::Display;

use serde_json::Value as Json;

/// What an answer says of its batch.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Report {
    Success,
    /// These failed, by their places in the batch, in order.
    Failures(Vec<usize>),
    /// The answer is none, so all of the batch failed.
    Unreadable,
}

/// Reads an answer; `ids` are the batch's in order.
///
/// Nothing, null, an empty object and an empty list are success; a wrong name, an empty id or one that is not of the
/// batch fail the whole of it (docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html).
pub(crate) fn read(answer: &[u8], ids: &[&str]) -> Report {
    if answer.is_empty() {
        return Report::Success;
    }
    let Ok(answer) = serde_json::from_slice::<Json>(answer) else { return Report::Unreadable };
    let failures = match &answer {
        Json::Null => return Report::Success,
        Json::Object(fields) if fields.is_empty() => return Report::Success,
        Json::Object(fields) => match fields.get("batchItemFailures") {
            Some(Json::Null) => return Report::Success,
            Some(Json::Array(failures)) => failures,
            _ => return Report::Unreadable,
        },
        Json::Array(items) if items.is_empty() => return Report::Success,
        _ => return Report::Unreadable,
    };
    let named = failures.iter().map(|failure| identifier(&failure["itemIdentifier"]));
    let Some(named) = named.collect::<Option<HashSet<_>>>() else { return Report::Unreadable };
    let places =
        ids.iter().enumerate().filter(|(_, id)| named.contains(&Cow::Borrowed(**id))).map(|(place, _)| place);
    let places = places.collect::<Vec<_>>();
    match (named.len(), places.len()) {
        (0, _) => Report::Success,
        (named, found) if named == found => Report::Failures(places),
        _ => Report::Unreadable,
    }
}

/// A record's id: a text, but for Kafka's (docs.aws.amazon.com/lambda/latest/dg/kafka-retry-configurations.html).
fn identifier(given: &Json) -> Option<Cow<'_, str>> {
    match given {
        Json::String(id) => Some(id.into()),
        Json::Object(place) => {
            Some(of_partition(place.get("partition")?.as_str()?, place.get("offset")?.as_i64()?).into())
        }
        _ => None,
    }
}

/// The id of a record of a topic's partition, as one text.
pub(crate) fn of_partition(partition: &str, offset: impl Display) -> String {
    format!("{partition}@{offset}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_of_kafka_are_named_by_partition_and_offset() {
        let ids = [of_partition("t-0", 7), of_partition("t-0", 8)];
        let ids = ids.iter().map(String::as_str).collect::<Vec<_>>();
        let named = |id: &str| {
            read(format!(r#"{{"batchItemFailures":[{{"itemIdentifier":{id}}}]}}"#).as_bytes(), &ids)
        };
        assert_eq!(named(r#"{"partition":"t-0","offset":8}"#), Report::Failures(vec![1]));
        for other in
            [r#"{"partition":"t-1","offset":8}"#, r#"{"partition":"t-0"}"#, r#"{"offset":8}"#, r#""8""#]
        {
            assert_eq!(named(other), Report::Unreadable, "{other}");
        }
    }

    #[test]
    fn answers_are_read_as_aws_reads_them() {
        let check = |answer: &str, expected: Report| {
            assert_eq!(read(answer.as_bytes(), &["a", "b", "c"]), expected, "{answer}");
        };
        for answer in ["", "null", "{}", "[]", r#"{"batchItemFailures":[]}"#, r#"{"batchItemFailures":null}"#]
        {
            check(answer, Report::Success);
        }
        check(r#"{"batchItemFailures":[{"itemIdentifier":"b"}]}"#, Report::Failures(vec![1]));
        let twice =
            r#"{"batchItemFailures":[{"itemIdentifier":"c"},{"itemIdentifier":"a"},{"itemIdentifier":"c"}]}"#;
        check(twice, Report::Failures(vec![0, 2]));
        for answer in [
            "no JSON",
            r#""text""#,
            r#"{"batchItemFailure":[]}"#,
            r#"{"batchItemFailures":{}}"#,
            r#"{"batchItemFailures":[{"itemIdentifier":""}]}"#,
            r#"{"batchItemFailures":[{"itemIdentifier":null}]}"#,
            r#"{"batchItemFailures":[{"itemIdentifier":"d"}]}"#,
            r#"{"batchItemFailures":[{"id":"a"}]}"#,
            r#"{"batchItemFailures":[{"itemIdentifier":"a"},{"itemIdentifier":"d"}]}"#,
        ] {
            check(answer, Report::Unreadable);
        }
    }
}
