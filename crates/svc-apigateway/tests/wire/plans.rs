//! API keys, usage plans, and limits.

use std::time::Duration;

use serde_json::{Value as Json, json};

use crate::{Rest, proxy};

const KEY: &str = "0123456789012345678901234567890123456789";

/// An API whose method wants a key.
async fn counted() -> Rest {
    let rest = Rest::new().await;
    rest.wrapping();
    rest.function("f", "wrap").await;
    rest.method(&rest.root, "GET", json!({ "apiKeyRequired": true }), &proxy("f")).await;
    rest.deploy().await;
    rest
}

async fn ask(rest: &Rest) -> testkit::Answer {
    rest.send("GET", "/dev", &[("x-api-key", KEY)], "").await
}

/// A key in a plan for the API's stage.
async fn plan(rest: &Rest, more: Json) -> (String, String) {
    let key = rest.at("POST", "/apikeys", &json!({ "name": "k", "value": KEY, "enabled": true })).await.ok();
    let mut body = json!({ "name": "p", "apiStages": [{ "apiId": rest.id, "stage": "dev" }] });
    body.as_object_mut().expect("made above").extend(more.as_object().expect("an object").clone());
    let plan = rest.at("POST", "/usageplans", &body).await.ok();
    let id = |made: &Json| made["id"].as_str().expect("an id").to_owned();
    let path = format!("/usageplans/{}/keys", id(&plan));
    rest.at("POST", &path, &json!({ "keyId": key["id"], "keyType": "API_KEY" })).await.ok();
    (id(&key), id(&plan))
}

#[tokio::test]
async fn keys_are_wanted() {
    let rest = counted().await;
    let forbidden = r#"{"message":"Forbidden"}"#;
    rest.visit("/dev").await.is(403, forbidden);
    ask(&rest).await.is(403, forbidden);
    let (key, plan) = plan(&rest, json!({})).await;
    let event = ask(&rest).await.ok();
    let identity = &event["requestContext"]["identity"];
    assert_eq!((&identity["apiKey"], &identity["apiKeyId"]), (&json!(KEY), &json!(key)));
    let disable = json!({ "patchOperations": [{ "op": "replace", "path": "/enabled", "value": "false" }] });
    rest.at("PATCH", &format!("/apikeys/{key}"), &disable).await.ok();
    ask(&rest).await.is(403, forbidden);
    let in_use = rest.at("DELETE", &format!("/usageplans/{plan}"), &Json::Null).await;
    let message = format!("Cannot delete Usage Plan {plan} because it is associated with API stages.");
    in_use.refuses(400, "BadRequestException", &message);
    let remove = format!("{}:dev", rest.id);
    let remove = json!({ "patchOperations": [{ "op": "remove", "path": "/apiStages", "value": remove }] });
    rest.at("PATCH", &format!("/usageplans/{plan}"), &remove).await.ok();
    rest.at("DELETE", &format!("/usageplans/{plan}"), &Json::Null).await.is(202, "");
    rest.at("DELETE", &format!("/apikeys/{key}"), &Json::Null).await.is(202, "");
    for table in 774..=778 {
        assert_eq!(rest.lambda.rows(table).await, 0, "table {table}");
    }
}

#[tokio::test]
async fn plans_throttle_and_count() {
    let rest = counted().await;
    let limits = json!({
        "throttle": { "rateLimit": 1.0, "burstLimit": 2 },
        "quota": { "limit": 4, "period": "DAY" },
    });
    plan(&rest, limits).await;
    let throttled = r#"{"message":"Too Many Requests"}"#;
    ask(&rest).await.ok();
    ask(&rest).await.ok();
    let answer = ask(&rest).await;
    answer.is(429, throttled);
    assert_eq!(answer.header("x-amzn-errortype"), "TooManyRequestsException");
    rest.lambda.clock.advance(Duration::from_secs(10));
    ask(&rest).await.ok();
    ask(&rest).await.ok();
    rest.lambda.clock.advance(Duration::from_secs(10));
    ask(&rest).await.is(429, r#"{"message":"Limit Exceeded"}"#);
    rest.lambda.clock.advance(Duration::from_secs(86_400));
    ask(&rest).await.ok();
}

#[tokio::test]
async fn stages_throttle_methods() {
    let rest = Rest::new().await;
    rest.wrapping();
    rest.function("f", "wrap").await;
    let a = rest.below(&rest.root, "a").await;
    rest.method(&a, "GET", json!({}), &proxy("f")).await;
    rest.method(&rest.root, "GET", json!({}), &proxy("f")).await;
    rest.deploy().await;
    rest.patch("stages/dev", "replace", "/~1a/GET/throttling/burstLimit", "1").await.ok();
    rest.visit("/dev/a").await.ok();
    rest.visit("/dev/a").await.is(429, r#"{"message":"Too Many Requests"}"#);
    rest.visit("/dev").await.ok();
    rest.visit("/dev").await.ok();
}

#[tokio::test]
async fn keys_and_plans_are_kept() {
    let rest = Rest::new().await;
    let made = rest.at("POST", "/apikeys", &json!({ "name": "k", "value": KEY })).await.ok();
    assert_eq!((&made["value"], &made["enabled"]), (&json!(KEY), &json!(false)));
    let again = rest.at("POST", "/apikeys", &json!({ "name": "l", "value": KEY })).await;
    again.refuses(409, "ConflictException", "API Key already exists");
    assert_eq!(rest.at("POST", "/apikeys", &json!({ "value": "short" })).await.status, 400);
    let path = format!("/apikeys/{}", made["id"].as_str().expect("an id"));
    assert!(rest.at("GET", &path, &Json::Null).await.ok().get("value").is_none());
    let shown = rest.at("GET", &format!("{path}?includeValue=true"), &Json::Null).await.ok();
    assert_eq!(shown["value"], KEY);
    let listed = rest.at("GET", "/apikeys?name=k&includeValues=true", &Json::Null).await.ok();
    assert_eq!(listed["item"][0]["value"], KEY);
    let none = rest.at("GET", "/apikeys/none", &Json::Null).await;
    none.refuses(404, "NotFoundException", "Invalid API Key identifier specified");
    let nowhere = json!({ "name": "p", "apiStages": [{ "apiId": rest.id, "stage": "none" }] });
    assert_eq!(rest.at("POST", "/usageplans", &nowhere).await.status, 404);
    let plan = rest.at("POST", "/usageplans", &json!({ "name": "p" })).await.ok();
    let keys = format!("/usageplans/{}/keys", plan["id"].as_str().expect("an id"));
    let body = json!({ "keyId": made["id"], "keyType": "API_KEY" });
    let added = rest.at("POST", &keys, &body).await.ok();
    assert_eq!((&added["value"], &added["type"]), (&json!(KEY), &json!("API_KEY")));
    assert_eq!(rest.at("POST", &keys, &body).await.status, 409);
    assert_eq!(rest.at("GET", &keys, &Json::Null).await.ok()["item"][0]["id"], made["id"]);
    let key = format!("{keys}/{}", made["id"].as_str().expect("an id"));
    rest.at("DELETE", &key, &Json::Null).await.is(202, "");
    assert_eq!(rest.at("GET", &key, &Json::Null).await.status, 404);
}
