//! What is behind a WebSocket API's routes beside proxied functions: mocks, servers, functions by templates.

use http_body_util::{BodyExt as _, Full};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value as Json, json};
use testkit::{Runtime, soon};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::sockets::Sockets;
use crate::uri;

/// A server that tells each request's method, path, headers and body, and answers so.
async fn server(
    status: u16,
    body: &'static str,
) -> (String, mpsc::UnboundedReceiver<(String, Json, String)>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let (tell, told) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let tell = tell.clone();
            let answer = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
                let tell = tell.clone();
                async move {
                    let line = format!("{} {}", request.method(), request.uri());
                    let headers = request.headers().iter();
                    let headers = headers
                        .map(|(name, value)| (name.to_string(), Json::from(value.to_str().expect("text"))));
                    let headers = Json::Object(headers.collect());
                    let read = request.into_body().collect().await.expect("a body").to_bytes();
                    // A test that is over hears nothing.
                    let _ = tell.send((line, headers, String::from_utf8(read.into()).expect("text")));
                    let answer = hyper::Response::builder()
                        .status(status)
                        .header("x-made", "by")
                        .header("sec-websocket-protocol", "p");
                    answer.body(Full::<bytes::Bytes>::from(body))
                }
            });
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), answer));
        }
    });
    (format!("http://{address}"), told)
}

impl Sockets {
    /// A route to an integration of this body, whose senders hear its answers; the integration's path.
    async fn two_way(&self, key: &str, integration: &Json) -> String {
        let created = self.http.post("integrations", integration).await.ok();
        let id = created["integrationId"].as_str().expect("an id");
        let route = json!({
            "routeKey": key,
            "target": format!("integrations/{id}"),
            "routeResponseSelectionExpression": "$default",
        });
        let route = self.http.post("routes", &route).await.ok();
        let responses = format!("routes/{}/routeresponses", route["routeId"].as_str().expect("an id"));
        self.http.post(&responses, &json!({ "routeResponseKey": "$default" })).await.ok();
        format!("integrations/{id}")
    }

    async fn respond(&self, integration: &str, response: &Json) {
        self.http.post(&format!("{integration}/integrationresponses"), response).await.ok();
    }
}

#[tokio::test]
async fn a_mock_answers_by_templates() {
    let sockets = Sockets::new().await;
    let mock = json!({
        "integrationType": "MOCK",
        "templateSelectionExpression": "${request.body.kind}",
        "requestTemplates": {
            "bad": r#"{"statusCode": 400}"#,
            "$default": r#"{"statusCode": 200}"#,
        },
    });
    let path = sockets.two_way("$default", &mock).await;
    let good = json!({
        "integrationResponseKey": "/2\\d\\d/",
        "templateSelectionExpression": "\\$default",
        "responseTemplates": { "$default": r#"{"pong":"$context.connectionId","route":"$context.routeKey"}"# },
    });
    sockets.respond(&path, &good).await;
    let bad = json!({
        "integrationResponseKey": "$default",
        "responseTemplates": { "$default": "no: $stageVariables.why" },
    });
    sockets.respond(&path, &bad).await;
    sockets.deploy_with(&json!({ "stageName": "dev", "stageVariables": { "why": "bad" } })).await;
    let mut client = sockets.connect().await;
    client.say(r#"{"kind":"good"}"#).await;
    let heard = client.hear_json().await;
    assert_eq!((heard["pong"].as_str().map(str::len), &heard["route"]), (Some(16), &json!("$default")));
    client.say(r#"{"kind":"bad"}"#).await;
    assert_eq!(client.hear().await, "no: bad");
}

#[tokio::test]
async fn a_mock_decides_who_comes_in() {
    let check = async |template: &str, passthrough: &str, expected: Result<Option<&str>, u16>| {
        let sockets = Sockets::new().await;
        let mock = json!({
            "integrationType": "MOCK",
            "passthroughBehavior": passthrough,
            "requestTemplates": { "$default": template },
        });
        let created = sockets.http.post("integrations", &mock).await.ok();
        let path = format!("integrations/{}", created["integrationId"].as_str().expect("an id"));
        let response = json!({
            "integrationResponseKey": "/200/",
            "responseParameters": {
                "method.response.header.Sec-WebSocket-Protocol": "route.request.querystring.p",
            },
        });
        sockets.respond(&path, &response).await;
        sockets.http.post("routes", &json!({ "routeKey": "$connect", "target": path })).await.ok();
        sockets.deploy().await;
        let wanted = [("sec-websocket-protocol", "a, b")];
        let found = sockets.try_connect("/dev?p=b", &wanted).await;
        let found = found.map(|client| client.protocol).map_err(|(status, _)| status);
        assert_eq!(found, expected.map(|protocol| protocol.map(str::to_owned)), "{template}");
    };
    check(r#"{"statusCode": "$input.params('p')"}"#, "NEVER", Err(500)).await;
    check(r#"#if($input.params('p') == "b"){"statusCode":200}#end"#, "NEVER", Ok(Some("b"))).await;
    // No response is for it, so nobody knows what it means.
    check(r#"{"statusCode": 403}"#, "WHEN_NO_MATCH", Err(500)).await;
    check("nothing", "WHEN_NO_MATCH", Err(500)).await;
}

#[tokio::test]
async fn what_no_template_is_for_passes_or_not() {
    let check = async |passthrough: &str, templates: Json, expected: &str| {
        let sockets = Sockets::new().await;
        let (function, told) = sockets.telling("tell", r#"{"seen":true}"#).await;
        let integration = json!({
            "integrationType": "AWS",
            "integrationUri": function,
            "passthroughBehavior": passthrough,
            "templateSelectionExpression": "${request.body.action}",
            "requestTemplates": templates,
        });
        sockets.two_way("ask", &integration).await;
        sockets.deploy().await;
        let mut client = sockets.connect().await;
        client.say(r#"{"action":"ask"}"#).await;
        if expected == "passes" {
            assert_eq!(told.next().await, json!({ "action": "ask" }), "{passthrough}");
            assert_eq!(client.hear().await, r#"{"seen":true}"#);
        } else {
            assert_eq!(client.hear_json().await["message"], expected, "{passthrough}");
        }
    };
    check("WHEN_NO_MATCH", json!({ "other": "{}" }), "passes").await;
    check("WHEN_NO_TEMPLATES", json!({ "other": "{}" }), "Unsupported Media Type").await;
    check("WHEN_NO_TEMPLATES", json!({}), "passes").await;
    check("NEVER", json!({}), "Unsupported Media Type").await;
}

#[tokio::test]
async fn a_function_is_asked_and_heard_by_templates() {
    let sockets = Sockets::new().await;
    sockets.http.lambda.sandboxes.on("sum", |mut runtime: Runtime| async move {
        loop {
            let work = runtime.next().await;
            let event: Json = serde_json::from_slice(&work.payload).expect("JSON");
            match event["n"].as_u64() {
                Some(number) => {
                    let answer = json!({ "twice": 2 * number, "from": event["from"] });
                    runtime.respond(&work.id, answer.to_string().as_bytes()).await;
                }
                None => {
                    runtime.fail(&work.id, "Error", r#"{"errorMessage":"Bad n"}"#).await;
                }
            }
        }
    });
    let function = sockets.http.function("f", "sum").await;
    let integration = json!({
        "integrationType": "AWS",
        "integrationMethod": "POST",
        "integrationUri": function,
        "requestTemplates": {
            "$default": r#"{"n":$input.json('$.n'),"from":"$context.connectionId"}"#,
        },
    });
    let path = sockets.two_way("ask", &integration).await;
    let shown = sockets.http.get(&path).await.ok();
    assert_eq!(shown["integrationResponseSelectionExpression"], "${integration.response.body.errorMessage}");
    assert_eq!(
        (&shown["passthroughBehavior"], &shown["integrationType"]),
        (&json!("WHEN_NO_MATCH"), &json!("AWS"))
    );
    let good = json!({
        "integrationResponseKey": "$default",
        "responseTemplates": { "$default": "twice: $input.path('$.twice') from $input.path('$.from')" },
    });
    sockets.respond(&path, &good).await;
    let bad = json!({
        "integrationResponseKey": "/Bad.*/",
        "responseTemplates": { "$default": "$input.path('$.errorMessage')!" },
    });
    sockets.respond(&path, &bad).await;
    sockets.deploy().await;
    let mut client = sockets.connect().await;
    client.say(r#"{"action":"ask","n":21}"#).await;
    let heard = client.hear().await;
    assert!(heard.starts_with("twice: 42 from ") && heard.len() == 15 + 16, "{heard}");
    client.say(r#"{"action":"ask"}"#).await;
    assert_eq!(client.hear().await, "Bad n!");
}

#[tokio::test]
async fn a_function_that_fails_without_responses_fails() {
    let sockets = Sockets::new().await;
    sockets.http.lambda.sandboxes.on("fail", |mut runtime: Runtime| async move {
        loop {
            let work = runtime.next().await;
            runtime.fail(&work.id, "Error", r#"{"errorMessage":"no"}"#).await;
        }
    });
    let function = sockets.http.function("f", "fail").await;
    sockets.two_way("$default", &json!({ "integrationType": "AWS", "integrationUri": function })).await;
    sockets.deploy().await;
    let mut client = sockets.connect().await;
    client.say("{}").await;
    assert_eq!(client.hear_json().await["message"], "Internal server error");
}

#[tokio::test]
async fn a_server_hears_messages_as_they_are() {
    let sockets = Sockets::new().await;
    let (address, mut told) = server(201, "heard").await;
    let integration = json!({
        "integrationType": "HTTP_PROXY",
        "integrationMethod": "POST",
        "integrationUri": format!("{address}/{{who}}"),
        "requestParameters": {
            "integration.request.header.connectionId": "context.connectionId",
            "integration.request.querystring.q": "route.request.body.a",
            "integration.request.path.who": "'a b'",
        },
    });
    sockets.two_way("$default", &integration).await;
    sockets.deploy().await;
    let mut client = sockets.connect().await;
    client.say(r#"{"a":"x&y"}"#).await;
    let (line, headers, body) = soon("a request", told.recv()).await.expect("the server is there");
    assert_eq!((line.as_str(), body.as_str()), ("POST /a%20b?q=x%26y", r#"{"a":"x&y"}"#));
    assert_eq!(headers["connectionid"].as_str().map(str::len), Some(16));
    assert_eq!(
        (&headers["content-type"], &headers["content-length"]),
        (&json!("application/json"), &json!("11"))
    );
    assert_eq!(headers["x-amzn-apigateway-api-id"], json!(sockets.http.id));
    assert_eq!(client.hear().await, "heard");
}

#[tokio::test]
async fn a_server_decides_who_comes_in() {
    let check = async |status: u16, expected: Result<Option<String>, u16>| {
        let sockets = Sockets::new().await;
        let (address, mut told) = server(status, "").await;
        let integration = json!({
            "integrationType": "HTTP_PROXY",
            "integrationMethod": "ANY",
            "integrationUri": format!("{address}/connect"),
        });
        sockets.http.route_to("$connect", &integration, &Json::Null).await;
        sockets.deploy().await;
        let found =
            sockets.try_connect("/dev?token=1", &[("x-own", "1"), ("sec-websocket-protocol", "p")]).await;
        assert_eq!(found.map(|client| client.protocol).map_err(|(status, _)| status), expected);
        let (line, headers, _) = soon("a request", told.recv()).await.expect("the server is there");
        assert_eq!((line.as_str(), &headers["x-own"]), ("GET /connect?token=1", &json!("1")));
        assert_eq!((headers.get("upgrade"), headers.get("sec-websocket-key")), (None, None));
    };
    check(200, Ok(Some("p".to_owned()))).await;
    check(401, Err(401)).await;
}

#[tokio::test]
async fn a_servers_answer_is_told_by_its_status() {
    let sockets = Sockets::new().await;
    let (address, mut told) = server(503, r#"{"a":[1,2]}"#).await;
    let integration = json!({
        "integrationType": "HTTP",
        "integrationMethod": "PUT",
        "integrationUri": address,
        "requestTemplates": { "$default": "<$input.path('$.x')>" },
    });
    let path = sockets.two_way("$default", &integration).await;
    let response = json!({
        "integrationResponseKey": "/5../",
        "templateSelectionExpression": "${integration.response.header.x-made}",
        "responseTemplates": { "by": "$input.path('$.a[1]')", "$default": "other" },
    });
    sockets.respond(&path, &response).await;
    sockets
        .two_way(
            "gone",
            &json!({
                "integrationType": "HTTP", "integrationMethod": "GET", "integrationUri": "http://127.0.0.1:1",
            }),
        )
        .await;
    sockets.deploy().await;
    let mut client = sockets.connect().await;
    client.say(r#"{"x":"7"}"#).await;
    let (line, _, body) = soon("a request", told.recv()).await.expect("the server is there");
    assert_eq!((line.as_str(), body.as_str()), ("PUT /", "<7>"));
    assert_eq!(client.hear().await, "2");
    client.say(r#"{"action":"gone"}"#).await;
    assert_eq!(client.hear_json().await["message"], "Internal server error");
}

#[tokio::test]
async fn integration_responses_are_kept_and_changed() {
    let sockets = Sockets::new().await;
    let http = &sockets.http;
    let mock = http.post("integrations", &json!({ "integrationType": "MOCK" })).await.ok();
    assert_eq!((mock.get("integrationUri"), mock.get("integrationMethod")), (None, None));
    assert_eq!(mock["integrationResponseSelectionExpression"], "${integration.response.statuscode}");
    let path =
        format!("integrations/{}/integrationresponses", mock["integrationId"].as_str().expect("an id"));
    let template = json!({ "$default": "a" });
    let body = json!({ "integrationResponseKey": "/200/", "responseTemplates": template });
    let created = http.post(&path, &body).await;
    assert_eq!(created.status, 201);
    let created = created.json();
    let own = format!("{path}/{}", created["integrationResponseId"].as_str().expect("an id"));
    assert_eq!(http.get(&own).await.ok(), created);
    let again = http.post(&path, &body).await;
    again.refuses(
        409,
        "ConflictException",
        "Integration response with key /200/ already exists for this integration",
    );
    let change =
        json!({ "responseTemplates": { "$default": "", "x": "b" }, "templateSelectionExpression": "x" });
    let changed = http.call("PATCH", &own, &change).await.ok();
    assert_eq!(changed["responseTemplates"], json!({ "x": "b" }));
    assert_eq!(changed["integrationResponseKey"], "/200/");
    assert_eq!(http.get(&path).await.ok()["items"], json!([changed]));
    http.call("DELETE", &own, &Json::Null).await.is(204, "");
    assert_eq!(http.get(&own).await.status, 404);
    let refuses = async |body: Json, message: &str| {
        http.post(&path, &body).await.refuses(400, "BadRequestException", message);
    };
    refuses(json!({ "integrationResponseKey": "/(/" }), "Invalid integration response key specified: /(/")
        .await;
    refuses(
        json!({ "integrationResponseKey": "$default", "responseParameters": { "header.x": "'1'" } }),
        "Invalid mapping expression specified: header.x='1'",
    )
    .await;
    refuses(
        json!({ "integrationResponseKey": "$default", "templateSelectionExpression": "$other" }),
        "Invalid template selection expression specified",
    )
    .await;
    let binary =
        json!({ "integrationResponseKey": "$default", "contentHandlingStrategy": "CONVERT_TO_BINARY" });
    assert_eq!(http.post(&path, &binary).await.status, 501);
}

#[tokio::test]
async fn integrations_that_can_not_be() {
    let sockets = Sockets::new().await;
    let refuses = async |body: Json, message: &str| {
        sockets.http.post("integrations", &body).await.refuses(400, "BadRequestException", message);
    };
    refuses(json!({ "integrationType": "HTTP" }), "Missing integration URI").await;
    refuses(
        json!({ "integrationType": "HTTP", "integrationUri": "http://a" }),
        "HttpMethod must be specified for integration type HTTP",
    )
    .await;
    refuses(
        json!({ "integrationType": "HTTP", "integrationUri": "ftp://a", "integrationMethod": "GET" }),
        "Invalid HTTP endpoint specified for URI",
    )
    .await;
    refuses(
        json!({ "integrationType": "AWS_PROXY", "integrationUri": uri("f"), "requestTemplates": { "a": "b" } }),
        "RequestTemplates is not supported on integration type AWS_PROXY",
    )
    .await;
    refuses(
        json!({ "integrationType": "AWS", "integrationUri": "x" }),
        "Invalid function ARN or invalid URI: x",
    )
    .await;
    refuses(
        json!({ "integrationType": "MOCK", "templateSelectionExpression": "$method.x" }),
        "Invalid template selection expression specified",
    )
    .await;
    refuses(
        json!({ "integrationType": "MOCK", "requestParameters": { "integration.request.querystring.a": "'1'" } }),
        "Invalid mapping expression specified: integration.request.querystring.a='1'",
    )
    .await;
    let queue = json!({
        "integrationType": "AWS", "integrationUri": "arn:aws:apigateway:us-east-1:sqs:path/000000000000/q",
    });
    assert_eq!(sockets.http.post("integrations", &queue).await.status, 501);
}
