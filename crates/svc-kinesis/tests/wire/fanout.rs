//! Consumers, and records pushed to them.

use serde_json::json;
use testkit::Kinesis;

#[tokio::test]
async fn consumers_are_registered_and_listed() {
    let kinesis = Kinesis::with_stream(1).await;
    let stream = Kinesis::arn();
    let register = async |name: &str| {
        kinesis.call("RegisterStreamConsumer", json!({ "StreamARN": stream, "ConsumerName": name })).await
    };
    let arn = format!("{stream}/consumer/b:1795428672");
    let consumer = json!({
        "ConsumerName": "b", "ConsumerARN": arn, "ConsumerStatus": "ACTIVE",
        "ConsumerCreationTimestamp": 1_795_428_672.345,
    });
    register("b").await.is_json(200, &json!({ "Consumer": consumer }));
    register("b").await.refuses(
        400,
        "ResourceInUseException",
        "Consumer b under stream s already exists for account 000000000000.",
    );
    register("a").await.ok();
    let page =
        kinesis.call("ListStreamConsumers", json!({ "StreamARN": stream, "MaxResults": 1 })).await.ok();
    assert_eq!(page["Consumers"][0]["ConsumerName"], "a");
    let rest = json!({ "StreamARN": stream, "NextToken": page["NextToken"] });
    kinesis.call("ListStreamConsumers", rest).await.is_json(200, &json!({ "Consumers": [consumer] }));
    let mut described = consumer;
    described["StreamARN"] = stream.as_str().into();
    for asked in [json!({ "ConsumerARN": arn }), json!({ "StreamARN": stream, "ConsumerName": "b" })] {
        let answer = kinesis.call("DescribeStreamConsumer", asked).await;
        answer.is_json(200, &json!({ "ConsumerDescription": described }));
    }
    kinesis.call("DeregisterStreamConsumer", json!({ "ConsumerARN": arn })).await.is(200, "{}");
    let gone = format!("Consumer {arn} under account 000000000000 not found.");
    kinesis.call("DescribeStreamConsumer", json!({ "ConsumerARN": arn })).await.refuses(
        400,
        "ResourceNotFoundException",
        &gone,
    );
    kinesis.call("DescribeStreamConsumer", json!({ "ConsumerName": "a" })).await.refuses(
        400,
        "InvalidArgumentException",
        "Must specify either ConsumerARN or both of StreamARN and ConsumerName.",
    );
    for number in 0..19 {
        register(&format!("n{number}")).await.ok();
    }
    assert_eq!(register("more").await.json()["__type"], "LimitExceededException");
    // Who registers again later is another.
    kinesis.pass(1);
    kinesis.call("DeregisterStreamConsumer", json!({ "StreamARN": stream, "ConsumerName": "a" })).await.ok();
    assert_ne!(register("a").await.ok()["Consumer"]["ConsumerARN"], page["Consumers"][0]["ConsumerARN"]);
    let old = json!({ "ConsumerARN": page["Consumers"][0]["ConsumerARN"] });
    assert_eq!(
        kinesis.call("DescribeStreamConsumer", old).await.json()["__type"],
        "ResourceNotFoundException"
    );
}

#[tokio::test]
async fn a_put_wakes_a_subscription() {
    let kinesis = Kinesis::with_stream(1).await;
    let number = kinesis.put("a", "before").await;
    let consumer = kinesis.register("c").await;
    let mut events = kinesis.subscribe(&consumer, 0, json!({ "Type": "TRIM_HORIZON" })).await;
    let first = events.next().await.expect("an event");
    assert_eq!(first["ContinuationSequenceNumber"], number);
    assert_eq!(
        first,
        json!({
            "Records": [{
                "SequenceNumber": number, "ApproximateArrivalTimestamp": 1_795_428_672.345, "Data": "YmVmb3Jl",
                "PartitionKey": "a",
            }],
            "ContinuationSequenceNumber": number,
            "MillisBehindLatest": 0,
        })
    );
    // Nobody moves the clock: the put alone wakes it.
    let (texts, _) = tokio::join!(events.texts(), kinesis.put("a", "after"));
    assert_eq!(texts, ["after"]);
}

#[tokio::test]
async fn a_quiet_subscription_says_how_far_it_is_and_ends_after_five_minutes() {
    let kinesis = Kinesis::with_stream(1).await;
    let consumer = kinesis.register("c").await;
    let mut events = kinesis.subscribe(&consumer, 0, json!({ "Type": "LATEST" })).await;
    let mut quiet = 0;
    loop {
        let mut next = std::pin::pin!(events.next());
        let event = loop {
            // It sleeps until the clock is moved.
            tokio::select! {
                biased;
                event = &mut next => break event,
                () = tokio::task::yield_now() => kinesis.pass(1),
            }
        };
        let Some(event) = event else { break };
        assert_eq!(event["Records"], json!([]));
        let place =
            json!({ "Type": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": event["ContinuationSequenceNumber"] });
        let place =
            json!({ "ConsumerARN": consumer, "ShardId": "0", "StartingPosition": place, "DryRun": true });
        assert_eq!(
            kinesis.call("SubscribeToShard", place).await.json()["__type"],
            "DryRunOperationException"
        );
        quiet += 1;
    }
    assert!(quiet >= 10, "{quiet}");
    // It is over: a new one begins at once.
    kinesis.subscribe(&consumer, 0, json!({ "Type": "LATEST" })).await;
}

#[tokio::test]
async fn the_end_of_a_shard_names_its_children() {
    let kinesis = Kinesis::with_stream(1).await;
    kinesis.put("a", "1").await;
    let consumer = kinesis.register("c").await;
    let mut events = kinesis.subscribe(&consumer, 0, json!({ "Type": "TRIM_HORIZON" })).await;
    assert_eq!(events.texts().await, ["1"]);
    let split = json!({ "ShardToSplit": "shardId-000000000000", "NewStartingHashKey": "100" });
    let (event, split) = tokio::join!(events.next(), kinesis.on("SplitShard", split));
    split.ok();
    let children = event.expect("an event")["ChildShards"].clone();
    assert_eq!(children.as_array().map(Vec::len), Some(2));
    assert_eq!(events.next().await, None);
}

#[tokio::test]
async fn a_second_subscription_takes_over_after_five_seconds() {
    let kinesis = Kinesis::with_stream(1).await;
    let consumer = kinesis.register("c").await;
    let mut first = kinesis.subscribe(&consumer, 0, json!({ "Type": "LATEST" })).await;
    let again = json!({ "ConsumerARN": consumer, "ShardId": "shardId-000000000000", "StartingPosition": { "Type": "LATEST" } });
    kinesis.call("SubscribeToShard", again).await.refuses(
        400,
        "ResourceInUseException",
        "Another active subscription exists for this consumer: c on shardId-000000000000",
    );
    kinesis.pass(5);
    let mut second = kinesis.subscribe(&consumer, 0, json!({ "Type": "LATEST" })).await;
    let (kind, said) = first.exception().await;
    assert_eq!(
        (kind.as_str(), &said["message"]),
        ("ResourceInUseException", &json!("Another subscription has taken over."))
    );
    assert_eq!(first.next().await, None);
    let (texts, _) = tokio::join!(second.texts(), kinesis.put("a", "1"));
    assert_eq!(texts, ["1"]);
    // A client that has gone away holds nothing.
    drop(second);
    kinesis.subscribe(&consumer, 0, json!({ "Type": "LATEST" })).await;
}

#[tokio::test]
async fn a_subscription_ends_with_its_consumer_and_its_stream() {
    let kinesis = Kinesis::with_stream(1).await;
    let consumer = kinesis.register("c").await;
    let mut events = kinesis.subscribe(&consumer, 0, json!({ "Type": "LATEST" })).await;
    let gone = kinesis.call("DeregisterStreamConsumer", json!({ "ConsumerARN": consumer }));
    let ((kind, _), gone) = tokio::join!(events.exception(), gone);
    gone.ok();
    assert_eq!(kind, "ResourceNotFoundException");
    let consumer = kinesis.register("d").await;
    let mut events = kinesis.subscribe(&consumer, 0, json!({ "Type": "LATEST" })).await;
    let gone = kinesis.on("DeleteStream", json!({ "EnforceConsumerDeletion": true }));
    let ((kind, _), gone) = tokio::join!(events.exception(), gone);
    gone.ok();
    assert_eq!(kind, "ResourceNotFoundException");
}
