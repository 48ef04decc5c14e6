//! Resource policies, and callers of other accounts.

use std::sync::Arc;

use api_kinesis::{GetShardIteratorInput, PutRecordInput, ShardIteratorType};
use serde_json::json;
use service::{Caller, Principal};
use testkit::Kinesis;

#[tokio::test]
async fn a_policy_is_kept_and_shown() {
    let kinesis = Kinesis::with_stream(1).await;
    let consumer = kinesis.register("c").await;
    for arn in [Kinesis::arn(), consumer] {
        let none = format!("No resource policy found for {arn}.");
        let ask = async |operation: &str| kinesis.call(operation, json!({ "ResourceARN": arn })).await;
        ask("GetResourcePolicy").await.refuses(400, "ResourceNotFoundException", &none);
        let put = async |policy: &str| {
            kinesis.call("PutResourcePolicy", json!({ "ResourceARN": arn, "Policy": policy })).await
        };
        assert_eq!(put("{").await.json()["__type"], "InvalidArgumentException");
        assert_eq!(
            put(r#"{"Statement":[{"Effect":"Maybe"}]}"#).await.json()["__type"],
            "InvalidArgumentException"
        );
        let policy = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"kinesis:*","Resource":"*"}]}"#;
        put(policy).await.is(200, "{}");
        ask("GetResourcePolicy").await.is_json(200, &json!({ "Policy": policy }));
        ask("DeleteResourcePolicy").await.is(200, "{}");
        ask("DeleteResourcePolicy").await.refuses(400, "ResourceNotFoundException", &none);
    }
}

#[tokio::test]
async fn another_account_is_let_in_as_far_as_the_policy_says() {
    let kinesis = Kinesis::with_stream(1).await;
    let principal = Principal { arn: "arn:aws:iam::111111111111:role/x".to_owned(), user_id: "x".to_owned() };
    let other =
        Caller { account: "111111111111".into(), region: "us-east-1".into(), principal: Arc::new(principal) };
    let cx = kinesis.platform.ctx(other, "r".into());
    let put = || PutRecordInput {
        stream_arn: Some(Kinesis::arn()),
        partition_key: Some("a".to_owned()),
        data: "hi".into(),
        ..PutRecordInput::default()
    };
    let denied = cx.call(put()).await.expect_err("nobody lets it in");
    assert_eq!(denied.code, "AccessDeniedException");
    assert_eq!(
        denied.message.as_deref(),
        Some(
            "User: arn:aws:iam::111111111111:role/x is not authorized to perform: kinesis:PutRecord on resource: \
             arn:aws:kinesis:us-east-1:000000000000:stream/s because no resource-based policy allows the kinesis:PutRecord \
             action"
        )
    );
    let policy = json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": { "AWS": "111111111111" }, "Action": ["kinesis:PutRecord"], "Resource": Kinesis::arn(),
    }] });
    let body = json!({ "ResourceARN": Kinesis::arn(), "Policy": policy.to_string() });
    kinesis.call("PutResourcePolicy", body).await.ok();
    cx.call(put()).await.expect("the policy lets it in");
    let read = GetShardIteratorInput {
        stream_arn: Some(Kinesis::arn()),
        shard_id: "shardId-000000000000".to_owned(),
        shard_iterator_type: ShardIteratorType::Latest,
        ..GetShardIteratorInput::default()
    };
    assert_eq!(cx.call(read).await.expect_err("the policy says nothing of it").code, "AccessDeniedException");
    assert_eq!(kinesis.texts(0).await, ["hi"]);
}
