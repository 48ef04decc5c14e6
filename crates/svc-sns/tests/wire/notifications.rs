//! From a topic to its queues: envelopes, raw messages, filters, batches, FIFO topics, dead letters.

use serde_json::{Value as Json, json};
use testkit::{Answer, Ground, Wire};

const VERSION: &str = "Version=2010-03-31";

struct Sns(Wire);

impl Sns {
    /// A topic `t`, a FIFO topic `t.fifo`, and queues that let both in.
    async fn new() -> Self {
        let sns = Self(Ground::new().serve(vec![svc_sns::service(), svc_sqs::service()]));
        sns.0.start_jobs();
        sns.ask("Action=CreateTopic&Name=t").await;
        sns.ask(
            "Action=CreateTopic&Name=t.fifo&Attributes.entry.1.key=FifoTopic&Attributes.entry.1.value=true",
        )
        .await;
        for (name, attributes) in [
            ("a", json!({})),
            ("b", json!({})),
            ("dead", json!({})),
            ("q.fifo", json!({ "FifoQueue": "true" })),
        ] {
            let mut attributes = attributes;
            attributes["Policy"] = json!({ "Version": "2012-10-17", "Statement": [{
                "Effect": "Allow", "Principal": { "Service": "sns.amazonaws.com" }, "Action": "sqs:SendMessage",
                "Resource": queue(name),
                "Condition": { "ArnLike": { "aws:SourceArn": "arn:aws:sns:us-east-1:000000000000:t*" } },
            }] })
            .to_string()
            .into();
            let body = json!({ "QueueName": name, "Attributes": attributes });
            sns.0.json("sqs", "CreateQueue", &body).await.ok();
        }
        sns.0.json("sqs", "CreateQueue", &json!({ "QueueName": "closed" })).await.ok();
        sns
    }

    async fn form(&self, form: &str) -> Answer {
        self.0.form("sns", &format!("{form}&{VERSION}")).await
    }

    async fn ask(&self, form: &str) -> String {
        let answer = self.form(form).await;
        assert_eq!(answer.status, 200, "{form}: {}", answer.text());
        answer.text().to_owned()
    }

    async fn subscribe(&self, topic: &str, name: &str, attributes: &[(&str, &str)]) -> String {
        let mut form =
            format!("Action=Subscribe&TopicArn={}&Protocol=sqs&Endpoint={}", arn(topic), queue(name));
        for (number, (name, value)) in (1..).zip(attributes) {
            form += &format!(
                "&Attributes.entry.{number}.key={name}&Attributes.entry.{number}.value={}",
                escaped(value)
            );
        }
        between(&self.ask(&form).await, "<SubscriptionArn>", "</SubscriptionArn>")
    }

    async fn publish(&self, topic: &str, fields: &str) -> String {
        self.ask(&format!("Action=Publish&TopicArn={}&{fields}", arn(topic))).await
    }

    /// What a queue has, once there are so many.
    async fn receive(&self, name: &str, count: usize) -> Vec<Json> {
        let url = format!("http://localhost/000000000000/{name}");
        let body = json!({ "QueueUrl": url, "MaxNumberOfMessages": 10, "AttributeNames": ["All"], "MessageAttributeNames": ["All"] });
        let found = std::sync::Mutex::new(Vec::new());
        self.0
            .until("the notifications", || async {
                let answer = self.0.json("sqs", "ReceiveMessage", &body).await.ok();
                let mut found = found.lock().expect("no panic while held");
                found.extend(answer["Messages"].as_array().cloned().unwrap_or_default());
                found.len() >= count
            })
            .await;
        let found = found.into_inner().expect("no panic while held");
        assert_eq!(found.len(), count);
        found
    }

    async fn settled(&self) {
        self.0.until("the outbox to be empty", || async { self.0.rows(432).await == 0 }).await;
    }
}

fn arn(topic: &str) -> String {
    format!("arn:aws:sns:us-east-1:000000000000:{topic}")
}

fn queue(name: &str) -> String {
    format!("arn:aws:sqs:us-east-1:000000000000:{name}")
}

fn between(text: &str, start: &str, end: &str) -> String {
    let rest = text.split_once(start).unwrap_or_else(|| panic!("{start} in {text}")).1;
    rest.split_once(end).expect("it ends").0.to_owned()
}

fn escaped(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

fn attribute(number: usize, name: &str, data_type: &str, value: &str) -> String {
    let base = format!("MessageAttributes.entry.{number}");
    format!(
        "{base}.Name={name}&{base}.Value.DataType={data_type}&{base}.Value.StringValue={}",
        escaped(value)
    )
}

#[tokio::test]
async fn a_message_goes_to_every_queue_in_its_envelope() {
    let sns = Sns::new().await;
    let subscription = sns.subscribe("t", "a", &[]).await;
    sns.subscribe("t", "b", &[("RawMessageDelivery", "true")]).await;
    let fields = format!("Message=hello&Subject=greeting&{}", attribute(1, "n", "Number", "7"));
    let id = between(&sns.publish("t", &fields).await, "<MessageId>", "</MessageId>");
    let message = sns.receive("a", 1).await.remove(0);
    let mut envelope = serde_json::from_str::<Json>(message["Body"].as_str().expect("text")).expect("JSON");
    let mut take = |name: &str| envelope.as_object_mut().expect("an object").remove(name).unwrap_or_default();
    let (signature, certificate) = (take("Signature"), take("SigningCertURL"));
    // Whether it verifies is `http.rs`'s to ask.
    assert_eq!(signature.as_str().map(str::len), Some(344));
    let certificate = certificate.as_str().expect("a URL");
    assert!(certificate.starts_with("http://localhost:4566/SimpleNotificationService-"), "{certificate}");
    assert_eq!(
        envelope,
        json!({
            "Type": "Notification", "MessageId": id, "TopicArn": arn("t"), "Subject": "greeting", "Message": "hello",
            "Timestamp": "2026-11-23T10:11:12.345Z",
            "UnsubscribeURL": format!("http://localhost:4566/?Action=Unsubscribe&SubscriptionArn={subscription}"),
            "SignatureVersion": "1",
            "MessageAttributes": { "n": { "Type": "Number", "Value": "7" } },
        })
    );
    let raw = sns.receive("b", 1).await.remove(0);
    assert_eq!(raw["Body"], "hello");
    assert_eq!(raw["MessageAttributes"]["n"], json!({ "DataType": "Number", "StringValue": "7" }));
    sns.settled().await;
}

#[tokio::test]
async fn filters_choose_by_attributes_or_body() {
    let sns = Sns::new().await;
    let policy = r#"{"kind":["order",{"prefix":"re"}],"price":[{"numeric":[">",10]}]}"#;
    sns.subscribe("t", "a", &[("RawMessageDelivery", "true"), ("FilterPolicy", policy)]).await;
    let policy = r#"{"item":{"tag":["x"]}}"#;
    let body =
        [("RawMessageDelivery", "true"), ("FilterPolicy", policy), ("FilterPolicyScope", "MessageBody")];
    sns.subscribe("t", "b", &body).await;
    for (message, kind, price) in [
        ("1", "order", "11"),
        ("2", "order", "10"),
        ("3", "refund", "99"),
        ("4", "other", "99"),
        (r#"{"item":{"tag":["x","y"]}}"#, "none", "0"),
    ] {
        let fields = [attribute(1, "kind", "String", kind), attribute(2, "price", "Number", price)].join("&");
        sns.publish("t", &format!("Message={}&{fields}", escaped(message))).await;
    }
    let bodies = |messages: Vec<Json>| {
        messages.into_iter().map(|m| m["Body"].as_str().expect("text").to_owned()).collect::<Vec<_>>()
    };
    let mut chosen = bodies(sns.receive("a", 2).await);
    chosen.sort();
    assert_eq!(chosen, ["1", "3"]);
    assert_eq!(bodies(sns.receive("b", 1).await), [r#"{"item":{"tag":["x","y"]}}"#]);
    sns.settled().await;
    for (policy, message) in [
        ("{", "FilterPolicy: failed to parse JSON"),
        (r#"{"a":{"b":["x"]}}"#, "does not support nested filter policy"),
        (r#"{"a":[]}"#, "Empty arrays are not allowed"),
        (r#"{"a":["x"],"b":["x"],"c":["x"],"d":["x"],"e":["x"],"f":["x"]}"#, "more than 5 keys"),
    ] {
        let form = format!(
            "Action=Subscribe&TopicArn={}&Protocol=sqs&Endpoint={}&Attributes.entry.1.key=FilterPolicy&Attributes.entry.1.value={}",
            arn("t"),
            queue("dead"),
            escaped(policy)
        );
        let answer = sns.form(&form).await;
        assert_eq!(answer.status, 400);
        assert!(
            answer.text().contains("<Code>InvalidParameter</Code>") && answer.text().contains(message),
            "{}",
            answer.text()
        );
    }
}

#[tokio::test]
async fn what_no_queue_takes_is_a_dead_letter() {
    let sns = Sns::new().await;
    let redrive = json!({ "deadLetterTargetArn": queue("dead") }).to_string();
    sns.subscribe("t", "closed", &[("RedrivePolicy", &redrive)]).await;
    sns.subscribe("t", "none", &[("RedrivePolicy", &redrive)]).await;
    sns.publish("t", "Message=m").await;
    let mut codes = Vec::new();
    for message in sns.receive("dead", 2).await {
        codes.push(
            message["MessageAttributes"]["ErrorCode"]["StringValue"].as_str().expect("a code").to_owned(),
        );
        assert!(message["Body"].as_str().expect("text").contains(r#""Message":"m""#));
    }
    codes.sort();
    assert_eq!(codes, ["AccessDenied", "NotFound"]);
    sns.settled().await;
}

#[tokio::test]
async fn fifo_topics_keep_order_and_drop_duplicates() {
    let sns = Sns::new().await;
    sns.subscribe("t.fifo", "q.fifo", &[("RawMessageDelivery", "true")]).await;
    let mut last = String::new();
    for number in 0..5 {
        for _ in 0..2 {
            let fields = format!("Message={number}&MessageGroupId=g&MessageDeduplicationId={number}");
            let answer = sns.publish("t.fifo", &fields).await;
            let sequence = between(&answer, "<SequenceNumber>", "</SequenceNumber>");
            assert!(sequence >= last);
            last = sequence;
        }
    }
    sns.settled().await;
    let bodies = sns.receive("q.fifo", 5).await.into_iter().map(|m| m["Body"].clone()).collect::<Vec<_>>();
    assert_eq!(bodies, ["0", "1", "2", "3", "4"]);
    let missing = sns.form(&format!("Action=Publish&TopicArn={}&Message=x", arn("t.fifo"))).await;
    assert!(missing.text().contains("MessageGroupId parameter is required"), "{}", missing.text());
    let wrong = format!("Action=Subscribe&TopicArn={}&Protocol=sqs&Endpoint={}", arn("t"), queue("q.fifo"));
    assert!(
        sns.form(&wrong)
            .await
            .text()
            .contains("FIFO SQS Queues can not be subscribed to standard SNS topics")
    );
}

#[tokio::test]
async fn batches_fail_entry_by_entry() {
    let sns = Sns::new().await;
    sns.subscribe("t", "a", &[("RawMessageDelivery", "true")]).await;
    let entry = |number: usize, id: &str, message: &str| {
        let base = format!("PublishBatchRequestEntries.member.{number}");
        format!("{base}.Id={id}&{base}.Message={message}")
    };
    let form =
        format!("Action=PublishBatch&TopicArn={}&{}&{}", arn("t"), entry(1, "x", "1"), entry(2, "y", ""));
    let text = sns.ask(&form).await;
    assert!(
        text.contains("<Id>x</Id><MessageId>") && text.contains("<Id>y</Id><Code>InvalidParameter</Code>"),
        "{text}"
    );
    assert_eq!(sns.receive("a", 1).await[0]["Body"], "1");
    let twice =
        format!("Action=PublishBatch&TopicArn={}&{}&{}", arn("t"), entry(1, "x", "1"), entry(2, "x", "1"));
    assert!(sns.form(&twice).await.text().contains("<Code>BatchEntryIdsNotDistinct</Code>"));
}

#[tokio::test]
async fn messages_can_differ_by_protocol() {
    let sns = Sns::new().await;
    sns.subscribe("t", "a", &[("RawMessageDelivery", "true")]).await;
    let message = escaped(r#"{"default":"plain","sqs":"for queues"}"#);
    sns.publish("t", &format!("MessageStructure=json&Message={message}")).await;
    assert_eq!(sns.receive("a", 1).await[0]["Body"], "for queues");
    let none = escaped(r#"{"sqs":"x"}"#);
    let answer =
        sns.form(&format!("Action=Publish&TopicArn={}&MessageStructure=json&Message={none}", arn("t"))).await;
    assert!(answer.text().contains("No default entry in JSON message body"), "{}", answer.text());
}

#[tokio::test]
async fn what_was_published_survives_a_crash() {
    let sns = Sns::new().await;
    sns.subscribe("t", "a", &[("RawMessageDelivery", "true")]).await;
    sns.0.stop_jobs().await;
    sns.publish("t", "Message=kept").await;
    assert_eq!(sns.0.rows(432).await, 1);
    sns.0.start_jobs();
    assert_eq!(sns.receive("a", 1).await[0]["Body"], "kept");
}
