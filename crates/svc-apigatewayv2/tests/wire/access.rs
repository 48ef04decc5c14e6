//! Who may take a route: signatures and authorizers.

use std::time::Duration;

use serde_json::{Value as Json, json};
use testkit::{Runtime, request};

use crate::Http;

/// An API with one route, which an authorizer of these settings guards; its function answers `answer`.
async fn guarded(answer: &'static str, more: Json) -> Http {
    let http = Http::new().await;
    http.lambda.sandboxes.on("guard", move |mut runtime: Runtime| async move {
        loop {
            let work = runtime.next().await;
            // What it was asked goes into the context, so that the test sees it.
            let event = String::from_utf8(work.payload.clone()).expect("text");
            let context = json!({ "event": event, "n": 1 }).to_string();
            runtime.respond(&work.id, answer.replace("CONTEXT", &context).as_bytes()).await;
        }
    });
    let guard = http.function("guard", "guard").await;
    let uri = http.function("f", "echo").await;
    let mut body = json!({
        "name": "a",
        "authorizerType": "REQUEST",
        "identitySource": ["$request.header.Authorization"],
        "authorizerUri": guard,
        "authorizerPayloadFormatVersion": "2.0",
    });
    body.as_object_mut().expect("made above").extend(more.as_object().expect("an object").clone());
    let id = http.post("authorizers", &body).await.ok()["authorizerId"].clone();
    let guarded = json!({ "authorizationType": "CUSTOM", "authorizerId": id });
    http.route_to("GET /a/{id}", &crate::integration(&uri, "2.0"), &guarded).await;
    http
}

const TOKEN: [(&str, &str); 1] = [("authorization", "t")];

#[tokio::test]
async fn simple_answers_count() {
    let http =
        guarded(r#"{"isAuthorized":true,"context":CONTEXT}"#, json!({ "enableSimpleResponses": true })).await;
    http.visit("/a/1").await.is(401, r#"{"message":"Unauthorized"}"#);
    let event = http.send("GET", "/a/1?q=1", &TOKEN, "").await.ok();
    let said = &event["requestContext"]["authorizer"]["lambda"];
    assert_eq!(said["n"], 1);
    let asked: Json = serde_json::from_str(said["event"].as_str().expect("text")).expect("JSON");
    assert_eq!((&asked["version"], &asked["type"]), (&json!("2.0"), &json!("REQUEST")));
    let arn = format!("arn:aws:execute-api:us-east-1:000000000000:{}/$default/GET/a/1", http.id);
    assert_eq!(asked["routeArn"], arn);
    assert_eq!(asked["identitySource"], json!(["t"]));
    assert_eq!(
        (&asked["routeKey"], &asked["pathParameters"]),
        (&json!("GET /a/{id}"), &json!({ "id": "1" }))
    );
    assert!(asked.get("body").is_none());

    let http = guarded(r#"{"isAuthorized":false}"#, json!({ "enableSimpleResponses": true })).await;
    http.send("GET", "/a/1", &TOKEN, "").await.is(403, r#"{"message":"Forbidden"}"#);
}

const POLICY: &str = r#"{"principalId":"me","context":{"a":"b"},"policyDocument":{"Version":"2012-10-17","Statement":
    {"Effect":"Allow","Action":"execute-api:Invoke","Resource":"arn:aws:execute-api:*:*:*/*/GET/a/1"}}}"#;

#[tokio::test]
async fn policies_count_for_what_they_name() {
    let http = guarded(POLICY, json!({ "authorizerResultTtlInSeconds": 60 })).await;
    let event = http.send("GET", "/a/1", &TOKEN, "").await.ok();
    let said = json!({ "a": "b", "principalId": "me" });
    assert_eq!(event["requestContext"]["authorizer"]["lambda"], said);
    http.send("GET", "/a/2", &TOKEN, "").await.is(403, r#"{"message":"Forbidden"}"#);
}

#[tokio::test]
async fn answers_are_remembered_for_a_while() {
    let http = guarded(POLICY, json!({ "authorizerResultTtlInSeconds": 60 })).await;
    http.send("GET", "/a/1", &TOKEN, "").await.ok();
    // Without its function an authorizer can only say what it said before.
    http.lambda.call("DELETE", "/2015-03-31/functions/guard", &Json::Null).await.ok();
    http.lambda.clock.advance(Duration::from_secs(59));
    http.send("GET", "/a/1", &TOKEN, "").await.ok();
    let error = r#"{"message":"Internal Server Error"}"#;
    http.send("GET", "/a/1", &[("authorization", "u")], "").await.is(500, error);
    http.lambda.clock.advance(Duration::from_secs(1));
    http.send("GET", "/a/1", &TOKEN, "").await.is(500, error);
}

#[tokio::test]
async fn a_cache_is_reset() {
    let http = guarded(POLICY, json!({ "authorizerResultTtlInSeconds": 3600 })).await;
    http.send("GET", "/a/1", &TOKEN, "").await.ok();
    http.lambda.call("DELETE", "/2015-03-31/functions/guard", &Json::Null).await.ok();
    http.send("GET", "/a/1", &TOKEN, "").await.ok();
    http.call("DELETE", "stages/$default/cache/authorizers", &Json::Null).await.is(204, "");
    http.send("GET", "/a/1", &TOKEN, "").await.is(500, r#"{"message":"Internal Server Error"}"#);
}

#[tokio::test]
async fn format_1_asks_with_the_token() {
    let policy = POLICY.replace(r#"{"a":"b"}"#, "CONTEXT");
    let http = guarded(policy.leak(), json!({ "authorizerPayloadFormatVersion": "1.0" })).await;
    let event = http.send("GET", "/a/1", &TOKEN, "").await.ok();
    let said = &event["requestContext"]["authorizer"]["lambda"];
    let asked: Json = serde_json::from_str(said["event"].as_str().expect("text")).expect("JSON");
    assert_eq!((&asked["version"], &asked["authorizationToken"]), (&json!("1.0"), &json!("t")));
    assert_eq!(
        asked["methodArn"].as_str().and_then(|arn| arn.rsplit_once(":")).map(|arn| arn.1),
        Some(format!("{}/$default/GET/a/1", http.id).as_str())
    );
    assert_eq!(asked["resource"], "/a/{id}");
}

#[tokio::test]
async fn nonsense_is_a_failure() {
    let http = guarded(r#"{"isAuthorized":"yes"}"#, json!({ "enableSimpleResponses": true })).await;
    http.send("GET", "/a/1", &TOKEN, "").await.is(500, r#"{"message":"Internal Server Error"}"#);
}

#[tokio::test]
async fn signatures_count_for_the_api() {
    let http = Http::new().await;
    let uri = http.function("f", "echo").await;
    let iam = json!({ "authorizationType": "AWS_IAM" });
    http.route_to("GET /a", &crate::integration(&uri, "2.0"), &iam).await;
    let host = format!("{}.execute-api.localhost:4566", http.id);
    let signed = |service: &str| request("GET", "/a", service, &[("host", host.as_str())], "");
    let forbidden = r#"{"message":"Forbidden"}"#;
    http.visit("/a").await.is(403, forbidden);
    http.lambda.send(signed("lambda")).await.is(403, forbidden);
    let event = http.lambda.send(signed("execute-api")).await.ok();
    let iam = &event["requestContext"]["authorizer"]["iam"];
    assert_eq!((&iam["accessKey"], &iam["accountId"]), (&json!("AKIDEXAMPLE"), &json!("000000000000")));
    assert_eq!(iam["userArn"], "arn:aws:iam::000000000000:root");
}
