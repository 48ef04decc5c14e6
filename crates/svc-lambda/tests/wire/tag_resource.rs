//! `TagResource` over the wire.

use serde_json::{Value, json};
use testkit::{Answer, Lambda};

const ARN: &str = "/2017-03-31/tags/arn%3Aaws%3Alambda%3Aus-east-1%3A000000000000%3Afunction%3Af";

async fn tag(lambda: &Lambda, tags: Value) -> Answer {
    lambda.call("POST", ARN, &json!({ "Tags": tags })).await
}

#[tokio::test]
async fn adds_and_changes() {
    let lambda = Lambda::new().await;
    lambda.function("f", "echo").await;
    tag(&lambda, json!({ "a": "1", "b": "2" })).await.is(204, "");
    tag(&lambda, json!({ "b": "3" })).await.is(204, "");
    lambda.get(ARN).await.is(200, r#"{"Tags":{"a":"1","b":"3"}}"#);
}

#[tokio::test]
async fn refusals_change_nothing() {
    let lambda = Lambda::new().await;
    lambda.function("f", "echo").await;
    tag(&lambda, json!({ "a": "1" })).await.ok();
    let bad = "InvalidParameterValueException";
    tag(&lambda, json!({})).await.refuses(400, bad, "An error occurred and the request cannot be processed.");
    let many = (0..50).map(|number| (number.to_string(), json!("x"))).collect::<serde_json::Map<_, _>>();
    tag(&lambda, many.into()).await.refuses(400, bad, "Number of tags exceeds resource tag limit.");
    let version = lambda.call("POST", &format!("{ARN}%3A1"), &json!({ "Tags": { "a": "2" } })).await;
    let message = "Tags on function aliases and versions are not supported. Please specify a function ARN.";
    version.refuses(400, bad, message);
    lambda.get(ARN).await.is(200, r#"{"Tags":{"a":"1"}}"#);
}

#[tokio::test]
async fn not_while_the_function_is_being_updated() {
    let lambda = Lambda::new().await;
    lambda.function("f", "echo").await;
    lambda.stop_jobs().await;
    lambda.call("PUT", "/2015-03-31/functions/f/configuration", &json!({ "Timeout": 4 })).await.ok();
    let message = "The operation cannot be performed at this time. An update is in progress for resource: \
                   arn:aws:lambda:us-east-1:000000000000:function:f";
    tag(&lambda, json!({ "a": "1" })).await.refuses(409, "ResourceConflictException", message);
}

#[tokio::test]
async fn a_tag_that_comes_while_the_function_is_being_created_holds_nothing_up() {
    let lambda = Lambda::new().await;
    lambda.stop_jobs().await;
    lambda.create(&Lambda::creation("f", "echo")).await.ok();
    // It waits for its package when it is tagged.
    lambda.hold_packages();
    lambda.start_jobs();
    lambda.until_packages_wanted(1).await;
    tag(&lambda, json!({ "a": "1" })).await.is(204, "");
    lambda.release_packages();
    lambda.settled("f").await;
    assert_eq!(lambda.configuration("f").await["State"], "Active");
    lambda.get(ARN).await.is(200, r#"{"Tags":{"a":"1"}}"#);
}

#[tokio::test]
async fn mappings_and_code_signing_configurations_have_tags_too() {
    let lambda = Lambda::new().await;
    lambda.function("f", "echo").await;
    let body = json!({
        "FunctionName": "f",
        "EventSourceArn": "arn:aws:sqs:us-east-1:000000000000:q",
        "Enabled": false,
        "Tags": { "a": "1" },
    });
    let mapping = lambda.call("POST", "/2015-03-31/event-source-mappings", &body).await.ok();
    let profile = "arn:aws:signer:us-east-1:000000000000:/signing-profiles/p/abcdefghij";
    let body =
        json!({ "AllowedPublishers": { "SigningProfileVersionArns": [profile] }, "Tags": { "a": "1" } });
    let config = lambda.call("POST", "/2020-04-22/code-signing-configs", &body).await.ok();
    for arn in [&mapping["EventSourceMappingArn"], &config["CodeSigningConfig"]["CodeSigningConfigArn"]] {
        let path = format!("/2017-03-31/tags/{}", arn.as_str().expect("text").replace(':', "%3A"));
        lambda.get(&path).await.is(200, r#"{"Tags":{"a":"1"}}"#);
        lambda.call("POST", &path, &json!({ "Tags": { "b": "2" } })).await.is(204, "");
        lambda.call("DELETE", &format!("{path}?tagKeys=a"), &Value::Null).await.is(204, "");
        lambda.get(&path).await.is(200, r#"{"Tags":{"b":"2"}}"#);
    }
}

#[tokio::test]
async fn what_is_not_there_has_no_tags() {
    let lambda = Lambda::new().await;
    let of = |account: &str, rest: &str| format!("arn:aws:lambda:us-east-1:{account}:{rest}");
    let mapping = "event-source-mapping:00000000-0000-0000-0000-000000000000";
    let config = "code-signing-config:csc-00000000000000000";
    for account in ["000000000000", "111111111111"] {
        for (arn, message) in [
            (of(account, mapping), "Event source mapping not found: ARN"),
            (of(account, config), "The Lambda code signing configuration ARN can not be found."),
        ] {
            let path = format!("/2017-03-31/tags/{}", arn.replace(':', "%3A"));
            let message = message.replace("ARN", &arn);
            lambda.get(&path).await.refuses(404, "ResourceNotFoundException", &message);
            let answer = lambda.call("POST", &path, &json!({ "Tags": { "a": "1" } })).await;
            answer.refuses(404, "ResourceNotFoundException", &message);
        }
    }
    let provider = of("000000000000", "capacity-provider:p").replace(':', "%3A");
    let message = "Lambent's ListTags does not honour Resource of a capacity-provider yet, so it refuses it.";
    let answer = lambda.get(&format!("/2017-03-31/tags/{provider}")).await;
    answer.refuses(501, "NotImplementedException", message);
}
