//! SnapStart over the wire: `CreateFunction`, `UpdateFunctionConfiguration`, `PublishVersion`, `Invoke`.

use serde_json::{Value, json};
use testkit::Lambda;

const FUNCTION: &str = "/2015-03-31/functions/f";

fn on() -> Value {
    json!({ "ApplyOn": "PublishedVersions" })
}

async fn create(lambda: &Lambda, handler: &str) {
    let body = Lambda::creation_with("f", json!({ "SnapStart": on(), "Handler": handler }));
    lambda.create(&body).await.ok();
    lambda.settled("f").await;
}

async fn published(lambda: &Lambda) -> Value {
    lambda.get(&format!("{FUNCTION}/configuration?Qualifier=1")).await.ok()
}

async fn settled(lambda: &Lambda) -> Value {
    lambda.until("a version to settle", || async { published(lambda).await["State"] != "Pending" }).await;
    published(lambda).await
}

#[tokio::test]
async fn a_version_is_active_once_its_snapshot_is_taken() {
    let lambda = Lambda::new().await;
    lambda.sandboxes.hold_starts();
    create(&lambda, "snap").await;
    let latest = lambda.configuration("f").await;
    assert_eq!(latest["SnapStart"], json!({ "ApplyOn": "PublishedVersions", "OptimizationStatus": "Off" }));
    let version = lambda.call("POST", &format!("{FUNCTION}/versions"), &json!({})).await.json();
    assert_eq!((&version["State"], &version["StateReasonCode"]), (&json!("Pending"), &json!("Creating")));
    assert_eq!(version["SnapStart"], json!({ "ApplyOn": "PublishedVersions", "OptimizationStatus": "On" }));
    lambda.sandboxes.until_asked(1).await;
    let message = "The operation cannot be performed at this time. The function is currently in the following state: \
                   Pending";
    lambda.invoke("f:1", "1").await.refuses(409, "ResourceConflictException", message);
    let revision = lambda.configuration("f").await["RevisionId"].clone();
    lambda.sandboxes.let_start(1);
    let version = settled(&lambda).await;
    assert_eq!((&version["State"], &version["LastUpdateStatus"]), (&json!("Active"), &json!("Successful")));
    assert_eq!(lambda.configuration("f").await["RevisionId"], revision, "only the version has changed");
    lambda.sandboxes.let_start(1);
    lambda.invoke("f:1", "1").await.is(200, "1");
    assert_eq!(lambda.sandboxes.asked(), 2);
    let path = "/2019-09-30/functions/f/provisioned-concurrency?Qualifier=1";
    let body = json!({ "ProvisionedConcurrentExecutions": 1 });
    let message = "Provisioned Concurrency is not supported for functions enabled with SnapStart.";
    lambda.call("PUT", path, &body).await.refuses(400, "InvalidParameterValueException", message);
}

#[tokio::test]
async fn a_version_that_cannot_be_copied_says_so() {
    let lambda = Lambda::new().await;
    lambda.sandboxes.refuse_snapshots("it has 2 threads");
    create(&lambda, "snap").await;
    lambda.call("POST", &format!("{FUNCTION}/versions"), &json!({})).await.json();
    let version = settled(&lambda).await;
    assert_eq!(version["State"], "Active");
    assert_eq!(version["SnapStart"], json!({ "ApplyOn": "PublishedVersions", "OptimizationStatus": "Off" }));
    lambda.invoke("f:1", "1").await.is(200, "1");
}

#[tokio::test]
async fn a_failed_init_fails_the_version() {
    for (handler, code) in
        [("init-raise", "FunctionError.RuntimeInitError"), ("init-exit", "FunctionError.RuntimeInitError")]
    {
        let lambda = Lambda::new().await;
        create(&lambda, handler).await;
        lambda.call("POST", &format!("{FUNCTION}/versions"), &json!({})).await.json();
        let version = settled(&lambda).await;
        assert_eq!((&version["State"], &version["StateReasonCode"]), (&json!("Failed"), &json!(code)));
        assert_eq!(version["LastUpdateStatusReasonCode"], code);
        assert_eq!(lambda.invoke("f:1", "1").await.status, 409);
        assert_eq!(lambda.configuration("f").await["State"], "Active");
    }
}

#[tokio::test]
async fn what_has_no_snapshots_is_refused() {
    let lambda = Lambda::new().await;
    let create = async |more: Value| {
        let mut body = Lambda::creation_with("f", more);
        body["SnapStart"] = on();
        lambda.create(&body).await
    };
    for runtime in ["nodejs22.x", "python3.11", "provided.al2023", "ruby3.4"] {
        let message = format!("{runtime} is not supported for SnapStart enabled functions.");
        let answer = create(json!({ "Runtime": runtime })).await;
        answer.refuses(400, "InvalidParameterValueException", &message);
    }
    for runtime in ["java21", "dotnet8"] {
        let answer = create(json!({ "Runtime": runtime })).await;
        assert_eq!(answer.status, 501, "{runtime}");
    }
    let message = "SnapStart enabled functions support ephemeral storage of up to 512 MB.";
    let answer = create(json!({ "EphemeralStorage": { "Size": 513 } })).await;
    answer.refuses(400, "InvalidParameterValueException", message);
    lambda.get(FUNCTION).await.refuses(
        404,
        "ResourceNotFoundException",
        "Function not found: arn:aws:lambda:us-east-1:000000000000:function:f",
    );
}

#[tokio::test]
async fn settings_are_checked_together() {
    let lambda = Lambda::new().await;
    lambda.function("f", "snap").await;
    let path = format!("{FUNCTION}/configuration");
    lambda.call("PUT", &path, &json!({ "EphemeralStorage": { "Size": 1024 } })).await.ok();
    lambda.settled("f").await;
    let answer = lambda.call("PUT", &path, &json!({ "SnapStart": on() })).await;
    assert_eq!(answer.status, 400);
    let both = json!({ "SnapStart": on(), "EphemeralStorage": { "Size": 512 } });
    lambda.call("PUT", &path, &both).await.ok();
    lambda.settled("f").await;
    assert_eq!(lambda.call("PUT", &path, &json!({ "Runtime": "nodejs22.x" })).await.status, 400);
    lambda.call("PUT", &path, &json!({ "SnapStart": { "ApplyOn": "None" } })).await.ok();
    lambda.settled("f").await;
    let shown = &lambda.configuration("f").await["SnapStart"];
    assert_eq!(*shown, json!({ "ApplyOn": "None", "OptimizationStatus": "Off" }));
}
