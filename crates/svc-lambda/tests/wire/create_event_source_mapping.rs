//! `CreateEventSourceMapping` over the wire.

use std::sync::Arc;

use serde_json::{Value, json};
use testkit::{Answer, Lambda, Sources};

const PATH: &str = "/2015-03-31/event-source-mappings/";
const FUNCTION: &str = "arn:aws:lambda:us-east-1:000000000000:function:f";
const QUEUE: &str = "arn:aws:sqs:us-east-1:000000000000:q";
const STREAM: &str = "arn:aws:kinesis:us-east-1:000000000000:stream/s";
const TABLE: &str = "arn:aws:dynamodb:us-east-1:000000000000:table/t/stream/2026-11-23T00:00:00.000";
const CLUSTER: &str = "arn:aws:kafka:us-east-1:000000000000:cluster/c/00000000-0000-0000-0000-000000000000-1";
const BROKER: &str = "arn:aws:mq:us-east-1:000000000000:broker:b:b-00000000-0000-0000-0000-000000000000";
const DOCUMENTS: &str = "arn:aws:rds:us-east-1:000000000000:cluster:d";

async fn create(lambda: &Lambda, body: Value) -> Answer {
    lambda.call("POST", PATH, &body).await
}

/// A mapping of `source` and the function `f`, with more members.
fn of(source: &str, more: Value) -> Value {
    let mut body = json!({ "FunctionName": "f", "EventSourceArn": source });
    body.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    body
}

fn merged(mut one: Value, other: &Value) -> Value {
    one.as_object_mut().expect("an object").extend(other.as_object().expect("an object").clone());
    one
}

async fn polling() -> (Lambda, Arc<Sources>) {
    let present = [(QUEUE, Some(30)), (STREAM, None), (TABLE, None), (CLUSTER, None), ("kafka:9092", None)];
    let sources = Arc::new(Sources::new(&present));
    let lambda = Lambda::with_sources(Arc::clone(&sources) as Arc<_>).await;
    lambda.function("f", "echo").await;
    (lambda, sources)
}

async fn unpolled() -> Lambda {
    let lambda = Lambda::new().await;
    lambda.function("f", "echo").await;
    lambda
}

async fn until(lambda: &Lambda, uuid: &str, state: &str) {
    let reached = || async { lambda.get(&format!("{PATH}{uuid}")).await.json()["State"] == state };
    lambda.until(state, reached).await;
}

#[tokio::test]
async fn a_queue_has_its_defaults_and_is_polled() {
    let (lambda, sources) = polling().await;
    sources.hold();
    let created = create(&lambda, of(QUEUE, json!({}))).await;
    let uuid = created.json()["UUID"].as_str().expect("text").to_owned();
    let mut expected = json!({
        "UUID": uuid,
        "EventSourceMappingArn": format!("arn:aws:lambda:us-east-1:000000000000:event-source-mapping:{uuid}"),
        "EventSourceArn": QUEUE,
        "FunctionArn": FUNCTION,
        "BatchSize": 10,
        "MaximumBatchingWindowInSeconds": 0,
        "FunctionResponseTypes": [],
        "State": "Creating",
        "StateTransitionReason": "USER_INITIATED",
        "LastModified": 1_795_428_672.345,
    });
    created.is_json(202, &expected);
    assert!(sources.polled().is_empty());
    sources.release();
    until(&lambda, &uuid, "Enabled").await;
    expected["State"] = json!("Enabled");
    assert_eq!(lambda.get(&format!("{PATH}{uuid}")).await.ok(), expected);
    assert_eq!(sources.polled().keys().collect::<Vec<_>>(), [&uuid]);
}

#[tokio::test]
async fn streams_kafka_brokers_and_documents_have_theirs() {
    let lambda = unpolled().await;
    let basic =
        json!([{ "Type": "BASIC_AUTH", "URI": "arn:aws:secretsmanager:us-east-1:000000000000:secret:s" }]);
    let check = async |body: Value, expected: Value| {
        let created = create(&lambda, merged(body, &json!({ "Enabled": false }))).await.ok();
        let uuid = created["UUID"].as_str().expect("text").to_owned();
        until(&lambda, &uuid, "Disabled").await;
        let mut shown = lambda.get(&format!("{PATH}{uuid}")).await.ok();
        for member in ["UUID", "EventSourceMappingArn", "FunctionArn", "LastModified", "State"] {
            assert!(shown.as_object_mut().expect("an object").remove(member).is_some(), "{member}");
        }
        let text = expected.to_string().replace("UUID", &uuid);
        assert_eq!(shown, serde_json::from_str::<Value>(&text).expect("JSON"));
    };
    let stream = json!({
        "StateTransitionReason": "User action",
        "LastProcessingResult": "No records processed",
        "StartingPosition": "TRIM_HORIZON",
        "BatchSize": 100,
        "MaximumBatchingWindowInSeconds": 0,
        "ParallelizationFactor": 1,
        "TumblingWindowInSeconds": 0,
        "BisectBatchOnFunctionError": false,
        "MaximumRecordAgeInSeconds": -1,
        "MaximumRetryAttempts": -1,
        "DestinationConfig": { "OnFailure": {} },
        "FunctionResponseTypes": [],
    });
    for arn in [STREAM, TABLE] {
        let body = of(arn, json!({ "StartingPosition": "TRIM_HORIZON" }));
        check(body, merged(stream.clone(), &json!({ "EventSourceArn": arn }))).await;
    }
    let other = "arn:aws:kinesis:us-east-1:000000000000:stream/other";
    let given = json!({
        "StartingPosition": "AT_TIMESTAMP",
        "StartingPositionTimestamp": 1_700_000_000,
        "BatchSize": 5,
        "ParallelizationFactor": 10,
        "TumblingWindowInSeconds": 60,
        "BisectBatchOnFunctionError": true,
        "MaximumRecordAgeInSeconds": 60,
        "MaximumRetryAttempts": 0,
        "DestinationConfig": { "OnFailure": { "Destination": QUEUE } },
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
        "FilterCriteria": { "Filters": [{ "Pattern": "{\"data\":{\"a\":[1]}}" }] },
    });
    check(
        of(other, given.clone()),
        merged(merged(stream.clone(), &given), &json!({ "EventSourceArn": other })),
    )
    .await;
    let kafka = json!({
        "StateTransitionReason": "USER_INITIATED",
        "LastProcessingResult": "No records processed",
        "StartingPosition": "TRIM_HORIZON",
        "BatchSize": 100,
        "DestinationConfig": { "OnFailure": {} },
        "Topics": ["t1"],
    });
    let managed = json!({ "EventSourceArn": CLUSTER, "AmazonManagedKafkaEventSourceConfig": { "ConsumerGroupId": "UUID" } });
    check(of(CLUSTER, json!({ "Topics": ["t1"] })), merged(kafka.clone(), &managed)).await;
    let own = json!({
        "SelfManagedEventSource": { "Endpoints": { "KAFKA_BOOTSTRAP_SERVERS": ["kafka:9092"] } },
        "SelfManagedKafkaEventSourceConfig": { "ConsumerGroupId": "g" },
        "SourceAccessConfigurations": basic,
        "StartingPosition": "LATEST",
    });
    let body = merged(json!({ "FunctionName": "f", "Topics": ["t1"] }), &own);
    check(body, merged(kafka, &own)).await;
    let broker = json!({ "Queues": ["q"], "SourceAccessConfigurations": basic });
    let shown =
        json!({ "EventSourceArn": BROKER, "StateTransitionReason": "USER_INITIATED", "BatchSize": 100 });
    check(of(BROKER, broker.clone()), merged(shown.clone(), &broker)).await;
    let documents = json!({
        "StartingPosition": "LATEST",
        "SourceAccessConfigurations": basic,
        "DocumentDBEventSourceConfig": { "DatabaseName": "d", "CollectionName": "c", "FullDocument": "UpdateLookup" },
    });
    check(
        of(DOCUMENTS, documents.clone()),
        merged(merged(shown, &documents), &json!({ "EventSourceArn": DOCUMENTS })),
    )
    .await;
}

#[tokio::test]
async fn what_nothing_here_polls_can_only_be_kept_disabled() {
    let lambda = unpolled().await;
    let message = "Lambent does not poll Amazon SQS yet, so an event source mapping of it can be created with Enabled \
                   false only.";
    create(&lambda, of(QUEUE, json!({}))).await.refuses(501, "NotImplementedException", message);
    assert_eq!((lambda.rows(154).await, lambda.rows(155).await), (0, 0));
    let created = create(&lambda, of(QUEUE, json!({ "Enabled": false }))).await.ok();
    until(&lambda, created["UUID"].as_str().expect("text"), "Disabled").await;
    // Where something polls queues, brokers may still be polled by nothing.
    let (lambda, _) = polling().await;
    let access =
        json!([{ "Type": "BASIC_AUTH", "URI": "arn:aws:secretsmanager:us-east-1:000000000000:secret:s" }]);
    let body = of(BROKER, json!({ "Queues": ["q"], "SourceAccessConfigurations": access }));
    assert_eq!(create(&lambda, body).await.status, 501);
}

#[tokio::test]
async fn a_source_must_be_there_and_suit_the_function() {
    let (lambda, _) = polling().await;
    let bad = "InvalidParameterValueException";
    let message = "Error occurred while ReceiveMessage. SQS Error Code: AWS.SimpleQueueService.NonExistentQueue. SQS \
                   Error Message: The specified queue does not exist.";
    create(&lambda, of(&format!("{QUEUE}2"), json!({}))).await.refuses(400, bad, message);
    let missing = format!("{STREAM}2");
    let message = format!("Stream not found: {missing}");
    create(&lambda, of(&missing, json!({ "StartingPosition": "LATEST" }))).await.refuses(400, bad, &message);
    lambda.call("PUT", "/2015-03-31/functions/f/configuration", &json!({ "Timeout": 60 })).await.ok();
    lambda.settled("f").await;
    let message = "Queue visibility timeout: 30 seconds is less than Function timeout: 60 seconds";
    create(&lambda, of(QUEUE, json!({}))).await.refuses(400, bad, message);
    assert_eq!(lambda.rows(154).await, 0);
}

#[tokio::test]
async fn one_source_and_function_have_one_mapping() {
    let lambda = unpolled().await;
    let off = json!({ "Enabled": false });
    let check = async |body: Value, message: &str| {
        let body = merged(body, &off);
        let created = create(&lambda, body.clone()).await.ok();
        let message = message.replace("UUID ", &format!("UUID {}", created["UUID"].as_str().expect("text")));
        create(&lambda, body.clone()).await.refuses(409, "ResourceConflictException", &message);
        // Another qualifier is another function.
        let versioned = merged(body, &json!({ "FunctionName": "f:$LATEST" }));
        create(&lambda, versioned).await.ok();
    };
    check(
        of(QUEUE, json!({})),
        &format!(
            "An event source mapping with SQS arn (\" {QUEUE} \") and function (\" f \") already exists. Please update or \
             delete the existing mapping with UUID "
        ),
    )
    .await;
    check(
        of(STREAM, json!({ "StartingPosition": "LATEST" })),
        &format!(
            "The event source arn (\" {STREAM} \") and function (\" f \") provided mapping already exists. Please update or \
             delete the existing mapping with UUID "
        ),
    )
    .await;
    check(
        of(CLUSTER, json!({ "Topics": ["t1"] })),
        &format!(
            "An event source mapping with event source (\"{CLUSTER}\"), function (\"f\"), topics (\"t1\") already exists. \
             Please update or delete the existing mapping with UUID "
        ),
    )
    .await;
    // Another topic is another source.
    create(&lambda, merged(of(CLUSTER, json!({ "Topics": ["t2"] })), &off)).await.ok();
}

#[tokio::test]
async fn what_a_source_has_not_is_refused() {
    let lambda = unpolled().await;
    let check = async |body: Value, message: &str| {
        let answer = create(&lambda, merged(body.clone(), &json!({ "Enabled": false }))).await;
        assert_eq!(
            answer.header("x-amzn-errortype"),
            "InvalidParameterValueException",
            "{body} {}",
            answer.text()
        );
        answer.refuses(400, "InvalidParameterValueException", message);
    };
    let unsupported =
        |name: &str| format!("Unsupported {name} parameter for given event source mapping type.");
    let missing = |name: &str| format!("Required '{name}' parameter is missing.");
    let unrecognized = "Unrecognized event source.";
    check(of("arn:aws:sns:us-east-1:000000000000:t", json!({})), unrecognized).await;
    check(json!({ "FunctionName": "f" }), unrecognized).await;
    check(of(QUEUE, json!({ "FunctionName": "g" })), "Function does not exist").await;
    check(of(QUEUE, json!({ "FunctionName": "f:9" })), "Function does not exist").await;
    let message = "1 validation error detected: Value null at 'startingPosition' failed to satisfy constraint: Member \
                   must not be null.";
    check(of(STREAM, json!({})), message).await;
    let at = json!({ "StartingPosition": "AT_TIMESTAMP", "StartingPositionTimestamp": 1_700_000_000 });
    check(of(TABLE, at), &format!("Unsupported starting position for arn type: {TABLE}")).await;
    let message = "StartingPositionTimestamp is required for StartingPosition AT_TIMESTAMP.";
    check(of(STREAM, json!({ "StartingPosition": "AT_TIMESTAMP" })), message).await;
    let message =
        "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10";
    check(of(QUEUE, json!({ "BatchSize": 11 })), message).await;
    let fifo = format!("{QUEUE}.fifo");
    let message = "Maximum batch size for FIFO queues is 10.";
    check(of(&fifo, json!({ "BatchSize": 11 })), message).await;
    let message = "Batching window is not supported for FIFO queues.";
    check(of(&fifo, json!({ "MaximumBatchingWindowInSeconds": 1 })), message).await;
    for (name, value) in [
        ("DestinationConfig", json!({ "OnFailure": { "Destination": QUEUE } })),
        ("StartingPosition", json!("LATEST")),
        ("ParallelizationFactor", json!(2)),
        ("TumblingWindowInSeconds", json!(2)),
        ("MaximumRetryAttempts", json!(2)),
        ("BisectBatchOnFunctionError", json!(true)),
        (
            "SourceAccessConfigurations",
            json!([{ "Type": "BASIC_AUTH", "URI": "arn:aws:secretsmanager:us-east-1:0:s" }]),
        ),
    ] {
        let mut body = of(QUEUE, json!({}));
        body[name] = value;
        check(body, &unsupported(name)).await;
    }
    check(of(QUEUE, json!({ "Topics": ["t1"] })), &unsupported("topics")).await;
    check(of(CLUSTER, json!({})), &missing("topics")).await;
    check(of(BROKER, json!({})), &missing("queues")).await;
    check(of(BROKER, json!({ "Queues": ["q"] })), &missing("sourceAccessConfigurations")).await;
    let endpoints = json!({ "Endpoints": { "KAFKA_BOOTSTRAP_SERVERS": ["kafka:9092"] } });
    let own = json!({ "FunctionName": "f", "SelfManagedEventSource": endpoints, "Topics": ["t1"] });
    check(own.clone(), &missing("sourceAccessConfigurations")).await;
    check(merged(own, &json!({ "EventSourceArn": CLUSTER })), unrecognized).await;
    let stream = |more: Value| merged(of(STREAM, json!({ "StartingPosition": "LATEST" })), &more);
    let message = "MaximumRecordAgeInSeconds must be -1 or between 60 and 604800.";
    check(stream(json!({ "MaximumRecordAgeInSeconds": 59 })), message).await;
    check(stream(json!({ "ScalingConfig": { "MaximumConcurrency": 2 } })), &unsupported("ScalingConfig"))
        .await;
    let to = "arn:aws:lambda:us-east-1:000000000000:function:f";
    let message = format!("The destination ARN {to} is invalid.");
    check(stream(json!({ "DestinationConfig": { "OnFailure": { "Destination": to } } })), &message).await;
    let filters = |patterns: &[&str]| {
        let filters = patterns.iter().map(|pattern| json!({ "Pattern": pattern })).collect::<Vec<_>>();
        json!({ "FilterCriteria": { "Filters": filters } })
    };
    let message = "Invalid filter pattern definition.";
    check(of(QUEUE, filters(&["{\"body\":\"x\"}"])), message).await;
    check(of(QUEUE, filters(&["{}", "x"])), message).await;
    check(of(QUEUE, filters(&["{}"; 6])), "Filter criteria can have at most 5 filters.").await;
    let both = json!({ "ScalingConfig": { "MaximumConcurrency": 2 }, "ProvisionedPollerConfig": { "MinimumPollers": 2 } });
    let message = "ScalingConfig and ProvisionedPollerConfig can not be used together.";
    check(of(QUEUE, both), message).await;
    let pollers = json!({ "ProvisionedPollerConfig": { "MinimumPollers": 3, "MaximumPollers": 2 } });
    check(of(QUEUE, pollers), "MinimumPollers must not be greater than MaximumPollers.").await;
    assert_eq!((lambda.rows(154).await, lambda.rows(155).await), (0, 0));
}

#[tokio::test]
async fn what_is_not_honoured_is_refused() {
    let lambda = unpolled().await;
    for (name, more) in [
        ("KMSKeyArn", json!({ "KMSKeyArn": "arn:aws:kms:us-east-1:000000000000:key/k" })),
        ("MetricsConfig", json!({ "MetricsConfig": { "Metrics": ["EventCount"] } })),
        ("LoggingConfig", json!({ "LoggingConfig": { "SystemLogLevel": "INFO" } })),
    ] {
        let message =
            format!("Lambent's CreateEventSourceMapping does not honour {name} yet, so it refuses it.");
        let body = of(QUEUE, merged(more, &json!({ "Enabled": false })));
        create(&lambda, body).await.refuses(501, "NotImplementedException", &message);
    }
    for (name, value) in [("BatchSize", json!(0)), ("ParallelizationFactor", json!(11))] {
        let mut body = of(QUEUE, json!({}));
        body[name] = value;
        let answer = create(&lambda, body).await;
        assert_eq!(
            (answer.status, answer.header("x-amzn-errortype")),
            (400, "ValidationException"),
            "{name}"
        );
    }
    let tags = (0..51).map(|number| (number.to_string(), json!("x"))).collect::<serde_json::Map<_, _>>();
    let message = "Number of tags exceeds resource tag limit.";
    let answer = create(&lambda, of(QUEUE, json!({ "Enabled": false, "Tags": tags }))).await;
    answer.refuses(400, "InvalidParameterValueException", message);
    assert_eq!(lambda.rows(154).await, 0);
}

#[tokio::test]
async fn a_source_that_can_not_be_polled_disables_its_mapping() {
    let (lambda, sources) = polling().await;
    sources.break_down();
    let created = create(&lambda, of(QUEUE, json!({}))).await.ok();
    let uuid = created["UUID"].as_str().expect("text");
    until(&lambda, uuid, "Disabled").await;
    let shown = lambda.get(&format!("{PATH}{uuid}")).await.ok();
    assert_eq!(shown["StateTransitionReason"], json!("The source broke down."));
}

#[tokio::test]
async fn a_crash_loses_neither_the_mapping_nor_its_polling() {
    let (lambda, sources) = polling().await;
    let created = create(&lambda, of(QUEUE, json!({}))).await.ok();
    let polled = created["UUID"].as_str().expect("text");
    until(&lambda, polled, "Enabled").await;
    lambda.stop_jobs().await;
    let created = create(&lambda, of(STREAM, json!({ "StartingPosition": "LATEST" }))).await.ok();
    let begun = created["UUID"].as_str().expect("text");
    sources.forget();
    lambda.start_jobs();
    until(&lambda, begun, "Enabled").await;
    let mut expected = [polled, begun];
    expected.sort_unstable();
    assert_eq!(sources.polled().keys().collect::<Vec<_>>(), expected);
}
