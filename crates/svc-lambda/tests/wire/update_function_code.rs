//! `UpdateFunctionCode` over the wire.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};
use testkit::{Answer, Event, Lambda, package};

async fn update(lambda: &Lambda, body: Value) -> Answer {
    lambda.call("PUT", "/2015-03-31/functions/f/code", &body).await
}

fn code(content: &str) -> Value {
    json!({ "ZipFile": BASE64.encode(package(content)) })
}

#[tokio::test]
async fn the_new_package_goes_live_and_the_old_environment_ends() {
    let lambda = Lambda::new().await;
    lambda.function("f", "echo").await;
    let before = lambda.configuration("f").await;
    lambda.invoke("f", "1").await.is(200, "1");
    let answer = update(&lambda, code("other")).await.ok();
    assert_eq!((&answer["State"], &answer["LastUpdateStatus"]), (&json!("Active"), &json!("InProgress")));
    assert_eq!(answer["LastUpdateStatusReason"], "The function is being created.");
    assert_eq!(answer["LastUpdateStatusReasonCode"], "Creating");
    assert_ne!(answer["CodeSha256"], before["CodeSha256"]);
    lambda.settled("f").await;
    let after = lambda.configuration("f").await;
    assert_eq!(after["LastUpdateStatus"], "Successful");
    assert!(after["RevisionId"] != answer["RevisionId"] && answer["RevisionId"] != before["RevisionId"]);
    lambda.sandboxes.until(Event::Killed(1)).await;
    lambda.invoke("f", "2").await.is(200, "2");
    lambda.sandboxes.until(Event::Started(2)).await;
}

#[tokio::test]
async fn conflicts_change_nothing() {
    let lambda = Lambda::new().await;
    lambda.stop_jobs().await;
    lambda.create(&Lambda::creation("f", "echo")).await.ok();
    let pending = "The operation cannot be performed at this time. The function is currently in the following state: Pending";
    update(&lambda, code("other")).await.refuses(409, "ResourceConflictException", pending);
    lambda.start_jobs();
    lambda.settled("f").await;
    let before = lambda.configuration("f").await;
    let mut body = code("other");
    body["RevisionId"] = json!("00000000-0000-0000-0000-000000000000");
    let message = "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to \
                   retrieve the latest Revision Id";
    update(&lambda, body).await.refuses(412, "PreconditionFailedException", message);
    let broken = "Could not unzip uploaded file. Please check your file, then try to upload again.";
    let answer = update(&lambda, json!({ "ZipFile": BASE64.encode("no zip") })).await;
    answer.refuses(400, "InvalidParameterValueException", broken);
    let mut dry = code("other");
    dry["DryRun"] = json!(true);
    update(&lambda, dry).await.ok();
    assert_eq!(lambda.configuration("f").await, before);

    lambda.stop_jobs().await;
    let mut body = code("other");
    body["RevisionId"] = before["RevisionId"].clone();
    update(&lambda, body).await.ok();
    let progress = "The operation cannot be performed at this time. An update is in progress for resource: \
                    arn:aws:lambda:us-east-1:000000000000:function:f";
    update(&lambda, code("third")).await.refuses(409, "ResourceConflictException", progress);
    lambda.invoke("f", "1").await.is(200, "1");
}

#[tokio::test]
async fn what_is_missing_or_not_honoured_is_refused() {
    let lambda = Lambda::new().await;
    let missing = "Function not found: arn:aws:lambda:us-east-1:000000000000:function:f";
    update(&lambda, code("other")).await.refuses(404, "ResourceNotFoundException", missing);
    lambda.function("f", "echo").await;
    let bad = "InvalidParameterValueException";
    update(&lambda, json!({})).await.refuses(400, bad, "Please provide a source for function code.");
    let image = "Please don't provide ImageUri when updating a function with packageType Zip.";
    update(&lambda, json!({ "ImageUri": "000000000000.dkr.ecr.us-east-1.amazonaws.com/i:1" }))
        .await
        .refuses(400, bad, image);
    for (name, more) in [
        ("S3Bucket", json!({ "S3Bucket": "bucket", "S3Key": "key" })),
        ("PublishTo", json!({ "PublishTo": "LATEST_PUBLISHED" })),
    ] {
        let message = format!("Lambent's UpdateFunctionCode does not honour {name} yet, so it refuses it.");
        update(&lambda, more).await.refuses(501, "NotImplementedException", &message);
    }
}
