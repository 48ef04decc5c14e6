//! Queues over the wire: creating, finding, changing, purging, deleting them.

use api_sqs::{ReceiveMessageInput, SendMessageInput};
use serde_json::json;
use service::Caller;
use testkit::Sqs;

fn refused(answer: &testkit::Answer, code: &str) {
    assert_eq!(
        answer.header("x-amzn-query-error"),
        format!("{code};Sender"),
        "{} {}",
        answer.status,
        answer.text()
    );
}

#[tokio::test]
async fn a_queue_is_created_once_and_found() {
    let sqs = Sqs::new();
    let attributes = json!({ "VisibilityTimeout": "7" });
    let url = format!(r#"{{"QueueUrl":"{}"}}"#, Sqs::url("q"));
    sqs.create("q", attributes.clone()).await.is(200, &url);
    sqs.create("q", attributes).await.is(200, &url);
    sqs.create("q", json!({})).await.is(200, &url);
    let other = sqs.create("q", json!({ "VisibilityTimeout": "8" })).await;
    refused(&other, "QueueAlreadyExists");
    other.refuses(
        400,
        "QueueNameExists",
        "A queue already exists with the same name and a different value for attribute VisibilityTimeout",
    );
    sqs.call("GetQueueUrl", json!({ "QueueName": "q" })).await.is(200, &url);
    let missing = sqs.call("GetQueueUrl", json!({ "QueueName": "r" })).await;
    refused(&missing, "AWS.SimpleQueueService.NonExistentQueue");
    missing.refuses(400, "QueueDoesNotExist", "The specified queue does not exist.");
    sqs.on("q", "GetQueueAttributes", json!({ "AttributeNames": ["All"] })).await.is_json(
        200,
        &json!({ "Attributes": {
        "QueueArn": Sqs::arn("q"),
        "VisibilityTimeout": "7",
        "MaximumMessageSize": "1048576",
        "MessageRetentionPeriod": "345600",
        "DelaySeconds": "0",
        "ReceiveMessageWaitTimeSeconds": "0",
        "SqsManagedSseEnabled": "true",
        "CreatedTimestamp": (testkit::EPOCH_MS / 1000).to_string(),
        "LastModifiedTimestamp": (testkit::EPOCH_MS / 1000).to_string(),
        "ApproximateNumberOfMessages": "0",
        "ApproximateNumberOfMessagesNotVisible": "0",
        "ApproximateNumberOfMessagesDelayed": "0",
    } }),
    );
    sqs.on("q", "GetQueueAttributes", json!({})).await.is(200, "{}");
}

#[tokio::test]
async fn names_and_attributes_are_checked() {
    let sqs = Sqs::with(&["dead", "dead.fifo"]).await;
    let redrive = |arn: &str, count: i64| json!({ "RedrivePolicy": json!({ "deadLetterTargetArn": arn, "maxReceiveCount": count }).to_string() });
    for (name, attributes, code) in [
        ("a b", json!({}), "InvalidParameterValue"),
        (&*"a".repeat(81), json!({}), "InvalidParameterValue"),
        ("q.fifo", json!({}), "InvalidParameterValue"),
        ("q", json!({ "FifoQueue": "true" }), "InvalidParameterValue"),
        ("q", json!({ "FifoQueue": "false" }), "InvalidAttributeName"),
        ("q", json!({ "Color": "red" }), "InvalidAttributeName"),
        ("q", json!({ "QueueArn": "x" }), "InvalidAttributeName"),
        ("q", json!({ "VisibilityTimeout": "43201" }), "InvalidAttributeValue"),
        ("q", json!({ "DelaySeconds": "soon" }), "InvalidAttributeValue"),
        ("q", json!({ "Policy": "{" }), "InvalidAttributeValue"),
        ("q", json!({ "RedrivePolicy": "{" }), "InvalidParameterValue"),
        ("q", redrive(&Sqs::arn("none"), 1), "InvalidParameterValue"),
        ("q", redrive(&Sqs::arn("dead.fifo"), 1), "InvalidParameterValue"),
        ("q", redrive(&Sqs::arn("dead"), 1001), "InvalidParameterValue"),
        (
            "q.fifo",
            json!({ "FifoQueue": "true", "FifoThroughputLimit": "perMessageGroupId" }),
            "InvalidParameterValue",
        ),
    ] {
        refused(&sqs.create(name, attributes).await, code);
    }
    assert_eq!(sqs.rows(400).await, 2);
    let key = sqs.create("q", json!({ "KmsMasterKeyId": "alias/aws/sqs" })).await;
    key.refuses(
        501,
        "NotImplementedException",
        "Lambent's CreateQueue does not honour KmsMasterKeyId yet, so it refuses it.",
    );
    let allow = json!({ "redrivePermission": "denyAll" }).to_string();
    sqs.on("dead", "SetQueueAttributes", json!({ "Attributes": { "RedriveAllowPolicy": allow } })).await.ok();
    refused(&sqs.create("q", redrive(&Sqs::arn("dead"), 1)).await, "InvalidParameterValue");
    let allow = json!({ "redrivePermission": "byQueue", "sourceQueueArns": [Sqs::arn("q")] }).to_string();
    sqs.on("dead", "SetQueueAttributes", json!({ "Attributes": { "RedriveAllowPolicy": allow } })).await.ok();
    sqs.create("q", redrive(&Sqs::arn("dead"), 1)).await.ok();
    refused(&sqs.create("r", redrive(&Sqs::arn("dead"), 1)).await, "InvalidParameterValue");
}

#[tokio::test]
async fn a_purge_removes_what_is_there_and_no_more() {
    let sqs = Sqs::with(&["q"]).await;
    sqs.start_jobs();
    sqs.send_text("q", "before").await;
    let taken = sqs.receive("q").await.remove(0);
    sqs.send_text("q", "too").await;
    sqs.on("q", "PurgeQueue", json!({})).await.is(200, "{}");
    sqs.send_text("q", "after").await;
    assert_eq!(sqs.bodies("q").await, ["after"]);
    sqs.delete("q", &taken).await.is(200, "{}");
    sqs.until("the sweep", || async { sqs.rows(410).await == 0 }).await;
    assert_eq!((sqs.rows(401).await, sqs.rows(402).await, sqs.rows(403).await), (1, 1, 1));
    let again = sqs.on("q", "PurgeQueue", json!({})).await;
    refused(&again, "AWS.SimpleQueueService.PurgeQueueInProgress");
    again.refuses(
        403,
        "PurgeQueueInProgress",
        "Only one PurgeQueue operation on q is allowed every 60 seconds.",
    );
    sqs.pass(60);
    sqs.on("q", "PurgeQueue", json!({})).await.is(200, "{}");
}

#[tokio::test]
async fn a_deleted_queue_is_gone_with_its_messages() {
    let sqs = Sqs::with(&["q", "q.fifo"]).await;
    sqs.start_jobs();
    sqs.send_text("q", "m").await;
    sqs.send_in("q.fifo", "g", "d", "m").await;
    for name in ["q", "q.fifo"] {
        sqs.on(name, "DeleteQueue", json!({})).await.is(200, "{}");
        refused(
            &sqs.on(name, "SendMessage", json!({ "MessageBody": "x" })).await,
            "AWS.SimpleQueueService.NonExistentQueue",
        );
    }
    sqs.until("the sweep", || async { sqs.rows(410).await == 0 }).await;
    for table in [400, 401, 402, 403, 404, 405, 406] {
        assert_eq!(sqs.rows(table).await, 0, "rows of {table}");
    }
    refused(&sqs.create("q", json!({})).await, "AWS.SimpleQueueService.QueueDeletedRecently");
    sqs.pass(60);
    sqs.create("q", json!({})).await.ok();
    assert!(sqs.receive("q").await.is_empty());
}

#[tokio::test]
async fn queues_are_listed_by_page_and_prefix() {
    let sqs = Sqs::with(&["a1", "a2", "a3", "b"]).await;
    let all = sqs.call("ListQueues", json!({})).await.ok();
    assert_eq!(all, json!({ "QueueUrls": (["a1", "a2", "a3", "b"].map(Sqs::url)) }));
    let page = sqs.call("ListQueues", json!({ "QueueNamePrefix": "a", "MaxResults": 2 })).await.ok();
    assert_eq!(page["QueueUrls"], json!((["a1", "a2"].map(Sqs::url))));
    let rest = json!({ "QueueNamePrefix": "a", "MaxResults": 2, "NextToken": page["NextToken"] });
    sqs.call("ListQueues", rest).await.is_json(200, &json!({ "QueueUrls": [Sqs::url("a3")] }));
    sqs.call("ListQueues", json!({ "QueueNamePrefix": "c" })).await.is(200, "{}");
    refused(&sqs.call("ListQueues", json!({ "MaxResults": 1001 })).await, "InvalidParameterValue");
}

#[tokio::test]
async fn queues_have_tags() {
    let sqs = Sqs::with(&["q"]).await;
    sqs.on("q", "TagQueue", json!({ "Tags": { "a": "1", "b": "2" } })).await.is(200, "{}");
    sqs.on("q", "UntagQueue", json!({ "TagKeys": ["a", "c"] })).await.is(200, "{}");
    sqs.on("q", "ListQueueTags", json!({})).await.is_json(200, &json!({ "Tags": { "b": "2" } }));
    let many = (0..50).map(|n| (n.to_string(), json!("x"))).collect::<serde_json::Map<_, _>>();
    refused(&sqs.on("q", "TagQueue", json!({ "Tags": many })).await, "InvalidParameterValue");
}

#[tokio::test]
async fn permissions_are_statements_of_the_policy() {
    let sqs = Sqs::with(&["q"]).await;
    let add = json!({ "Label": "l", "AWSAccountIds": ["111111111111"], "Actions": ["SendMessage"] });
    sqs.on("q", "AddPermission", add.clone()).await.is(200, "{}");
    refused(&sqs.on("q", "AddPermission", add).await, "InvalidParameterValue");
    let policy = sqs.attributes("q").await["Policy"].as_str().expect("a policy").to_owned();
    let policy = serde_json::from_str::<serde_json::Value>(&policy).expect("JSON");
    assert_eq!(policy["Statement"][0]["Principal"]["AWS"], "arn:aws:iam::111111111111:root");
    assert_eq!(policy["Statement"][0]["Action"], "SQS:SendMessage");
    let owner = json!({ "Label": "m", "AWSAccountIds": ["111111111111"], "Actions": ["DeleteQueue"] });
    refused(&sqs.on("q", "AddPermission", owner).await, "InvalidParameterValue");
    sqs.on("q", "RemovePermission", json!({ "Label": "l" })).await.is(200, "{}");
    refused(&sqs.on("q", "RemovePermission", json!({ "Label": "l" })).await, "InvalidParameterValue");
    assert!(sqs.attributes("q").await["Policy"].is_null());
}

#[tokio::test]
async fn other_accounts_queues_are_denied() {
    let sqs = Sqs::with(&["q"]).await;
    let url = "http://localhost:4566/111111111111/q";
    let answer = sqs.call("SendMessage", json!({ "QueueUrl": url, "MessageBody": "x" })).await;
    refused(&answer, "AWS.SimpleQueueService.NonExistentQueue");
    let none =
        sqs.call("SendMessage", json!({ "QueueUrl": "http://localhost/q/x", "MessageBody": "x" })).await;
    refused(&none, "InvalidAddress");
}

#[tokio::test]
async fn another_account_is_let_in_as_far_as_the_policy_says() {
    let sqs = Sqs::with(&["q"]).await;
    let other = sqs.platform.ctx(Caller::root("111111111111", "us-east-1"), "other".into());
    let send = || SendMessageInput {
        queue_url: Sqs::url("q"),
        message_body: "from elsewhere".to_owned(),
        ..SendMessageInput::default()
    };
    let denied = other.call(send()).await.expect_err("no policy names it");
    assert_eq!((denied.status, denied.query_code), (403, Some("AccessDenied")));
    assert_eq!(sqs.counts("q").await, ["0", "0", "0"]);
    let add = json!({ "Label": "l", "AWSAccountIds": ["111111111111"], "Actions": ["SendMessage"] });
    sqs.on("q", "AddPermission", add).await.ok();
    other.call(send()).await.expect("the policy names it");
    let receive = ReceiveMessageInput { queue_url: Sqs::url("q"), ..ReceiveMessageInput::default() };
    assert_eq!(other.call(receive).await.expect_err("but not for this").status, 403);
    assert_eq!(sqs.bodies("q").await, ["from elsewhere"]);
}
