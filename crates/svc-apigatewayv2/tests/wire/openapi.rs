//! HTTP APIs from documents and as documents.

use serde_json::{Value as Json, json};
use testkit::Answer;

use crate::{Http, uri};

/// A document with everything that HTTP APIs can be told.
fn document() -> Json {
    json!({
        "openapi": "3.0.1",
        "info": { "title": "pets", "version": "v7", "description": "of all kinds" },
        "servers": [{ "url": "https://example.org/{base}", "variables": { "base": { "default": "shop" } } }],
        "tags": [{ "name": "a", "x-amazon-apigateway-tag-value": "b" }, { "name": "no value" }],
        "paths": {
            "/pets/{id}": {
                "get": {
                    "operationId": "pet",
                    "security": [{ "tokens": ["read"] }],
                    "responses": { "default": { "description": "d" } },
                    "x-amazon-apigateway-integration": {
                        "type": "aws_proxy",
                        "httpMethod": "POST",
                        "uri": uri("f"),
                        "payloadFormatVersion": "2.0",
                        "timeoutInMillis": 5000,
                    },
                },
                "x-amazon-apigateway-any-method": {
                    "security": [{ "guard": [] }],
                    "x-amazon-apigateway-integration": {
                        "$ref": "#/components/x-amazon-apigateway-integrations/server",
                    },
                },
            },
            "/signed": {
                "put": {
                    "security": [{ "sigv4": [] }],
                    "x-amazon-apigateway-integration": {
                        "$ref": "#/components/x-amazon-apigateway-integrations/server",
                    },
                },
            },
            "/$default": {
                "x-amazon-apigateway-any-method": {
                    "isDefaultRoute": true,
                    "x-amazon-apigateway-integration": {
                        "type": "AWS_PROXY", "httpMethod": "POST", "uri": uri("f"), "payloadFormatVersion": "1.0",
                    },
                },
            },
        },
        "components": {
            "x-amazon-apigateway-integrations": {
                "server": {
                    "type": "http_proxy",
                    "httpMethod": "ANY",
                    "uri": "http://localhost/{id}",
                    "payloadFormatVersion": "1.0",
                    "requestParameters": { "append:header.x-a": "1" },
                    "responseParameters": { "200": { "remove:header.x-b": "''" } },
                },
            },
            "securitySchemes": {
                "tokens": {
                    "type": "oauth2",
                    "x-amazon-apigateway-authorizer": {
                        "type": "jwt",
                        "identitySource": "$request.header.Authorization",
                        "jwtConfiguration": { "issuer": "https://issuer", "audience": ["me"] },
                    },
                },
                "guard": {
                    "type": "apiKey", "name": "x", "in": "header",
                    "x-amazon-apigateway-authorizer": {
                        "type": "request",
                        "identitySource": "$request.header.A, $request.querystring.b",
                        "authorizerUri": uri("g"),
                        "authorizerPayloadFormatVersion": "2.0",
                        "authorizerResultTtlInSeconds": 60,
                        "enableSimpleResponses": true,
                    },
                },
                "sigv4": {
                    "type": "apiKey", "name": "Authorization", "in": "header",
                    "x-amazon-apigateway-authtype": "awsSigv4",
                },
            },
        },
        "x-amazon-apigateway-cors": { "allowOrigins": ["http://a"], "maxAge": 5 },
        "x-amazon-apigateway-importexport-version": "1.0",
    })
}

async fn import(http: &Http, query: &str, body: &str) -> Answer {
    let path = format!("/v2/apis{query}");
    http.lambda.wire.rest("PUT", &path, "apigateway", &json!({ "body": body })).await
}

async fn export(http: &Http, api: &Json, query: &str) -> Answer {
    let path = format!("/v2/apis/{}/exports/OAS30?{query}", api["apiId"].as_str().expect("an id"));
    http.lambda.wire.rest("GET", &path, "apigateway", &Json::Null).await
}

async fn part(http: &Http, api: &Json, part: &str) -> Vec<Json> {
    let path = format!("/v2/apis/{}/{part}", api["apiId"].as_str().expect("an id"));
    let all = http.lambda.wire.rest("GET", &path, "apigateway", &Json::Null).await.ok();
    all["items"].as_array().expect("a list").clone()
}

#[tokio::test]
async fn a_document_becomes_an_api() {
    let http = Http::new().await;
    let imported = import(&http, "", &document().to_string()).await;
    assert_eq!(imported.status, 201, "{}", imported.text());
    let api = imported.ok();
    assert_eq!(
        (&api["name"], &api["version"], &api["protocolType"]),
        (&json!("pets"), &json!("v7"), &json!("HTTP"))
    );
    assert_eq!((&api["tags"], &api["description"]), (&json!({ "a": "b" }), &json!("of all kinds")));
    assert_eq!(api["corsConfiguration"], json!({ "allowOrigins": ["http://a"], "maxAge": 5 }));
    assert_eq!((api.get("warnings"), api.get("importInfo")), (None, None));

    let mut routes = part(&http, &api, "routes").await;
    routes.sort_by_key(|route| route["routeKey"].as_str().map(str::to_owned));
    let told =
        |name: &str| routes.iter().map(|route| route[name].as_str().unwrap_or_default()).collect::<Vec<_>>();
    assert_eq!(told("routeKey"), ["$default", "ANY /pets/{id}", "GET /pets/{id}", "PUT /signed"]);
    assert_eq!(told("authorizationType"), ["NONE", "CUSTOM", "JWT", "AWS_IAM"]);
    assert_eq!(
        (&routes[2]["operationName"], &routes[2]["authorizationScopes"]),
        (&json!("pet"), &json!(["read"]))
    );
    assert_eq!(routes[1]["target"], routes[3]["target"], "what both refer to is there once");
    let integrations = part(&http, &api, "integrations").await;
    assert_eq!(integrations.len(), 3);
    let server = integrations.iter().find(|one| one["integrationType"] == "HTTP_PROXY").expect("it is there");
    assert_eq!(server["requestParameters"], json!({ "append:header.x-a": "1" }));
    assert_eq!(server["responseParameters"], json!({ "200": { "remove:header.x-b": "''" } }));
    let authorizers = part(&http, &api, "authorizers").await;
    let guard = authorizers.iter().find(|one| one["name"] == "guard").expect("it is there");
    assert_eq!(guard["identitySource"], json!(["$request.header.A", "$request.querystring.b"]));
    assert_eq!(
        (&guard["authorizerResultTtlInSeconds"], &guard["enableSimpleResponses"]),
        (&json!(60), &json!(true))
    );
}

#[tokio::test]
async fn what_is_exported_makes_the_same_api() {
    let http = Http::new().await;
    let api = import(&http, "", &document().to_string()).await.ok();
    let json = export(&http, &api, "outputType=JSON").await;
    let first = json.ok();
    assert_eq!(first["openapi"], "3.0.1");
    assert_eq!(first["paths"]["/pets/{id}"]["parameters"][0]["name"], "id");
    let yaml = export(&http, &api, "outputType=YAML").await;
    assert_eq!(yaml.status, 200);
    for body in [json.text(), yaml.text()] {
        let again = import(&http, "?failOnWarnings=true", body).await.ok();
        let mut second = export(&http, &again, "outputType=JSON").await.ok();
        second["servers"] = first["servers"].clone();
        assert!(second == first, "found    {second}\nexpected {first}");
    }
    let bare = export(&http, &api, "outputType=JSON&includeExtensions=false").await;
    assert!(!bare.text().contains("x-amazon"), "{}", bare.text());
    assert_eq!(bare.ok()["paths"]["/pets/{id}"]["get"]["operationId"], "pet");
}

#[tokio::test]
async fn a_stage_exports_what_it_serves() {
    let http = Http::new().await;
    http.route("GET /a", &uri("f"), "2.0").await;
    http.post("stages", &json!({ "stageName": "dev" })).await.ok();
    http.post("deployments", &json!({ "stageName": "dev" })).await.ok();
    http.route("GET /b", &uri("f"), "2.0").await;
    let api = json!({ "apiId": http.id });
    let served = export(&http, &api, "outputType=JSON&stageName=dev").await.ok();
    assert!(served["paths"].get("/b").is_none());
    assert_eq!(served["servers"][0]["url"], format!("http://{}.execute-api.localhost:4566/dev", http.id));
    assert!(export(&http, &api, "outputType=JSON").await.ok()["paths"].get("/b").is_some());
    assert_eq!(export(&http, &api, "outputType=JSON&stageName=no").await.status, 404);
    assert_eq!(export(&http, &api, "outputType=XML").await.status, 400);
}

#[tokio::test]
async fn an_api_is_made_anew_and_goes_on_serving() {
    let http = Http::new().await;
    let uri = http.function("f", "echo").await;
    http.route("GET /old", &uri, "2.0").await;
    let body = "
openapi: 3.0.1
info: {title: again, version: 2}
servers: [{url: /base}]
paths:
  /new:
    get:
      x-amazon-apigateway-integration:
        type: aws_proxy
        payloadFormatVersion: 2.0
        uri: URI
";
    let body = json!({ "body": body.replace("URI", &uri) });
    let path = format!("/v2/apis/{}?basepath=prepend", http.id);
    let answer = http.lambda.wire.rest("PUT", &path, "apigateway", &body).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    assert_eq!((&answer.ok()["name"], &answer.ok()["version"]), (&json!("again"), &json!("2")));
    // Its stage deploys by itself.
    assert_eq!(http.visit("/base/new").await.ok()["routeKey"], "GET /base/new");
    http.visit("/old").await.is(404, r#"{"message":"Not Found"}"#);
}

#[tokio::test]
async fn what_is_not_understood_is_told_or_refused() {
    let http = Http::new().await;
    let with = |path: Json| json!({ "openapi": "3.0.1", "info": { "title": "t" }, "paths": { "/a": path } });
    let odd = with(json!({
        "trace": {},
        "get": {
            "parameters": [],
            "x-amazon-apigateway-request-validator": "all",
            "x-amazon-apigateway-integration": {
                "type": "aws_proxy", "uri": uri("f"), "payloadFormatVersion": "2.0", "cacheNamespace": "c",
            },
        },
    }));
    let api = import(&http, "", &odd.to_string()).await.ok();
    let expected = [
        "trace of path /a is not supported and is ignored",
        "Unsupported extension x-amazon-apigateway-request-validator of GET /a is ignored",
        "cacheNamespace of the integration of GET /a is not supported and is ignored",
    ];
    assert_eq!(api["warnings"], json!(expected));
    assert_eq!(
        api["importInfo"],
        json!(["parameters of GET /a has no meaning for HTTP APIs and is ignored"])
    );
    let message = format!("Warnings found during import:\n\t{}", expected.join("\n\t"));
    let before = http.lambda.rows(750).await;
    import(&http, "?failOnWarnings=true", &odd.to_string()).await.refuses(
        400,
        "BadRequestException",
        &message,
    );

    for (body, status) in [
        ("{".to_owned(), 400),
        ("[]".to_owned(), 400),
        (r#"{"swagger":"2.0","info":{"title":"t"},"paths":{}}"#.to_owned(), 400),
        (r#"{"openapi":"3.0.1","info":{},"paths":{}}"#.to_owned(), 400),
        (with(json!({ "get": { "x-amazon-apigateway-integration": { "type": "mock" } } })).to_string(), 400),
        (with(json!({ "get": { "security": [{ "nobody": [] }] } })).to_string(), 400),
        (with(json!({ "get": { "x-amazon-apigateway-integration": { "$ref": "#/nowhere" } } })).to_string(), 400),
        (
            with(json!({ "get": { "x-amazon-apigateway-integration": {
                "type": "aws_proxy", "integrationSubtype": "SQS-SendMessage", "payloadFormatVersion": "1.0",
            } } }))
            .to_string(),
            501,
        ),
        // An alias of aliases of aliases, which would fill memory.
        (
            "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\n\
             d: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: &f [*e,*e,*e,*e,*e,*e,*e,*e]\n\
             g: &g [*f,*f,*f,*f,*f,*f,*f,*f,*f]\nh: [*g,*g,*g,*g,*g,*g,*g,*g,*g]\n"
                .to_owned(),
            400,
        ),
    ] {
        assert_eq!(import(&http, "", &body).await.status, status, "{body}");
    }
    assert_eq!(import(&http, "?basepath=split", &odd.to_string()).await.status, 501);
    assert_eq!(http.lambda.rows(750).await, before, "what is refused changes nothing");
}
