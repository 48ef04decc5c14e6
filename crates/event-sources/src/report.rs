//! Which records of a batch failed, as the function's answer has it (`ReportBatchItemFailures`).

use std::collections::HashSet;

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
    let named = failures.iter().map(|failure| failure["itemIdentifier"].as_str());
    let Some(named) = named.collect::<Option<HashSet<_>>>() else { return Report::Unreadable };
    let places = ids.iter().enumerate().filter(|(_, id)| named.contains(**id)).map(|(place, _)| place);
    let places = places.collect::<Vec<_>>();
    match (named.len(), places.len()) {
        (0, _) => Report::Success,
        (named, found) if named == found => Report::Failures(places),
        _ => Report::Unreadable,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
