//! What other services send to streams, and who is told of it.

use std::collections::BTreeMap;

use serde_json::json;
use service::{Caller, Delivery, InOrder, Sender, TargetArn, Undelivered};
use testkit::{Kinesis, soon};

fn delivery(target: &str, role: Option<&str>, text: &str, group: Option<&str>) -> Delivery {
    Delivery {
        target: TargetArn::parse(target).expect("an ARN"),
        payload: text.to_owned().into(),
        sender: Sender {
            service: "events.amazonaws.com".to_owned(),
            source_arn: "arn:aws:events:us-east-1:000000000000:rule/r".to_owned(),
            source_account: "000000000000".to_owned(),
            role: role.map(str::to_owned),
        },
        attributes: BTreeMap::new(),
        in_order: group.map(|group| InOrder { group: group.to_owned(), deduplication: String::new() }),
        bus: None,
        object_key: None,
        trace: None,
    }
}

#[tokio::test]
async fn a_delivery_is_a_record() {
    let kinesis = Kinesis::with_stream(2).await;
    let cx = kinesis.platform.ctx(Caller::root("000000000000", "us-east-1"), "r".into());
    let (arn, role) = (Kinesis::arn(), "arn:aws:iam::000000000000:role/x");
    cx.check_target(&TargetArn::parse(&arn).expect("an ARN")).await.expect("it is there");
    let mut news = cx.arrivals(&arn);
    cx.deliver(delivery(&arn, Some(role), "one", Some("b"))).await.expect("it is taken");
    soon("news of the record", news.next()).await;
    assert_eq!(kinesis.texts(1).await, ["one"]);
    cx.deliver(delivery(&arn, Some(role), "two", None)).await.expect("it is taken");
    assert_eq!(kinesis.rows(702).await, 2);
    let large = cx.deliver(delivery(&arn, Some(role), &"x".repeat(1 << 20), Some("b"))).await;
    assert_eq!(large, Err(Undelivered::TooLarge { bytes: (1 << 20) + 1, bytes_max: 1 << 20 }));
    let none = "arn:aws:kinesis:us-east-1:000000000000:stream/none";
    assert_eq!(
        cx.deliver(delivery(none, Some(role), "x", None)).await,
        Err(Undelivered::NotFound(none.to_owned()))
    );
}

#[tokio::test]
async fn a_service_without_a_role_needs_the_streams_policy() {
    let kinesis = Kinesis::with_stream(1).await;
    let cx = kinesis.platform.ctx(Caller::root("000000000000", "us-east-1"), "r".into());
    let arn = Kinesis::arn();
    let denied = Err(Undelivered::Denied(arn.clone()));
    assert_eq!(cx.deliver(delivery(&arn, None, "x", None)).await, denied);
    let foreign = Some("arn:aws:iam::111111111111:role/x");
    assert_eq!(cx.deliver(delivery(&arn, foreign, "x", None)).await, denied);
    let policy = json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": { "Service": "events.amazonaws.com" }, "Action": "kinesis:PutRecord", "Resource": arn,
        "Condition": { "ArnLike": { "aws:SourceArn": "arn:aws:events:*:*:rule/*" } },
    }] });
    let body = json!({ "ResourceARN": arn, "Policy": policy.to_string() });
    kinesis.call("PutResourcePolicy", body).await.ok();
    cx.deliver(delivery(&arn, None, "x", None)).await.expect("the policy lets it in");
    assert_eq!(kinesis.texts(0).await, ["x"]);

    // Whoever sends with a role asks as the role, not as the service.
    assert_eq!(cx.deliver(delivery(&arn, foreign, "x", None)).await, denied);
    let named = policy.to_string().replace("Service", "AWS").replace("events.amazonaws.com", "111111111111");
    kinesis.call("PutResourcePolicy", json!({ "ResourceARN": arn, "Policy": named })).await.ok();
    cx.deliver(delivery(&arn, foreign, "y", None)).await.expect("the policy names its account");
    assert_eq!(cx.deliver(delivery(&arn, None, "x", None)).await, denied);
}

#[tokio::test]
async fn whoever_polls_is_told_of_puts_and_of_new_shards() {
    let kinesis = Kinesis::with_stream(1).await;
    let cx = kinesis.platform.ctx(Caller::root("000000000000", "us-east-1"), "r".into());
    let mut news = cx.arrivals(&Kinesis::arn());
    kinesis.put("a", "1").await;
    soon("news of a put", news.next()).await;
    let split = json!({ "ShardToSplit": "shardId-000000000000", "NewStartingHashKey": "100" });
    kinesis.on("SplitShard", split).await.ok();
    soon("news of a split", news.next()).await;
    kinesis.on("DeleteStream", json!({})).await.ok();
    soon("news of the end", news.next()).await;
}
