//! FIFO queues over the wire: order, groups, deduplication.

use serde_json::{Value as Json, json};
use testkit::Sqs;

const Q: &str = "q.fifo";

#[tokio::test]
async fn a_group_keeps_its_order_and_has_one_receiver() {
    let sqs = Sqs::with(&[Q]).await;
    let mut sequences = Vec::new();
    for number in 0..4 {
        let sent = sqs.send_in(Q, "g", &number.to_string(), &number.to_string()).await;
        sequences.push(sent["SequenceNumber"].as_str().expect("a number").to_owned());
    }
    sqs.send_in(Q, "h", "h", "other").await;
    assert!(sequences.is_sorted() && sequences.iter().all(|number| number.len() == 20), "{sequences:?}");
    let one = sqs
        .on(Q, "ReceiveMessage", json!({ "MaxNumberOfMessages": 2, "AttributeNames": ["All"] }))
        .await
        .ok();
    let one = one["Messages"].as_array().expect("two").clone();
    assert_eq!((&one[0]["Body"], &one[1]["Body"]), (&json!("0"), &json!("1")));
    assert_eq!(one[0]["Attributes"]["SequenceNumber"], sequences[0]);
    assert_eq!(one[0]["Attributes"]["MessageGroupId"], "g");
    assert_eq!(one[0]["Attributes"]["MessageDeduplicationId"], "0");
    assert_eq!(sqs.bodies(Q).await, ["other"], "the group is busy");
    sqs.delete(Q, &one[0]).await.ok();
    assert!(sqs.bodies(Q).await.is_empty(), "its second message is still in flight");
    sqs.delete(Q, &one[1]).await.ok();
    assert_eq!(sqs.bodies(Q).await, ["2", "3"]);
    assert_eq!(sqs.counts(Q).await, ["0", "3", "0"]);
}

#[tokio::test]
async fn what_is_visible_again_comes_before_what_follows() {
    let sqs = Sqs::with(&[Q]).await;
    for number in ["0", "1", "2"] {
        sqs.send_in(Q, "g", number, number).await;
    }
    let one = sqs.on(Q, "ReceiveMessage", json!({})).await.ok()["Messages"][0].clone();
    let body = json!({ "ReceiptHandle": one["ReceiptHandle"], "VisibilityTimeout": 0 });
    sqs.on(Q, "ChangeMessageVisibility", body).await.is(200, "{}");
    assert_eq!(sqs.bodies(Q).await, ["0", "1", "2"]);
    let late = sqs.delete(Q, &one).await;
    assert_eq!(late.header("x-amzn-query-error"), "InvalidParameterValue;Sender");
    assert!(late.text().contains("The receipt handle has expired"), "{}", late.text());
    sqs.pass(30);
    assert_eq!(sqs.bodies(Q).await, ["0", "1", "2"]);
}

#[tokio::test]
async fn duplicates_within_five_minutes_are_dropped() {
    let sqs = Sqs::with(&[Q]).await;
    let first = sqs.send_in(Q, "g", "d", "one").await;
    let again = sqs.send_in(Q, "h", "d", "two").await;
    assert_eq!(
        (&first["MessageId"], &first["SequenceNumber"]),
        (&again["MessageId"], &again["SequenceNumber"])
    );
    let message = sqs.receive(Q).await.remove(0);
    sqs.delete(Q, &message).await.ok();
    sqs.pass(299);
    sqs.send_in(Q, "g", "d", "three").await;
    assert!(sqs.receive(Q).await.is_empty(), "also when it was deleted");
    sqs.pass(1);
    sqs.send_in(Q, "g", "d", "four").await;
    assert_eq!(sqs.bodies(Q).await, ["four"]);
    sqs.pass(301);
    sqs.start_jobs();
    sqs.until("the sweep", || async { sqs.rows(407).await + sqs.rows(408).await == 0 }).await;
}

#[tokio::test]
async fn bodies_and_groups_can_be_what_deduplicates() {
    let sqs = Sqs::new();
    let attributes = json!({
        "FifoQueue": "true", "ContentBasedDeduplication": "true",
        "DeduplicationScope": "messageGroup", "FifoThroughputLimit": "perMessageGroupId",
    });
    sqs.create(Q, attributes).await.ok();
    for group in ["g", "h", "g"] {
        sqs.on(Q, "SendMessage", json!({ "MessageBody": "same", "MessageGroupId": group })).await.ok();
    }
    assert_eq!(sqs.bodies(Q).await, ["same", "same"]);
}

#[tokio::test]
async fn groups_and_ids_are_demanded() {
    let sqs = Sqs::with(&[Q]).await;
    for (body, code, message) in [
        (
            json!({ "MessageBody": "x" }),
            "MissingParameter",
            "The request must contain the parameter MessageGroupId.",
        ),
        (
            json!({ "MessageBody": "x", "MessageGroupId": "g" }),
            "InvalidParameterValue",
            "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly",
        ),
        (
            json!({ "MessageBody": "x", "MessageGroupId": "g", "MessageDeduplicationId": "d", "DelaySeconds": 1 }),
            "InvalidParameterValue",
            "Value 1 for parameter DelaySeconds is invalid.",
        ),
        (
            json!({ "MessageBody": "x", "MessageGroupId": "a b", "MessageDeduplicationId": "d" }),
            "InvalidParameterValue",
            "Value a b for parameter MessageGroupId is invalid.",
        ),
    ] {
        let answer = sqs.on(Q, "SendMessage", body).await;
        assert_eq!(
            (answer.status, answer.header("x-amzn-query-error")),
            (400, format!("{code};Sender").as_str())
        );
        assert!(answer.text().contains(message), "{}", answer.text());
    }
    let attempt = sqs.on(Q, "ReceiveMessage", json!({ "ReceiveRequestAttemptId": "a" })).await;
    attempt.refuses(
        501,
        "NotImplementedException",
        "Lambent's ReceiveMessage does not honour ReceiveRequestAttemptId yet, so it refuses it.",
    );
}

#[tokio::test]
async fn a_queues_delay_holds_its_groups_back() {
    let sqs = Sqs::new();
    sqs.create(Q, json!({ "FifoQueue": "true", "DelaySeconds": "10" })).await.ok();
    sqs.send_in(Q, "g", "1", "1").await;
    sqs.pass(5);
    sqs.send_in(Q, "g", "2", "2").await;
    assert_eq!(sqs.counts(Q).await, ["0", "0", "2"]);
    sqs.pass(5);
    let one: Vec<Json> = sqs.receive(Q).await;
    assert_eq!(one.len(), 1);
    sqs.delete(Q, &one[0]).await.ok();
    assert!(sqs.receive(Q).await.is_empty());
    sqs.pass(5);
    assert_eq!(sqs.bodies(Q).await, ["2"]);
}

#[tokio::test]
async fn dead_letters_of_a_group_keep_their_order() {
    let sqs = Sqs::with(&["dead.fifo"]).await;
    let redrive = json!({ "deadLetterTargetArn": Sqs::arn("dead.fifo"), "maxReceiveCount": "1" }).to_string();
    sqs.create(Q, json!({ "FifoQueue": "true", "VisibilityTimeout": "1", "RedrivePolicy": redrive }))
        .await
        .ok();
    for number in ["0", "1", "2"] {
        sqs.send_in(Q, "g", number, number).await;
    }
    let first = sqs.on(Q, "ReceiveMessage", json!({ "MaxNumberOfMessages": 2 })).await.ok();
    assert_eq!(first["Messages"].as_array().map(Vec::len), Some(2));
    sqs.pass(1);
    assert_eq!(sqs.bodies(Q).await, ["2"]);
    assert_eq!(sqs.bodies("dead.fifo").await, ["0", "1"]);
}
