//! `PublishVersion` over the wire.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};
use testkit::{Answer, Lambda, package};

const ARN: &str = "arn:aws:lambda:us-east-1:000000000000:function:f";

async fn publish(lambda: &Lambda, body: Value) -> Answer {
    lambda.call("POST", "/2015-03-31/functions/f/versions", &body).await
}

async fn change(lambda: &Lambda, body: Value) {
    lambda.call("PUT", "/2015-03-31/functions/f/configuration", &body).await.ok();
    lambda.settled("f").await;
}

#[tokio::test]
async fn a_version_keeps_what_the_function_was() {
    let lambda = Lambda::new().await;
    lambda.function("f", "echo").await;
    let before = lambda.configuration("f").await;
    let first = publish(&lambda, json!({ "Description": "first" })).await;
    assert_eq!(first.status, 201);
    let first = first.json();
    assert_eq!(
        (&first["Version"], &first["FunctionArn"], &first["Description"], &first["State"]),
        (&json!("1"), &json!(format!("{ARN}:1")), &json!("first"), &json!("Active"))
    );
    assert_eq!(first["LastUpdateStatus"], "Successful");
    assert_ne!(lambda.configuration("f").await["RevisionId"], before["RevisionId"]);
    change(&lambda, json!({ "Timeout": 9 })).await;
    let second = publish(&lambda, json!({})).await.json();
    assert_eq!((&second["Version"], &second["Description"]), (&json!("2"), &json!("")));

    let answer = lambda.invoke("f?Qualifier=1", "1").await;
    answer.is(200, "1");
    assert_eq!(answer.header("x-amz-executed-version"), "1");
    assert_eq!(lambda.invoke("f:2", "1").await.header("x-amz-executed-version"), "2");
    assert_eq!(lambda.invoke("f", "1").await.header("x-amz-executed-version"), "$LATEST");
    let read = lambda.get("/2015-03-31/functions/f?Qualifier=1").await.ok();
    assert_eq!(read["Configuration"], first);
    let message = format!("Function not found: {ARN}:3");
    lambda.invoke("f:3", "1").await.refuses(404, "ResourceNotFoundException", &message);
    lambda.invoke("f:01", "1").await.refuses(
        404,
        "ResourceNotFoundException",
        &format!("Function not found: {ARN}:01"),
    );
}

#[tokio::test]
async fn what_has_not_changed_is_not_published_again() {
    let lambda = Lambda::new().await;
    lambda.function("f", "echo").await;
    let first = publish(&lambda, json!({})).await.json();
    let again = publish(&lambda, json!({ "Description": "another" })).await;
    again.is_json(201, &first);
    change(&lambda, json!({ "Timeout": 9 })).await;
    change(&lambda, json!({ "Timeout": 3 })).await;
    assert_eq!(publish(&lambda, json!({})).await.json()["Version"], "1");
    change(&lambda, json!({ "Timeout": 9 })).await;
    assert_eq!(publish(&lambda, json!({})).await.json()["Version"], "2");
    // A number is never used again.
    lambda.call("DELETE", "/2015-03-31/functions/f?Qualifier=2", &Value::Null).await.is(204, "");
    assert_eq!(publish(&lambda, json!({})).await.json()["Version"], "3");
}

#[tokio::test]
async fn preconditions_hold() {
    let lambda = Lambda::new().await;
    lambda.function("f", "echo").await;
    let before = lambda.configuration("f").await;
    let current = before["CodeSha256"].as_str().expect("a hash");
    let message = format!(
        "CodeSHA256 (x) is different from current CodeSHA256 in $LATEST ({current}). Please try again with the CodeSHA256 \
         in $LATEST."
    );
    let answer = publish(&lambda, json!({ "CodeSha256": "x" })).await;
    answer.refuses(400, "InvalidParameterValueException", &message);
    let message = "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to \
                   retrieve the latest Revision Id";
    let answer = publish(&lambda, json!({ "RevisionId": "x" })).await;
    answer.refuses(412, "PreconditionFailedException", message);
    let answer = publish(&lambda, json!({ "PublishTo": "LATEST_PUBLISHED" })).await;
    assert_eq!(answer.status, 501);
    assert_eq!(lambda.configuration("f").await, before);
    publish(&lambda, json!({ "CodeSha256": current, "RevisionId": before["RevisionId"] })).await.ok();

    lambda.stop_jobs().await;
    let update = json!({ "Timeout": 9 });
    lambda.call("PUT", "/2015-03-31/functions/f/configuration", &update).await.ok();
    let message = format!(
        "The operation cannot be performed at this time. An update is in progress for resource: {ARN}"
    );
    publish(&lambda, json!({})).await.refuses(409, "ResourceConflictException", &message);
}

#[tokio::test]
async fn creating_and_updating_can_publish_at_once() {
    let lambda = Lambda::new().await;
    lambda.stop_jobs().await;
    let created = lambda.create(&Lambda::creation_with("f", json!({ "Publish": true }))).await.ok();
    assert_eq!((&created["Version"], &created["FunctionArn"]), (&json!("1"), &json!(ARN)));
    assert_eq!(lambda.configuration("f:1").await["State"], "Pending");
    let message = "The operation cannot be performed at this time. The function is currently in the following state: Pending";
    lambda.invoke("f:1", "1").await.refuses(409, "ResourceConflictException", message);
    lambda.start_jobs();
    lambda.settled("f:1").await;
    lambda.invoke("f:1", "1").await.is(200, "1");
    let code = json!({ "ZipFile": BASE64.encode(package("other")), "Publish": true });
    let updated = lambda.call("PUT", "/2015-03-31/functions/f/code", &code).await.ok();
    assert_eq!(
        (&updated["Version"], &updated["FunctionArn"], &updated["LastUpdateStatus"]),
        (&json!("2"), &json!(format!("{ARN}:2")), &json!("InProgress"))
    );
    lambda.settled("f:2").await;
    assert_eq!(lambda.configuration("f:2").await["State"], "Active");
    assert_ne!(
        lambda.configuration("f:2").await["CodeSha256"],
        lambda.configuration("f:1").await["CodeSha256"]
    );
    // The same code again is the same version.
    let updated = lambda.call("PUT", "/2015-03-31/functions/f/code", &code).await.ok();
    assert_eq!(updated["Version"], "2");
}
