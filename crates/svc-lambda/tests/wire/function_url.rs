//! Requests to functions' URLs: events, answers, browsers, signatures, streams.

use std::future::pending;

use aws_wire::{Body, Request};
use futures_util::StreamExt as _;
use serde_json::{Value, json};
use testkit::{Answer, Lambda, Runtime, request, soon};

/// A function with a URL, and the way to it.
struct Url {
    lambda: Lambda,
    host: String,
    id: String,
}

impl Url {
    async fn of(handler: &str, config: Value) -> Self {
        Self::on(Lambda::new().await, handler, config).await
    }

    async fn on(lambda: Lambda, handler: &str, config: Value) -> Self {
        lambda.function("f", handler).await;
        let created = lambda.call("POST", "/2021-10-31/functions/f/url", &config).await.ok();
        let url = created["FunctionUrl"].as_str().expect("a URL");
        let host = url.trim_start_matches("http://").trim_end_matches('/').to_owned();
        let id = host.split('.').next().expect("an id").to_owned();
        Self { lambda, host, id }
    }

    fn request(&self, method: &str, path: &str, headers: &[(&str, &str)], body: impl AsRef<[u8]>) -> Request {
        let headers = [&[("host", self.host.as_str())], headers].concat();
        request(method, path, "", &headers, body)
    }

    async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl AsRef<[u8]>,
    ) -> Answer {
        self.lambda.send(self.request(method, path, headers, body)).await
    }

    async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], "").await
    }
}

fn open() -> Value {
    json!({ "AuthType": "NONE" })
}

fn streaming() -> Value {
    json!({ "AuthType": "NONE", "InvokeMode": "RESPONSE_STREAM" })
}

/// A platform with a function that answers what it is told here, whatever it is asked.
async fn answering(payload: &'static str) -> Lambda {
    let lambda = Lambda::new().await;
    lambda.sandboxes.on("own", move |mut runtime: Runtime| async move {
        loop {
            let work = runtime.next().await;
            runtime.respond(&work.id, payload.as_bytes()).await;
        }
    });
    lambda
}

#[tokio::test]
async fn the_event_is_of_format_2() {
    let url = Url::of("echo", open()).await;
    let headers = [
        ("user-agent", "test"),
        ("x-two", "1"),
        ("X-Two", "2"),
        ("cookie", "a=1; b=2"),
        ("content-type", "text/plain"),
    ];
    let answer = url.send("POST", "/my/p%20th?a=1&b=%2B+&a=2", &headers, "body").await;
    let mut event = answer.json();
    let request_id = answer.header("x-amzn-requestid");
    let trace_id = event["headers"]["x-amzn-trace-id"].take();
    assert!(trace_id.as_str().is_some_and(|id| id.starts_with("Root=1-")), "{trace_id}");
    assert_eq!(answer.header("x-amzn-trace-id"), trace_id);
    let domain = url.host.split(':').next().expect("a host");
    let expected = json!({
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": "/my/p%20th",
        "rawQueryString": "a=1&b=%2B+&a=2",
        "cookies": ["a=1", "b=2"],
        "headers": {
            "host": url.host, "user-agent": "test", "x-two": "1,2", "content-type": "text/plain",
            "x-forwarded-for": "127.0.0.1", "x-forwarded-proto": "http", "x-forwarded-port": "4566",
            "x-amzn-trace-id": null,
        },
        "queryStringParameters": { "a": "1,2", "b": "+ " },
        "requestContext": {
            "accountId": "anonymous",
            "apiId": url.id,
            "domainName": domain,
            "domainPrefix": url.id,
            "http": {
                "method": "POST", "path": "/my/p%20th", "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1",
                "userAgent": "test",
            },
            "requestId": request_id,
            "routeKey": "$default",
            "stage": "$default",
            "time": "23/Nov/2026:10:11:12 +0000",
            "timeEpoch": 1_795_428_672_345_i64,
        },
        "body": "body",
        "isBase64Encoded": false,
    });
    assert!(event == expected, "found    {event}\nexpected {expected}");
    assert_eq!((answer.status, answer.header("content-type")), (200, "application/json"));
}

#[tokio::test]
async fn what_is_not_there_is_not_in_the_event_and_binary_bodies_are_in_base64() {
    let url = Url::of("echo", open()).await;
    let event = url.get("/").await.json();
    for absent in ["cookies", "queryStringParameters", "body", "pathParameters", "stageVariables"] {
        assert_eq!(event.get(absent), None, "{absent}");
    }
    assert_eq!(event["isBase64Encoded"], false);
    for content_type in ["image/png", "text/plain"] {
        let event = url.send("PUT", "/", &[("content-type", content_type)], b"\xff\x00").await.json();
        assert_eq!(
            (&event["body"], &event["isBase64Encoded"]),
            (&json!("/wA="), &json!(true)),
            "{content_type}"
        );
    }
}

#[tokio::test]
async fn by_path_as_by_host() {
    let url = Url::of("echo", open()).await;
    for (path, below) in [("", "/"), ("/", "/"), ("/a/b?c=d", "/a/b")] {
        let by_path = format!("/_url/{}{path}", url.id);
        let event =
            url.lambda.send(request("GET", &by_path, "", &[("host", "localhost:1")], "")).await.json();
        assert_eq!(event["rawPath"], below, "{path}");
        assert_eq!(event["requestContext"]["domainPrefix"], url.id);
    }
    // A host's name has no case, and its suffix does not matter.
    let host = format!("{}.LAMBDA-URL.us-east-1.on.aws", url.id.to_uppercase());
    let answer = url.lambda.send(request("GET", "/", "", &[("host", &host)], "")).await;
    assert_eq!(answer.status, 200);
    let unknown = url.lambda.send(request("GET", "/_url/nothing/", "", &[], "")).await;
    assert_eq!((unknown.status, unknown.header("x-amzn-errortype")), (404, "ResourceNotFoundException"));
}

#[tokio::test]
async fn the_answer_says_status_headers_cookies_and_body() {
    let payload = r#"{"statusCode":201,"headers":{"content-type":"image/png","x-a":"b"},
        "cookies":["a=1; Secure","b=2"],"body":"/wA=","isBase64Encoded":true}"#;
    let url = Url::on(answering(payload).await, "own", open()).await;
    let answer = url.get("/").await;
    assert_eq!((answer.status, &*answer.body), (201, &b"\xff\x00"[..]));
    assert_eq!((answer.header("content-type"), answer.header("x-a")), ("image/png", "b"));
    let cookies = answer.headers.get_all("set-cookie").iter().collect::<Vec<_>>();
    assert_eq!(cookies, ["a=1; Secure", "b=2"]);
}

#[tokio::test]
async fn failures_are_of_a_gateway() {
    for handler in ["raise", "exit", "big"] {
        let url = Url::of(handler, open()).await;
        url.get("/").await.is(502, "Internal Server Error");
    }
    let malformed = Url::on(answering("no json").await, "own", open()).await;
    malformed.get("/").await.is(502, "Internal Server Error");
    let streamed = Url::of("raise", streaming()).await;
    streamed.get("/").await.is(502, "Internal Server Error");
    let none = Lambda::with(|options| execution::Options { concurrency_max: 0, ..options }).await;
    let throttled = Url::on(none, "echo", open()).await.get("/").await;
    throttled.refuses(429, "TooManyRequestsException", "Rate Exceeded.");
    assert_eq!(throttled.header("retry-after"), "1");
}

#[tokio::test]
async fn a_timeout_is_a_gateways_too() {
    let url = Url::of("hang", open()).await;
    let asked = url.get("/");
    tokio::pin!(asked);
    let answer = loop {
        tokio::select! {
            biased;
            answer = &mut asked => break answer,
            () = tokio::task::yield_now() => url.lambda.clock.advance(std::time::Duration::from_millis(100)),
        }
    };
    answer.is(504, "Gateway Timeout");
}

#[tokio::test]
async fn what_is_too_large_is_refused() {
    let url = Url::of("echo", open()).await;
    // Six megabytes less one byte are more as base64.
    let answer = url.send("POST", "/", &[], vec![0; execution::PAYLOAD_BYTES_MAX - 1]).await;
    answer.refuses(413, "RequestEntityTooLargeException", "Request Entity Too Large");
    let text = [("content-type", "text/plain")];
    let answer = url.send("POST", "/", &text, vec![b'x'; execution::PAYLOAD_BYTES_MAX - 2000]).await;
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn preflights_are_answered_without_the_function() {
    let cors = json!({
        "AllowOrigins": ["https://a.example"], "AllowMethods": ["GET", "PUT"], "AllowHeaders": ["x-one", "x-two"],
        "ExposeHeaders": ["x-three"], "MaxAge": 5, "AllowCredentials": true,
    });
    let url = Url::of("echo", json!({ "AuthType": "AWS_IAM", "Cors": cors })).await;
    let preflight = |origin| {
        let headers = [
            ("origin", origin),
            ("access-control-request-method", "PUT"),
            ("access-control-request-headers", "x-one"),
        ];
        let request = url.request("OPTIONS", "/x", &headers, "");
        url.lambda.send(request)
    };
    let answer = preflight("https://a.example").await;
    answer.is(200, "");
    for (name, value) in [
        ("access-control-allow-origin", "https://a.example"),
        ("access-control-allow-methods", "GET,PUT"),
        ("access-control-allow-headers", "x-one,x-two"),
        ("access-control-expose-headers", "x-three"),
        ("access-control-max-age", "5"),
        ("access-control-allow-credentials", "true"),
        ("vary", "Origin"),
    ] {
        assert_eq!(answer.header(name), value, "{name}");
    }
    assert_eq!(preflight("https://b.example").await.header("access-control-allow-origin"), "");
    assert_eq!(url.lambda.sandboxes.asked(), 0);
}

#[tokio::test]
async fn answers_tell_browsers_who_may_read_them() {
    let cors = json!({ "AllowOrigins": ["*"], "AllowMethods": ["*"] });
    let url = Url::of("echo", json!({ "AuthType": "NONE", "Cors": cors })).await;
    let answer = url.send("GET", "/", &[("origin", "https://a.example")], "").await;
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (200, "*"));
    assert_eq!(url.get("/").await.header("access-control-allow-origin"), "", "nobody asked");
    // An OPTIONS that is no preflight is the function's, as is any without a configuration.
    assert_eq!(url.send("OPTIONS", "/", &[], "").await.json()["requestContext"]["http"]["method"], "OPTIONS");
    let plain = Url::of("echo", open()).await;
    let headers = [("origin", "https://a.example"), ("access-control-request-method", "PUT")];
    let answer = plain.send("OPTIONS", "/", &headers, "").await;
    assert_eq!(answer.json()["requestContext"]["http"]["method"], "OPTIONS");
    assert_eq!(answer.header("access-control-allow-origin"), "");
}

const FORBIDDEN: &str = r#"{"Message":"Forbidden. For troubleshooting Function URL authorization issues, see: https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html"}"#;

#[tokio::test]
async fn a_url_that_wants_a_signature_tells_the_function_whose() {
    let url = Url::of("echo", json!({ "AuthType": "AWS_IAM" })).await;
    let refused = url.get("/").await;
    refused.is(403, FORBIDDEN);
    assert_eq!(refused.header("x-amzn-errortype"), "AccessDeniedException");
    assert_eq!(url.lambda.sandboxes.asked(), 0);
    let signed = request("GET", "/", "lambda", &[("host", url.host.as_str())], "");
    let context = url.lambda.send(signed).await.json()["requestContext"].clone();
    assert_eq!(context["accountId"], "000000000000");
    let iam = json!({
        "accessKey": "AKIDEXAMPLE", "accountId": "000000000000", "callerId": "000000000000", "cognitoIdentity": null,
        "principalOrgId": null, "userArn": "arn:aws:iam::000000000000:root", "userId": "000000000000",
    });
    assert_eq!(context["authorizer"]["iam"], iam);
    // Another service's signature is none for this.
    let other = request("GET", "/", "s3", &[("host", url.host.as_str())], "");
    url.lambda.send(other).await.is(403, FORBIDDEN);
    // Where none is wanted, an authorization of the function's own is its own.
    let open = Url::of("echo", open()).await;
    let event = open.send("GET", "/", &[("authorization", "Bearer token")], "").await.json();
    assert_eq!(event["headers"]["authorization"], "Bearer token");
    assert_eq!(event["requestContext"].get("authorizer"), None);
}

/// A function that writes a piece, waits for the test, and writes another, as what it is asked for.
async fn writing(content_type: &'static str, pieces: &'static [&'static str]) -> Lambda {
    let lambda = Lambda::new().await;
    lambda.sandboxes.on("own", move |mut runtime: Runtime| async move {
        let work = runtime.next().await;
        let mut answer = runtime.begin(&work.id, Some(content_type)).await;
        answer.write(pieces[0]).await;
        runtime.let_go_on().await;
        for piece in &pieces[1..] {
            answer.write(piece).await;
        }
        answer.end().await;
        pending().await
    });
    lambda
}

const PRELUDE: &str = "application/vnd.awslambda.http-integration-response";

#[tokio::test]
async fn the_first_byte_is_there_while_the_function_still_writes() {
    let pieces = &[
        "{\"statusCode\":201,\"headers\":{\"x-a\":\"b\",\"content-type\":\"text/html\"},\"cookies\":[\"c=1\"]}\0\0\0\0\0\0\0\0first",
        "second",
    ];
    let url = Url::on(writing(PRELUDE, pieces).await, "own", streaming()).await;
    let response = url.lambda.open(url.request("GET", "/", &[], "")).await;
    assert_eq!((response.status, &response.headers["x-a"]), (201, &"b".parse().expect("a header")));
    assert_eq!(
        (&response.headers["content-type"], &response.headers["set-cookie"]),
        (&"text/html".parse().expect("a header"), &"c=1".parse().expect("a header"))
    );
    let Body::Pieces(mut body) = response.body else { panic!("{response:?} is no stream") };
    let first = soon("the first byte", body.next()).await.expect("a piece").expect("whole");
    assert_eq!(first, "first");
    url.lambda.sandboxes.let_go_on(1);
    let second = soon("the rest", body.next()).await.expect("a piece").expect("whole");
    assert_eq!(second, "second");
    assert!(soon("the end", body.next()).await.is_none());
}

#[tokio::test]
async fn a_stream_without_a_prelude_is_itself() {
    let url = Url::on(writing("text/csv", &["a,", "b"]).await, "own", streaming()).await;
    url.lambda.sandboxes.let_go_on(1);
    let answer = url.get("/").await;
    answer.is(200, "a,b");
    assert_eq!(answer.header("content-type"), "text/csv");
    let buffered = Url::of("echo", streaming()).await.get("/").await;
    assert_eq!((buffered.status, buffered.header("content-type")), (200, "application/json"));
}

#[tokio::test]
async fn a_prelude_may_come_in_parts_but_must_come() {
    let url = Url::on(
        writing(PRELUDE, &["{\"statusCode\":404}\0\0\0", "\0\0\0\0\0", "x"]).await,
        "own",
        streaming(),
    )
    .await;
    url.lambda.sandboxes.let_go_on(1);
    let answer = url.get("/").await;
    answer.is(404, "x");
    assert_eq!(answer.header("content-type"), "application/octet-stream");
    for pieces in [&["no prelude"][..], &["no json\0\0\0\0\0\0\0\0x"]] {
        let url = Url::on(writing(PRELUDE, pieces).await, "own", streaming()).await;
        url.lambda.sandboxes.let_go_on(1);
        url.get("/").await.is(502, "Internal Server Error");
    }
}

#[tokio::test]
async fn an_answer_that_fails_halfway_breaks_off() {
    let lambda = Lambda::new().await;
    lambda.sandboxes.on("own", |mut runtime: Runtime| async move {
        let work = runtime.next().await;
        let mut answer = runtime.begin(&work.id, None).await;
        answer.write("some").await;
        answer.fail("TypeError", "e30=").await;
        pending().await
    });
    let url = Url::on(lambda, "own", streaming()).await;
    let response = url.lambda.open(url.request("GET", "/", &[], "")).await;
    let Body::Pieces(mut body) = response.body else { panic!("{response:?} is no stream") };
    assert_eq!(soon("a piece", body.next()).await.expect("a piece").expect("whole"), "some");
    assert!(soon("the end", body.next()).await.expect("no quiet end").is_err());
}

#[tokio::test]
async fn a_url_of_an_alias_runs_its_version() {
    let lambda = Lambda::new().await;
    lambda.function("f", "echo").await;
    lambda.call("POST", "/2015-03-31/functions/f/versions", &json!({})).await.ok();
    let alias = json!({ "Name": "live", "FunctionVersion": "1" });
    lambda.call("POST", "/2015-03-31/functions/f/aliases", &alias).await.ok();
    let created = lambda.call("POST", "/2021-10-31/functions/f/url?Qualifier=live", &open()).await.ok();
    let id = created["FunctionUrl"].as_str().and_then(|url| url.get(7..39)).expect("an id").to_owned();
    let path = format!("/_url/{id}/");
    assert_eq!(lambda.send(request("GET", &path, "", &[], "")).await.status, 200);
    lambda.call("DELETE", "/2015-03-31/functions/f/aliases/live", &Value::Null).await.ok();
    assert_eq!(lambda.send(request("GET", &path, "", &[], "")).await.status, 404);
}
