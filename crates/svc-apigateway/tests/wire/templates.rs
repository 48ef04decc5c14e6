//! Mocks, templates, mappings, validators.

use serde_json::{Value as Json, json};

use crate::{Rest, uri};

/// A method whose answer `200` and others come from these integration responses.
async fn method(rest: &Rest, name: &str, integration: Json, responses: Json, more: Json) {
    rest.method(&rest.root, name, more, &integration).await;
    let path = format!("resources/{}/methods/{name}", rest.root);
    for (status, response) in responses.as_object().expect("an object") {
        rest.call("PUT", &format!("{path}/responses/{status}"), &json!({})).await.ok();
        rest.call("PUT", &format!("{path}/integration/responses/{status}"), response).await.ok();
    }
}

#[tokio::test]
async fn browsers_are_answered_by_a_mock() {
    let rest = Rest::new().await;
    let mock = json!({ "type": "MOCK", "requestTemplates": { "application/json": "{\"statusCode\": 200}" } });
    let responses = json!({ "200": { "responseParameters": {
        "method.response.header.Access-Control-Allow-Origin": "'*'",
        "method.response.header.Access-Control-Allow-Methods": "'GET,OPTIONS'",
    } } });
    method(&rest, "OPTIONS", mock, responses, json!({})).await;
    rest.deploy().await;
    let answer = rest.send("OPTIONS", "/dev", &[("origin", "http://a")], "").await;
    answer.is(200, "");
    assert_eq!(answer.header("access-control-allow-origin"), "*");
    assert_eq!(answer.header("access-control-allow-methods"), "GET,OPTIONS");
}

#[tokio::test]
async fn templates_see_the_request() {
    let rest = Rest::new().await;
    let template = r#"#set($root = $input.path('$'))
{"statusCode": #if($input.params('fail') == 'yes')500#else 200#end}"#;
    let mock = json!({ "type": "MOCK", "requestTemplates": { "application/json": template } });
    let answer = r#"{"q":"$input.params('q')","h":"$input.params().header.get('X-A')","stage":"$context.stage",
"v":"$stageVariables.v","esc":"$util.escapeJavaScript("a'b")","enc":"$util.urlEncode("a b&c")","b64":"$util.base64Encode('hi')","none":"$input.params('none')","ip":"$context.identity.sourceIp"}"#;
    let responses = json!({
        "200": { "responseTemplates": { "application/json": answer } },
        "500": {
            "selectionPattern": "5\\d\\d",
            "responseTemplates": { "application/json": "#set($context.responseOverride.status = 418){}" },
        },
    });
    method(&rest, "POST", mock, responses, json!({})).await;
    rest.deploy().await;
    rest.patch("stages/dev", "replace", "/variables/v", "1").await.ok();
    let said = rest.send("POST", "/dev?q=x", &[("x-a", "2")], "{}").await;
    let text = said.text().replace("\\'", "'");
    let said: Json = serde_json::from_str(&text).expect("JSON");
    let expected = json!({
        "q": "x", "h": "2", "stage": "dev", "v": "1", "esc": "a'b", "enc": "a+b%26c", "b64": "aGk=", "none": "",
        "ip": "127.0.0.1",
    });
    assert_eq!(said, expected);
    rest.send("POST", "/dev?fail=yes", &[], "{}").await.is(418, "{}");
}

#[tokio::test]
async fn functions_are_asked_by_template() {
    let rest = Rest::new().await;
    rest.function("echo", "echo").await;
    rest.function("raise", "raise").await;
    let integration = |name: &str| {
        json!({
            "type": "AWS",
            "httpMethod": "POST",
            "uri": uri(name),
            "passthroughBehavior": "NEVER",
            "requestTemplates": { "application/json":
                "{\"all\": $input.json('$'), \"names\": [#foreach($n in $input.path('$.names'))\"$n\"#if($foreach.hasNext),#end#end]}" },
        })
    };
    let responses = json!({
        "200": {
            "responseParameters": { "method.response.header.X-First": "integration.response.body.names[0]" },
            "responseTemplates": { "application/json": "{\"got\": $input.json('$.names')}" },
        },
        "400": {
            "selectionPattern": "(?s).+",
            "responseTemplates": { "application/json": "{\"said\": $input.json('$.errorMessage')}" },
        },
    });
    method(&rest, "POST", integration("echo"), responses.clone(), json!({})).await;
    method(&rest, "PUT", integration("raise"), responses, json!({})).await;
    rest.deploy().await;
    let body = r#"{"names":["a","b"]}"#;
    let answer = rest.send("POST", "/dev", &[("content-type", "application/json")], body).await;
    answer.is(200, r#"{"got": ["a","b"]}"#);
    assert_eq!(answer.header("x-first"), "a");
    let failed = rest.send("PUT", "/dev", &[], body).await;
    assert_eq!(failed.status, 400);
    assert!(failed.text().starts_with(r#"{"said": ""#), "{}", failed.text());
    let other = rest.send("POST", "/dev", &[("content-type", "text/plain")], body).await;
    other.is(415, r#"{"message":"Unsupported Media Type"}"#);
}

#[tokio::test]
async fn events_are_not_waited_for() {
    let rest = Rest::new().await;
    rest.function("hang", "hang").await;
    let integration = json!({
        "type": "AWS",
        "httpMethod": "POST",
        "uri": uri("hang"),
        "requestParameters": { "integration.request.header.X-Amz-Invocation-Type": "'Event'" },
    });
    method(&rest, "POST", integration, json!({ "200": {} }), json!({})).await;
    rest.deploy().await;
    assert_eq!(rest.send("POST", "/dev", &[], "{}").await.status, 200);
}

#[tokio::test]
async fn requests_are_validated() {
    let rest = Rest::new().await;
    let schema = json!({
        "$schema": "http://json-schema.org/draft-04/schema#",
        "type": "object",
        "required": ["name"],
        "properties": { "name": { "type": "string" }, "age": { "type": "integer", "minimum": 0 } },
    });
    let model = json!({ "name": "Pet", "contentType": "application/json", "schema": schema.to_string() });
    rest.call("POST", "models", &model).await.ok();
    let both = json!({ "name": "v", "validateRequestBody": true, "validateRequestParameters": true });
    let validator = rest.call("POST", "requestvalidators", &both).await.ok()["id"].clone();
    let more = json!({
        "requestValidatorId": validator,
        "requestModels": { "application/json": "Pet" },
        "requestParameters": { "method.request.querystring.q": true, "method.request.header.X-A": false },
    });
    let mock = json!({ "type": "MOCK", "requestTemplates": { "application/json": "{\"statusCode\": 200}" } });
    method(&rest, "POST", mock, json!({ "200": {} }), more).await;
    rest.deploy().await;
    rest.send("POST", "/dev?q=1", &[], r#"{"name":"a","age":1}"#).await.is(200, "");
    let missing = rest.send("POST", "/dev", &[], r#"{"name":"a"}"#).await;
    missing.is(400, r#"{"message":"Missing required request parameters: [q]"}"#);
    for body in ["", "no json", r#"{"age":1}"#, r#"{"name":1}"#, r#"{"name":"a","age":-1}"#] {
        let refused = rest.send("POST", "/dev?q=1", &[], body).await;
        refused.is(400, r#"{"message":"Invalid request body"}"#);
    }
}
