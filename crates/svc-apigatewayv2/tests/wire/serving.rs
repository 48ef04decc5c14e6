//! Requests to APIs: events, answers, stages, browsers, failures, limits.

use std::time::Duration;

use http_body_util::{BodyExt as _, Full};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value as Json, json};
use testkit::request;
use tokio::net::TcpListener;

use crate::Http;

#[tokio::test]
async fn format_2_tells_of_the_request() {
    let http = Http::new().await;
    let uri = http.function("f", "echo").await;
    http.route("POST /pets/{id}", &uri, "2.0").await;
    let headers = [
        ("content-type", "application/json"),
        ("x-one", "1"),
        ("x-one", "2"),
        ("cookie", "a=1; b=2"),
        ("user-agent", "u"),
        ("x-amzn-trace-id", "Root=1-5759e988-bd862e3fe1be46a994272793"),
    ];
    let answer = http.send("POST", "/pets/a%20b?x=1&y=%2B&x=2", &headers, "{\"é\":1}").await;
    let request_id = answer.header("apigw-requestid").to_owned();
    assert_eq!(request_id.len(), 16);
    let host = format!("{}.execute-api.localhost", http.id);
    let expected = json!({
        "version": "2.0",
        "routeKey": "POST /pets/{id}",
        "rawPath": "/pets/a b",
        "rawQueryString": "x=1&y=%2B&x=2",
        "cookies": ["a=1", "b=2"],
        "headers": {
            "host": format!("{host}:4566"),
            "content-type": "application/json",
            "x-one": "1,2",
            "user-agent": "u",
            "x-forwarded-for": "127.0.0.1",
            "x-forwarded-port": "4566",
            "x-forwarded-proto": "http",
            "x-amzn-trace-id": "Root=1-5759e988-bd862e3fe1be46a994272793",
        },
        "queryStringParameters": { "x": "1,2", "y": "+" },
        "requestContext": {
            "accountId": "000000000000",
            "apiId": http.id,
            "domainName": host,
            "domainPrefix": http.id,
            "http": {
                "method": "POST",
                "path": "/pets/a b",
                "protocol": "HTTP/1.1",
                "sourceIp": "127.0.0.1",
                "userAgent": "u",
            },
            "requestId": request_id,
            "routeKey": "POST /pets/{id}",
            "stage": "$default",
            "time": "23/Nov/2026:10:11:12 +0000",
            "timeEpoch": 1_795_428_672_345_i64,
        },
        "pathParameters": { "id": "a b" },
        "body": "{\"é\":1}",
        "isBase64Encoded": false,
    });
    answer.is_json(200, &expected);
    let order = answer.json().as_object().expect("an object").keys().cloned().collect::<Vec<_>>();
    assert_eq!(order[..5], ["version", "routeKey", "rawPath", "rawQueryString", "cookies"]);
}

#[tokio::test]
async fn format_1_tells_of_the_request() {
    let http = Http::new().await;
    http.lambda.sandboxes.on("wrap", |mut runtime: testkit::Runtime| async move {
        loop {
            let work = runtime.next().await;
            let event = String::from_utf8(work.payload.clone()).expect("text");
            let answer = json!({ "statusCode": 200, "body": event }).to_string();
            runtime.respond(&work.id, answer.as_bytes()).await;
        }
    });
    let uri = http.function("f", "wrap").await;
    http.route("ANY /{proxy+}", &uri, "1.0").await;
    http.post("stages", &json!({ "stageName": "dev", "stageVariables": { "v": "1" } })).await.ok();
    http.post("deployments", &json!({ "stageName": "dev" })).await.ok();
    let answer = http.send("PUT", "/dev/a/b?x=1&x=2", &[("x-one", "1"), ("x-one", "2")], [0xff]).await;
    let event = answer.ok();
    assert_eq!(answer.header("content-type"), "text/plain; charset=utf-8");
    assert_eq!((&event["version"], &event["resource"]), (&json!("1.0"), &json!("/{proxy+}")));
    assert_eq!((&event["path"], &event["httpMethod"]), (&json!("/dev/a/b"), &json!("PUT")));
    assert_eq!(event["headers"]["X-One"], "2");
    assert_eq!(event["multiValueHeaders"]["X-One"], json!(["1", "2"]));
    assert_eq!(event["queryStringParameters"], json!({ "x": "2" }));
    assert_eq!(event["multiValueQueryStringParameters"], json!({ "x": ["1", "2"] }));
    assert_eq!(event["pathParameters"], json!({ "proxy": "a/b" }));
    assert_eq!(event["stageVariables"], json!({ "v": "1" }));
    assert_eq!((&event["body"], &event["isBase64Encoded"]), (&json!("/w=="), &json!(true)));
    let context = &event["requestContext"];
    assert_eq!((&context["stage"], &context["resourcePath"]), (&json!("dev"), &json!("/{proxy+}")));
    assert_eq!(context["identity"]["sourceIp"], "127.0.0.1");
    assert_eq!(context["identity"]["userArn"], Json::Null);
    assert!(context.get("authorizer").is_none());

    let event = http.visit("/dev/c").await.ok();
    assert_eq!((&event["queryStringParameters"], &event["body"]), (&Json::Null, &Json::Null));
    // No stage of that name: it is a path of the default stage.
    assert_eq!(http.visit("/other/c").await.ok()["stageVariables"], Json::Null);
}

#[tokio::test]
async fn answers_are_read_by_their_format() {
    let http = Http::new().await;
    let body = r#"{"statusCode":201,"body":"aGk=","isBase64Encoded":true,"headers":{"X-A":"1"},"cookies":["a=1","b=2"]}"#;
    http.answering("whole", body);
    http.answering("bare", r#"{"a":1}"#);
    http.answering("wrong", r#"{"statusCode":"x"}"#);
    for handler in ["whole", "bare", "wrong"] {
        let uri = http.function(handler, handler).await;
        http.route(&format!("GET /2/{handler}"), &uri, "2.0").await;
        http.route(&format!("GET /1/{handler}"), &uri, "1.0").await;
    }
    let whole = http.visit("/2/whole").await;
    whole.is(201, "hi");
    assert_eq!(whole.header("x-a"), "1");
    let cookies = whole.headers.get_all("set-cookie").iter().collect::<Vec<_>>();
    assert_eq!(cookies, ["a=1", "b=2"]);
    http.visit("/1/whole").await.is(201, "hi");
    let bare = http.visit("/2/bare").await;
    bare.is(200, r#"{"a":1}"#);
    assert_eq!(bare.header("content-type"), "application/json");
    let error = r#"{"message":"Internal Server Error"}"#;
    for path in ["/1/bare", "/1/wrong", "/2/wrong"] {
        http.visit(path).await.is(500, error);
    }
}

#[tokio::test]
async fn what_is_nowhere_is_not_found() {
    let http = Http::new().await;
    let not_found = r#"{"message":"Not Found"}"#;
    http.visit("/").await.is(404, not_found);
    let uri = http.function("f", "echo").await;
    http.route("GET /a", &uri, "2.0").await;
    http.visit("/a").await.ok();
    http.visit("/b").await.is(404, not_found);
    http.send("POST", "/a", &[], "").await.is(404, not_found);
    let host = [("host", "nonesuch00.execute-api.localhost")];
    http.lambda.send(request("GET", "/a", "", &host, "")).await.is(404, not_found);
    // By path too.
    let path = format!("/_aws/execute-api/{}/a", http.id);
    http.lambda.send(request("GET", &path, "", &[("host", "localhost:4566")], "")).await.ok();
    http.call("PATCH", "", &json!({ "disableExecuteApiEndpoint": true })).await.ok();
    http.visit("/a").await.is(404, not_found);
}

#[tokio::test]
async fn functions_let_the_api_in_or_not() {
    let http = Http::new().await;
    http.lambda.function("f", "echo").await;
    http.route("GET /a/{id}", &crate::uri("f"), "2.0").await;
    http.route("GET /gone", &crate::uri("gone"), "2.0").await;
    let error = r#"{"message":"Internal Server Error"}"#;
    http.visit("/a/1").await.is(500, error);
    http.permit("f", "*/*/other").await;
    http.visit("/a/1").await.is(500, error);
    http.permit("f", "$default/GET/a/*").await;
    http.visit("/a/1").await.ok();
    http.visit("/gone").await.is(500, error);
}

#[tokio::test]
async fn failures_of_functions_are_ours() {
    let http = Http::new().await;
    let raise = http.function("raise", "raise").await;
    let hang = http.function("hang", "hang").await;
    http.route("GET /raise", &raise, "2.0").await;
    let mut slow = crate::integration(&hang, "2.0");
    slow["timeoutInMillis"] = json!(1000);
    http.route_to("GET /hang", &slow, &Json::Null).await;
    http.visit("/raise").await.is(500, r#"{"message":"Internal Server Error"}"#);
    let request = http.request("GET", "/hang", &[], "");
    let visit = http.lambda.send(request);
    tokio::pin!(visit);
    let answer = loop {
        tokio::select! {
            answer = &mut visit => break answer,
            () = tokio::task::yield_now() => http.lambda.clock.advance(Duration::from_millis(10)),
        }
    };
    answer.is(503, r#"{"message":"Service Unavailable"}"#);
}

#[tokio::test]
async fn stages_have_variables_and_limits() {
    let http = Http::new().await;
    http.function("one", "echo").await;
    let uri = crate::uri("${stageVariables.name}");
    http.route("GET /a", &uri, "2.0").await;
    let limits = json!({ "throttlingBurstLimit": 2, "throttlingRateLimit": 1.0 });
    let changes = json!({ "stageVariables": { "name": "one" }, "defaultRouteSettings": limits });
    http.call("PATCH", "stages/$default", &changes).await.ok();
    assert_eq!(http.visit("/a").await.ok()["stageVariables"], json!({ "name": "one" }));
    http.visit("/a").await.ok();
    http.visit("/a").await.is(429, r#"{"message":"Too Many Requests"}"#);
    http.lambda.clock.advance(Duration::from_secs(1));
    http.visit("/a").await.ok();
}

#[tokio::test]
async fn browsers_are_answered_by_configuration() {
    let http = Http::new().await;
    http.answering("own", r#"{"statusCode":200,"headers":{"Access-Control-Allow-Origin":"x","X-A":"1"}}"#);
    let uri = http.function("f", "own").await;
    http.route("GET /a", &uri, "2.0").await;
    let preflight = [("origin", "http://a"), ("access-control-request-method", "PUT")];
    http.send("OPTIONS", "/a", &preflight, "").await.is(404, r#"{"message":"Not Found"}"#);
    let cors = json!({
        "allowOrigins": ["http://a"],
        "allowMethods": ["GET", "PUT"],
        "allowHeaders": ["x-a"],
        "allowCredentials": true,
        "exposeHeaders": ["x-b"],
        "maxAge": 9,
    });
    http.call("PATCH", "", &json!({ "corsConfiguration": cors })).await.ok();
    let answer = http.send("OPTIONS", "/a", &preflight, "").await;
    answer.is(204, "");
    assert_eq!(answer.header("access-control-allow-origin"), "http://a");
    assert_eq!(answer.header("access-control-allow-methods"), "GET,PUT");
    assert_eq!(answer.header("access-control-allow-headers"), "x-a");
    assert_eq!(answer.header("access-control-max-age"), "9");
    let other = [("origin", "http://b"), ("access-control-request-method", "PUT")];
    let answer = http.send("OPTIONS", "/a", &other, "").await;
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (204, ""));
    let answer = http.send("GET", "/a", &[("origin", "http://a")], "").await;
    assert_eq!(answer.header("access-control-allow-origin"), "http://a");
    assert_eq!(answer.header("access-control-allow-credentials"), "true");
    assert_eq!((answer.header("access-control-expose-headers"), answer.header("x-a")), ("x-b", "1"));
    let answer = http.visit("/none").await;
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (404, ""));
}

/// A server that answers what it was asked.
async fn server() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let service = service_fn(async |request: hyper::Request<hyper::body::Incoming>| {
                let (parts, body) = request.into_parts();
                let body = body.collect().await?.to_bytes();
                let seen = json!({
                    "method": parts.method.as_str(),
                    "uri": parts.uri.to_string(),
                    "host": parts.headers["host"].to_str().expect("text"),
                    "x-a": parts.headers.get("x-a").map(|value| value.to_str().expect("text")),
                    "body": String::from_utf8_lossy(&body),
                });
                let answer = hyper::Response::builder().status(418).header("x-b", "1");
                Ok::<_, hyper::Error>(
                    answer.body(Full::new(bytes::Bytes::from(seen.to_string()))).expect("one"),
                )
            });
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
    address.to_string()
}

#[tokio::test]
async fn servers_are_asked_as_the_client_asked() {
    let http = Http::new().await;
    let address = server().await;
    let integration = |uri: String, method: &str| json!({ "integrationType": "HTTP_PROXY", "integrationUri": uri, "integrationMethod": method });
    let below = integration(format!("http://{address}/base/{{proxy}}"), "ANY");
    http.route_to("ANY /p/{proxy+}", &below, &Json::Null).await;
    http.route_to("GET /post", &integration(format!("http://{address}/q?a=1"), "POST"), &Json::Null).await;
    let nobody = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let gone = nobody.local_addr().expect("an address");
    drop(nobody);
    http.route_to("GET /gone", &integration(format!("http://{gone}/"), "GET"), &Json::Null).await;

    let answer = http.send("PUT", "/p/x/y%20z?q=1", &[("x-a", "2")], "body").await;
    let expected = json!({
        "method": "PUT",
        "uri": "/base/x/y%20z?q=1",
        "host": address,
        "x-a": "2",
        "body": "body",
    });
    answer.is_json(418, &expected);
    assert_eq!(answer.header("x-b"), "1");
    let answer = http.visit("/post?b=2").await.json();
    assert_eq!((&answer["method"], &answer["uri"]), (&json!("POST"), &json!("/q?a=1&b=2")));
    http.visit("/gone").await.is(503, r#"{"message":"Service Unavailable"}"#);
}

#[tokio::test]
async fn mappings_change_requests_and_answers() {
    let http = Http::new().await;
    let address = server().await;
    let mut mapped = json!({
        "integrationType": "HTTP_PROXY",
        "integrationUri": format!("http://{address}/base"),
        "integrationMethod": "ANY",
        "requestParameters": {
            "overwrite:path": "/other/$request.path.id",
            "append:header.x-a": "$request.querystring.q",
            "overwrite:querystring.q": "${request.path.id}-${context.stage}",
            "remove:querystring.gone": "''",
        },
        "responseParameters": {
            "418": { "overwrite:statuscode": "200", "append:header.x-c": "$response.header.x-b", "remove:header.x-b": "''" },
        },
    });
    mapped["requestParameters"]["overwrite:path"] = json!("/other/${request.path.id}");
    http.route_to("GET /a/{id}", &mapped, &Json::Null).await;
    let answer = http.visit("/a/7?q=1&gone=2").await;
    let seen = answer.ok();
    assert_eq!((&seen["uri"], &seen["x-a"]), (&json!("/other/7?q=7-$default"), &json!("1")));
    assert_eq!((answer.header("x-c"), answer.header("x-b")), ("1", ""));
    for (name, value) in [
        ("requestParameters", json!({ "append:header.authorization": "x" })),
        ("requestParameters", json!({ "overwrite:statuscode": "200" })),
        ("responseParameters", json!({ "200": { "overwrite:path": "x" } })),
        ("responseParameters", json!({ "x": { "append:header.a": "x" } })),
    ] {
        let mut body = mapped.clone();
        body[name] = value;
        assert_eq!(http.post("integrations", &body).await.status, 400, "{body}");
    }
    let mut function = crate::integration(&crate::uri("f"), "2.0");
    function["requestParameters"] = json!({ "append:header.x": "y" });
    assert_eq!(http.post("integrations", &function).await.status, 501);
}
