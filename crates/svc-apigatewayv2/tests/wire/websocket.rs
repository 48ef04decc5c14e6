//! Connections to WebSocket APIs: handshakes, events, routes, answers, limits, ends.

use std::time::Duration;

use serde_json::{Value as Json, json};
use testkit::{EPOCH_MS, Runtime, soon};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{CloseCode, Data, OpCode};

use crate::sockets::Sockets;

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn events_tell_of_a_connection() {
    let sockets = Sockets::new().await;
    let told = sockets.told_of(&["$connect", "$disconnect", "$default"]).await;
    sockets.deploy_with(&json!({ "stageName": "dev", "stageVariables": { "v": "1" } })).await;
    let headers = [("user-agent", "u"), ("x-one", "1"), ("x-one", "2")];
    let mut client = sockets.try_connect("/dev?a=1&a=2", &headers).await.expect("a connection");

    let connected = told.next().await;
    let context = &connected["requestContext"];
    let id = context["connectionId"].as_str().expect("an id").to_owned();
    let request_id = context["requestId"].as_str().expect("an id");
    assert_eq!((id.len(), id.ends_with('='), request_id.len()), (16, true, 16));
    let domain_name = format!("{}.execute-api.us-east-1.amazonaws.com", sockets.http.id);
    let expected = json!({
        "routeKey": "$connect",
        "eventType": "CONNECT",
        "extendedRequestId": request_id,
        "requestTime": "23/Nov/2026:10:11:12 +0000",
        "messageDirection": "IN",
        "stage": "dev",
        "connectedAt": EPOCH_MS,
        "requestTimeEpoch": EPOCH_MS,
        "identity": { "userAgent": "u", "sourceIp": "127.0.0.1" },
        "requestId": request_id,
        "domainName": domain_name,
        "connectionId": id,
        "apiId": sockets.http.id,
    });
    assert_eq!(*context, expected);
    assert_eq!(connected["stageVariables"], json!({ "v": "1" }));
    assert_eq!(connected["queryStringParameters"], json!({ "a": "2" }));
    assert_eq!(connected["multiValueQueryStringParameters"], json!({ "a": ["1", "2"] }));
    assert_eq!((&connected["headers"]["X-One"], &connected["isBase64Encoded"]), (&json!("2"), &json!(false)));
    assert_eq!(connected["multiValueHeaders"]["X-One"], json!(["1", "2"]));
    assert_eq!(connected["headers"]["Sec-WebSocket-Version"], "13");
    assert_eq!(connected["headers"].get("Upgrade"), None);
    assert_eq!(connected.get("body"), None);

    sockets.http.lambda.clock.advance(Duration::from_secs(1));
    client.say("hi").await;
    let said = told.next().await;
    let context = &said["requestContext"];
    assert_eq!((&context["routeKey"], &context["eventType"]), (&json!("$default"), &json!("MESSAGE")));
    assert_eq!((&context["connectionId"], &context["connectedAt"]), (&json!(id), &json!(EPOCH_MS)));
    assert_eq!(context["requestTimeEpoch"], EPOCH_MS + 1_000);
    assert_eq!(context["messageId"].as_str().map(str::len), Some(16));
    assert_eq!((&said["body"], &said["isBase64Encoded"]), (&json!("hi"), &json!(false)));
    for name in ["headers", "multiValueHeaders", "queryStringParameters"] {
        assert_eq!(said.get(name), None, "{name}");
    }

    let frame = CloseFrame { code: CloseCode::Library(4001), reason: "enough".into() };
    client.stream.close(Some(frame)).await.expect("it is open");
    let gone = told.next().await;
    let context = &gone["requestContext"];
    assert_eq!((&context["routeKey"], &context["eventType"]), (&json!("$disconnect"), &json!("DISCONNECT")));
    assert_eq!(context["disconnectStatusCode"], 4001);
    assert_eq!((&context["disconnectReason"], &context["connectionId"]), (&json!("enough"), &json!(id)));
    assert_eq!(gone["headers"]["Host"], domain_name);
    assert_eq!(gone["multiValueHeaders"]["X-Forwarded-For"], json!(["127.0.0.1"]));
    // The client sees its own frame again.
    assert_eq!(client.closed().await, (4001, "enough".to_owned()));
}

#[tokio::test]
async fn a_client_that_says_nothing_of_its_end() {
    let sockets = Sockets::new().await;
    let told = sockets.told_of(&["$disconnect"]).await;
    sockets.deploy().await;
    let mut client = sockets.connect().await;
    client.stream.close(None).await.expect("it is open");
    let context = told.next().await["requestContext"].clone();
    assert_eq!(context["disconnectStatusCode"], 1005);
    assert_eq!(context["disconnectReason"], "Client-side close frame status not set");
    drop(sockets.connect().await);
    assert_eq!(told.next().await["requestContext"]["disconnectStatusCode"], 1006);
}

#[tokio::test]
async fn connect_decides_who_comes_in() {
    let check = async |answer: &str, expected: Result<(), u16>| {
        let sockets = Sockets::new().await;
        let (uri, _) = sockets.telling("c", answer).await;
        sockets.http.route("$connect", &uri, "1.0").await;
        sockets.deploy().await;
        let found = sockets.try_connect("/dev", &[]).await;
        assert_eq!(found.map(drop).map_err(|(status, _)| status), expected, "{answer}");
    };
    check(r#"{"statusCode":200}"#, Ok(())).await;
    check(r#"{"statusCode":"204"}"#, Ok(())).await;
    check(r#"{"statusCode":401}"#, Err(401)).await;
    check(r#"{"statusCode":302}"#, Err(302)).await;
    check("null", Err(502)).await;
    check(r#"{"statusCode":"x"}"#, Err(502)).await;
}

#[tokio::test]
async fn a_connect_that_fails_is_a_bad_gateway() {
    let sockets = Sockets::new().await;
    sockets.http.lambda.sandboxes.on("fail", |mut runtime: Runtime| async move {
        loop {
            let work = runtime.next().await;
            runtime.fail(&work.id, "Error", r#"{"errorMessage":"no"}"#).await;
        }
    });
    let uri = sockets.http.function("f", "fail").await;
    sockets.http.route("$connect", &uri, "1.0").await;
    sockets.deploy().await;
    let (status, body) = sockets.try_connect("/dev", &[]).await.map(drop).expect_err("refused");
    let body: Json = serde_json::from_str(&body).expect("JSON");
    assert_eq!((status, &body["message"]), (502, &json!("Internal server error")));
    assert_eq!(body["connectionId"].as_str().map(str::len), Some(16));
    // It never was one.
    let id = body["connectionId"].as_str().expect("an id");
    assert_eq!(sockets.connections("GET", id, b"").await.status, 410);
}

#[tokio::test]
async fn only_stages_are_connected_to() {
    let sockets = Sockets::new().await;
    sockets.told_of(&["$default"]).await;
    let refused = async |path: &str, status: u16| {
        let found = sockets.try_connect(path, &[]).await.map(drop);
        assert_eq!(found.expect_err("refused"), (status, r#"{"message":"Forbidden"}"#.to_owned()), "{path}");
    };
    refused("/dev", 403).await;
    sockets.deploy().await;
    refused("/other", 403).await;
    refused("/dev/more", 403).await;
    sockets.connect().await;
    sockets.try_connect("/dev/", &[]).await.expect("as well");
    let plain = sockets.http.visit("/dev").await;
    plain.is(426, r#"{"message":"Upgrade Required"}"#);
    assert_eq!(plain.header("upgrade"), "websocket");
}

#[tokio::test]
async fn the_function_chooses_the_protocol() {
    let sockets = Sockets::new().await;
    let (uri, told) = sockets
        .telling("c", r#"{"statusCode":200,"headers":{"Sec-WebSocket-Protocol":"b","X-Other":"1"}}"#)
        .await;
    sockets.http.route("$connect", &uri, "1.0").await;
    sockets.deploy().await;
    let wanted = [("sec-websocket-protocol", "a, b")];
    let client = sockets.try_connect("/dev", &wanted).await.expect("a connection");
    assert_eq!(client.protocol.as_deref(), Some("b"));
    assert_eq!(told.next().await["headers"]["Sec-WebSocket-Protocol"], "a, b");
}

#[tokio::test]
async fn messages_find_their_routes() {
    let sockets = Sockets::new().await;
    let told = sockets.told_of(&["join", "$connect"]).await;
    sockets.deploy().await;
    let mut client = sockets.connect().await;
    let id = told.next().await["requestContext"]["connectionId"].clone();
    client.say(r#"{"action":"join"}"#).await;
    assert_eq!(told.next().await["requestContext"]["routeKey"], "join");
    for stray in [r#"{"action":"other"}"#, "text", r#"{"action":"$connect"}"#] {
        client.say(stray).await;
        let error = client.hear().await;
        assert!(error.starts_with(r#"{"message": "Forbidden", "connectionId":""#), "{error}");
        let error: Json = serde_json::from_str(&error).expect("JSON");
        assert_eq!((&error["connectionId"], error["requestId"].as_str().map(str::len)), (&id, Some(16)));
    }
    // A route that is deployed later counts for those who are there.
    let uri = crate::uri("tell");
    sockets.http.route("$default", &uri, "1.0").await;
    sockets.http.post("deployments", &json!({ "stageName": "dev" })).await.ok();
    client.say(r#"{"action":"other"}"#).await;
    assert_eq!(told.next().await["requestContext"]["routeKey"], "$default");
}

#[tokio::test]
async fn a_route_with_a_response_answers() {
    let sockets = Sockets::new().await;
    let (uri, _) = sockets.telling("two", r#"{"statusCode":200,"body":"aMOp","isBase64Encoded":true}"#).await;
    let two_way = json!({ "routeResponseSelectionExpression": "$default" });
    sockets.http.route_to("ask", &crate::integration(&uri, "1.0"), &two_way).await;
    let route = sockets.http.get("routes").await.ok()["items"][0]["routeId"].clone();
    let responses = format!("routes/{}/routeresponses", route.as_str().expect("an id"));
    sockets.http.post(&responses, &json!({ "routeResponseKey": "$default" })).await.ok();
    let (uri, _) = sockets.telling("one", r#"{"statusCode":200,"body":"unheard"}"#).await;
    sockets.http.route("tell", &uri, "1.0").await;
    let (uri, _) = sockets.telling("odd", r#""no answer""#).await;
    sockets.http.route_to("odd", &crate::integration(&uri, "1.0"), &two_way).await;
    sockets.deploy().await;
    let mut client = sockets.connect().await;
    // Answers come in the order of their functions' ends; so each is waited for.
    client.say(r#"{"action":"tell"}"#).await;
    client.say(r#"{"action":"odd"}"#).await;
    client.say(r#"{"action":"ask"}"#).await;
    assert_eq!(client.hear().await, "hé");

    let route = sockets.http.get("routes").await.ok();
    let odd = route["items"].as_array().expect("routes").iter().find(|route| route["routeKey"] == "odd");
    let responses =
        format!("routes/{}/routeresponses", odd.expect("it is there")["routeId"].as_str().expect("an id"));
    sockets.http.post(&responses, &json!({ "routeResponseKey": "$default" })).await.ok();
    sockets.http.post("deployments", &json!({ "stageName": "dev" })).await.ok();
    client.say(r#"{"action":"odd"}"#).await;
    assert_eq!(client.hear_json().await["message"], "Internal server error");
}

#[tokio::test]
async fn failures_are_told_to_the_sender() {
    let sockets = Sockets::new().await;
    sockets.http.lambda.sandboxes.on("fail", |mut runtime: Runtime| async move {
        loop {
            let work = runtime.next().await;
            runtime.fail(&work.id, "Error", r#"{"errorMessage":"no"}"#).await;
        }
    });
    let uri = sockets.http.function("f", "fail").await;
    sockets.http.route("fail", &uri, "1.0").await;
    sockets.http.route("nobody", &crate::uri("nobody"), "1.0").await;
    sockets.http.post("routes", &json!({ "routeKey": "nothing" })).await.ok();
    sockets.deploy().await;
    let mut client = sockets.connect().await;
    for action in ["fail", "nobody", "nothing"] {
        client.say(&json!({ "action": action }).to_string()).await;
        assert_eq!(client.hear_json().await["message"], "Internal server error", "{action}");
    }
}

#[tokio::test]
async fn a_function_that_takes_too_long_is_not_waited_for() {
    let sockets = Sockets::new().await;
    let (tell, mut began) = tokio::sync::mpsc::unbounded_channel();
    sockets.http.lambda.sandboxes.on("slow", move |mut runtime: Runtime| {
        let tell = tell.clone();
        async move {
            runtime.next().await;
            tell.send(()).expect("the test waits");
            std::future::pending().await
        }
    });
    let uri = sockets.http.function("f", "slow").await;
    let integration = json!({
        "integrationType": "AWS_PROXY", "integrationUri": uri, "timeoutInMillis": 1000,
    });
    sockets.http.route_to("$default", &integration, &Json::Null).await;
    sockets.deploy().await;
    let mut client = sockets.connect().await;
    client.say("x").await;
    soon("the function", began.recv()).await.expect("it began");
    sockets.http.lambda.clock.advance(Duration::from_secs(1));
    assert_eq!(client.hear_json().await["message"], "Endpoint request timed out");
}

#[tokio::test]
async fn messages_of_one_connection_are_handled_at_once() {
    let sockets = Sockets::new().await;
    let barrier = std::sync::Arc::new(tokio::sync::Barrier::new(2));
    sockets.http.lambda.sandboxes.on("meet", move |mut runtime: Runtime| {
        let barrier = std::sync::Arc::clone(&barrier);
        async move {
            let work = runtime.next().await;
            // Each waits for the other: one after the other neither would end.
            barrier.wait().await;
            runtime.fail(&work.id, "Met", "{}").await;
            std::future::pending().await
        }
    });
    let uri = sockets.http.function("f", "meet").await;
    sockets.http.route("$default", &uri, "1.0").await;
    sockets.deploy().await;
    let mut client = sockets.connect().await;
    client.say("1").await;
    client.say("2").await;
    for _ in 0..2 {
        assert_eq!(client.hear_json().await["message"], "Internal server error");
    }
}

#[tokio::test]
async fn frames_have_their_bounds() {
    let sockets = Sockets::new().await;
    let told = sockets.told_of(&["$default", "$disconnect"]).await;
    sockets.deploy().await;
    let frame = |bytes: usize, opcode: Data, last: bool| {
        Message::Frame(Frame::message("x".repeat(bytes), OpCode::Data(opcode), last))
    };
    const FRAME: usize = 32 * 1024;
    let mut client = sockets.connect().await;
    client.send(frame(FRAME, Data::Text, false)).await;
    for last in [false, false, true] {
        client.send(frame(FRAME, Data::Continue, last)).await;
    }
    assert_eq!(told.next().await["body"].as_str().map(str::len), Some(4 * FRAME));
    client.send(frame(FRAME + 1, Data::Text, true)).await;
    assert_eq!(client.closed().await.0, 1009);
    assert_eq!(told.next().await["requestContext"]["disconnectStatusCode"], 1009);

    let mut client = sockets.connect().await;
    client.send(frame(FRAME, Data::Text, false)).await;
    for last in [false, false, false, true] {
        client.send(frame(FRAME, Data::Continue, last)).await;
    }
    assert_eq!(client.closed().await.0, 1009);
    assert_eq!(told.next().await["requestContext"]["disconnectStatusCode"], 1009);

    let mut client = sockets.connect().await;
    client.send(Message::binary(vec![1, 2, 3])).await;
    assert_eq!(client.closed().await.0, 1003);
    assert_eq!(told.next().await["requestContext"]["disconnectStatusCode"], 1003);
}

#[tokio::test]
async fn the_idle_and_the_old_go() {
    let sockets = Sockets::new().await;
    let told = sockets.told_of(&["$default", "$disconnect"]).await;
    sockets.deploy().await;
    let mut idle = sockets.connect().await;
    sockets.http.lambda.clock.advance(10 * MINUTE);
    assert_eq!(idle.closed().await, (1001, "Going away".to_owned()));
    assert_eq!(told.next().await["requestContext"]["disconnectStatusCode"], 1001);

    let mut busy = sockets.connect().await;
    for _ in 0..13 {
        busy.say("still here").await;
        told.next().await;
        sockets.http.lambda.clock.advance(9 * MINUTE);
    }
    busy.say("still here").await;
    told.next().await;
    sockets.http.lambda.clock.advance(3 * MINUTE);
    assert_eq!(busy.closed().await.0, 1001, "two hours are over");
}

#[tokio::test]
async fn stages_have_limits() {
    let sockets = Sockets::new().await;
    let told = sockets.told_of(&["$default"]).await;
    let limits = json!({ "throttlingRateLimit": 1.0, "throttlingBurstLimit": 1 });
    sockets.deploy_with(&json!({ "stageName": "dev", "defaultRouteSettings": limits })).await;
    let mut client = sockets.connect().await;
    client.say("1").await;
    told.next().await;
    client.say("2").await;
    assert_eq!(client.hear_json().await["message"], "Too Many Requests");
    sockets.http.lambda.clock.advance(Duration::from_secs(1));
    client.say("3").await;
    assert_eq!(told.next().await["body"], "3");
}

#[tokio::test]
async fn what_is_deleted_has_no_connections() {
    let sockets = Sockets::new().await;
    sockets.told_of(&["$default"]).await;
    sockets.deploy().await;
    let mut client = sockets.connect().await;
    sockets.http.call("DELETE", "stages/dev", &Json::Null).await.is(204, "");
    assert_eq!(client.closed().await.0, 1001);
    sockets.deploy().await;
    let mut client = sockets.connect().await;
    sockets.http.call("DELETE", "", &Json::Null).await.is(204, "");
    assert_eq!(client.closed().await.0, 1001);
}

#[tokio::test]
async fn a_platform_that_stops_says_so() {
    let sockets = Sockets::new().await;
    let told = sockets.told_of(&["$disconnect"]).await;
    sockets.deploy().await;
    let mut client = sockets.connect().await;
    sockets.stop.cancel();
    assert_eq!(client.closed().await.0, 1001);
    assert_eq!(told.next().await["requestContext"]["disconnectStatusCode"], 1001);
    soon("the listener's end", sockets.stopped).await.expect("it does not panic");
}
