//! `ListEventSourceMappings` over the wire.

use serde_json::{Value, json};
use testkit::Lambda;

const PATH: &str = "/2015-03-31/event-source-mappings/";

fn queue(name: &str) -> String {
    format!("arn:aws:sqs:us-east-1:000000000000:{name}")
}

async fn with_mappings(pairs: &[(&str, &str)]) -> Lambda {
    let lambda = Lambda::new().await;
    for name in ["f", "g"] {
        lambda.function(name, "echo").await;
    }
    for (function, source) in pairs {
        let body = json!({ "FunctionName": function, "EventSourceArn": queue(source), "Enabled": false });
        lambda.call("POST", PATH, &body).await.ok();
    }
    lambda
}

/// Functions and queues, sorted, and the marker.
async fn list(lambda: &Lambda, query: &str) -> (Vec<String>, Option<String>) {
    let answer = lambda.get(&format!("{PATH}{query}")).await.ok();
    let last = |value: &Value, from: usize| {
        let parts = value.as_str().expect("text").split(':').skip(from).collect::<Vec<_>>();
        parts.join(":")
    };
    let all = answer["EventSourceMappings"].as_array().expect("a list").iter();
    let mut all = all
        .map(|one| format!("{} {}", last(&one["FunctionArn"], 6), last(&one["EventSourceArn"], 5)))
        .collect::<Vec<_>>();
    all.sort();
    (all, answer["NextMarker"].as_str().map(str::to_owned))
}

#[tokio::test]
async fn by_function_and_by_source() {
    let lambda = with_mappings(&[("f", "a"), ("f", "b"), ("g", "a"), ("f:$LATEST", "a")]).await;
    let check = async |query: &str, expected: &[&str]| {
        let (found, marker) = list(&lambda, query).await;
        assert_eq!(
            (found.iter().map(String::as_str).collect::<Vec<_>>(), marker),
            (expected.to_vec(), None),
            "{query}"
        );
    };
    check("", &["f a", "f b", "f:$LATEST a", "g a"]).await;
    check("?FunctionName=f", &["f a", "f b", "f:$LATEST a"]).await;
    check("?FunctionName=f%3A%24LATEST", &["f:$LATEST a"]).await;
    check(&format!("?EventSourceArn={}", queue("a").replace(':', "%3A")), &["f a", "f:$LATEST a", "g a"])
        .await;
    let both = format!("?FunctionName=g&EventSourceArn={}", queue("a").replace(':', "%3A"));
    check(&both, &["g a"]).await;
    check("?FunctionName=nobody", &[]).await;
}

#[tokio::test]
async fn page_by_page() {
    let lambda = with_mappings(&[("f", "a"), ("g", "a"), ("f", "b"), ("g", "b"), ("f", "c")]).await;
    let mut found = Vec::new();
    let mut query = "?FunctionName=f&MaxItems=2".to_owned();
    loop {
        let (page, marker) = list(&lambda, &query).await;
        found.extend(page);
        let Some(marker) = marker else { break };
        query = format!("?FunctionName=f&MaxItems=2&Marker={marker}");
    }
    found.sort();
    assert_eq!(found, ["f a", "f b", "f c"]);
    let invalid = lambda.get(&format!("{PATH}?Marker=%21")).await;
    invalid.refuses(400, "InvalidParameterValueException", "Invalid marker");
}
