//! `UpdateFunctionConfiguration` over the wire.

use serde_json::{Value, json};
use testkit::{Answer, Lambda};

async fn update(lambda: &Lambda, body: Value) -> Answer {
    lambda.call("PUT", "/2015-03-31/functions/f/configuration", &body).await
}

async fn with_function() -> Lambda {
    let lambda = Lambda::new().await;
    let given = json!({ "Description": "old", "Environment": { "Variables": { "KEY": "1", "OTHER": "2" } } });
    lambda.create(&Lambda::creation_with("f", given)).await.ok();
    lambda.settled("f").await;
    lambda
}

#[tokio::test]
async fn what_is_given_replaces_and_the_rest_stays() {
    let lambda = with_function().await;
    let before = lambda.configuration("f").await;
    lambda.clock.advance(std::time::Duration::from_secs(60));
    update(&lambda, json!({ "Timeout": 10, "Environment": { "Variables": { "KEY": "3" } } })).await.ok();
    lambda.settled("f").await;
    let mut expected = before.clone();
    let after = lambda.configuration("f").await;
    expected["Timeout"] = json!(10);
    expected["Environment"] = json!({ "Variables": { "KEY": "3" } });
    expected["LastModified"] = json!("2026-11-23T10:12:12.345+0000");
    assert_ne!(after["RevisionId"], before["RevisionId"]);
    expected["RevisionId"] = after["RevisionId"].clone();
    assert_eq!(after, expected);
    update(&lambda, json!({ "Environment": { "Variables": {} }, "Handler": "held" })).await.ok();
    lambda.settled("f").await;
    let cleared = lambda.configuration("f").await;
    assert_eq!((cleared.get("Environment"), &cleared["Handler"]), (None, &json!("held")));
}

#[tokio::test]
async fn refusals_change_nothing() {
    let lambda = with_function().await;
    let before = lambda.configuration("f").await;
    for (name, more) in [
        ("VpcConfig", json!({ "VpcConfig": { "SecurityGroupIds": ["sg-1"] } })),
        (
            "DeadLetterConfig",
            json!({ "DeadLetterConfig": { "TargetArn": "arn:aws:sns:us-east-1:000000000000:t" } }),
        ),
        ("TracingConfig Active", json!({ "TracingConfig": { "Mode": "Active" } })),
        ("Layers", json!({ "Layers": ["arn:aws:lambda:us-east-1:000000000000:layer:l:1"] })),
        ("ImageConfig", json!({ "ImageConfig": {} })),
        ("DurableConfig", json!({ "DurableConfig": { "ExecutionTimeout": 60 } })),
    ] {
        let message =
            format!("Lambent's UpdateFunctionConfiguration does not honour {name} yet, so it refuses it.");
        update(&lambda, more).await.refuses(501, "NotImplementedException", &message);
    }
    let stale = json!({ "RevisionId": "00000000-0000-0000-0000-000000000000", "Timeout": 4 });
    let message = "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to \
                   retrieve the latest Revision Id";
    update(&lambda, stale).await.refuses(412, "PreconditionFailedException", message);
    for more in [
        json!({ "Timeout": 0 }),
        json!({ "MemorySize": 1 }),
        json!({ "Runtime": "java8" }),
        json!({ "Handler": "a b" }),
    ] {
        assert_eq!(update(&lambda, more.clone()).await.status, 400, "{more}");
    }
    assert_eq!(lambda.configuration("f").await, before);
}

#[tokio::test]
async fn not_while_it_is_being_created_or_updated() {
    let lambda = with_function().await;
    lambda.stop_jobs().await;
    let first = update(&lambda, json!({})).await.ok();
    assert_eq!(first["LastUpdateStatus"], "InProgress", "an update that changes nothing is one");
    let message = "The operation cannot be performed at this time. An update is in progress for resource: \
                   arn:aws:lambda:us-east-1:000000000000:function:f";
    update(&lambda, json!({ "Timeout": 4 })).await.refuses(409, "ResourceConflictException", message);
}

#[tokio::test]
async fn an_update_whose_package_is_lost_fails_and_the_old_settings_go_on() {
    let lambda = with_function().await;
    lambda.invoke("f", "1").await.is(200, "1");
    lambda.lose_packages().await;
    update(&lambda, json!({ "Timeout": 4 })).await.ok();
    lambda.settled("f").await;
    let shown = lambda.configuration("f").await;
    assert_eq!((&shown["State"], &shown["LastUpdateStatus"]), (&json!("Active"), &json!("Failed")));
    assert_eq!(shown["LastUpdateStatusReasonCode"], "InvalidZipFileException");
}
