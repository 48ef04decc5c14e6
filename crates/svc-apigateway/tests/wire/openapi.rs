//! REST APIs from OpenAPI documents.

use serde_json::{Value as Json, json};
use testkit::{Answer, request};

use crate::{Rest, uri};

const SWAGGER: &str = r##"
swagger: "2.0"
info: {title: pets, version: 7, description: of all kinds}
basePath: /shop
produces: [application/json]
securityDefinitions:
  key: {type: apiKey, name: x-api-key, in: header}
  guard:
    type: apiKey
    name: Authorization
    in: header
    x-amazon-apigateway-authtype: custom
    x-amazon-apigateway-authorizer: {type: token, authorizerUri: "GUARD", authorizerResultTtlInSeconds: 60}
  signed: {type: apiKey, name: Authorization, in: header, x-amazon-apigateway-authtype: awsSigv4}
parameters:
  page: {name: page, in: query, type: string, required: true}
definitions:
  Pet:
    type: object
    required: [name]
    properties: {name: {type: string}, parent: {$ref: "#/definitions/Parent"}}
  Parent: {type: object, properties: {name: {type: string}}}
x-amazon-apigateway-binary-media-types: [image/png]
x-amazon-apigateway-request-validators:
  all: {validateRequestBody: true, validateRequestParameters: true}
x-amazon-apigateway-gateway-responses:
  BAD_REQUEST_BODY:
    statusCode: 422
    responseTemplates: {application/json: '{"no":$context.error.messageString}'}
paths:
  /pets:
    post:
      operationId: addPet
      x-amazon-apigateway-request-validator: all
      parameters:
        - {$ref: "#/parameters/page"}
        - {name: Pet, in: body, schema: {$ref: "#/definitions/Pet"}}
      responses:
        "201":
          description: d
          headers: {X-Made: {type: string}}
          schema: {$ref: "#/definitions/Pet"}
      x-amazon-apigateway-integration:
        type: mock
        passthroughBehavior: when_no_match
        requestTemplates: {application/json: '{"statusCode": 200}'}
        responses:
          default:
            statusCode: 201
            responseParameters: {method.response.header.X-Made: "'yes'"}
            responseTemplates: {application/json: '{"made":true}'}
  /pets/{id}:
    x-amazon-apigateway-any-method:
      parameters: [{name: id, in: path, required: true, type: string}]
      x-amazon-apigateway-integration:
        {type: aws_proxy, httpMethod: POST, uri: "FUNCTION", responses: {default: {statusCode: 200}}}
    get:
      security: [{key: []}, {guard: []}]
      x-amazon-apigateway-integration: {type: aws_proxy, httpMethod: POST, uri: "FUNCTION"}
  /signed:
    get:
      security: [{signed: []}]
      x-amazon-apigateway-integration: {type: http_proxy, httpMethod: GET, uri: "http://localhost"}
"##;

fn swagger() -> String {
    SWAGGER.replace("FUNCTION", &uri("f")).replace("GUARD", &uri("g"))
}

impl Rest {
    async fn import(&self, query: &str, body: &str) -> Answer {
        let path = format!("/restapis?mode=import{query}");
        self.lambda.send(request("POST", &path, "apigateway", &[], body)).await
    }

    async fn put(&self, query: &str, body: &str) -> Answer {
        let path = format!("/restapis/{}?{query}", self.id);
        self.lambda.send(request("PUT", &path, "apigateway", &[], body)).await
    }

    /// Resources by path, with their methods.
    async fn resources(&self) -> Json {
        let all = self.get("resources?embed=methods&limit=500").await.ok();
        let all = all["item"].as_array().expect("a list").iter();
        all.map(|one| (one["path"].as_str().expect("a path").to_owned(), one["resourceMethods"].clone()))
            .collect()
    }
}

#[tokio::test]
async fn a_document_becomes_an_api() {
    let mut rest = Rest::new().await;
    let imported = rest.import("&failonwarnings=true&endpointConfigurationTypes=REGIONAL", &swagger()).await;
    assert_eq!(imported.status, 201, "{}", imported.text());
    let api = imported.ok();
    rest.id = api["id"].as_str().expect("an id").to_owned();
    assert_eq!(
        (&api["name"], &api["version"], &api["description"]),
        (&json!("pets"), &json!("7"), &json!("of all kinds"))
    );
    assert_eq!(api["endpointConfiguration"]["types"], json!(["REGIONAL"]));
    assert_eq!((&api["binaryMediaTypes"], api.get("warnings")), (&json!(["image/png"]), None));
    assert_eq!(rest.get("").await.ok(), api);

    let resources = rest.resources().await;
    let paths =
        resources.as_object().expect("an object").keys().cloned().collect::<std::collections::BTreeSet<_>>();
    assert_eq!(paths.iter().map(String::as_str).collect::<Vec<_>>(), ["/", "/pets", "/pets/{id}", "/signed"]);
    let post = &resources["/pets"]["POST"];
    assert_eq!((&post["operationName"], &post["authorizationType"]), (&json!("addPet"), &json!("NONE")));
    assert_eq!(post["requestParameters"], json!({ "method.request.querystring.page": true }));
    assert_eq!(post["requestModels"], json!({ "application/json": "Pet" }));
    let response = json!({
        "statusCode": "201",
        "responseParameters": { "method.response.header.X-Made": false },
        "responseModels": { "application/json": "Pet" },
    });
    assert_eq!(post["methodResponses"], json!({ "201": response }));
    let get = &resources["/pets/{id}"]["GET"];
    assert_eq!((&get["authorizationType"], &get["apiKeyRequired"]), (&json!("CUSTOM"), &json!(true)));
    assert_eq!(resources["/pets/{id}"]["ANY"]["methodIntegration"]["type"], "AWS_PROXY");
    assert_eq!(resources["/signed"]["GET"]["authorizationType"], "AWS_IAM");
    let authorizers = rest.get("authorizers").await.ok();
    let guard = &authorizers["item"][0];
    assert_eq!((&guard["type"], &guard["name"]), (&json!("TOKEN"), &json!("guard")));
    assert_eq!(guard["identitySource"], "method.request.header.Authorization");
    let models = rest.get("models").await.ok();
    assert_eq!(models["item"].as_array().map(Vec::len), Some(4), "Empty, Error and its own");

    // And it serves.
    rest.wrapping();
    rest.function("f", "wrap").await;
    rest.deploy().await;
    let made = rest
        .send("POST", "/dev/pets?page=1", &[("content-type", "application/json")], r#"{"name":"a"}"#)
        .await;
    made.is(201, r#"{"made":true}"#);
    assert_eq!(made.header("x-made"), "yes");
    let pet = r#"{"name":"a","parent":{"name":7}}"#;
    let bad = rest.send("POST", "/dev/pets?page=1", &[("content-type", "application/json")], pet).await;
    bad.is(422, r#"{"no":"Invalid request body"}"#);
    assert_eq!(rest.send("PUT", "/dev/pets/7", &[], "").await.ok()["pathParameters"], json!({ "id": "7" }));
    assert_eq!(rest.visit("/dev/signed").await.status, 403);
}

#[tokio::test]
async fn an_api_is_made_anew() {
    let rest = Rest::new().await;
    let old = rest.below(&rest.root, "old").await;
    rest.method(&old, "GET", json!({}), &json!({ "type": "MOCK" })).await;
    let document = json!({
        "openapi": "3.0.1",
        "info": { "title": "again" },
        "servers": [{ "url": "https://a/{b}", "variables": { "b": { "default": "v1" } } }],
        "components": { "schemas": { "Pet": { "type": "object" } } },
        "paths": { "/new": { "put": {
            "requestBody": { "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Pet" } } } },
            "responses": { "200": {
                "description": "d",
                "content": { "text/plain": { "schema": { "$ref": "#/components/schemas/Pet" } } },
            } },
            "x-amazon-apigateway-integration": { "type": "MOCK" },
        } } },
    });
    let answer = rest.put("mode=overwrite&basepath=prepend", &document.to_string()).await;
    assert_eq!((answer.status, &answer.ok()["name"]), (200, &json!("again")));
    assert_eq!(answer.ok()["rootResourceId"], rest.root);
    let resources = rest.resources().await;
    let put = &resources["/v1/new"]["PUT"];
    assert_eq!(put["requestModels"], json!({ "application/json": "Pet" }));
    assert_eq!(put["methodResponses"]["200"]["responseModels"], json!({ "text/plain": "Pet" }));
    assert!(resources.get("/old").is_none());
    for query in ["mode=merge", ""] {
        assert_eq!(rest.put(query, &document.to_string()).await.status, 501);
    }
    assert_eq!(rest.put("mode=overwrite", "{").await.status, 400);
    assert_eq!(rest.resources().await, resources, "what is refused changes nothing");
}

#[tokio::test]
async fn what_is_not_understood_is_told_or_refused() {
    let rest = Rest::new().await;
    let with = |path: Json| json!({ "swagger": "2.0", "info": { "title": "t" }, "paths": { "/a": path } });
    let mut odd = with(json!({
        "trace": {},
        "get": {
            "parameters": [{ "name": "f", "in": "formData" }],
            "responses": { "default": {} },
            "security": [{ "nobody": [] }],
            "x-amazon-apigateway-other": 1,
            "x-amazon-apigateway-integration": { "type": "mock", "else": 1 },
        },
    }));
    odd["definitions"] = json!({ "Own": { "properties": { "a": { "$ref": "#/definitions/Own" } } } });
    let expected = [
        "No body fits model Own, which refers to itself or to nothing",
        "trace of path /a is not supported and is ignored",
        "Unsupported extension x-amazon-apigateway-other of GET /a is ignored",
        "GET /a wants security scheme nobody, which asks for nothing here",
        "Parameter f in formData of GET /a is not supported and is ignored",
        "Response default of GET /a is not supported and is ignored",
        "else of the integration of GET /a is not supported and is ignored",
    ];
    assert_eq!(rest.import("", &odd.to_string()).await.ok()["warnings"], json!(expected));
    let before = rest.lambda.rows(765).await;
    let message = format!("Warnings found during import:\n\t{}", expected.join("\n\t"));
    let refused = rest.import("&failonwarnings=true", &odd.to_string()).await;
    refused.refuses(400, "BadRequestException", &message);
    let integration = |more: Json| {
        let mut integration = json!({ "type": "mock" });
        integration.as_object_mut().expect("made above").extend(more.as_object().expect("an object").clone());
        with(json!({ "get": { "x-amazon-apigateway-integration": integration } })).to_string()
    };
    for (body, status) in [
        ("{".to_owned(), 400),
        (r#"{"openapi":"3.1.0","info":{"title":"t"},"paths":{}}"#.to_owned(), 400),
        (r#"{"swagger":"2.0","info":{},"paths":{}}"#.to_owned(), 400),
        (integration(json!({ "type": "other" })), 400),
        (integration(json!({ "contentHandling": "CONVERT_TO_TEXT" })), 501),
        (integration(json!({ "connectionType": "vpc_link" })), 501),
        (integration(json!({ "requestTemplates": { "application/json": "#if" } })), 400),
        (with(json!({ "get": { "parameters": [{ "$ref": "#/parameters/none" }] } })).to_string(), 400),
        (with(json!({ "get": { "x-amazon-apigateway-request-validator": "none" } })).to_string(), 400),
        (r#"{"swagger":"2.0","info":{"title":"t"},"x-amazon-apigateway-policy":{}}"#.to_owned(), 501),
        (r#"{"swagger":"2.0","info":{"title":"t"},"paths":{"/{a}":{},"/{b}":{}}}"#.to_owned(), 400),
        (r#"{"swagger":"2.0","info":{"title":"t"},"paths":{"/{a+}/b":{}}}"#.to_owned(), 400),
    ] {
        assert_eq!(rest.import("", &body).await.status, status, "{body}");
    }
    assert_eq!(rest.import("&basepath=split", &odd.to_string()).await.status, 501);
    assert_eq!(rest.import("&basepath=other", &odd.to_string()).await.status, 400);
    assert_eq!(rest.lambda.rows(765).await, before, "what is refused changes nothing");
}

impl Rest {
    async fn export(&self, kind: &str, query: &str, accept: &str) -> Answer {
        let path = format!("/restapis/{}/stages/dev/exports/{kind}", self.id);
        let headers = [("accept", accept), ("host", "localhost:4566")];
        let path = format!("{path}{query}");
        self.lambda.send(request("GET", &path, "apigateway", &headers, "")).await
    }
}

/// What a stage serves, without what differs from one API to another.
async fn parts(rest: &Rest, id: &str) -> Json {
    let get = async |path: &str| rest.at("GET", &format!("/restapis/{id}/{path}"), &Json::Null).await.ok();
    let methods = get("resources?embed=methods&limit=500").await;
    let mut items = methods["item"].as_array().expect("a list").clone();
    for item in &mut items {
        for member in ["id", "parentId"] {
            item.as_object_mut().expect("an object").remove(member);
        }
        for method in item["resourceMethods"].as_object_mut().into_iter().flatten().map(|(_, method)| method)
        {
            for member in ["authorizerId", "requestValidatorId"] {
                if !method[member].is_null() {
                    method[member] = "some".into();
                }
            }
        }
    }
    items.sort_by_key(|item| item["path"].as_str().expect("a path").to_owned());
    let names = async |path: &str, by: &str| {
        let all = get(path).await;
        all["item"].as_array().into_iter().flatten().map(|one| one[by].clone()).collect::<Vec<_>>()
    };
    json!({
        "resources": items,
        "authorizers": names("authorizers", "authType").await,
        "models": names("models", "name").await,
        "validators": names("requestvalidators", "name").await,
    })
}

#[tokio::test]
async fn an_export_read_again_is_the_same_api() {
    let rest = Rest::new().await;
    let created = rest.import("", &swagger()).await.ok();
    let rest = Rest { id: created["id"].as_str().expect("an id").to_owned(), ..rest };
    rest.deploy().await;
    let before = parts(&rest, &rest.id).await;
    for (kind, accept) in [("swagger", "application/json"), ("oas30", "application/yaml")] {
        let exported = rest.export(kind, "?extensions=integrations,authorizers", accept).await;
        assert_eq!((exported.status, exported.header("content-type")), (200, accept), "{}", exported.text());
        assert!(
            exported.header("content-disposition").starts_with(&format!("attachment; filename=\"{kind}_"))
        );
        let again = rest.import("", exported.text()).await.ok();
        assert_eq!((&again["name"], &again["version"]), (&json!("pets"), &json!("7")), "{kind}");
        assert_eq!(again["binaryMediaTypes"], json!(["image/png"]));
        let other = again["id"].as_str().expect("an id");
        let path = format!("/restapis/{other}/gatewayresponses/BAD_REQUEST_BODY");
        assert_eq!(rest.at("GET", &path, &Json::Null).await.ok()["statusCode"], "422");
        assert_eq!(parts(&rest, other).await, before, "{kind}");
    }
}

#[tokio::test]
async fn an_export_says_as_much_as_is_asked_for() {
    let rest = Rest::new().await;
    let created = rest.import("", &swagger()).await.ok();
    let rest = Rest { id: created["id"].as_str().expect("an id").to_owned(), ..rest };
    rest.deploy().await;
    let plain = rest.export("swagger", "", "application/json").await.ok();
    assert_eq!((&plain["swagger"], &plain["basePath"]), (&json!("2.0"), &json!("/dev")));
    assert_eq!(plain["host"], format!("{}.execute-api.localhost:4566", rest.id));
    let post = &plain["paths"]["/pets"]["post"];
    assert_eq!(post["operationId"], "addPet");
    assert_eq!(
        post["parameters"],
        json!([
            { "name": "page", "in": "query", "required": true, "type": "string" },
            { "in": "body", "name": "Pet", "required": true, "schema": { "$ref": "#/definitions/Pet" } },
        ])
    );
    assert_eq!(post["responses"]["201"]["headers"], json!({ "X-Made": { "type": "string" } }));
    assert_eq!(plain["definitions"]["Pet"]["properties"]["parent"]["$ref"], "#/definitions/Parent");
    assert_eq!(plain["securityDefinitions"].as_object().map(|all| all.len()), Some(1), "the key's alone");
    assert!(!plain.to_string().contains("x-amazon"), "{plain}");

    let full = rest.export("oas30", "?extensions=apigateway", "application/json").await.ok();
    assert_eq!(full["servers"][0]["variables"]["basePath"]["default"], "dev");
    let any = &full["paths"]["/pets/{id}"]["x-amazon-apigateway-any-method"];
    assert_eq!(any["x-amazon-apigateway-integration"]["uri"], uri("f"));
    assert_eq!(any["parameters"][0]["schema"], json!({ "type": "string" }));
    assert_eq!(full["components"]["securitySchemes"]["guard"], Json::Null);
    let schema = &full["paths"]["/pets"]["post"]["requestBody"]["content"]["application/json"]["schema"];
    assert_eq!(schema["$ref"], "#/components/schemas/Pet");

    for (kind, query, accept, status) in [
        ("raml", "", "application/json", 400),
        ("oas30", "", "text/html", 400),
        ("oas30", "?extensions=more", "application/json", 400),
        ("oas30", "?extensions=postman", "application/json", 501),
    ] {
        assert_eq!(rest.export(kind, query, accept).await.status, status, "{kind} {query} {accept}");
    }
    let path = format!("/restapis/{}/stages/no/exports/oas30", rest.id);
    assert_eq!(rest.at("GET", &path, &Json::Null).await.status, 404);
}
