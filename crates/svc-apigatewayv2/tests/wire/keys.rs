//! What a handshake has to show: keys of usage plans, and parameters.

use serde_json::{Value as Json, json};
use testkit::Lambda;

use crate::sockets::Sockets;

const KEY: &str = "0123456789012345678901234567890123456789";

async fn at(lambda: &Lambda, method: &str, path: &str, body: &Json) -> testkit::Answer {
    lambda.wire.rest(method, path, "apigateway", body).await
}

/// A key in a plan for the stage `dev`; the key's id.
async fn plan(sockets: &Sockets, more: Json) -> String {
    let lambda = &sockets.http.lambda;
    let key = at(lambda, "POST", "/apikeys", &json!({ "value": KEY, "enabled": true })).await.ok();
    let mut body = json!({ "name": "p", "apiStages": [{ "apiId": sockets.http.id, "stage": "dev" }] });
    body.as_object_mut().expect("made above").extend(more.as_object().expect("an object").clone());
    let plan = at(lambda, "POST", "/usageplans", &body).await.ok();
    let path = format!("/usageplans/{}/keys", plan["id"].as_str().expect("an id"));
    at(lambda, "POST", &path, &json!({ "keyId": key["id"], "keyType": "API_KEY" })).await.ok();
    key["id"].as_str().expect("an id").to_owned()
}

#[tokio::test]
async fn a_key_lets_in() {
    let sockets = Sockets::with_rest().await;
    let (uri, told) = sockets.telling("tell", r#"{"statusCode":200}"#).await;
    let wants = json!({ "apiKeyRequired": true });
    sockets.http.route_to("$connect", &crate::integration(&uri, "1.0"), &wants).await;
    sockets.deploy().await;
    let refused = async |headers: &[(&str, &str)], status: u16, words: &str| {
        let (found, body) = sockets.try_connect("/dev", headers).await.map(drop).expect_err("refused");
        let body: Json = serde_json::from_str(&body).expect("JSON");
        assert_eq!((found, body["message"].as_str()), (status, Some(words)));
    };
    refused(&[], 403, "Forbidden").await;
    let shown = [("x-api-key", KEY)];
    refused(&shown, 403, "Forbidden").await;
    let quota = json!({ "quota": { "limit": 2, "period": "DAY" }, "throttle": { "rateLimit": 1.0, "burstLimit": 1 } });
    let id = plan(&sockets, quota).await;
    sockets.try_connect("/dev", &shown).await.expect("a connection");
    let identity = told.next().await["requestContext"]["identity"].clone();
    assert_eq!((&identity["apiKey"], &identity["apiKeyId"]), (&json!(KEY), &json!(id)));
    refused(&shown, 429, "Too Many Requests").await;
    sockets.http.lambda.clock.advance(std::time::Duration::from_secs(1));
    sockets.try_connect("/dev", &shown).await.expect("a connection");
    sockets.http.lambda.clock.advance(std::time::Duration::from_secs(1));
    refused(&shown, 429, "Limit Exceeded").await;
}

#[tokio::test]
async fn an_authorizer_says_whose_key_counts() {
    let sockets = Sockets::with_rest().await;
    let from_authorizer = json!({ "apiKeySelectionExpression": "$context.authorizer.usageIdentifierKey" });
    let changed = sockets.http.call("PATCH", "", &from_authorizer).await.ok();
    assert_eq!(changed["apiKeySelectionExpression"], "$context.authorizer.usageIdentifierKey");
    let policy = json!({
        "Version": "2012-10-17",
        "Statement": [{ "Effect": "Allow", "Action": "execute-api:Invoke", "Resource": "*" }],
    });
    let verdict = json!({ "principalId": "p", "policyDocument": policy, "usageIdentifierKey": KEY });
    let (uri, _) = sockets.telling("auth", verdict.to_string()).await;
    let path = "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions";
    let authorizer = json!({
        "name": "a", "authorizerType": "REQUEST", "authorizerUri": format!("{path}/{uri}/invocations"),
        "identitySource": [],
    });
    let authorizer = sockets.http.post("authorizers", &authorizer).await.ok();
    let (uri, told) = sockets.telling("tell", r#"{"statusCode":200}"#).await;
    let wants = json!({
        "apiKeyRequired": true, "authorizationType": "CUSTOM", "authorizerId": authorizer["authorizerId"],
    });
    sockets.http.route_to("$connect", &crate::integration(&uri, "1.0"), &wants).await;
    sockets.deploy().await;
    let refused = sockets.try_connect("/dev", &[]).await.map(drop).expect_err("no plan yet");
    assert_eq!(refused.0, 403);
    plan(&sockets, json!({})).await;
    sockets.try_connect("/dev", &[]).await.expect("a connection");
    assert_eq!(told.next().await["requestContext"]["identity"]["apiKey"], KEY);
}

#[tokio::test]
async fn plans_are_for_stages_of_websocket_apis() {
    let sockets = Sockets::with_rest().await;
    let lambda = &sockets.http.lambda;
    let of = |api: &str, stage: &str| json!({ "name": "p", "apiStages": [{ "apiId": api, "stage": stage }] });
    let missing = at(lambda, "POST", "/usageplans", &of(&sockets.http.id, "dev")).await;
    missing.refuses(404, "NotFoundException", "Invalid API Stage identifier specified");
    let http = at(lambda, "POST", "/v2/apis", &json!({ "name": "h", "protocolType": "HTTP" })).await.ok();
    let http = http["apiId"].as_str().expect("an id");
    let stages = format!("/v2/apis/{http}/stages");
    at(lambda, "POST", &stages, &json!({ "stageName": "dev" })).await.ok();
    assert_eq!(at(lambda, "POST", "/usageplans", &of(http, "dev")).await.status, 404);
    sockets.http.post("stages", &json!({ "stageName": "dev" })).await.ok();
    let plan = at(lambda, "POST", "/usageplans", &json!({ "name": "p" })).await.ok();
    let plan = format!("/usageplans/{}", plan["id"].as_str().expect("an id"));
    let add = |stage: &str| {
        let value = format!("{}:{stage}", sockets.http.id);
        json!({ "patchOperations": [{ "op": "add", "path": "/apiStages", "value": value }] })
    };
    assert_eq!(at(lambda, "PATCH", &plan, &add("none")).await.status, 404);
    let changed = at(lambda, "PATCH", &plan, &add("dev")).await.ok();
    assert_eq!(changed["apiStages"], json!([{ "apiId": sockets.http.id, "stage": "dev" }]));
}

#[tokio::test]
async fn parameters_are_wanted() {
    let sockets = Sockets::new().await;
    let (uri, _) = sockets.telling("tell", r#"{"statusCode":200}"#).await;
    let parameters = json!({
        "route.request.querystring.token": { "required": true },
        "route.request.header.X-Who": { "required": true },
        "route.request.header.other": {},
    });
    let wants = json!({ "requestParameters": parameters });
    sockets.http.route_to("$connect", &crate::integration(&uri, "1.0"), &wants).await;
    let route = sockets.http.get("routes").await.ok()["items"][0].clone();
    assert_eq!(route["requestParameters"]["route.request.header.other"], json!({ "required": false }));
    sockets.deploy().await;
    let (status, body) = sockets.try_connect("/dev", &[]).await.map(drop).expect_err("refused");
    assert!(status == 400 && body.contains("Missing required request parameters: [X-Who, token]"), "{body}");
    sockets.try_connect("/dev?token=1", &[("x-who", "me")]).await.expect("a connection");
    let path = format!("routes/{}", route["routeId"].as_str().expect("an id"));
    let one = format!("{path}/requestparameters/route.request.header.X-Who");
    sockets.http.call("DELETE", &one, &Json::Null).await.is(204, "");
    assert_eq!(sockets.http.call("DELETE", &one, &Json::Null).await.status, 404);
    let left = sockets.http.get(&path).await.ok()["requestParameters"].clone();
    assert_eq!(left.as_object().map(serde_json::Map::len), Some(2));
    let refuses = async |body: Json, message: &str| {
        sockets.http.post("routes", &body).await.refuses(400, "BadRequestException", message);
    };
    refuses(
        json!({ "routeKey": "x", "apiKeyRequired": true }),
        "Currently, API Key is only supported on the $connect route",
    )
    .await;
    refuses(
        json!({ "routeKey": "$connect", "requestParameters": { "method.request.header.x": {} } }),
        "Invalid request parameter specified: method.request.header.x",
    )
    .await;
}
