//! Proxy integrations: events, answers, the gateway's own words.

use std::time::Duration;

use serde_json::{Value as Json, json};
use testkit::request;

use crate::{Rest, proxy};

const ERROR: &str = r#"{"message":"Internal server error"}"#;

#[tokio::test]
async fn functions_see_the_request() {
    let rest = Rest::create(&json!({ "name": "n", "binaryMediaTypes": ["image/*"] })).await;
    rest.wrapping();
    rest.function("f", "wrap").await;
    let pets = rest.below(&rest.root, "pets").await;
    let one = rest.below(&pets, "{id}").await;
    rest.method(&one, "ANY", json!({}), &proxy("f")).await;
    rest.deploy().await;
    rest.patch("stages/dev", "replace", "/variables/v", "1").await.ok();
    let headers = [("x-one", "1"), ("x-one", "2"), ("user-agent", "u"), ("content-type", "text/plain")];
    let answer = rest.send("PUT", "/dev/pets/a%20b?x=1&x=2&y=%2B", &headers, "body").await;
    let request_id = answer.header("x-amzn-requestid").to_owned();
    assert_eq!(answer.header("content-type"), "application/json");
    let mut event = answer.ok();
    let context = event["requestContext"].take();
    let trace = event["headers"]["X-Amzn-Trace-Id"].take();
    let host = format!("{}.execute-api.localhost", rest.id);
    let expected = json!({
        "resource": "/pets/{id}",
        "path": "/pets/a%20b",
        "httpMethod": "PUT",
        "headers": {
            "Host": format!("{host}:4566"),
            "X-One": "2",
            "User-Agent": "u",
            "Content-Type": "text/plain",
            "X-Forwarded-For": "127.0.0.1",
            "X-Forwarded-Port": "4566",
            "X-Forwarded-Proto": "http",
            "X-Amzn-Trace-Id": null,
        },
        "multiValueHeaders": {
            "Host": [format!("{host}:4566")],
            "X-One": ["1", "2"],
            "User-Agent": ["u"],
            "Content-Type": ["text/plain"],
            "X-Forwarded-For": ["127.0.0.1"],
            "X-Forwarded-Port": ["4566"],
            "X-Forwarded-Proto": ["http"],
            "X-Amzn-Trace-Id": [trace],
        },
        "queryStringParameters": { "x": "2", "y": "+" },
        "multiValueQueryStringParameters": { "x": ["1", "2"], "y": ["+"] },
        "pathParameters": { "id": "a%20b" },
        "stageVariables": { "v": "1" },
        "requestContext": null,
        "body": "body",
        "isBase64Encoded": false,
    });
    assert!(event == expected, "{event}\n{expected}");
    let deployment = rest.get("stages/dev").await.ok()["deploymentId"].clone();
    let expected = json!({
        "resourceId": one,
        "resourcePath": "/pets/{id}",
        "httpMethod": "PUT",
        "extendedRequestId": context["extendedRequestId"],
        "requestTime": "23/Nov/2026:10:11:12 +0000",
        "path": "/dev/pets/a%20b",
        "accountId": "000000000000",
        "protocol": "HTTP/1.1",
        "stage": "dev",
        "domainPrefix": rest.id,
        "requestTimeEpoch": 1_795_428_672_345_i64,
        "requestId": request_id,
        "identity": {
            "cognitoIdentityPoolId": null, "accountId": null, "cognitoIdentityId": null, "caller": null,
            "sourceIp": "127.0.0.1", "principalOrgId": null, "accessKey": null, "cognitoAuthenticationType": null,
            "cognitoAuthenticationProvider": null, "userArn": null, "userAgent": "u", "user": null,
        },
        "domainName": host,
        "deploymentId": deployment,
        "apiId": rest.id,
    });
    assert!(context == expected, "{context}\n{expected}");
    let event = rest.send("POST", "/dev/pets/1", &[("content-type", "image/png")], [0xff]).await.ok();
    assert_eq!((&event["body"], &event["isBase64Encoded"]), (&json!("/w=="), &json!(true)));
    let event = rest.visit("/dev/pets/1").await.ok();
    assert_eq!((&event["body"], &event["queryStringParameters"]), (&Json::Null, &Json::Null));
    // By both paths too.
    for path in ["/_aws/execute-api/ID/dev/pets/1", "/restapis/ID/dev/_user_request_/pets/1"] {
        let path = path.replace("ID", &rest.id);
        let event = rest.lambda.send(request("GET", &path, "", &[("host", "localhost:4566")], "")).await.ok();
        assert_eq!(event["path"], "/pets/1");
    }
}

#[tokio::test]
async fn answers_are_read_strictly() {
    let rest = Rest::create(&json!({ "name": "n", "binaryMediaTypes": ["image/png"] })).await;
    for (number, (payload, expected)) in [
        (r#"{"statusCode":201,"body":"x","headers":{"X-A":true}}"#, (201, "x")),
        (r#"{"statusCode":"404"}"#, (404, "")),
        (r#"{"headers":{"X-A":"1"},"body":"y"}"#, (200, "y")),
        (r#"{"statusCode":200,"multiValueHeaders":{"x-a":["1","2"]},"headers":{"X-A":"3"}}"#, (200, "")),
        (r#"{"statusCode":200,"body":"aGk=","isBase64Encoded":true}"#, (200, "aGk=")),
        (r#"{"statusCode":200,"body":"aGk=","isBase64Encoded":true,"headers":{"content-type":"image/png"}}"#, (200, "hi")),
        (r#"{"statusCode":200,"body":{"a":1}}"#, (502, ERROR)),
        (r#"{"a":1}"#, (502, ERROR)),
        ("\"text\"", (502, ERROR)),
        (r#"{"statusCode":"x"}"#, (502, ERROR)),
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("f{number}");
        rest.answering(&name, payload);
        rest.function(&name, &name).await;
        let resource = rest.below(&rest.root, &name).await;
        rest.method(&resource, "GET", json!({}), &proxy(&name)).await;
        rest.deploy().await;
        let answer = rest.visit(&format!("/dev/{name}")).await;
        assert_eq!((answer.status, answer.text()), expected, "{payload}");
        if payload.contains("multi") {
            assert_eq!(answer.headers.get_all("x-a").iter().collect::<Vec<_>>(), ["1", "2"]);
        }
    }
}

#[tokio::test]
async fn failures_are_told_apart() {
    let rest = Rest::new().await;
    for name in ["raise", "hang"] {
        rest.function(name, name).await;
    }
    rest.lambda.function("closed", "echo").await;
    for name in ["raise", "hang", "closed"] {
        let resource = rest.below(&rest.root, name).await;
        let mut integration = proxy(name);
        integration["timeoutInMillis"] = json!(1000);
        rest.method(&resource, "GET", json!({}), &integration).await;
    }
    rest.deploy().await;
    rest.visit("/dev/raise").await.is(502, ERROR);
    rest.visit("/dev/closed").await.is(500, ERROR);
    rest.permit("closed", "*/GET/closed").await;
    // The function returns its event, which is no answer: but it was asked.
    rest.visit("/dev/closed").await.is(502, ERROR);
    let visit = rest.visit("/dev/hang");
    tokio::pin!(visit);
    let answer = loop {
        tokio::select! {
            answer = &mut visit => break answer,
            () = tokio::task::yield_now() => rest.lambda.clock.advance(Duration::from_millis(10)),
        }
    };
    answer.is(504, r#"{"message":"Endpoint request timed out"}"#);
}

#[tokio::test]
async fn what_is_nowhere_wants_a_token() {
    let rest = Rest::new().await;
    rest.wrapping();
    rest.function("f", "wrap").await;
    let pets = rest.below(&rest.root, "pets").await;
    rest.method(&pets, "GET", json!({}), &proxy("f")).await;
    let forbidden = r#"{"message":"Forbidden"}"#;
    rest.visit("/dev/pets").await.is(403, forbidden);
    rest.deploy().await;
    rest.visit("/dev/pets").await.ok();
    let missing = r#"{"message":"Missing Authentication Token"}"#;
    let answer = rest.visit("/dev/none").await;
    answer.is(403, missing);
    assert_eq!(answer.header("x-amzn-errortype"), "MissingAuthenticationTokenException");
    rest.send("POST", "/dev/pets", &[], "").await.is(403, missing);
    rest.visit("/prod/pets").await.is(403, forbidden);
    let host = [("host", "aaaaaaaaaa.execute-api.localhost")];
    rest.lambda.send(request("GET", "/dev/pets", "", &host, "")).await.is(403, forbidden);
    // What was changed since then is not served.
    rest.call("DELETE", &format!("resources/{pets}/methods/GET"), &Json::Null).await.ok();
    rest.visit("/dev/pets").await.ok();
    rest.patch("", "replace", "/disableExecuteApiEndpoint", "true").await.ok();
    rest.visit("/dev/pets").await.is(403, forbidden);
}

#[tokio::test]
async fn an_api_says_its_own_words() {
    let rest = Rest::new().await;
    rest.method(&rest.root, "GET", json!({}), &proxy("f")).await;
    let words = json!({
        "statusCode": "404",
        "responseParameters": { "gatewayresponse.header.X-Path": "context.path" },
        "responseTemplates": { "application/json": "{\"said\":$context.error.messageString,\"type\":\"$context.error.responseType\"}" },
    });
    rest.call("PUT", "gatewayresponses/MISSING_AUTHENTICATION_TOKEN", &words).await.ok();
    let all =
        json!({ "responseParameters": { "gatewayresponse.header.Access-Control-Allow-Origin": "'*'" } });
    rest.call("PUT", "gatewayresponses/DEFAULT_5XX", &all).await.ok();
    rest.deploy().await;
    let answer = rest.visit("/dev/none").await;
    answer.is(404, r#"{"said":"Missing Authentication Token","type":"MISSING_AUTHENTICATION_TOKEN"}"#);
    assert_eq!(answer.header("x-path"), "/none");
    let answer = rest.visit("/dev/").await;
    answer.is(500, ERROR);
    assert_eq!(answer.header("access-control-allow-origin"), "*");
}

#[tokio::test]
async fn a_method_is_tested_before_it_is_deployed() {
    let rest = Rest::new().await;
    rest.wrapping();
    rest.function("f", "wrap").await;
    let one = rest.below(&rest.root, "{id}").await;
    rest.method(&one, "POST", json!({ "apiKeyRequired": true }), &proxy("f")).await;
    let test = json!({ "pathWithQueryString": "/7?q=1", "body": "b", "headers": { "X-A": "1" } });
    let tested = rest.call("POST", &format!("resources/{one}/methods/POST"), &test).await.ok();
    assert_eq!(
        (&tested["status"], &tested["headers"]["Content-Type"]),
        (&json!(200), &json!("application/json"))
    );
    let event: Json = serde_json::from_str(tested["body"].as_str().expect("text")).expect("JSON");
    assert_eq!((&event["pathParameters"]["id"], &event["body"]), (&json!("7"), &json!("b")));
    assert_eq!(event["requestContext"]["stage"], "test-invoke-stage");
    assert_eq!(
        (&event["headers"]["X-A"], &event["queryStringParameters"]),
        (&json!("1"), &json!({ "q": "1" }))
    );
    assert!(tested["log"].as_str().expect("text").contains("Method completed with status: 200"));
}
