//! APIs and what they are made of.

use serde_json::{Value as Json, json};

use crate::{Rest, proxy, uri};

#[tokio::test]
async fn an_api_is_made_shown_changed_and_gone() {
    let rest = Rest::create(&json!({ "name": "n", "description": "d", "tags": { "a": "b" } })).await;
    let expected = json!({
        "id": rest.id,
        "name": "n",
        "description": "d",
        "createdDate": 1_795_428_672,
        "apiKeySource": "HEADER",
        "endpointConfiguration": { "types": ["EDGE"], "ipAddressType": "ipv4" },
        "tags": { "a": "b" },
        "disableExecuteApiEndpoint": false,
        "rootResourceId": rest.root,
    });
    rest.get("").await.is_json(200, &expected);
    let patches = json!({ "patchOperations": [
        { "op": "replace", "path": "/name", "value": "m" },
        { "op": "add", "path": "/binaryMediaTypes/image~1png" },
        { "op": "remove", "path": "/description" },
    ] });
    let changed = rest.call("PATCH", "", &patches).await.ok();
    assert_eq!((&changed["name"], &changed["binaryMediaTypes"]), (&json!("m"), &json!(["image/png"])));
    assert!(changed.get("description").is_none());
    assert_eq!(rest.patch("", "replace", "/none", "x").await.status, 400);
    assert_eq!(rest.patch("", "replace", "/policy", "{}").await.status, 501);
    assert_eq!(rest.at("POST", "/restapis", &json!({ "name": "n", "policy": "{}" })).await.status, 501);
    let listed = rest.at("GET", "/restapis", &Json::Null).await.ok();
    assert_eq!(listed["item"].as_array().map(Vec::len), Some(1));
    rest.method(&rest.root, "GET", json!({}), &proxy("f")).await;
    rest.deploy().await;
    rest.call("DELETE", "", &Json::Null).await.is(202, "");
    let message = format!("Invalid API identifier specified 000000000000:{}", rest.id);
    rest.get("").await.refuses(404, "NotFoundException", &message);
    for table in 765..=773 {
        assert_eq!(rest.lambda.rows(table).await, 0, "table {table}");
    }
}

#[tokio::test]
async fn both_kinds_of_apis_live_side_by_side() {
    let rest = Rest::new().await;
    let body = json!({ "name": "h", "protocolType": "HTTP" });
    let http = rest.at("POST", "/v2/apis", &body).await.ok();
    assert_eq!(rest.at("GET", "/v2/apis", &Json::Null).await.ok()["items"][0]["apiId"], http["apiId"]);
    assert_eq!(rest.at("GET", "/restapis", &Json::Null).await.ok()["item"][0]["id"], rest.id);
    assert_eq!(rest.at("GET", "/vpclinks", &Json::Null).await.status, 501);
    assert_eq!(rest.at("GET", "/v2/vpclinks", &Json::Null).await.status, 501);
}

#[tokio::test]
async fn resources_are_a_tree() {
    let rest = Rest::new().await;
    let pets = rest.below(&rest.root, "pets").await;
    let one = rest.below(&pets, "{id}").await;
    let shown = json!({ "id": one, "parentId": pets, "pathPart": "{id}", "path": "/pets/{id}" });
    rest.get(&format!("resources/{one}")).await.is_json(200, &shown);
    let create = async |parent: &str, part: &str| {
        rest.call("POST", &format!("resources/{parent}"), &json!({ "pathPart": part })).await
    };
    let again = create(&rest.root, "pets").await;
    let message = "Another resource with the same parent already has this name: pets";
    again.refuses(409, "ConflictException", message);
    let message = "A sibling ({id}) of this resource already has a variable path part -- only one is allowed";
    create(&pets, "{other}").await.refuses(400, "BadRequestException", message);
    assert_eq!(create(&pets, "a b").await.status, 400);
    create("none", "x").await.refuses(404, "NotFoundException", "Invalid Resource identifier specified");
    let greedy = rest.below(&rest.root, "{proxy+}").await;
    assert_eq!(create(&greedy, "x").await.status, 400);

    let moved = rest.patch(&format!("resources/{pets}"), "replace", "/pathPart", "animals").await.ok();
    assert_eq!(moved["path"], "/animals");
    assert_eq!(rest.get(&format!("resources/{one}")).await.ok()["path"], "/animals/{id}");
    assert_eq!(rest.patch(&format!("resources/{pets}"), "replace", "/parentId", &one).await.status, 400);
    let listed = rest.get("resources").await.ok();
    assert_eq!(listed["item"].as_array().map(Vec::len), Some(4));
    rest.call("DELETE", &format!("resources/{pets}"), &Json::Null).await.is(202, "");
    assert_eq!(rest.get(&format!("resources/{one}")).await.status, 404);
    assert_eq!(rest.call("DELETE", &format!("resources/{}", rest.root), &Json::Null).await.status, 400);
}

#[tokio::test]
async fn methods_have_responses_and_integrations() {
    let rest = Rest::new().await;
    let path = format!("resources/{}/methods/GET", rest.root);
    let put =
        json!({ "authorizationType": "NONE", "requestParameters": { "method.request.querystring.q": true } });
    let method = json!({
        "httpMethod": "GET",
        "authorizationType": "NONE",
        "apiKeyRequired": false,
        "requestParameters": { "method.request.querystring.q": true },
    });
    rest.call("PUT", &path, &put).await.is_json(201, &method);
    let again = rest.call("PUT", &path, &put).await;
    again.refuses(409, "ConflictException", "Method already exists for this resource");
    let other = format!("resources/{}/methods/POST", rest.root);
    assert_eq!(rest.call("PUT", &other, &json!({ "authorizationType": "CUSTOM" })).await.status, 400);
    assert_eq!(
        rest.call("PUT", &other, &json!({ "authorizationType": "COGNITO_USER_POOLS" })).await.status,
        400
    );
    assert_eq!(rest.call("PUT", &other, &json!({ "authorizationType": "x" })).await.status, 400);
    rest.get(&other).await.refuses(404, "NotFoundException", "Invalid Method identifier specified");

    let integration = format!("{path}/integration");
    let put = async |body: Json| rest.call("PUT", &integration, &body).await;
    let message = "Enumeration value for HttpMethod must be non-empty";
    put(json!({ "type": "AWS_PROXY", "uri": uri("f") })).await.refuses(400, "BadRequestException", message);
    let message = "Invalid HTTP endpoint specified for URI";
    let nowhere = json!({ "type": "HTTP", "httpMethod": "GET", "uri": "x" });
    put(nowhere).await.refuses(400, "BadRequestException", message);
    let queue = "arn:aws:apigateway:us-east-1:sqs:path/000000000000/q";
    assert_eq!(put(json!({ "type": "AWS", "httpMethod": "POST", "uri": queue })).await.status, 501);
    let template = json!({ "type": "MOCK", "requestTemplates": { "application/json": "#if(" } });
    assert_eq!(put(template).await.status, 400);
    let expected = json!({
        "type": "AWS_PROXY",
        "httpMethod": "POST",
        "uri": uri("f"),
        "passthroughBehavior": "WHEN_NO_MATCH",
        "timeoutInMillis": 29000,
        "cacheKeyParameters": [],
    });
    put(proxy("f")).await.is_json(201, &expected);
    let response = format!("{integration}/responses/200");
    let missing = rest.call("PUT", &response, &json!({})).await;
    missing.refuses(404, "NotFoundException", "Invalid Response status code specified");
    let declared = json!({ "responseParameters": { "method.response.header.X": false } });
    rest.call("PUT", &format!("{path}/responses/200"), &declared).await.ok();
    rest.call("PUT", &response, &json!({ "selectionPattern": "x.*" })).await.ok();
    assert_eq!(rest.call("PUT", &response, &json!({ "selectionPattern": "(" })).await.status, 400);
    assert_eq!(rest.patch(&integration, "replace", "/timeoutInMillis", "30000").await.status, 400);
    assert_eq!(
        rest.patch(&integration, "replace", "/timeoutInMillis", "50").await.ok()["timeoutInMillis"],
        50
    );
    let embedded = rest.get(&format!("resources/{}?embed=methods", rest.root)).await.ok();
    let shown = &embedded["resourceMethods"]["GET"];
    assert_eq!(shown["methodIntegration"]["integrationResponses"]["200"]["selectionPattern"], "x.*");
    assert_eq!(shown["methodResponses"]["200"]["statusCode"], "200");
    rest.call("DELETE", &response, &Json::Null).await.is(204, "");
    rest.call("DELETE", &integration, &Json::Null).await.is(204, "");
    assert_eq!(rest.get(&integration).await.status, 404);
    rest.call("DELETE", &path, &Json::Null).await.is(204, "");
}

#[tokio::test]
async fn deployments_and_stages_belong_together() {
    let rest = Rest::new().await;
    let empty = rest.call("POST", "deployments", &json!({})).await;
    empty.refuses(400, "BadRequestException", "The REST API doesn't contain any methods");
    let path = format!("resources/{}/methods/GET", rest.root);
    rest.call("PUT", &path, &json!({ "authorizationType": "NONE" })).await.ok();
    let bare = rest.call("POST", "deployments", &json!({})).await;
    bare.refuses(400, "BadRequestException", "No integration defined for method");
    rest.call("PUT", &format!("{path}/integration"), &proxy("f")).await.ok();
    let deployment = rest.call("POST", "deployments", &json!({ "description": "d" })).await.ok();
    let id = deployment["id"].as_str().expect("an id");
    let summary = json!({ "/": { "GET": { "authorizationType": "NONE", "apiKeyRequired": false } } });
    assert_eq!(rest.get(&format!("deployments/{id}?embed=apisummary")).await.ok()["apiSummary"], summary);
    let nowhere = rest.call("POST", "stages", &json!({ "stageName": "dev", "deploymentId": "none" })).await;
    nowhere.refuses(400, "BadRequestException", "Deployment id does not exist");
    let stage = json!({ "stageName": "dev", "deploymentId": id, "variables": { "a": "1" } });
    assert_eq!(rest.call("POST", "stages", &stage).await.ok()["deploymentId"], *id);
    let again = rest.call("POST", "stages", &stage).await;
    again.refuses(409, "ConflictException", "Stage already exists");
    let used = rest.call("DELETE", &format!("deployments/{id}"), &Json::Null).await;
    let message = "Active stages pointing to this deployment must be moved or deleted";
    used.refuses(400, "BadRequestException", message);
    assert_eq!(
        rest.patch("stages/dev", "replace", "/variables/b", "2").await.ok()["variables"],
        json!({ "a": "1", "b": "2" })
    );
    let limited = rest.patch("stages/dev", "replace", "/*/*/throttling/rateLimit", "5").await.ok();
    assert_eq!(limited["methodSettings"]["*/*"]["throttlingRateLimit"], 5.0);
    assert_eq!(rest.patch("stages/dev", "replace", "/*/*/caching/enabled", "true").await.status, 501);
    assert_eq!(rest.patch("stages/dev", "replace", "/tracingEnabled", "true").await.status, 501);
    rest.patch("stages/dev", "replace", "/tracingEnabled", "false").await.ok();
    assert_eq!(rest.get("stages").await.ok()["item"].as_array().map(Vec::len), Some(1));
    rest.call("DELETE", "stages/dev", &Json::Null).await.is(202, "");
    rest.call("DELETE", &format!("deployments/{id}"), &Json::Null).await.is(202, "");
}

#[tokio::test]
async fn parts_of_an_api_are_kept() {
    let rest = Rest::new().await;
    let names = |listed: &Json| {
        let items = listed["item"].as_array().expect("a list").iter();
        items.map(|item| item["name"].as_str().expect("a name").to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names(&rest.get("models").await.ok()), ["Empty", "Error"]);
    let model =
        json!({ "name": "Pet", "contentType": "application/json", "schema": "{\"type\":\"object\"}" });
    rest.call("POST", "models", &model).await.ok();
    let again = rest.call("POST", "models", &model).await;
    again.refuses(409, "ConflictException", "Model name already exists for this REST API");
    let wrong = json!({ "name": "x", "contentType": "application/json", "schema": "{\"type\":1}" });
    assert_eq!(rest.call("POST", "models", &wrong).await.status, 400);
    rest.patch("models/Pet", "replace", "/description", "d").await.ok();
    rest.call("DELETE", "models/Pet", &Json::Null).await.is(202, "");
    rest.get("models/Pet").await.refuses(404, "NotFoundException", "Invalid model name specified: Pet");

    let made = json!({ "name": "v", "validateRequestBody": true });
    let validator = rest.call("POST", "requestvalidators", &made).await.ok();
    let path = format!("requestvalidators/{}", validator["id"].as_str().expect("an id"));
    let changed = rest.patch(&path, "replace", "/validateRequestParameters", "true").await.ok();
    assert_eq!(
        (&changed["validateRequestBody"], &changed["validateRequestParameters"]),
        (&json!(true), &json!(true))
    );
    assert_eq!(names(&rest.get("requestvalidators").await.ok()), ["v"]);
    rest.call("DELETE", &path, &Json::Null).await.is(202, "");

    let usual = rest.get("gatewayresponses/THROTTLED").await.ok();
    assert_eq!((&usual["statusCode"], &usual["defaultResponse"]), (&json!("429"), &json!(true)));
    rest.call("PUT", "gatewayresponses/THROTTLED", &json!({ "statusCode": "420" })).await.ok();
    assert_eq!(rest.get("gatewayresponses/THROTTLED").await.ok()["statusCode"], "420");
    assert_eq!(rest.get("gatewayresponses").await.ok()["item"].as_array().map(Vec::len), Some(21));
    rest.call("DELETE", "gatewayresponses/THROTTLED", &Json::Null).await.is(202, "");
    assert_eq!(rest.call("DELETE", "gatewayresponses/THROTTLED", &Json::Null).await.status, 404);
}

#[tokio::test]
async fn everything_has_tags() {
    let rest = Rest::new().await;
    rest.method(&rest.root, "GET", json!({}), &proxy("f")).await;
    rest.deploy().await;
    let key = rest.at("POST", "/apikeys", &json!({ "name": "k" })).await.ok()["id"].clone();
    let plan = rest.at("POST", "/usageplans", &json!({ "name": "p" })).await.ok()["id"].clone();
    for resource in [
        format!("restapis/{}", rest.id),
        format!("restapis/{}/stages/dev", rest.id),
        format!("apikeys/{}", key.as_str().expect("an id")),
        format!("usageplans/{}", plan.as_str().expect("an id")),
    ] {
        let arn = format!("arn:aws:apigateway:us-east-1::/{resource}").replace('/', "%2F");
        let path = format!("/tags/{arn}");
        rest.at("PUT", &path, &json!({ "tags": { "a": "1", "b": "2" } })).await.is(204, "");
        rest.at("DELETE", &format!("{path}?tagKeys=a"), &Json::Null).await.is(204, "");
        rest.at("GET", &path, &Json::Null).await.is_json(200, &json!({ "tags": { "b": "2" } }));
    }
}
