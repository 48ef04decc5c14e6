//! Pipes themselves: made, shown, changed, listed and deleted.

use serde_json::{Value as Json, json};

use crate::platform::{Platform, ROLE, function, request};

const ARN: &str = "arn:aws:pipes:us-east-1:000000000000:pipe/p";

#[tokio::test]
async fn a_pipe_is_made_and_shown() {
    let platform = Platform::new().await;
    let queue = platform.queue("q", json!({})).await;
    let more = json!({
        "Description": "d", "Tags": { "k": "v" },
        "SourceParameters": {
            "SqsQueueParameters": { "BatchSize": 5 },
            "FilterCriteria": { "Filters": [{ "Pattern": "{\"body\":{\"n\":[1]}}" }] },
        },
        "TargetParameters": { "InputTemplate": "<$.body>" },
    });
    let made = platform.ask("POST", "/v1/pipes/p", request(&queue, &function("f"), more)).await.ok();
    assert_eq!((&made["Arn"], &made["Name"]), (&json!(ARN), &json!("p")));
    assert_eq!((&made["DesiredState"], &made["CurrentState"]), (&json!("RUNNING"), &json!("CREATING")));
    assert_eq!(made["CreationTime"], 1_795_428_672.345);
    platform.until_state("p", "RUNNING").await;
    let shown = platform.shown("p").await;
    assert_eq!(shown["Source"], queue);
    assert_eq!(shown["Target"], function("f"));
    assert_eq!((&shown["RoleArn"], &shown["Description"]), (&json!(ROLE), &json!("d")));
    assert_eq!(
        shown["SourceParameters"],
        json!({
            "FilterCriteria": { "Filters": [{ "Pattern": "{\"body\":{\"n\":[1]}}" }] },
            "SqsQueueParameters": { "BatchSize": 5, "MaximumBatchingWindowInSeconds": 0 },
        })
    );
    assert_eq!(
        shown["TargetParameters"],
        json!({ "InputTemplate": "<$.body>", "LambdaFunctionParameters": { "InvocationType": "REQUEST_RESPONSE" } })
    );
    assert_eq!(shown["Tags"], json!({ "k": "v" }));
    let again = platform.ask("POST", "/v1/pipes/p", request(&queue, &function("f"), json!({}))).await;
    again.refuses(409, "ConflictException", "Pipe p already exists.");
    assert_eq!(again.json()["resourceId"], "p");
}

#[tokio::test]
async fn a_pipe_stops_starts_and_goes() {
    let platform = Platform::new().await;
    let queue = platform.queue("q", json!({})).await;
    platform.pipe("p", &queue, &function("f"), json!({})).await;
    let stopped = platform.ask("POST", "/v1/pipes/p/stop", Json::Null).await.ok();
    assert_eq!((&stopped["DesiredState"], &stopped["CurrentState"]), (&json!("STOPPED"), &json!("STOPPING")));
    platform.until_state("p", "STOPPED").await;
    platform.send_to("q", "waits").await;
    let started = platform.ask("POST", "/v1/pipes/p/start", Json::Null).await.ok();
    assert_eq!(started["CurrentState"], "STARTING");
    assert_eq!(platform.events(1).await[0][0]["body"], "waits");
    let gone = platform.ask("DELETE", "/v1/pipes/p", Json::Null);
    platform.until_state("p", "RUNNING").await;
    let gone = gone.await.ok();
    assert_eq!((&gone["DesiredState"], &gone["CurrentState"]), (&json!("DELETED"), &json!("DELETING")));
    platform
        .until("no pipe", || async { platform.ask("GET", "/v1/pipes/p", Json::Null).await.status == 404 })
        .await;
    for (method, path) in
        [("DELETE", "/v1/pipes/p"), ("POST", "/v1/pipes/p/start"), ("POST", "/v1/pipes/p/stop")]
    {
        let answer = platform.ask(method, path, Json::Null).await;
        answer.refuses(404, "NotFoundException", "Pipe p does not exist.");
    }
}

#[tokio::test]
async fn an_update_keeps_what_it_does_not_say() {
    let platform = Platform::new().await;
    let queue = platform.queue("q", json!({})).await;
    let more = json!({
        "SourceParameters": { "SqsQueueParameters": { "BatchSize": 5 } },
        "TargetParameters": { "InputTemplate": "a" },
    });
    platform.pipe("p", &queue, &function("f"), more).await;
    let change = json!({ "RoleArn": ROLE, "Description": "new", "TargetParameters": { "InputTemplate": "b <$.body>" } });
    let changed = platform.ask("PUT", "/v1/pipes/p", change).await.ok();
    assert_eq!(changed["CurrentState"], "UPDATING");
    platform.until_state("p", "RUNNING").await;
    let shown = platform.shown("p").await;
    assert_eq!(shown["SourceParameters"]["SqsQueueParameters"]["BatchSize"], 5);
    assert_eq!((&shown["Target"], &shown["Description"]), (&json!(function("f")), &json!("new")));
    platform.send_to("q", "x").await;
    assert_eq!(platform.events(1).await[0], json!(["b x"]));
}

#[tokio::test]
async fn a_source_that_is_missing_fails_the_pipe() {
    let platform = Platform::new().await;
    let missing = "arn:aws:sqs:us-east-1:000000000000:q";
    platform.ask("POST", "/v1/pipes/p", request(missing, &function("f"), json!({}))).await.ok();
    platform.until_state("p", "CREATE_FAILED").await;
    assert_eq!(platform.shown("p").await["StateReason"], format!("The source {missing} does not exist."));
    platform.queue("q", json!({})).await;
    platform.ask("POST", "/v1/pipes/p/start", Json::Null).await.ok();
    platform.until_state("p", "RUNNING").await;
    assert_eq!(platform.shown("p").await["StateReason"], Json::Null);
}

#[tokio::test]
async fn pipes_are_listed_by_what_they_are() {
    let platform = Platform::new().await;
    let queue = platform.queue("q", json!({})).await;
    for name in ["a1", "a2", "b"] {
        platform.pipe(name, &queue, &function("f"), json!({ "DesiredState": "RUNNING" })).await;
    }
    platform.ask("POST", "/v1/pipes/b/stop", Json::Null).await.ok();
    platform.until_state("b", "STOPPED").await;
    let names = async |query: &str| {
        let listed = platform.ask("GET", &format!("/v1/pipes{query}"), Json::Null).await.ok();
        let pipes = listed["Pipes"].as_array().expect("a list").clone();
        (
            pipes.iter().map(|pipe| pipe["Name"].as_str().expect("a name").to_owned()).collect::<Vec<_>>(),
            listed,
        )
    };
    assert_eq!(names("").await.0, ["a1", "a2", "b"]);
    assert_eq!(names("?NamePrefix=a").await.0, ["a1", "a2"]);
    assert_eq!(names("?CurrentState=STOPPED").await.0, ["b"]);
    assert_eq!(names("?DesiredState=RUNNING").await.0, ["a1", "a2"]);
    assert_eq!(names("?TargetPrefix=arn:aws:sqs").await.0, Vec::<String>::new());
    assert_eq!(names("?SourcePrefix=arn:aws:sqs").await.0.len(), 3);
    let (first, listed) = names("?Limit=2").await;
    assert_eq!(first, ["a1", "a2"]);
    let token = listed["NextToken"].as_str().expect("more");
    assert_eq!(names(&format!("?Limit=2&NextToken={token}")).await.0, ["b"]);
    let bad = platform.ask("GET", "/v1/pipes?NextToken=!", Json::Null).await;
    bad.refuses(400, "ValidationException", "NextToken is not valid.");
}

#[tokio::test]
async fn tags_come_and_go() {
    let platform = Platform::new().await;
    let queue = platform.queue("q", json!({})).await;
    platform.pipe("p", &queue, &function("f"), json!({ "Tags": { "a": "1" } })).await;
    let path = format!("/tags/{}", ARN.replace(':', "%3A").replace('/', "%2F"));
    platform.ask("POST", &path, json!({ "tags": { "b": "2" } })).await.ok();
    platform.ask("DELETE", &format!("{path}?tagKeys=a"), Json::Null).await.ok();
    let tags = platform.ask("GET", &path, Json::Null).await.ok();
    assert_eq!(tags["tags"], json!({ "b": "2" }));
    let other = path.replace("pipe%2Fp", "pipe%2Fother");
    let answer = platform.ask("GET", &other, Json::Null).await;
    answer.refuses(404, "NotFoundException", "Pipe other does not exist.");
}

#[tokio::test]
async fn what_can_be_no_pipe_is_refused() {
    let platform = Platform::new().await;
    let queue = platform.queue("q", json!({})).await;
    let (stream, f) = ("arn:aws:kinesis:us-east-1:000000000000:stream/s", function("f"));
    let refused = |source: &str, target: &str, more: Json| {
        let platform = platform.clone();
        let body = request(source, target, more);
        async move {
            let answer = platform.ask("POST", "/v1/pipes/p", body).await;
            (answer.status, answer.json()["message"].as_str().unwrap_or_default().to_owned())
        }
    };
    let role = json!({ "RoleArn": "arn:aws:iam::111111111111:role/r" });
    assert_eq!(refused(&queue, &f, role).await, (400, "Cross-account pass role is not allowed.".to_owned()));
    for (source, target, more, status) in [
        ("arn:aws:sns:us-east-1:000000000000:t", f.as_str(), json!({}), 400),
        (stream, &f, json!({}), 400),
        (&queue, &f, json!({ "SourceParameters": { "SqsQueueParameters": { "BatchSize": 11 } } }), 400),
        (
            &queue,
            &f,
            json!({ "SourceParameters": { "KinesisStreamParameters": { "StartingPosition": "LATEST" } } }),
            400,
        ),
        (&queue, &f, json!({ "TargetParameters": { "InputTemplate": "<$.a[>" } }), 400),
        (
            &queue,
            &f,
            json!({ "SourceParameters": { "FilterCriteria": { "Filters": [{ "Pattern": "x" }] } } }),
            400,
        ),
        (&queue, stream, json!({}), 400),
        (&queue, "arn:aws:sqs:us-east-1:000000000000:o.fifo", json!({}), 400),
        (&queue, "arn:aws:sns:us-east-1:000000000000:t.fifo", json!({}), 400),
        (&queue, "arn:aws:events:us-east-1:111111111111:event-bus/b", json!({}), 400),
        (&queue, "arn:aws:events:us-east-1:000000000000:api-destination/a/1", json!({}), 501),
        (&queue, "arn:aws:states:us-east-1:000000000000:stateMachine:s", json!({}), 501),
        (&queue, &f, json!({ "Enrichment": "arn:aws:states:us-east-1:000000000000:stateMachine:s" }), 501),
        (&queue, &f, json!({ "LogConfiguration": { "Level": "INFO" } }), 501),
        (&queue, &f, json!({ "TargetParameters": { "HttpParameters": {} } }), 501),
        ("arn:aws:mq:us-east-1:000000000000:broker:b:b-1", &f, json!({}), 501),
    ] {
        let (found, message) = refused(source, target, more.clone()).await;
        assert_eq!(found, status, "{source} {target} {more}: {message}");
    }
    platform.ask("GET", "/v1/pipes/p", Json::Null).await.refuses(
        404,
        "NotFoundException",
        "Pipe p does not exist.",
    );
}
