//! `CreateAlias` over the wire.

use serde_json::{Value, json};
use testkit::{Answer, Lambda};

const ARN: &str = "arn:aws:lambda:us-east-1:000000000000:function:f";

async fn alias(lambda: &Lambda, body: Value) -> Answer {
    lambda.call("POST", "/2015-03-31/functions/f/aliases", &body).await
}

/// A function `f` with the versions 1 and 2.
async fn two_versions() -> Lambda {
    let lambda = Lambda::new().await;
    lambda.function("f", "echo").await;
    lambda.call("POST", "/2015-03-31/functions/f/versions", &json!({})).await.ok();
    lambda.call("PUT", "/2015-03-31/functions/f/configuration", &json!({ "Timeout": 9 })).await.ok();
    lambda.settled("f").await;
    lambda.call("POST", "/2015-03-31/functions/f/versions", &json!({})).await.ok();
    lambda
}

#[tokio::test]
async fn an_alias_leads_to_its_version() {
    let lambda = two_versions().await;
    let answer = alias(&lambda, json!({ "Name": "live", "FunctionVersion": "1", "Description": "d" })).await;
    let created = answer.json();
    assert_eq!(
        (answer.status, &created["AliasArn"], &created["FunctionVersion"], &created["Description"]),
        (201, &json!(format!("{ARN}:live")), &json!("1"), &json!("d"))
    );
    assert_eq!((created["Name"].as_str(), created.get("RoutingConfig")), (Some("live"), None));
    let invoked = lambda.invoke("f:live", "7").await;
    invoked.is(200, "7");
    assert_eq!(invoked.header("x-amz-executed-version"), "1");
    let shown = lambda.configuration("f:live").await;
    assert_eq!((&shown["FunctionArn"], &shown["Version"]), (&json!(format!("{ARN}:live")), &json!("1")));
    alias(&lambda, json!({ "Name": "dev", "FunctionVersion": "$LATEST" })).await.ok();
    assert_eq!(lambda.invoke("f:dev", "7").await.header("x-amz-executed-version"), "$LATEST");
}

#[tokio::test]
async fn weights_hold() {
    let lambda = two_versions().await;
    let routing = json!({ "AdditionalVersionWeights": { "2": 0.25 } });
    let created = alias(&lambda, json!({ "Name": "live", "FunctionVersion": "1", "RoutingConfig": routing }))
        .await
        .ok();
    assert_eq!(created["RoutingConfig"], routing);
    let mut second = 0;
    for _ in 0..400 {
        let version = lambda.invoke("f:live", "7").await.header("x-amz-executed-version").to_owned();
        second += usize::from(version == "2");
    }
    // Four standard deviations of 400 draws: 4 × √(400 × 0.25 × 0.75).
    assert!((65..=135).contains(&second), "{second} of 400");
}

#[tokio::test]
async fn what_leads_nowhere_is_refused() {
    let lambda = Lambda::new().await;
    let body = json!({ "Name": "live", "FunctionVersion": "1" });
    let message = format!("Function not found: {ARN}");
    alias(&lambda, body.clone()).await.refuses(404, "ResourceNotFoundException", &message);
    let lambda = two_versions().await;
    alias(&lambda, body.clone()).await.ok();
    let message = format!("Alias already exists: {ARN}:live");
    alias(&lambda, body).await.refuses(409, "ResourceConflictException", &message);
    let check = async |body: Value, status: u16, code: &str, message: &str| {
        alias(&lambda, body).await.refuses(status, code, message);
    };
    let weighted = |version: &str, weights: Value| json!({ "Name": "a", "FunctionVersion": version, "RoutingConfig": { "AdditionalVersionWeights": weights } });
    let (missing, invalid) = ("ResourceNotFoundException", "InvalidParameterValueException");
    let message = format!("Function not found: {ARN}:9");
    check(json!({ "Name": "a", "FunctionVersion": "9" }), 404, missing, &message).await;
    check(weighted("1", json!({ "9": 0.5 })), 404, missing, &message).await;
    let message = "Number of items in AdditionalVersionWeights cannot be greater than 1";
    check(weighted("1", json!({ "2": 0.5, "9": 0.1 })), 400, invalid, message).await;
    let message =
        "Invalid function version 1. Function version 1 is already included in routing configuration.";
    check(weighted("1", json!({ "1": 0.5 })), 400, invalid, message).await;
    let message = "$LATEST is not supported for an alias pointing to more than 1 version";
    check(weighted("$LATEST", json!({ "1": 0.5 })), 400, invalid, message).await;
    for body in [
        weighted("1", json!({ "2": 1.5 })),
        json!({ "Name": "12", "FunctionVersion": "1" }),
        json!({ "Name": "a", "FunctionVersion": "x" }),
    ] {
        let answer = alias(&lambda, body.clone()).await;
        assert_eq!(
            (answer.status, answer.header("x-amzn-errortype")),
            (400, "ValidationException"),
            "{body}"
        );
    }
    assert_eq!(lambda.get("/2015-03-31/functions/f/aliases/a").await.status, 404);
}
