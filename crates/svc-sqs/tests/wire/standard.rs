//! Standard queues over the wire: sending, receiving, deleting, visibility, delays, dead letters.

use serde_json::{Value as Json, json};
use testkit::{Sqs, soon};

#[tokio::test]
async fn a_message_is_sent_received_and_deleted() {
    let sqs = Sqs::with(&["q"]).await;
    let body = json!({
        "MessageBody": "hello",
        "MessageAttributes": { "a": { "DataType": "String", "StringValue": "b" }, "n": { "DataType": "Number", "StringValue": "1" } },
    });
    let sent = sqs.on("q", "SendMessage", body).await.ok();
    assert_eq!(sent["MD5OfMessageBody"], "5d41402abc4b2a76b9719d911017c592");
    let message = sqs.receive("q").await.remove(0);
    assert_eq!(message["Body"], "hello");
    assert_eq!(message["MessageId"], sent["MessageId"]);
    assert_eq!(message["MD5OfMessageAttributes"], sent["MD5OfMessageAttributes"]);
    assert_eq!(message["MessageAttributes"]["a"], json!({ "DataType": "String", "StringValue": "b" }));
    assert_eq!(message["Attributes"]["ApproximateReceiveCount"], "1");
    assert_eq!(message["Attributes"]["SentTimestamp"], testkit::EPOCH_MS.to_string());
    assert_eq!(message["Attributes"]["SenderId"], "000000000000");
    assert!(sqs.receive("q").await.is_empty(), "one receiver at a time");
    sqs.delete("q", &message).await.is(200, "{}");
    sqs.pass(31);
    assert!(sqs.receive("q").await.is_empty(), "deleted");
    for table in [401, 402, 403] {
        assert_eq!(sqs.rows(table).await, 0, "rows of {table}");
    }
}

#[tokio::test]
async fn what_is_not_deleted_comes_again_and_an_old_handle_deletes_nothing() {
    let sqs = Sqs::with(&["q"]).await;
    sqs.send_text("q", "m").await;
    let first = sqs.receive("q").await.remove(0);
    sqs.pass(29);
    assert!(sqs.receive("q").await.is_empty());
    sqs.pass(1);
    let second = sqs.receive("q").await.remove(0);
    assert_eq!(second["Attributes"]["ApproximateReceiveCount"], "2");
    assert_ne!(first["ReceiptHandle"], second["ReceiptHandle"]);
    sqs.delete("q", &first).await.is(200, "{}");
    assert_eq!(sqs.counts("q").await, ["0", "1", "0"]);
    sqs.delete("q", &second).await.is(200, "{}");
    sqs.delete("q", &second).await.is(200, "{}");
    assert_eq!(sqs.counts("q").await, ["0", "0", "0"]);
}

#[tokio::test]
async fn visibility_is_changed_while_in_flight() {
    let sqs = Sqs::with(&["q"]).await;
    sqs.send_text("q", "m").await;
    let message = sqs.receive("q").await.remove(0);
    let change = |seconds: i64, message: &Json| {
        let body = json!({ "ReceiptHandle": message["ReceiptHandle"], "VisibilityTimeout": seconds });
        let sqs = &sqs;
        async move { sqs.on("q", "ChangeMessageVisibility", body).await }
    };
    change(100, &message).await.is(200, "{}");
    sqs.pass(99);
    assert!(sqs.receive("q").await.is_empty());
    change(0, &message).await.is(200, "{}");
    let again = sqs.receive("q").await.remove(0);
    let gone = change(10, &message).await;
    assert_eq!((gone.status, gone.header("x-amzn-query-error")), (400, "InvalidParameterValue;Sender"));
    let over = change(43_201, &again).await;
    assert_eq!(over.status, 400);
    sqs.pass(10);
    let total = change(43_195, &again).await;
    assert!(
        total.text().contains("Total VisibilityTimeout for the message is beyond the limit"),
        "{}",
        total.text()
    );
}

#[tokio::test]
async fn delays_are_the_messages_or_the_queues() {
    let sqs = Sqs::new();
    sqs.create("q", json!({ "DelaySeconds": "5" })).await.ok();
    sqs.send_text("q", "queue's").await;
    sqs.on("q", "SendMessage", json!({ "MessageBody": "own", "DelaySeconds": 0 })).await.ok();
    assert_eq!(sqs.counts("q").await, ["1", "0", "1"]);
    assert_eq!(sqs.bodies("q").await, ["own"]);
    sqs.pass(5);
    assert_eq!(sqs.bodies("q").await, ["queue's"]);
}

#[tokio::test]
async fn a_receiver_waits_for_a_message_or_until_its_time_is_over() {
    let sqs = Sqs::with(&["q"]).await;
    let wait = json!({ "WaitTimeSeconds": 20 });
    let (answer, _) = tokio::join!(sqs.on("q", "ReceiveMessage", wait.clone()), async {
        tokio::task::yield_now().await;
        sqs.send_text("q", "m").await
    });
    assert_eq!(answer.ok()["Messages"][0]["Body"], "m");
    let waiting = sqs.on("q", "ReceiveMessage", wait);
    let advance = async {
        loop {
            tokio::task::yield_now().await;
            sqs.pass(1);
        }
    };
    let answer = soon("the end of the wait", async {
        tokio::select! { answer = waiting => answer, () = advance => unreachable!("it never ends") }
    });
    answer.await.is(200, r#"{"Messages":null}"#.replace(r#""Messages":null"#, "").as_str());
}

#[tokio::test]
async fn a_waiting_receiver_gets_what_becomes_visible() {
    let sqs = Sqs::with(&["q"]).await;
    sqs.on("q", "SendMessage", json!({ "MessageBody": "late", "DelaySeconds": 3 })).await.ok();
    let waiting = sqs.on("q", "ReceiveMessage", json!({ "WaitTimeSeconds": 20 }));
    let advance = async {
        loop {
            tokio::task::yield_now().await;
            sqs.clock.advance(std::time::Duration::from_millis(100));
        }
    };
    let answer = soon("the message", async {
        tokio::select! { answer = waiting => answer, () = advance => unreachable!("it never ends") }
    });
    assert_eq!(answer.await.ok()["Messages"][0]["Body"], "late");
}

#[tokio::test]
async fn what_is_received_too_often_is_a_dead_letter() {
    let sqs = Sqs::with(&["dead"]).await;
    let redrive = json!({ "deadLetterTargetArn": Sqs::arn("dead"), "maxReceiveCount": 2 }).to_string();
    sqs.create("q", json!({ "RedrivePolicy": redrive, "VisibilityTimeout": "1" })).await.ok();
    sqs.send_text("q", "m").await;
    for _ in 0..2 {
        assert_eq!(sqs.bodies("q").await, ["m"]);
        sqs.pass(1);
    }
    assert!(sqs.receive("q").await.is_empty());
    assert_eq!(sqs.counts("q").await, ["0", "0", "0"]);
    let dead = sqs.receive("dead").await.remove(0);
    assert_eq!(dead["Attributes"]["DeadLetterQueueSourceArn"], Sqs::arn("q"));
    assert_eq!(
        dead["Attributes"]["SentTimestamp"],
        testkit::EPOCH_MS.to_string(),
        "a dead letter keeps its age"
    );
    assert_eq!(dead["Attributes"]["ApproximateReceiveCount"], "3");
    let sources = sqs.on("dead", "ListDeadLetterSourceQueues", json!({})).await.ok();
    assert_eq!(sources, json!({ "queueUrls": [Sqs::url("q")] }));
}

#[tokio::test]
async fn dead_letters_are_moved_back() {
    let sqs = Sqs::with(&["dead", "other"]).await;
    sqs.start_jobs();
    let redrive = json!({ "deadLetterTargetArn": Sqs::arn("dead"), "maxReceiveCount": 1 }).to_string();
    sqs.create("q", json!({ "RedrivePolicy": redrive, "VisibilityTimeout": "0" })).await.ok();
    for number in 0..25 {
        sqs.send_text("q", &number.to_string()).await;
    }
    for _ in 0..3 {
        sqs.receive("q").await;
    }
    while !sqs.receive("q").await.is_empty() {}
    assert_eq!(sqs.counts("dead").await, ["25", "0", "0"]);
    let start = json!({ "SourceArn": Sqs::arn("dead") });
    let task = sqs.call("StartMessageMoveTask", start).await.ok();
    assert!(task["TaskHandle"].is_string());
    let list = || sqs.call("ListMessageMoveTasks", json!({ "SourceArn": Sqs::arn("dead") }));
    sqs.until("the move", || async { list().await.ok()["Results"][0]["Status"] == "COMPLETED" }).await;
    let done = list().await.ok()["Results"][0].clone();
    assert_eq!(done["ApproximateNumberOfMessagesMoved"], 25);
    assert_eq!(done["ApproximateNumberOfMessagesToMove"], 25);
    assert_eq!(sqs.counts("q").await, ["25", "0", "0"]);
    let cancel = sqs.call("CancelMessageMoveTask", json!({ "TaskHandle": task["TaskHandle"] })).await;
    assert_eq!((cancel.status, cancel.json()["__type"].as_str()), (400, Some("UnsupportedOperation")));
    let source = sqs.call("StartMessageMoveTask", json!({ "SourceArn": Sqs::arn("q") })).await;
    assert!(
        source.text().contains("Source queue must be configured as a Dead Letter Queue."),
        "{}",
        source.text()
    );
}

#[tokio::test]
async fn messages_are_forgotten_after_their_retention() {
    let sqs = Sqs::new();
    sqs.create("q", json!({ "MessageRetentionPeriod": "60" })).await.ok();
    sqs.send_text("q", "m").await;
    sqs.pass(59);
    assert_eq!(sqs.counts("q").await, ["1", "0", "0"]);
    sqs.pass(1);
    assert_eq!(sqs.counts("q").await, ["0", "0", "0"]);
    assert!(sqs.receive("q").await.is_empty());
    sqs.send_text("q", "swept").await;
    sqs.pass(61);
    sqs.start_jobs();
    sqs.until("the sweep", || async { sqs.rows(402).await == 0 }).await;
    assert_eq!((sqs.rows(401).await, sqs.rows(403).await), (0, 0));
}

#[tokio::test]
async fn batches_fail_entry_by_entry() {
    let sqs = Sqs::with(&["q"]).await;
    let entries = json!([{ "Id": "a", "MessageBody": "1" }, { "Id": "b", "MessageBody": "" }, { "Id": "c", "MessageBody": "2" }]);
    let answer = sqs.on("q", "SendMessageBatch", json!({ "Entries": entries })).await.ok();
    assert_eq!(answer["Successful"].as_array().map(Vec::len), Some(2));
    assert_eq!(answer["Failed"][0]["Id"], "b");
    assert_eq!(answer["Failed"][0]["Code"], "MissingParameter");
    assert_eq!(answer["Failed"][0]["SenderFault"], true);
    let messages = sqs.receive("q").await;
    assert_eq!(messages.iter().map(|m| m["Body"].as_str().expect("text")).collect::<Vec<_>>(), ["1", "2"]);
    let entries = json!([{ "Id": "x", "ReceiptHandle": messages[0]["ReceiptHandle"] }, { "Id": "y", "ReceiptHandle": "no" }]);
    let answer = sqs.on("q", "DeleteMessageBatch", json!({ "Entries": entries })).await.ok();
    assert_eq!(answer["Successful"], json!([{ "Id": "x" }]));
    assert_eq!(answer["Failed"][0]["Code"], "ReceiptHandleIsInvalid");
    let entries = json!([{ "Id": "x", "ReceiptHandle": messages[1]["ReceiptHandle"], "VisibilityTimeout": 0 }, { "Id": "y", "ReceiptHandle": messages[0]["ReceiptHandle"], "VisibilityTimeout": 0 }]);
    let answer = sqs.on("q", "ChangeMessageVisibilityBatch", json!({ "Entries": entries })).await.ok();
    assert_eq!(answer["Successful"], json!([{ "Id": "x" }]));
    assert_eq!(answer["Failed"][0]["Code"], "InvalidParameterValue");
    for (entries, code) in [
        (json!([]), "AWS.SimpleQueueService.EmptyBatchRequest"),
        (
            json!([{ "Id": "a", "MessageBody": "1" }, { "Id": "a", "MessageBody": "1" }]),
            "AWS.SimpleQueueService.BatchEntryIdsNotDistinct",
        ),
        (json!([{ "Id": "a b", "MessageBody": "1" }]), "AWS.SimpleQueueService.InvalidBatchEntryId"),
        (
            (0..11).map(|n| json!({ "Id": n.to_string(), "MessageBody": "1" })).collect(),
            "AWS.SimpleQueueService.TooManyEntriesInBatchRequest",
        ),
        (
            (0..3).map(|n| json!({ "Id": n.to_string(), "MessageBody": "x".repeat(400_000) })).collect(),
            "AWS.SimpleQueueService.BatchRequestTooLong",
        ),
    ] {
        let answer = sqs.on("q", "SendMessageBatch", json!({ "Entries": entries })).await;
        assert_eq!(
            (answer.status, answer.header("x-amzn-query-error")),
            (400, format!("{code};Sender").as_str())
        );
    }
}

#[tokio::test]
async fn messages_that_no_queue_takes_are_refused() {
    let sqs = Sqs::with(&["q"]).await;
    let attribute = |value: Json| json!({ "MessageBody": "x", "MessageAttributes": { "a": value } });
    let many = (0..11).map(|n| (format!("a{n}"), json!({ "DataType": "String", "StringValue": "x" })));
    for (body, code, message) in [
        (
            json!({ "MessageBody": "" }),
            "MissingParameter",
            "The request must contain the parameter MessageBody.",
        ),
        (json!({ "MessageBody": "a\u{0}b" }), "InvalidMessageContents", "Invalid binary character '#x0'"),
        (
            json!({ "MessageBody": "x".repeat(1_048_577) }),
            "InvalidParameterValue",
            "One or more parameters are invalid. Reason: Message must be shorter than 1048576 bytes.",
        ),
        (
            json!({ "MessageBody": "x", "DelaySeconds": 901 }),
            "InvalidParameterValue",
            "Value 901 for parameter DelaySeconds is invalid. Reason: DelaySeconds must be >= 0 and <= 900.",
        ),
        (
            json!({ "MessageBody": "x", "MessageDeduplicationId": "d" }),
            "InvalidParameterValue",
            "Value d for parameter MessageDeduplicationId is invalid.",
        ),
        (
            attribute(json!({ "DataType": "Text", "StringValue": "x" })),
            "InvalidParameterValue",
            "The type of message (user) attribute 'a' is invalid.",
        ),
        (
            attribute(json!({ "DataType": "Number", "StringValue": "x" })),
            "InvalidParameterValue",
            "Can't cast the value",
        ),
        (
            attribute(json!({ "DataType": "String" })),
            "InvalidParameterValue",
            "The message (user) attribute 'a' must contain a non-empty",
        ),
        (
            json!({ "MessageBody": "x", "MessageAttributes": many.collect::<serde_json::Map<_, _>>() }),
            "InvalidParameterValue",
            "Number of message attributes [11] exceeds the allowed maximum [10].",
        ),
    ] {
        let answer = sqs.on("q", "SendMessage", body).await;
        assert_eq!(
            (answer.status, answer.header("x-amzn-query-error")),
            (400, format!("{code};Sender").as_str())
        );
        assert!(answer.text().contains(message), "{}", answer.text());
    }
    assert_eq!(sqs.rows(402).await, 0);
    sqs.on("q", "SendMessage", json!({ "MessageBody": "x".repeat(1_048_576) })).await.ok();
    for (member, value) in [
        ("MaxNumberOfMessages", 11),
        ("MaxNumberOfMessages", 0),
        ("WaitTimeSeconds", 21),
        ("VisibilityTimeout", 43_201),
    ] {
        let answer = sqs.on("q", "ReceiveMessage", json!({ member: value })).await;
        assert_eq!(answer.header("x-amzn-query-error"), "InvalidParameterValue;Sender");
        assert!(answer.text().contains(&format!("Value {value} for parameter {member} is invalid.")));
    }
}
