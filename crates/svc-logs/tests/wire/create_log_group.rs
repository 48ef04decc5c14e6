//! `CreateLogGroup` over the wire.

use serde_json::json;
use testkit::{EPOCH_MS, Logs};

const OPERATION: &str = "CreateLogGroup";

#[tokio::test]
async fn creates_a_group() {
    let logs = Logs::new();
    let body =
        json!({ "logGroupName": "/aws/lambda/f", "tags": { "team": "a" }, "logGroupClass": "STANDARD" });
    let answer = logs.call(OPERATION, body).await;
    answer.is(200, "{}");
    assert_eq!(answer.header("content-type"), "application/x-amz-json-1.1");
    let arn = "arn:aws:logs:us-east-1:000000000000:log-group:/aws/lambda/f";
    logs.call("DescribeLogGroups", json!({})).await.is_json(
        200,
        &json!({ "logGroups": [{
            "logGroupName": "/aws/lambda/f",
            "creationTime": EPOCH_MS,
            "metricFilterCount": 0,
            "arn": format!("{arn}:*"),
            "storedBytes": 0,
            "logGroupClass": "STANDARD",
            "logGroupArn": arn,
        }] }),
    );
}

#[tokio::test]
async fn a_name_is_taken_once() {
    let logs = Logs::new();
    logs.group("g").await;
    let again = logs.call(OPERATION, json!({ "logGroupName": "g" })).await;
    again.refuses(400, "ResourceAlreadyExistsException", "The specified log group already exists");
    again.is(
        400,
        r#"{"__type":"ResourceAlreadyExistsException","message":"The specified log group already exists"}"#,
    );
    assert_eq!(logs.rows(200).await, 1);
}

#[tokio::test]
async fn bad_names_change_nothing() {
    let logs = Logs::new();
    let pattern = "Member must satisfy regular expression pattern: [\\.\\-_/#A-Za-z0-9]+";
    for (body, problem) in [
        (
            json!({}),
            "Value null at 'logGroupName' failed to satisfy constraint: Member must not be null".to_owned(),
        ),
        (
            json!({ "logGroupName": "a b" }),
            format!("Value 'a b' at 'logGroupName' failed to satisfy constraint: {pattern}"),
        ),
        (
            json!({ "logGroupName": "a".repeat(513) }),
            format!(
                "Value '{}' at 'logGroupName' failed to satisfy constraint: Member must have length less than or equal to 512",
                "a".repeat(513)
            ),
        ),
    ] {
        let message = format!("1 validation error detected: {problem}");
        logs.call(OPERATION, body).await.refuses(400, "ValidationException", &message);
    }
    assert_eq!(logs.rows(200).await, 0);
}

#[tokio::test]
async fn what_is_not_honoured_is_refused_by_name() {
    let logs = Logs::new();
    for (member, value, name) in [
        ("kmsKeyId", json!("arn:aws:kms:us-east-1:000000000000:key/k"), "kmsKeyId"),
        ("logGroupClass", json!("INFREQUENT_ACCESS"), "logGroupClass other than STANDARD"),
        ("deletionProtectionEnabled", json!(true), "deletionProtectionEnabled"),
    ] {
        let answer = logs.call(OPERATION, json!({ "logGroupName": "g", member: value })).await;
        let message = format!("Lambent's CreateLogGroup does not honour {name} yet, so it refuses it.");
        answer.refuses(501, "NotImplementedException", &message);
    }
    assert_eq!(logs.rows(200).await, 0);
}

#[tokio::test]
async fn bodies_that_are_none_are_refused() {
    let logs = Logs::new();
    for body in ["{", "[]", "\"g\"", "{\"logGroupName\":1}", "{\"logGroupName\":\"g\"} x"] {
        let answer = logs.json_text("logs", OPERATION, body).await;
        assert_eq!(
            (answer.status, answer.json()["__type"].as_str()),
            (400, Some("SerializationException")),
            "{body}"
        );
    }
    assert_eq!(logs.rows(200).await, 0);
}
