//! `CreateFunctionUrlConfig`, `Get…`, `Update…`, `Delete…` and `ListFunctionUrlConfigs` over the wire.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::{Answer, Lambda};

const ARN: &str = "arn:aws:lambda:us-east-1:000000000000:function:f";
const GONE: &str = "The resource you requested does not exist.";
const URLS: u16 = 110;
const URL_OWNERS: u16 = 111;

fn path(name: &str) -> String {
    let (name, query) = name.split_once('?').unwrap_or((name, ""));
    format!("/2021-10-31/functions/{name}/url?{query}")
}

async fn create(lambda: &Lambda, name: &str, body: Value) -> Answer {
    lambda.call("POST", &path(name), &body).await
}

async fn list(lambda: &Lambda, name: &str, query: &str) -> Answer {
    lambda.get(&format!("/2021-10-31/functions/{name}/urls?{query}")).await
}

async fn with_function() -> Lambda {
    let lambda = Lambda::new().await;
    lambda.function("f", "echo").await;
    lambda
}

async fn alias(lambda: &Lambda, name: &str) {
    let body = json!({ "Name": name, "FunctionVersion": "$LATEST" });
    lambda.call("POST", "/2015-03-31/functions/f/aliases", &body).await.ok();
}

fn none() -> Value {
    json!({ "AuthType": "NONE" })
}

#[tokio::test]
async fn a_url_is_made_shown_changed_and_gone() {
    let lambda = with_function().await;
    let created = create(&lambda, "f", none()).await;
    assert_eq!(created.status, 201);
    let created = created.json();
    let url = created["FunctionUrl"].as_str().expect("a URL").to_owned();
    let id = url.strip_prefix("http://").and_then(|rest| rest.split('.').next()).expect("an id");
    assert_eq!(id.len(), 32);
    assert_eq!(url, format!("http://{id}.lambda-url.us-east-1.localhost:4566/"));
    let mut expected = json!({
        "FunctionUrl": url, "FunctionArn": ARN, "AuthType": "NONE", "CreationTime": "2026-11-23T10:11:12.345+0000",
    });
    assert_eq!(created, expected, "InvokeMode is told only when it was given");
    expected["LastModifiedTime"] = expected["CreationTime"].clone();
    expected["InvokeMode"] = "BUFFERED".into();
    lambda.get(&path("f")).await.is_json(200, &expected);
    lambda.clock.advance(Duration::from_secs(1));
    let cors = json!({ "AllowOrigins": ["*"], "MaxAge": 60, "AllowCredentials": false });
    let change = json!({ "AuthType": "AWS_IAM", "Cors": cors, "InvokeMode": "RESPONSE_STREAM" });
    expected["AuthType"] = "AWS_IAM".into();
    expected["Cors"] = cors;
    expected["InvokeMode"] = "RESPONSE_STREAM".into();
    expected["LastModifiedTime"] = "2026-11-23T10:11:13.345+0000".into();
    lambda.call("PUT", &path("f"), &change).await.is_json(200, &expected);
    lambda.get(&path("f")).await.is_json(200, &expected);
    // What is not given stays; what is given empty goes.
    lambda.call("PUT", &path("f"), &json!({ "Cors": {} })).await.ok();
    let shown = lambda.get(&path("f")).await.json();
    assert_eq!((shown.get("Cors"), &shown["AuthType"]), (None, &json!("AWS_IAM")));
    lambda.call("DELETE", &path("f"), &Value::Null).await.is(204, "");
    lambda.get(&path("f")).await.refuses(404, "ResourceNotFoundException", GONE);
    lambda.call("DELETE", &path("f"), &Value::Null).await.refuses(404, "ResourceNotFoundException", GONE);
    lambda.call("PUT", &path("f"), &none()).await.refuses(404, "ResourceNotFoundException", GONE);
    let again = create(&lambda, "f", json!({ "AuthType": "NONE", "InvokeMode": "BUFFERED" })).await.ok();
    assert_ne!(again["FunctionUrl"], url, "an address is never used again");
    assert_eq!(again["InvokeMode"], "BUFFERED");
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_and_stores_nothing() {
    let lambda = with_function().await;
    let missing = "Function does not exist";
    create(&lambda, "nothing", none()).await.refuses(404, "ResourceNotFoundException", missing);
    create(&lambda, "f?Qualifier=nothing", none()).await.refuses(404, "ResourceNotFoundException", missing);
    list(&lambda, "nothing", "").await.refuses(404, "ResourceNotFoundException", missing);
    let pattern = r"Member must satisfy regular expression pattern: ((?!^\d+$)^[0-9a-zA-Z-_]+$)";
    for qualifier in ["1", "$LATEST"] {
        create(&lambda, &format!("f?Qualifier={qualifier}"), none()).await.refuses(
            400,
            "ValidationException",
            &format!(
                "1 validation error detected: Value '{qualifier}' at 'qualifier' failed to satisfy constraint: {pattern}"
            ),
        );
    }
    for (body, message) in [
        (json!({}), "Value null at 'authType' failed to satisfy constraint: Member must not be null"),
        (
            json!({ "AuthType": "ANY" }),
            "Value 'ANY' at 'authType' failed to satisfy constraint: Member must satisfy enum value set: [NONE, AWS_IAM]",
        ),
        (
            json!({ "AuthType": "NONE", "InvokeMode": "X" }),
            "Value 'X' at 'invokeMode' failed to satisfy constraint: Member must satisfy enum value set: [BUFFERED, RESPONSE_STREAM]",
        ),
        (
            json!({ "AuthType": "NONE", "Cors": { "MaxAge": 86401 } }),
            "Value '86401' at 'cors.maxAge' failed to satisfy constraint: Member must have value less than or equal to 86400",
        ),
    ] {
        let message = format!("1 validation error detected: {message}");
        create(&lambda, "f", body).await.refuses(400, "ValidationException", &message);
    }
    let long =
        create(&lambda, "f", json!({ "AuthType": "NONE", "Cors": { "AllowMethods": ["OPTIONS"] } })).await;
    assert_eq!((long.status, long.header("x-amzn-errortype")), (400, "ValidationException"));
    assert_eq!((lambda.rows(URLS).await, lambda.rows(URL_OWNERS).await), (0, 0));
    create(&lambda, "f", none()).await.ok();
    let twice = format!(
        "Failed to create function url config for [functionArn = {ARN}]. Error message:  FunctionUrlConfig exists for this Lambda function"
    );
    create(&lambda, "f", none()).await.refuses(409, "ResourceConflictException", &twice);
    assert_eq!((lambda.rows(URLS).await, lambda.rows(URL_OWNERS).await), (1, 1));
}

#[tokio::test]
async fn a_function_and_its_aliases_have_their_own() {
    let lambda = with_function().await;
    for name in ["a", "b", "c"] {
        alias(&lambda, name).await;
    }
    let latest = create(&lambda, "f", none()).await.ok();
    let of_alias = create(&lambda, "f?Qualifier=a", none()).await.ok();
    create(&lambda, "f:b", none()).await.ok();
    assert_ne!(latest["FunctionUrl"], of_alias["FunctionUrl"]);
    assert_eq!(of_alias["FunctionArn"], format!("{ARN}:a"));
    let arns = |page: &Value| {
        let urls = page["FunctionUrlConfigs"].as_array().expect("a list").clone();
        urls.iter().map(|url| url["FunctionArn"].as_str().expect("an ARN").to_owned()).collect::<Vec<_>>()
    };
    let all = list(&lambda, "f", "").await.ok();
    assert_eq!(arns(&all), [ARN.to_owned(), format!("{ARN}:a"), format!("{ARN}:b")]);
    assert_eq!(all.get("NextMarker"), None);
    let first = list(&lambda, "f", "MaxItems=2").await.ok();
    assert_eq!(arns(&first), [ARN.to_owned(), format!("{ARN}:a")]);
    let marker = first["NextMarker"].as_str().expect("more");
    let second = list(&lambda, "f", &format!("MaxItems=2&Marker={marker}")).await.ok();
    assert_eq!((arns(&second), second.get("NextMarker")), (vec![format!("{ARN}:b")], None));
    // An alias takes its URL along, a function all of them.
    lambda.call("DELETE", "/2015-03-31/functions/f/aliases/a", &Value::Null).await.ok();
    assert_eq!((lambda.rows(URLS).await, lambda.rows(URL_OWNERS).await), (2, 2));
    lambda.call("DELETE", "/2015-03-31/functions/f", &Value::Null).await.ok();
    assert_eq!((lambda.rows(URLS).await, lambda.rows(URL_OWNERS).await), (0, 0));
}
