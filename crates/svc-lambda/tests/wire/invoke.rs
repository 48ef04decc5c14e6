//! `Invoke` over the wire.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use std::time::Duration;

use execution::{Options, Rates};
use serde_json::json;
use testkit::{Event, Lambda};

async fn with_function(handler: &str) -> Lambda {
    let lambda = Lambda::new().await;
    lambda.function("f", handler).await;
    lambda
}

#[tokio::test]
async fn answers_what_the_function_returned() {
    let lambda = with_function("echo").await;
    let answer = lambda.invoke("f", "{\"a\": 1}").await;
    answer.is(200, "{\"a\": 1}");
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.header("x-amz-executed-version"), "$LATEST");
    assert_eq!((answer.header("x-amz-function-error"), answer.header("x-amz-log-result")), ("", ""));
    for name in ["f?Qualifier=$LATEST", "f:$LATEST", "arn:aws:lambda:us-east-1:000000000000:function:f"] {
        lambda.invoke(name, "1").await.is(200, "1");
    }
    lambda.invoke("f", "").await.is(200, "{}");
}

#[tokio::test]
async fn a_functions_error_is_a_success_with_a_header() {
    let lambda = with_function("raise").await;
    let answer = lambda.invoke("f", "1").await;
    answer.is(200, r#"{"errorType":"ValueError","errorMessage":"bad"}"#);
    assert_eq!(answer.header("x-amz-function-error"), "Unhandled");
    lambda.function("g", "exit").await;
    let answer = lambda.invoke("g", "1").await;
    let id = answer.header("x-amzn-requestid").to_owned();
    let text = format!("RequestId: {id} Error: Runtime exited with error: exit status 3");
    answer.is(200, &format!(r#"{{"errorType":"Runtime.ExitError","errorMessage":"{text}"}}"#));
}

#[tokio::test]
async fn the_log_tail_is_given_when_asked_for_and_logs_are_shipped() {
    let lambda = with_function("echo").await;
    let answer = lambda.invoke_with("f", &[("x-amz-log-type", "Tail")], "1").await;
    let id = answer.header("x-amzn-requestid");
    let tail = BASE64.decode(answer.header("x-amz-log-result")).expect("base64");
    let tail = String::from_utf8(tail).expect("text");
    let lines = tail.lines().collect::<Vec<_>>();
    assert_eq!(
        lines[..2],
        [format!("START RequestId: {id} Version: $LATEST"), format!("END RequestId: {id}")]
    );
    assert!(lines[2].starts_with(&format!("REPORT RequestId: {id}\tDuration: 0.00 ms\t")), "{}", lines[2]);
    lambda.ship_logs().await;
    let shipped =
        lambda.json("logs", "FilterLogEvents", &json!({ "logGroupName": "/aws/lambda/f" })).await.ok();
    let shipped = shipped["events"].as_array().expect("a list").iter().map(|event| event["message"].clone());
    let shipped = shipped.collect::<Vec<_>>();
    assert!(shipped[0].as_str().expect("text").starts_with("INIT_START Runtime Version: python:3.13\t"));
    assert_eq!(shipped[1..], lines);
}

#[tokio::test]
async fn a_dry_run_runs_nothing() {
    let lambda = with_function("echo").await;
    let dry = [("x-amz-invocation-type", "DryRun")];
    lambda.invoke_with("f", &dry, "1").await.is(204, "");
    assert_eq!(lambda.sandboxes.asked(), 0);
    assert_eq!(lambda.invoke_with("g", &dry, "1").await.status, 404);
}

#[tokio::test]
async fn bad_requests_reach_no_function() {
    let lambda = with_function("echo").await;
    let large = format!("\"{}\"", "x".repeat(6 * 1024 * 1024 - 1));
    let message =
        "6291457 byte payload is too large for the RequestResponse invocation type (limit 6291456 bytes)";
    lambda.invoke("f", &large).await.refuses(413, "RequestTooLargeException", message);
    let answer = lambda.invoke("f", "{").await;
    let frame = "Could not parse request body into json: Could not parse payload into json: ";
    assert_eq!((answer.status, answer.header("x-amzn-errortype")), (400, "InvalidRequestContentException"));
    assert!(answer.json()["message"].as_str().expect("a message").starts_with(frame));
    let context = [("x-amz-client-context", "no base64")];
    let message = "Client context must be a valid Base64-encoded JSON object.";
    lambda.invoke_with("f", &context, "1").await.refuses(400, "InvalidRequestContentException", message);
    for (name, value, parameter) in
        [("x-amz-durable-execution-name", "d", "DurableExecutionName"), ("x-amz-tenant-id", "t", "TenantId")]
    {
        let message = format!("Lambent's Invoke does not honour {parameter} yet, so it refuses it.");
        lambda.invoke_with("f", &[(name, value)], "1").await.refuses(
            501,
            "NotImplementedException",
            &message,
        );
    }
    let missing = "Function not found: arn:aws:lambda:us-east-1:000000000000:function:";
    let code = "ResourceNotFoundException";
    lambda.invoke("g", "1").await.refuses(404, code, &format!("{missing}g:$LATEST"));
    lambda.invoke("f:live", "1").await.refuses(404, code, &format!("{missing}f:live"));
    assert_eq!(lambda.sandboxes.asked(), 0);
}

#[tokio::test]
async fn pending_functions_and_missing_runtimes_are_refused() {
    let lambda = Lambda::new().await;
    let body = Lambda::creation_with("n", json!({ "Runtime": "nodejs22.x" }));
    lambda.create(&body).await.ok();
    lambda.settled("n").await;
    let folder = lambda.runtimes();
    let message = format!(
        "nodejs22.x: there is no nodejs on this host; install one (apt-get install nodejs) or put one into {}",
        folder.display()
    );
    lambda.invoke("n", "1").await.refuses(502, "InvalidRuntimeException", &message);
    lambda.stop_jobs().await;
    lambda.create(&Lambda::creation("f", "echo")).await.ok();
    let message = "The operation cannot be performed at this time. The function is currently in the following state: Pending";
    lambda.invoke("f", "1").await.refuses(409, "ResourceConflictException", message);
}

#[tokio::test]
async fn too_many_at_once_are_throttled() {
    let lambda = Lambda::with(|options| Options { concurrency_max: 1, ..options }).await;
    lambda.function("f", "held").await;
    let (first, refused) = tokio::join!(lambda.invoke("f", "1"), async {
        lambda.sandboxes.until(Event::Works(1)).await;
        let refused = lambda.invoke("f", "1").await;
        lambda.sandboxes.let_go_on(1);
        refused
    });
    first.is(200, "1");
    refused.refuses(429, "TooManyRequestsException", "Rate Exceeded.");
    refused.is(
        429,
        r#"{"Type":"User","message":"Rate Exceeded.","Reason":"ConcurrentInvocationLimitExceeded"}"#,
    );
    assert_eq!(refused.header("retry-after"), "1");
}

#[tokio::test]
async fn too_often_is_throttled_by_the_clock() {
    let rates = Rates { scaling_per_10_s: 1000, requests_per_unit: Some(2) };
    let lambda = Lambda::with(|options| Options { concurrency_max: 3, rates, ..options }).await;
    lambda.function("f", "echo").await;
    let calls = async |count: usize| {
        let mut statuses = Vec::new();
        for _ in 0..count {
            statuses.push(lambda.invoke("f", "1").await.status);
        }
        statuses
    };
    assert_eq!(calls(7).await, [200, 200, 200, 200, 200, 200, 429]);
    let refused = lambda.invoke("f", "1").await;
    let reason = "FunctionInvocationRateLimitExceeded";
    refused.is_json(429, &json!({ "Type": "User", "message": "Rate Exceeded.", "Reason": reason }));
    assert_eq!(refused.header("retry-after"), "1");
    lambda.wire.clock.advance(Duration::from_millis(500));
    assert_eq!(calls(4).await, [200, 200, 200, 429]);
    let body = json!({ "ReservedConcurrentExecutions": 0 });
    lambda.call("PUT", "/2017-10-31/functions/f/concurrency", &body).await.ok();
    let reason = "ReservedFunctionConcurrentInvocationLimitExceeded";
    assert_eq!(lambda.invoke("f", "1").await.json()["Reason"], reason);
    lambda.call("DELETE", "/2017-10-31/functions/f/concurrency", &json!(null)).await.ok();
    lambda.wire.clock.advance(Duration::from_secs(3600));
    assert_eq!(calls(7).await, [200, 200, 200, 200, 200, 200, 429], "an hour's allowance does not add up");
}

#[tokio::test]
async fn a_function_that_grows_too_fast_is_throttled() {
    let rates = Rates { scaling_per_10_s: 1, requests_per_unit: None };
    let lambda = Lambda::with(|options| Options { rates, ..options }).await;
    lambda.function("f", "held").await;
    lambda
        .call("PUT", "/2017-10-31/functions/f/concurrency", &json!({ "ReservedConcurrentExecutions": 9 }))
        .await
        .ok();
    let (first, refused) = tokio::join!(lambda.invoke("f", "1"), async {
        lambda.sandboxes.until(Event::Works(1)).await;
        let refused = lambda.invoke("f", "1").await;
        lambda.sandboxes.let_go_on(1);
        refused
    });
    first.is(200, "1");
    assert_eq!(refused.json()["Reason"], "ReservedFunctionInvocationRateLimitExceeded");
}

#[tokio::test]
async fn a_custom_runtime_needs_its_bootstrap() {
    let lambda = Lambda::new().await;
    let zip = BASE64.encode(testkit::package_of(&[("other", 0o755, b"x")]));
    let body =
        Lambda::creation_with("f", json!({ "Runtime": "provided.al2023", "Code": { "ZipFile": zip } }));
    lambda.create(&body).await.ok();
    lambda.settled("f").await;
    let answer = lambda.invoke("f", "1").await;
    let id = answer.header("x-amzn-requestid").to_owned();
    let text = format!(
        "RequestId: {id} Error: Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]"
    );
    answer.is(200, &format!(r#"{{"errorType":"Runtime.InvalidEntrypoint","errorMessage":"{text}"}}"#));
}
