//! APIs, routes, integrations, stages, deployments, authorizers and tags.

use serde_json::{Value as Json, json};
use testkit::Answer;

use crate::{Http, integration, uri};

fn id_of(answer: &Answer, name: &str) -> String {
    answer.ok()[name].as_str().expect("an id").to_owned()
}

#[tokio::test]
async fn an_api_is_made_shown_changed_and_gone() {
    let http = Http::create(&json!({ "name": "n", "protocolType": "HTTP", "tags": { "a": "b" } })).await;
    let id = &http.id;
    let expected = json!({
        "apiEndpoint": format!("http://{id}.execute-api.localhost:4566"),
        "apiId": id,
        "apiKeySelectionExpression": "$request.header.x-api-key",
        "createdDate": "2026-11-23T10:11:12Z",
        "disableExecuteApiEndpoint": false,
        "ipAddressType": "ipv4",
        "name": "n",
        "protocolType": "HTTP",
        "routeSelectionExpression": "$request.method $request.path",
        "tags": { "a": "b" },
    });
    http.get("").await.is_json(200, &expected);
    let cors = json!({ "allowOrigins": ["http://a"], "maxAge": 5 });
    let changed = http.call("PATCH", "", &json!({ "name": "m", "corsConfiguration": cors })).await.ok();
    assert_eq!((&changed["name"], &changed["corsConfiguration"]), (&json!("m"), &cors));
    http.call("DELETE", "cors", &Json::Null).await.is(204, "");
    assert!(http.get("").await.ok().get("corsConfiguration").is_none());
    let listed = http.lambda.wire.rest("GET", "/v2/apis?maxResults=1", "apigateway", &Json::Null).await.ok();
    assert_eq!(listed["items"].as_array().map(Vec::len), Some(1));
    assert!(listed.get("nextToken").is_none());
    http.call("DELETE", "", &Json::Null).await.is(204, "");
    let message = format!("Invalid API identifier specified 000000000000:{id}");
    http.get("").await.refuses(404, "NotFoundException", &message);
    for table in 750..=756 {
        assert_eq!(http.lambda.rows(table).await, 0, "table {table}");
    }
}

#[tokio::test]
async fn quick_create_makes_all_that_serves() {
    let target = uri("f");
    let http = Http::create(&json!({ "name": "n", "protocolType": "HTTP", "target": target })).await;
    let integrations = http.get("integrations").await.ok();
    let made = &integrations["items"][0];
    assert_eq!((&made["integrationUri"], &made["payloadFormatVersion"]), (&json!(target), &json!("2.0")));
    assert_eq!(made["apiGatewayManaged"], true);
    assert_eq!(http.get("routes").await.ok()["items"][0]["routeKey"], "$default");
    let stage = http.get("stages/$default").await.ok();
    let deployment = &http.get("deployments").await.ok()["items"][0];
    assert_eq!(stage["deploymentId"], deployment["deploymentId"]);
    assert_eq!((&stage["autoDeploy"], &deployment["autoDeployed"]), (&json!(true), &json!(true)));
}

#[tokio::test]
async fn what_an_api_can_not_be_is_refused() {
    let http = Http::new().await;
    let create = async |more: Json| {
        let mut body = json!({ "name": "n", "protocolType": "HTTP" });
        body.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        http.lambda.wire.rest("POST", "/v2/apis", "apigateway", &body).await
    };
    assert_eq!(create(json!({ "protocolType": "WEBSOCKET" })).await.status, 400);
    assert_eq!(create(json!({ "routeKey": "GET /" })).await.status, 400);
    assert_eq!(create(json!({ "target": uri("f"), "routeKey": "GET" })).await.status, 400);
    assert_eq!(create(json!({ "routeSelectionExpression": "$request.body.action" })).await.status, 400);
    let both = json!({ "allowOrigins": ["*"], "allowCredentials": true });
    assert_eq!(create(json!({ "corsConfiguration": both })).await.status, 400);
}

#[tokio::test]
async fn routes_are_kept_by_key() {
    let http = Http::new().await;
    let integration =
        id_of(&http.post("integrations", &integration(&uri("f"), "2.0")).await, "integrationId");
    let target = format!("integrations/{integration}");
    let created = http.post("routes", &json!({ "routeKey": "GET /a", "target": target })).await;
    assert_eq!(created.status, 201);
    let id = id_of(&created, "routeId");
    let shown = json!({
        "apiKeyRequired": false,
        "authorizationType": "NONE",
        "routeId": id,
        "routeKey": "GET /a",
        "target": target,
    });
    http.get(&format!("routes/{id}")).await.is_json(200, &shown);
    let again = http.post("routes", &json!({ "routeKey": "GET /a" })).await;
    again.refuses(409, "ConflictException", "Route with key GET /a already exists for this API");
    let other = http.post("routes", &json!({ "routeKey": "GET /b", "target": "integrations/none" })).await;
    other.refuses(400, "BadRequestException", "Invalid Integration identifier specified none");
    assert_eq!(http.post("routes", &json!({ "routeKey": "/b" })).await.status, 400);
    let path = format!("routes/{id}");
    let changed =
        http.call("PATCH", &path, &json!({ "routeKey": "POST /a", "operationName": "o" })).await.ok();
    assert_eq!((&changed["routeKey"], &changed["operationName"]), (&json!("POST /a"), &json!("o")));
    assert_eq!(changed["target"], target);

    let message = format!(
        "Cannot delete Integration '{integration}' because it is referenced by the following Routes: [{id}]"
    );
    let referenced = http.call("DELETE", &format!("integrations/{integration}"), &Json::Null).await;
    referenced.refuses(409, "ConflictException", &message);
    http.call("DELETE", &path, &Json::Null).await.is(204, "");
    let gone = http.get(&path).await;
    gone.refuses(404, "NotFoundException", &format!("Invalid Route identifier specified {id}"));
    http.call("DELETE", &format!("integrations/{integration}"), &Json::Null).await.is(204, "");
}

#[tokio::test]
async fn lists_come_in_pages() {
    let http = Http::new().await;
    for number in 0..5 {
        http.post("routes", &json!({ "routeKey": format!("GET /{number}") })).await.ok();
    }
    let (mut keys, mut token) = (Vec::new(), String::new());
    loop {
        let page = http.get(&format!("routes?maxResults=2{token}")).await.ok();
        let items = page["items"].as_array().expect("a list");
        assert!(items.len() <= 2);
        keys.extend(items.iter().map(|route| route["routeKey"].to_string()));
        match page["nextToken"].as_str() {
            Some(next) => token = format!("&nextToken={next}"),
            None => break,
        }
    }
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), 5);
    assert_eq!(http.get("routes?maxResults=x").await.status, 400);
    assert_eq!(http.get("routes?nextToken=%25").await.status, 400);
}

#[tokio::test]
async fn integrations_are_checked() {
    let http = Http::new().await;
    let create = async |body: Json| http.post("integrations", &body).await;
    let missing = create(json!({ "integrationType": "AWS_PROXY", "integrationUri": uri("f") })).await;
    let message = "PayloadFormatVersion is a required parameter for integration type AWS_PROXY";
    missing.refuses(400, "BadRequestException", message);
    assert_eq!(create(integration("https://example.com", "2.0")).await.status, 400);
    assert_eq!(create(json!({ "integrationType": "MOCK", "integrationUri": "x" })).await.status, 400);
    let server =
        json!({ "integrationType": "HTTP_PROXY", "integrationUri": "ftp://x", "integrationMethod": "GET" });
    assert_eq!(create(server).await.status, 400);
    let service = json!({ "integrationType": "AWS_PROXY", "integrationSubtype": "SQS-SendMessage" });
    assert_eq!(create(service).await.status, 501);

    let made = create(integration(&uri("f"), "1.0")).await;
    let id = id_of(&made, "integrationId");
    let expected = json!({
        "connectionType": "INTERNET",
        "integrationId": id,
        "integrationMethod": "POST",
        "integrationType": "AWS_PROXY",
        "integrationUri": uri("f"),
        "payloadFormatVersion": "1.0",
        "timeoutInMillis": 30000,
    });
    made.is_json(201, &expected);
    let path = format!("integrations/{id}");
    let changed =
        http.call("PATCH", &path, &json!({ "timeoutInMillis": 50, "payloadFormatVersion": "2.0" })).await;
    let changed = changed.ok();
    assert_eq!((&changed["timeoutInMillis"], &changed["payloadFormatVersion"]), (&json!(50), &json!("2.0")));
    assert_eq!(changed["integrationUri"], uri("f"));
    assert_eq!(http.call("PATCH", &path, &json!({ "timeoutInMillis": 49 })).await.status, 400);
}

#[tokio::test]
async fn stages_serve_what_was_deployed() {
    let http = Http::create(&json!({ "name": "n", "protocolType": "HTTP" })).await;
    let empty = http.post("deployments", &json!({})).await;
    empty.refuses(400, "BadRequestException", "At least one route is required before deploying the Api.");
    http.post("routes", &json!({ "routeKey": "GET /a" })).await.ok();
    let nowhere = http.post("deployments", &json!({ "stageName": "dev" })).await;
    nowhere.refuses(404, "NotFoundException", "Invalid stage identifier specified dev");
    let variables = json!({ "a": "1", "b": "2" });
    let created = http.post("stages", &json!({ "stageName": "dev", "stageVariables": variables })).await;
    assert!(created.ok().get("deploymentId").is_none());
    let again = http.post("stages", &json!({ "stageName": "dev" })).await;
    again.refuses(409, "ConflictException", "Stage already exists");
    assert_eq!(http.post("stages", &json!({ "stageName": "a.b" })).await.status, 400);
    let logs = json!({ "stageName": "x", "accessLogSettings": { "destinationArn": "arn:aws:logs:x" } });
    assert_eq!(http.post("stages", &logs).await.status, 501);

    let deployment = id_of(&http.post("deployments", &json!({ "stageName": "dev" })).await, "deploymentId");
    assert_eq!(http.get("stages/dev").await.ok()["deploymentId"], *deployment);
    let used = http.call("DELETE", &format!("deployments/{deployment}"), &Json::Null).await;
    used.refuses(
        400,
        "BadRequestException",
        "Active stages pointing to this deployment must be moved or deleted",
    );
    let changes = json!({ "stageVariables": { "a": "", "c": "3" }, "description": "d" });
    let changed = http.call("PATCH", "stages/dev", &changes).await.ok();
    assert_eq!(changed["stageVariables"], json!({ "b": "2", "c": "3" }));
    http.call("DELETE", "stages/dev", &Json::Null).await.is(204, "");
    http.call("DELETE", &format!("deployments/{deployment}"), &Json::Null).await.is(204, "");
    http.get("stages/dev").await.refuses(404, "NotFoundException", "Invalid stage identifier specified dev");
}

#[tokio::test]
async fn automatic_deployments_do_not_pile_up() {
    let http = Http::new().await;
    let mut seen = Vec::new();
    for number in 0..3 {
        http.post("routes", &json!({ "routeKey": format!("GET /{number}") })).await.ok();
        let deployments = http.get("deployments").await.ok()["items"].clone();
        assert_eq!(deployments.as_array().map(Vec::len), Some(1));
        seen.push(deployments[0]["deploymentId"].clone());
        assert_eq!(http.get("stages/$default").await.ok()["deploymentId"], seen[number]);
    }
    assert!(seen[0] != seen[1] && seen[1] != seen[2]);
}

#[tokio::test]
async fn authorizers_are_checked_and_kept() {
    let http = Http::new().await;
    let body = json!({
        "name": "a",
        "authorizerType": "REQUEST",
        "identitySource": ["$request.header.Authorization"],
        "authorizerUri": format!("arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{}/invocations", uri("f")),
        "authorizerPayloadFormatVersion": "2.0",
        "enableSimpleResponses": true,
        "authorizerResultTtlInSeconds": 60,
    });
    let created = http.post("authorizers", &body).await;
    let id = id_of(&created, "authorizerId");
    let mut shown = body.clone();
    shown["authorizerId"] = json!(id);
    created.is_json(201, &shown);
    http.get(&format!("authorizers/{id}")).await.is_json(200, &shown);
    let with = |name: &str, value: Json| {
        let mut body = body.clone();
        body["name"] = json!("other");
        body[name] = value;
        body
    };
    for (name, value) in [
        ("name", json!("a")),
        ("identitySource", json!(["Authorization"])),
        ("authorizerUri", json!("http://x")),
        ("authorizerPayloadFormatVersion", json!("1.0")),
        ("authorizerPayloadFormatVersion", Json::Null),
    ] {
        let refused = http.post("authorizers", &with(name, value)).await;
        assert_eq!(refused.status, 400, "{name} {}", refused.text());
    }
    let route = json!({ "routeKey": "GET /a", "authorizationType": "CUSTOM" });
    assert_eq!(http.post("routes", &route).await.status, 400);
    let route = json!({ "routeKey": "GET /a", "authorizationType": "CUSTOM", "authorizerId": id });
    let route = id_of(&http.post("routes", &route).await, "routeId");
    let used = http.call("DELETE", &format!("authorizers/{id}"), &Json::Null).await;
    let message = format!("Cannot delete authorizer '{id}', is referenced in route: {route}");
    used.refuses(409, "ConflictException", &message);
    http.call("DELETE", &format!("routes/{route}"), &Json::Null).await.is(204, "");
    let changed = http.call("PATCH", &format!("authorizers/{id}"), &json!({ "name": "b" })).await.ok();
    assert_eq!((&changed["name"], &changed["enableSimpleResponses"]), (&json!("b"), &json!(true)));
    http.call("DELETE", "stages/$default/cache/authorizers", &Json::Null).await.is(204, "");
    http.call("DELETE", &format!("authorizers/{id}"), &Json::Null).await.is(204, "");
}

#[tokio::test]
async fn apis_and_stages_have_tags() {
    let http = Http::new().await;
    for part in ["", "/stages/$default"] {
        let arn = format!("arn:aws:apigateway:us-east-1::/apis/{}{part}", http.id);
        let path = format!("/v2/tags/{}", arn.replace('/', "%2F"));
        let tag = json!({ "tags": { "a": "1", "b": "2" } });
        assert_eq!(http.lambda.wire.rest("POST", &path, "apigateway", &tag).await.status, 201);
        let untag = format!("{path}?tagKeys=a");
        http.lambda.wire.rest("DELETE", &untag, "apigateway", &Json::Null).await.is(204, "");
        let shown = http.lambda.wire.rest("GET", &path, "apigateway", &Json::Null).await;
        shown.is_json(200, &json!({ "tags": { "b": "2" } }));
    }
    let other = http.lambda.wire.rest("GET", "/v2/tags/arn:aws:x", "apigateway", &Json::Null).await;
    other.refuses(400, "BadRequestException", "Invalid ARN specified: arn:aws:x");
}
