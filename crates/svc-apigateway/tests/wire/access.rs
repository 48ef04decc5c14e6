//! Who may call a method: signatures and authorizers.

use std::time::Duration;

use serde_json::{Value as Json, json};
use testkit::{Runtime, request};

use crate::{Rest, proxy, uri};

const POLICY: &str = r#"{"principalId":"me","context":{"n":1,"event":EVENT},"policyDocument":{"Version":"2012-10-17",
    "Statement":[{"Effect":"EFFECT","Action":"execute-api:Invoke","Resource":"arn:aws:execute-api:*:*:*/dev/GET/a/1"}]}}"#;

/// An API whose method `GET /a/{id}` is guarded; the authorizer decides by its token, as AWS's own example does.
async fn guarded(more: Json) -> Rest {
    let rest = Rest::new().await;
    rest.wrapping();
    rest.function("f", "wrap").await;
    rest.lambda.sandboxes.on("guard", |mut runtime: Runtime| async move {
        loop {
            let work = runtime.next().await;
            let event: Json = serde_json::from_slice(&work.payload).expect("JSON");
            let token =
                event["authorizationToken"].as_str().or_else(|| event["headers"]["Authorization"].as_str());
            let policy = POLICY.replace("EVENT", &json!(event.to_string()).to_string());
            match token.unwrap_or_default() {
                "raise" => runtime.fail(&work.id, "E", r#"{"errorMessage":"x","errorType":"E"}"#).await,
                "unauthorized" => {
                    runtime.fail(&work.id, "E", r#"{"errorMessage":"Unauthorized","errorType":"E"}"#).await
                }
                "nonsense" => runtime.respond(&work.id, b"{}").await,
                "deny" => runtime.respond(&work.id, policy.replace("EFFECT", "Deny").as_bytes()).await,
                _ => runtime.respond(&work.id, policy.replace("EFFECT", "Allow").as_bytes()).await,
            };
        }
    });
    rest.function("guard", "guard").await;
    let mut body = json!({
        "name": "a",
        "type": "TOKEN",
        "authorizerUri": uri("guard"),
        "identitySource": "method.request.header.Authorization",
    });
    body.as_object_mut().expect("made above").extend(more.as_object().expect("an object").clone());
    let id = rest.call("POST", "authorizers", &body).await.ok()["id"].clone();
    let a = rest.below(&rest.root, "a").await;
    let one = rest.below(&a, "{id}").await;
    rest.method(&one, "GET", json!({ "authorizationType": "CUSTOM", "authorizerId": id }), &proxy("f")).await;
    rest.deploy().await;
    rest
}

async fn ask(rest: &Rest, path: &str, token: &str) -> testkit::Answer {
    rest.send("GET", path, &[("authorization", token)], "").await
}

#[tokio::test]
async fn tokens_are_judged() {
    let rest = guarded(json!({ "identityValidationExpression": "[a-z]+" })).await;
    let unauthorized = r#"{"message":"Unauthorized"}"#;
    rest.visit("/dev/a/1").await.is(401, unauthorized);
    ask(&rest, "/dev/a/1", "NO").await.is(401, unauthorized);
    ask(&rest, "/dev/a/1", "unauthorized").await.is(401, unauthorized);
    let event = ask(&rest, "/dev/a/1", "yes").await.ok();
    let said = &event["requestContext"]["authorizer"];
    assert_eq!((&said["principalId"], &said["n"]), (&json!("me"), &json!("1")));
    let asked: Json = serde_json::from_str(said["event"].as_str().expect("text")).expect("JSON");
    let arn = format!("arn:aws:execute-api:us-east-1:000000000000:{}/dev/GET/a/1", rest.id);
    assert_eq!(asked, json!({ "type": "TOKEN", "methodArn": arn, "authorizationToken": "yes" }));
    let answer = ask(&rest, "/dev/a/1", "deny").await;
    answer.is(403, r#"{"Message":"User is not authorized to access this resource with an explicit deny"}"#);
    assert_eq!(answer.header("x-amzn-errortype"), "AccessDeniedException");
    let other = ask(&rest, "/dev/a/2", "yes").await;
    other.is(403, r#"{"Message":"User is not authorized to access this resource"}"#);
    let null = r#"{"message":null}"#;
    ask(&rest, "/dev/a/1", "raise").await.is(500, null);
    ask(&rest, "/dev/a/1", "nonsense").await.is(500, null);
}

#[tokio::test]
async fn verdicts_are_remembered_until_flushed() {
    let rest = guarded(json!({ "authorizerResultTtlInSeconds": 60 })).await;
    ask(&rest, "/dev/a/1", "yes").await.ok();
    rest.lambda.call("DELETE", "/2015-03-31/functions/guard", &Json::Null).await.ok();
    rest.lambda.clock.advance(Duration::from_secs(59));
    ask(&rest, "/dev/a/1", "yes").await.ok();
    rest.call("DELETE", "stages/dev/cache/authorizers", &Json::Null).await.is(202, "");
    ask(&rest, "/dev/a/1", "yes").await.is(500, r#"{"message":null}"#);
}

#[tokio::test]
async fn requests_are_judged() {
    let sources = "method.request.header.Authorization, method.request.querystring.q";
    let rest = guarded(json!({ "type": "REQUEST", "identitySource": sources })).await;
    ask(&rest, "/dev/a/1", "yes").await.is(401, r#"{"message":"Unauthorized"}"#);
    let event = ask(&rest, "/dev/a/1?q=1", "yes").await.ok();
    let said = event["requestContext"]["authorizer"]["event"].as_str().expect("text");
    let asked: Json = serde_json::from_str(said).expect("JSON");
    assert_eq!((&asked["type"], &asked["resource"]), (&json!("REQUEST"), &json!("/a/{id}")));
    assert_eq!(asked["queryStringParameters"], json!({ "q": "1" }));
    assert_eq!(asked["pathParameters"], json!({ "id": "1" }));
    assert!(asked.get("body").is_none());
}

#[tokio::test]
async fn authorizers_are_checked() {
    let rest = Rest::new().await;
    let create = async |body: Json| rest.call("POST", "authorizers", &body).await;
    let body = json!({
        "name": "a", "type": "TOKEN", "authorizerUri": uri("f"),
        "identitySource": "method.request.header.Authorization",
    });
    let made = create(body.clone()).await.ok();
    assert_eq!((&made["authorizerResultTtlInSeconds"], &made["authType"]), (&json!(300), &json!("custom")));
    for (name, value, status) in [
        ("name", json!("a"), 400),
        ("type", json!("COGNITO_USER_POOLS"), 400),
        ("type", json!("JWT"), 501),
        ("authorizerUri", json!("arn:aws:lambda:us-east-1:000000000000:function:f"), 400),
        ("identitySource", json!("method.request.querystring.q"), 400),
        ("identitySource", Json::Null, 400),
        ("identityValidationExpression", json!("("), 400),
        ("authorizerResultTtlInSeconds", json!(3601), 400),
    ] {
        let mut body = body.clone();
        body["name"] = json!("b");
        body[name] = value;
        assert_eq!(create(body.clone()).await.status, status, "{body}");
    }
    let path = format!("authorizers/{}", made["id"].as_str().expect("an id"));
    assert_eq!(rest.patch(&path, "replace", "/name", "c").await.ok()["name"], "c");
    rest.call("DELETE", &path, &Json::Null).await.is(202, "");
    rest.get(&path).await.refuses(404, "NotFoundException", "Invalid Authorizer identifier specified");
}

#[tokio::test]
async fn signatures_count_for_the_api() {
    let rest = Rest::new().await;
    rest.wrapping();
    rest.function("f", "wrap").await;
    rest.method(&rest.root, "GET", json!({ "authorizationType": "AWS_IAM" }), &proxy("f")).await;
    rest.deploy().await;
    let host = format!("{}.execute-api.localhost:4566", rest.id);
    let signed = |service: &str| request("GET", "/dev", service, &[("host", host.as_str())], "");
    let missing = r#"{"message":"Missing Authentication Token"}"#;
    rest.visit("/dev").await.is(403, missing);
    rest.lambda.send(signed("lambda")).await.is(403, missing);
    let event = rest.lambda.send(signed("execute-api")).await.ok();
    let identity = &event["requestContext"]["identity"];
    assert_eq!(
        (&identity["accessKey"], &identity["accountId"]),
        (&json!("AKIDEXAMPLE"), &json!("000000000000"))
    );
    assert_eq!(identity["userArn"], "arn:aws:iam::000000000000:root");
}
