//! Custom domain names: both APIs configure them, and requests by them come to APIs of both kinds.

use std::sync::Arc;

use serde_json::{Value as Json, json};
use testkit::{Answer, request};

use crate::{Rest, proxy, uri};

const CERTIFICATE: &str = "arn:aws:acm:us-east-1:000000000000:certificate/c";
const DOMAIN: &str = "api.example.com";

impl Rest {
    /// A regional domain of this name.
    async fn domain(&self, name: &str) -> Json {
        let body = json!({
            "domainName": name,
            "regionalCertificateArn": CERTIFICATE,
            "endpointConfiguration": { "types": ["REGIONAL"] },
        });
        self.at("POST", "/domainnames", &body).await.ok()
    }

    async fn map(&self, more: &Json) -> Answer {
        let mut body = json!({ "restApiId": self.id });
        body.as_object_mut().expect("made above").extend(more.as_object().expect("an object").clone());
        self.at("POST", &format!("/domainnames/{DOMAIN}/basepathmappings"), &body).await
    }

    async fn by_domain(&self, name: &str, path: &str) -> Answer {
        self.lambda.send(request("GET", path, "", &[("host", name)], "")).await
    }

    /// A stage `dev` whose function answers with its event, at `/pets/{id}`.
    async fn wrapped(&self) {
        self.wrapping();
        self.function("f", "wrap").await;
        let pets = self.below(&self.root, "pets").await;
        let pet = self.below(&pets, "{id}").await;
        self.method(&pet, "GET", json!({}), &proxy("f")).await;
        self.deploy().await;
    }

    /// An HTTP API whose route `GET /pets/{id}` answers with its event in this format, and a stage; its id.
    async fn http_api(&self, stage: &str, format: &str) -> String {
        let created = self.at("POST", "/v2/apis", &json!({ "name": "h", "protocolType": "HTTP" })).await.ok();
        let id = created["apiId"].as_str().expect("an id").to_owned();
        let permission = json!({
            "StatementId": id,
            "Action": "lambda:InvokeFunction",
            "Principal": "apigateway.amazonaws.com",
        });
        self.lambda.call("POST", "/2015-03-31/functions/f/policy", &permission).await.ok();
        let integration = json!({ "integrationType": "AWS_PROXY", "integrationUri": uri("f"), "payloadFormatVersion": format });
        let made = self.at("POST", &format!("/v2/apis/{id}/integrations"), &integration).await.ok();
        let target = format!("integrations/{}", made["integrationId"].as_str().expect("an id"));
        let route = json!({ "routeKey": "GET /pets/{id}", "target": target });
        self.at("POST", &format!("/v2/apis/{id}/routes"), &route).await.ok();
        let stage = json!({ "stageName": stage, "autoDeploy": true });
        self.at("POST", &format!("/v2/apis/{id}/stages"), &stage).await.ok();
        id
    }

    async fn map_http(&self, api_id: &str, stage: &str, key: &str) -> Answer {
        let body = json!({ "apiId": api_id, "stage": stage, "apiMappingKey": key });
        self.at("POST", &format!("/v2/domainnames/{DOMAIN}/apimappings"), &body).await
    }
}

#[tokio::test]
async fn a_domain_is_made_shown_changed_and_deleted() {
    let rest = Rest::new().await;
    let made = rest.domain("API.example.com").await;
    assert_eq!((&made["domainName"], &made["domainNameStatus"]), (&json!(DOMAIN), &json!("AVAILABLE")));
    assert_eq!(made["regionalCertificateArn"], CERTIFICATE);
    assert_eq!(made["domainNameArn"], "arn:aws:apigateway:us-east-1::/domainnames/api.example.com");
    let target = made["regionalDomainName"].as_str().expect("a name");
    assert!(target.starts_with("d-") && target.ends_with(".execute-api.us-east-1.amazonaws.com"), "{target}");
    let path = format!("/domainnames/{DOMAIN}");
    assert_eq!(rest.at("GET", &path, &Json::Null).await.ok(), made);
    assert_eq!(rest.at("GET", "/domainnames", &Json::Null).await.ok()["item"], json!([made]));

    // One resource, whichever API is asked.
    let shown = rest.at("GET", &format!("/v2/domainnames/{DOMAIN}"), &Json::Null).await.ok();
    let configuration = &shown["domainNameConfigurations"][0];
    assert_eq!(configuration["apiGatewayDomainName"], target);
    assert_eq!(
        (&configuration["endpointType"], &configuration["securityPolicy"]),
        (&json!("REGIONAL"), &json!("TLS_1_2"))
    );
    let other = "arn:aws:acm:us-east-1:000000000000:certificate/d";
    let change = json!({ "domainNameConfigurations": [{ "certificateArn": other }] });
    rest.at("PATCH", &format!("/v2/domainnames/{DOMAIN}"), &change).await.ok();
    let shown = rest.at("GET", &path, &Json::Null).await.ok();
    assert_eq!(
        (&shown["regionalCertificateArn"], &shown["regionalDomainName"]),
        (&json!(other), &json!(target))
    );
    let patch = json!({ "patchOperations": [
        { "op": "replace", "path": "/regionalCertificateArn", "value": CERTIFICATE },
        { "op": "replace", "path": "/securityPolicy", "value": "TLS_1_0" },
    ] });
    let shown = rest.at("PATCH", &path, &patch).await.ok();
    assert_eq!(
        (&shown["regionalCertificateArn"], &shown["securityPolicy"]),
        (&json!(CERTIFICATE), &json!("TLS_1_0"))
    );

    let arn = "/tags/arn:aws:apigateway:us-east-1::%2Fdomainnames%2Fapi.example.com";
    rest.at("PUT", arn, &json!({ "tags": { "a": "b" } })).await;
    assert_eq!(rest.at("GET", &path, &Json::Null).await.ok()["tags"], json!({ "a": "b" }));

    assert_eq!(rest.at("DELETE", &path, &Json::Null).await.status, 202);
    let gone = rest.at("GET", &path, &Json::Null).await;
    assert_eq!(
        (gone.status, &gone.json()["message"]),
        (404, &json!("Invalid domain name identifier specified"))
    );
}

#[tokio::test]
async fn what_a_domain_can_not_be_is_refused() {
    let rest = Rest::new().await;
    let check = async |body: Json, status: u16, message: &str| {
        let refused = rest.at("POST", "/domainnames", &body).await;
        assert_eq!((refused.status, refused.json()["message"].as_str()), (status, Some(message)), "{body}");
    };
    check(
        json!({ "domainName": "localhost", "certificateArn": CERTIFICATE }),
        400,
        "Invalid domain name specified: localhost",
    )
    .await;
    check(
        json!({ "domainName": "a.amazonaws.com", "certificateArn": CERTIFICATE }),
        400,
        "Invalid domain name specified: a.amazonaws.com",
    )
    .await;
    check(json!({ "domainName": DOMAIN }), 400, "A certificate must be provided: certificateArn is missing")
        .await;
    check(json!({ "domainName": DOMAIN, "certificateArn": "x" }), 400, "Invalid certificate ARN: x").await;
    let elsewhere = "arn:aws:acm:eu-west-1:000000000000:certificate/c";
    check(
        json!({ "domainName": DOMAIN, "certificateArn": elsewhere }),
        400,
        &format!("Invalid certificate ARN: {elsewhere}. Certificate must be in 'us-east-1'."),
    )
    .await;
    rest.domain(DOMAIN).await;
    check(
        json!({ "domainName": DOMAIN, "certificateArn": CERTIFICATE }),
        400,
        "The domain name you provided already exists.",
    )
    .await;
    let mutual = json!({ "domainName": "b.example.com", "certificateArn": CERTIFICATE, "mutualTlsAuthentication": {} });
    assert_eq!(rest.at("POST", "/domainnames", &mutual).await.status, 501);
    let bare = rest.at("POST", "/v2/domainnames", &json!({ "domainName": "b.example.com" })).await;
    assert_eq!(bare.status, 400);
}

#[tokio::test]
async fn requests_by_a_domain_come_to_a_rest_api() {
    let rest = Rest::new().await;
    rest.wrapped().await;
    rest.domain(DOMAIN).await;
    let forbidden = rest.by_domain(DOMAIN, "/pets/1").await;
    forbidden.is(403, r#"{"message":"Forbidden"}"#);

    let check = async |path: &str, seen: &str| {
        let event = rest.by_domain("api.example.com:8443", path).await.ok();
        let context = &event["requestContext"];
        assert_eq!((&event["path"], &context["path"]), (&json!(seen), &json!(seen)), "{path}");
        assert_eq!((&event["resource"], &context["stage"]), (&json!("/pets/{id}"), &json!("dev")), "{path}");
        assert_eq!(event["pathParameters"], json!({ "id": "1" }));
        assert_eq!((&context["domainName"], &context["domainPrefix"]), (&json!(DOMAIN), &json!("api")));
        assert_eq!(context["apiId"], rest.id);
    };
    rest.map(&json!({ "basePath": "shop", "stage": "dev" })).await.ok();
    check("/shop/pets/1", "/shop/pets/1").await;
    rest.map(&json!({ "stage": "dev" })).await.ok();
    check("/pets/1", "/pets/1").await;
    rest.map(&json!({ "basePath": "any" })).await.ok();
    check("/any/dev/pets/1", "/any/dev/pets/1").await;
    // Whatever a proxy says, the host is what the client named.
    let headers = [("host", "localhost:4566"), ("x-forwarded-host", DOMAIN)];
    let other = rest.lambda.send(request("GET", "/shop/pets/1", "", &headers, "")).await;
    assert_ne!(other.status, 200);

    // The API's own host may be closed without closing the domain.
    rest.patch("", "replace", "/disableExecuteApiEndpoint", "true").await.ok();
    assert_eq!(rest.visit("/dev/pets/1").await.status, 403);
    check("/shop/pets/1", "/shop/pets/1").await;
}

#[tokio::test]
async fn base_paths_are_made_shown_changed_and_deleted() {
    let rest = Rest::new().await;
    rest.wrapped().await;
    rest.domain(DOMAIN).await;
    let made = rest.map(&json!({ "stage": "dev" })).await;
    assert_eq!(made.status, 201);
    assert_eq!(made.json(), json!({ "basePath": "(none)", "restApiId": rest.id, "stage": "dev" }));
    let taken = rest.map(&json!({ "basePath": "(none)" })).await;
    assert_eq!(
        (taken.status, &taken.json()["message"]),
        (409, &json!("Base path already exists for this domain name"))
    );
    for (body, status, message) in [
        (json!({ "basePath": "a", "stage": "no" }), 400, "Invalid stage identifier specified"),
        (json!({ "basePath": "a", "restApiId": "abcdefghij" }), 400, "Invalid REST API identifier specified"),
        (
            json!({ "basePath": "a/b" }),
            400,
            "API Gateway V1 doesn't support the slash character (/) in base path mappings. To create a multi-level base path mapping, use API Gateway V2.",
        ),
    ] {
        let refused = rest.map(&body).await;
        assert_eq!((refused.status, refused.json()["message"].as_str()), (status, Some(message)));
    }
    let path = format!("/domainnames/{DOMAIN}/basepathmappings");
    let patch = json!({ "patchOperations": [
        { "op": "replace", "path": "/basePath", "value": "shop" },
        { "op": "remove", "path": "/stage" },
    ] });
    let changed = rest.at("PATCH", &format!("{path}/(none)"), &patch).await.ok();
    assert_eq!(changed, json!({ "basePath": "shop", "restApiId": rest.id }));
    assert_eq!(rest.by_domain(DOMAIN, "/pets/1").await.status, 403);
    rest.by_domain(DOMAIN, "/shop/dev/pets/1").await.ok();
    let all = rest.at("GET", &path, &Json::Null).await.ok();
    assert_eq!(all["item"], json!([changed]));

    // What a domain leads to stays.
    let refused = rest.call("DELETE", "", &Json::Null).await;
    assert_eq!(refused.status, 400);
    assert!(refused.text().contains("Please remove all base path mappings"), "{}", refused.text());
    assert_eq!(rest.at("DELETE", &format!("{path}/shop"), &Json::Null).await.status, 202);
    let gone = rest.at("GET", &format!("{path}/shop"), &Json::Null).await;
    assert_eq!(
        (gone.status, &gone.json()["message"]),
        (404, &json!("Invalid base path mapping identifier specified"))
    );
    assert_eq!(rest.by_domain(DOMAIN, "/shop/dev/pets/1").await.status, 403);
    assert_eq!(rest.call("DELETE", "", &Json::Null).await.status, 202);
}

#[tokio::test]
async fn requests_by_a_domain_come_to_apis_of_both_kinds() {
    let rest = Rest::new().await;
    rest.wrapped().await;
    rest.domain(DOMAIN).await;
    let (default, named) = (rest.http_api("$default", "2.0").await, rest.http_api("v1", "1.0").await);
    let made = rest.map_http(&default, "$default", "orders/v1").await;
    assert_eq!(made.status, 201, "{}", made.text());
    assert_eq!(
        (&made.json()["apiMappingKey"], &made.json()["stage"]),
        (&json!("orders/v1"), &json!("$default"))
    );
    rest.map_http(&named, "v1", "orders/v2").await.ok();
    rest.map_http(&rest.id, "dev", "orders").await.ok();

    let event = rest.by_domain(DOMAIN, "/orders/v1/pets/1").await.ok();
    assert_eq!(
        (&event["rawPath"], &event["requestContext"]["http"]["path"]),
        (&json!("/pets/1"), &json!("/pets/1"))
    );
    assert_eq!(event["requestContext"]["domainName"], DOMAIN);
    assert_eq!(event["pathParameters"], json!({ "id": "1" }));
    let event = rest.by_domain(DOMAIN, "/orders/v2/pets/1").await.ok();
    assert_eq!(
        (&event["path"], &event["requestContext"]["stage"]),
        (&json!("/orders/v2/pets/1"), &json!("v1"))
    );
    let event = rest.by_domain(DOMAIN, "/orders/pets/1").await.ok();
    assert_eq!(
        (&event["path"], &event["requestContext"]["apiId"]),
        (&json!("/orders/pets/1"), &json!(rest.id))
    );

    let path = format!("/v2/domainnames/{DOMAIN}/apimappings");
    let id = made.json()["apiMappingId"].as_str().expect("an id").to_owned();
    let change = json!({ "apiId": named, "stage": "v1" });
    let changed = rest.at("PATCH", &format!("{path}/{id}"), &change).await.ok();
    assert_eq!((&changed["apiId"], &changed["apiMappingKey"]), (&json!(named), &json!("orders/v1")));
    let event = rest.by_domain(DOMAIN, "/orders/v1/pets/1").await.ok();
    assert_eq!(event["requestContext"]["apiId"], named);
    assert_eq!(rest.at("GET", &path, &Json::Null).await.ok()["items"].as_array().map(Vec::len), Some(3));
    // The other API has no words for paths of several levels.
    let plain = rest.at("GET", &format!("/domainnames/{DOMAIN}/basepathmappings"), &Json::Null).await.ok();
    assert_eq!(plain["item"], json!([{ "basePath": "orders", "restApiId": rest.id, "stage": "dev" }]));
    let refused = rest.at("DELETE", &format!("/v2/apis/{named}"), &Json::Null).await;
    assert_eq!(refused.status, 400);
    assert_eq!(rest.at("DELETE", &format!("{path}/{id}"), &Json::Null).await.status, 204);
    let gone = rest.at("GET", &format!("{path}/{id}"), &Json::Null).await;
    assert_eq!(gone.status, 404);
    // It is the shorter path's now.
    assert_eq!(rest.by_domain(DOMAIN, "/orders/v1/pets/1").await.status, 403);

    // With the domain go its mappings.
    assert_eq!(rest.at("DELETE", &format!("/v2/domainnames/{DOMAIN}"), &Json::Null).await.status, 204);
    assert_ne!(rest.by_domain(DOMAIN, "/orders/pets/1").await.status, 200);
    assert_eq!(rest.at("DELETE", &format!("/v2/apis/{named}"), &Json::Null).await.status, 204);
}

#[tokio::test]
async fn mappings_that_can_not_be_are_refused() {
    let rest = Rest::new().await;
    rest.wrapped().await;
    let http = rest.http_api("$default", "2.0").await;
    let check = async |api_id: &str, stage: &str, key: &str, expected: (u16, &str)| {
        let refused = rest.map_http(api_id, stage, key).await;
        assert_eq!((refused.status, refused.json()["message"].as_str().expect("words")), expected, "{key}");
    };
    check(&http, "$default", "", (404, "Invalid domain name identifier specified")).await;
    rest.domain(DOMAIN).await;
    check("zzzzzzzzzz", "$default", "", (400, "Invalid API identifier specified")).await;
    check(&http, "v1", "", (400, "Invalid stage identifier specified")).await;
    check(&rest.id, "v1", "", (400, "Invalid Stage identifier specified")).await;
    let letters = "API mapping key must contain only letters, numbers and $-_.+!*'()/, and no empty level";
    check(&http, "$default", "a//b", (400, letters)).await;
    check(&http, "$default", "a b", (400, letters)).await;
    rest.map_http(&http, "$default", "a").await.ok();
    check(&http, "$default", "a", (409, "ApiMapping key already exists for this domain name")).await;
    let socket = json!({
        "name": "w", "protocolType": "WEBSOCKET", "routeSelectionExpression": "$request.body.action",
    });
    let socket = rest.at("POST", "/v2/apis", &socket).await.ok()["apiId"].as_str().expect("an id").to_owned();
    rest.at("POST", &format!("/v2/apis/{socket}/stages"), &json!({ "stageName": "s" })).await.ok();
    let beside = "WebSocket APIs can't be mapped to the same custom domain name as HTTP or REST APIs";
    check(&socket, "s", "b", (400, beside)).await;
    // Nothing of all that changed anything.
    let all = rest.at("GET", &format!("/v2/domainnames/{DOMAIN}/apimappings"), &Json::Null).await.ok();
    assert_eq!(all["items"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn domains_are_found_after_a_restart() {
    let rest = Rest::new().await;
    rest.wrapped().await;
    rest.domain(DOMAIN).await;
    rest.map(&json!({ "basePath": "shop", "stage": "dev" })).await.ok();
    let front = execute_api::Front::default();
    assert_eq!(front.domains.lead(DOMAIN, "/shop/x"), None);
    let front = Arc::new(front);
    front.domains.load(&rest.lambda.wire.kv).await.expect("the store can be read");
    let found = front.domains.lead(DOMAIN, "/shop/x").flatten().expect("it is mapped");
    assert_eq!((found.api_id, found.stage.as_deref(), &*found.path), (rest.id, Some("dev"), "/x"));
}
