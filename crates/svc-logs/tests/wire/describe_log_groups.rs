//! `DescribeLogGroups` over the wire.

use serde_json::{Value, json};
use testkit::{EPOCH_MS, Logs};

const OPERATION: &str = "DescribeLogGroups";

fn names(page: &Value) -> Vec<&str> {
    let groups = page["logGroups"].as_array().expect("a list");
    groups.iter().map(|group| group["logGroupName"].as_str().expect("a name")).collect()
}

async fn with_groups(groups: &[&str]) -> Logs {
    let logs = Logs::new();
    for group in groups {
        logs.group(group).await;
    }
    logs
}

#[tokio::test]
async fn lists_by_name_prefix_and_pattern() {
    let logs = with_groups(&["/b", "/a/2", "/a/1", "/ab"]).await;
    for (body, expected) in [
        (json!({}), vec!["/a/1", "/a/2", "/ab", "/b"]),
        (json!({ "logGroupNamePrefix": "/a" }), vec!["/a/1", "/a/2", "/ab"]),
        (json!({ "logGroupNamePrefix": "/a/" }), vec!["/a/1", "/a/2"]),
        (json!({ "logGroupNamePrefix": "a" }), vec![]),
        (json!({ "logGroupNamePattern": "B" }), vec!["/ab", "/b"]),
        (json!({ "logGroupNamePattern": "" }), vec!["/a/1", "/a/2", "/ab", "/b"]),
        (json!({ "logGroupClass": "INFREQUENT_ACCESS" }), vec![]),
    ] {
        let page = logs.call(OPERATION, body.clone()).await.ok();
        assert_eq!(names(&page), expected, "{body}");
        assert_eq!(page.get("nextToken"), None, "{body}");
    }
}

#[tokio::test]
async fn pages_lead_to_the_end_and_no_further() {
    let logs = with_groups(&["a", "b", "c", "d"]).await;
    let first = logs.call(OPERATION, json!({ "limit": 2 })).await.ok();
    assert_eq!(names(&first), ["a", "b"]);
    // What comes and goes in between disturbs nobody.
    logs.group("aa").await;
    logs.call("DeleteLogGroup", json!({ "logGroupName": "b" })).await.ok();
    let second = logs.call(OPERATION, json!({ "limit": 2, "nextToken": first["nextToken"] })).await.ok();
    assert_eq!(names(&second), ["c", "d"]);
    assert_eq!(second.get("nextToken"), None);
}

#[tokio::test]
async fn a_page_has_fifty_at_most() {
    let names_of_all = (10..70).map(|number| format!("g{number}")).collect::<Vec<_>>();
    let logs = with_groups(&names_of_all.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let first = logs.call(OPERATION, json!({})).await.ok();
    assert_eq!(names(&first).len(), 50);
    let second = logs.call(OPERATION, json!({ "nextToken": first["nextToken"] })).await.ok();
    assert_eq!(names(&second).len(), 10);
    let message = "1 validation error detected: Value '51' at 'limit' failed to satisfy constraint: Member must have \
                   value less than or equal to 50";
    logs.call(OPERATION, json!({ "limit": 51 })).await.refuses(400, "ValidationException", message);
}

#[tokio::test]
async fn a_pattern_is_looked_for_beyond_the_first_thousand_groups() {
    let logs = Logs::new();
    for number in 0..1001 {
        logs.group(&format!("a{number:04}")).await;
    }
    logs.group("z").await;
    let page = logs.call(OPERATION, json!({ "logGroupNamePattern": "Z" })).await.ok();
    assert_eq!(names(&page), ["z"]);
    let none = logs.call(OPERATION, json!({ "logGroupNamePattern": "nowhere" })).await.ok();
    assert_eq!(none, json!({ "logGroups": [] }));
}

#[tokio::test]
async fn stored_bytes_are_those_of_all_streams() {
    let logs = Logs::with_streams(&["s", "t"]).await;
    logs.put("s", &[(EPOCH_MS, "four")]).await.ok();
    logs.put("t", &[(EPOCH_MS, "1"), (EPOCH_MS, "2")]).await.ok();
    let page = logs.call(OPERATION, json!({})).await.ok();
    assert_eq!(page["logGroups"][0]["storedBytes"], 3 * 26 + 6);
}

#[tokio::test]
async fn what_excludes_or_is_not_honoured_is_refused() {
    let logs = Logs::new();
    let both = json!({ "logGroupNamePrefix": "a", "logGroupNamePattern": "b" });
    let message = "LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.";
    logs.call(OPERATION, both).await.refuses(400, "InvalidParameterException", message);
    for (member, value) in [
        ("accountIdentifiers", json!(["000000000000"])),
        ("includeLinkedAccounts", json!(true)),
        ("logGroupIdentifiers", json!(["g"])),
    ] {
        let message = format!("Lambent's DescribeLogGroups does not honour {member} yet, so it refuses it.");
        logs.call(OPERATION, json!({ member: value })).await.refuses(
            501,
            "NotImplementedException",
            &message,
        );
    }
}
