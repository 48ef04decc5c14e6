//! `@connections`: what functions do with connections.

use std::time::Duration;

use serde_json::{Value as Json, json};
use testkit::request;

use crate::sockets::{Client, Sockets};

/// An API with a client, and the client's id.
async fn connected() -> (Sockets, Client, String) {
    let sockets = Sockets::new().await;
    let told = sockets.told_of(&["$connect"]).await;
    sockets.deploy().await;
    let client = sockets.try_connect("/dev", &[("user-agent", "u")]).await.expect("a connection");
    let id = told.next().await["requestContext"]["connectionId"].as_str().expect("an id").to_owned();
    (sockets, client, id)
}

#[tokio::test]
async fn post_to_connection_says_something() {
    let (sockets, mut client, id) = connected().await;
    let posted = sockets.connections("POST", &id, "{\"é\":1}".as_bytes()).await;
    posted.is(200, "");
    assert_eq!(posted.header("x-amzn-requestid").len(), 36);
    assert_eq!(client.hear().await, "{\"é\":1}");
    // In order of their calls.
    for number in 0..100 {
        sockets.connections("POST", &id, number.to_string().as_bytes()).await.is(200, "");
        assert_eq!(client.hear().await, number.to_string());
    }
    let whole = vec![b'x'; 128 * 1024];
    sockets.connections("POST", &id, &whole).await.is(200, "");
    assert_eq!(client.hear().await.len(), whole.len());
    let larger = [whole, vec![b'x']].concat();
    sockets.connections("POST", &id, &larger).await.refuses(
        413,
        "PayloadTooLargeException",
        "Message too long",
    );
}

#[tokio::test]
async fn a_custom_domain_leads_to_connections() {
    let sockets = Sockets::new().await;
    let told = sockets.told_of(&["$connect", "$default"]).await;
    sockets.deploy().await;
    let at = async |path: &str, body: Json| {
        sockets.http.lambda.wire.rest("POST", path, "apigateway", &body).await.ok()
    };
    let certificate = "arn:aws:acm:us-east-1:000000000000:certificate/c";
    let configuration = json!([{ "certificateArn": certificate }]);
    let domain = json!({ "domainName": "chat.example.com", "domainNameConfigurations": configuration });
    at("/v2/domainnames", domain).await;
    let mapping = json!({ "apiId": sockets.http.id, "stage": "dev", "apiMappingKey": "team/one" });
    at("/v2/domainnames/chat.example.com/apimappings", mapping).await;
    let refused = sockets
        .try_connect_to("chat.example.com", "/team/one/more", &[])
        .await
        .err()
        .map(|(status, _)| status);
    assert_eq!(refused, Some(403));
    let mut client =
        sockets.try_connect_to("chat.example.com", "/team/one", &[]).await.expect("a connection");
    assert_eq!(told.next().await["requestContext"]["eventType"], "CONNECT");
    client.say("hello").await;
    let event = told.next().await;
    let id = event["requestContext"]["connectionId"].as_str().expect("an id");
    let path = format!("/team/one/@connections/{}", id.replace('=', "%3D"));
    let headers = [("host", "chat.example.com")];
    sockets.http.lambda.send(request("POST", &path, "execute-api", &headers, "back")).await.is(200, "");
    assert_eq!(client.hear().await, "back");
}

#[tokio::test]
async fn get_connection_tells_when() {
    let (sockets, mut client, id) = connected().await;
    sockets.http.lambda.clock.advance(Duration::from_secs(5));
    sockets.connections("POST", &id, b"x").await.ok();
    client.hear().await;
    let expected = json!({
        "connectedAt": "2026-11-23T10:11:12.345Z",
        "identity": { "sourceIp": "127.0.0.1", "userAgent": "u" },
        "lastActiveAt": "2026-11-23T10:11:17.345Z",
    });
    sockets.connections("GET", &id, b"").await.is_json(200, &expected);
}

#[tokio::test]
async fn delete_connection_ends_it() {
    let (sockets, mut client, id) = connected().await;
    for word in ["one", "last", "word"] {
        sockets.connections("POST", &id, word.as_bytes()).await.ok();
    }
    sockets.connections("DELETE", &id, b"").await.is(204, "");
    for word in ["one", "last", "word"] {
        assert_eq!(client.hear().await, word);
    }
    assert_eq!(client.closed().await.0, 1000);
    for (method, data) in [("POST", "x"), ("GET", ""), ("DELETE", "")] {
        let message = "The connection with the provided id no longer exists.";
        let gone = sockets.connections(method, &id, data.as_bytes()).await;
        gone.refuses(410, "GoneException", message);
    }
}

#[tokio::test]
async fn connections_are_of_their_stage() {
    let (sockets, _client, id) = connected().await;
    sockets.deploy_with(&json!({ "stageName": "other" })).await;
    assert_eq!(sockets.connections_of("other", "GET", &id, b"").await.status, 410);
    let bare = request("GET", &format!("/@connections/{}", id.replace('=', "%3D")), "execute-api", &[], "");
    sockets.http.lambda.send(bare).await.refuses(403, "ForbiddenException", "Forbidden");
    let path = format!("/_aws/execute-api/{}/dev/@connections/{}", sockets.http.id, id.replace('=', "%3D"));
    let found = sockets.http.lambda.send(request("GET", &path, "execute-api", &[], "")).await;
    assert_eq!(found.ok()["identity"]["userAgent"], "u");
    let host = format!("{}.execute-api.us-east-1.amazonaws.com", sockets.http.id);
    let path = format!("/dev/@connections/{}", id.replace('=', "%3D"));
    let aws = request("GET", &path, "execute-api", &[("host", &host)], "");
    sockets.http.lambda.send(aws).await.ok();
}

#[tokio::test]
async fn others_have_no_right_to_a_connection() {
    let (sockets, _client, id) = connected().await;
    let host = format!("{}.execute-api.localhost", sockets.http.id);
    let path = format!("/dev/@connections/{}", id.replace('=', "%3D"));
    let wire = &sockets.http.lambda.wire;
    let until = wire.env.now().after(Duration::from_secs(3600));
    let session = wire.sessions().mint("arn:aws:iam::111111111111:role/r", "s", "111111111111", until);
    let headers = [("host", host.as_str()), ("x-amz-security-token", session.session_token.as_str())];
    let stranger = request("GET", &path, "execute-api", &headers, "");
    sockets.http.lambda.send(stranger).await.refuses(403, "ForbiddenException", "Forbidden");
}

#[tokio::test]
async fn a_client_that_does_not_read_is_not_waited_for() {
    let (sockets, client, id) = connected().await;
    let message = vec![b'x'; 128 * 1024];
    // Kernels take some of it, the connection a bounded number; from then on a caller waits, but not for ever.
    let refused = loop {
        let mut post = std::pin::pin!(sockets.connections("POST", &id, &message));
        let answer = loop {
            tokio::select! {
                biased;
                answer = &mut post => break answer,
                () = tokio::task::yield_now() => sockets.http.lambda.clock.advance(Duration::from_millis(1)),
            }
        };
        if answer.status != 200 {
            break answer;
        }
    };
    refused.refuses(429, "LimitExceededException", "The WebSocket client side buffer is full.");
    drop(client);
}

#[tokio::test]
async fn authorizers_decide_who_connects() {
    let check = async |answer: &str, expected: Result<(), u16>| {
        let sockets = Sockets::new().await;
        let (guard, asked) = sockets.telling("guard", answer).await;
        let body = json!({
            "name": "a",
            "authorizerType": "REQUEST",
            "identitySource": ["route.request.querystring.token", "route.request.header.X-Who"],
            "authorizerUri": guard,
        });
        let shown = sockets.http.post("authorizers", &body).await.ok();
        assert_eq!(shown["identitySource"], body["identitySource"]);
        assert_eq!(shown.get("authorizerPayloadFormatVersion"), None);
        let (uri, told) = sockets.telling("f", r#"{"statusCode":200}"#).await;
        let guarded = json!({ "authorizationType": "CUSTOM", "authorizerId": shown["authorizerId"] });
        sockets.http.route_to("$connect", &crate::integration(&uri, "1.0"), &guarded).await;
        sockets.deploy().await;
        let (status, body) = sockets.try_connect("/dev?token=t", &[]).await.map(drop).expect_err("no header");
        assert_eq!(status, 401);
        assert!(body.starts_with(r#"{"message": "Unauthorized", "connectionId":""#), "{body}");
        let found = sockets.try_connect("/dev?token=t", &[("x-who", "me")]).await;
        assert_eq!(found.as_ref().map(drop).map_err(|(status, _)| *status), expected, "{answer}");
        let event = asked.next().await;
        let arn = format!("arn:aws:execute-api:us-east-1:000000000000:{}/dev/$connect", sockets.http.id);
        assert_eq!((&event["type"], &event["methodArn"]), (&json!("REQUEST"), &json!(arn)));
        assert_eq!(event["queryStringParameters"], json!({ "token": "t" }));
        assert_eq!(event["requestContext"]["eventType"], "CONNECT");
        if found.is_ok() {
            let connected = told.next().await;
            let said = json!({ "k": "v", "principalId": "p" });
            assert_eq!(connected["requestContext"]["authorizer"], said);
        }
    };
    let policy = |effect: &str| {
        json!({
            "principalId": "p",
            "context": { "k": "v" },
            "policyDocument": {
                "Version": "2012-10-17",
                "Statement": [{ "Action": "execute-api:Invoke", "Effect": effect, "Resource": "*" }],
            },
        })
        .to_string()
    };
    check(&policy("Allow"), Ok(())).await;
    check(&policy("Deny"), Err(403)).await;
    check("{}", Err(500)).await;
}

#[tokio::test]
async fn signatures_open_the_door() {
    let sockets = Sockets::new().await;
    let (uri, told) = sockets.telling("f", r#"{"statusCode":200}"#).await;
    let iam = json!({ "authorizationType": "AWS_IAM" });
    sockets.http.route_to("$connect", &crate::integration(&uri, "1.0"), &iam).await;
    sockets.deploy().await;
    let refused = sockets.try_connect("/dev", &[]).await.map(drop).expect_err("nobody signed");
    assert_eq!(refused.0, 403);
    let signed = request("GET", "/", "execute-api", &[], "");
    let header = |name: &str| signed.headers[name].to_str().expect("text");
    let headers = [("authorization", header("authorization")), ("x-amz-date", header("x-amz-date"))];
    sockets.try_connect("/dev", &headers).await.expect("a connection");
    let identity = told.next().await["requestContext"]["identity"].clone();
    assert_eq!(
        (&identity["accountId"], &identity["accessKey"]),
        (&json!("000000000000"), &json!("AKIDEXAMPLE"))
    );
    assert!(identity["userArn"].as_str().expect("an ARN").starts_with("arn:aws:"));
}

#[tokio::test]
async fn a_websocket_api_is_made_shown_and_changed() {
    let sockets = Sockets::new().await;
    let http = &sockets.http;
    let shown = http.get("").await.ok();
    assert_eq!(shown["apiEndpoint"], format!("ws://{}.execute-api.localhost:4566", http.id));
    assert_eq!(
        (&shown["protocolType"], &shown["routeSelectionExpression"]),
        (&json!("WEBSOCKET"), &json!("$request.body.action"))
    );
    let changed =
        http.call("PATCH", "", &json!({ "routeSelectionExpression": "$request.body.kind" })).await.ok();
    assert_eq!(changed["routeSelectionExpression"], "$request.body.kind");
    assert_eq!(http.get("").await.ok(), changed);

    let uri = crate::uri("f");
    let integration =
        http.post("integrations", &json!({ "integrationType": "AWS_PROXY", "integrationUri": uri })).await;
    let integration = integration.ok();
    assert_eq!(
        (&integration["timeoutInMillis"], &integration["payloadFormatVersion"]),
        (&json!(29_000), &json!("1.0"))
    );

    let two_way = json!({ "routeKey": "$default", "routeResponseSelectionExpression": "$default" });
    let route = http.post("routes", &two_way).await.ok();
    assert_eq!(route["routeResponseSelectionExpression"], "$default");
    let responses = format!("routes/{}/routeresponses", route["routeId"].as_str().expect("an id"));
    let made = http.post(&responses, &json!({ "routeResponseKey": "$default" })).await;
    assert_eq!(made.status, 201);
    let made = made.ok();
    let one = format!("{responses}/{}", made["routeResponseId"].as_str().expect("an id"));
    assert_eq!(http.get(&one).await.ok(), made);
    assert_eq!(http.get(&responses).await.ok()["items"], json!([made]));
    assert_eq!(http.call("PATCH", &one, &json!({ "routeResponseKey": "$default" })).await.ok(), made);
    assert_eq!(http.post(&responses, &json!({ "routeResponseKey": "$default" })).await.status, 409);
    http.call("DELETE", &one, &Json::Null).await.is(204, "");
    assert_eq!(http.get(&one).await.status, 404);
}

#[tokio::test]
async fn what_websocket_apis_have_not_is_refused() {
    let sockets = Sockets::new().await;
    let http = &sockets.http;
    let refuses = async |path: &str, body: Json, message: &str| {
        http.post(path, &body).await.refuses(400, "BadRequestException", message);
    };
    let bare = json!({ "name": "n", "protocolType": "WEBSOCKET" });
    http.lambda.wire.rest("POST", "/v2/apis", "apigateway", &bare).await.refuses(
        400,
        "BadRequestException",
        "RouteSelectionExpression is a required parameter for WEBSOCKET protocolType",
    );
    let wrong =
        json!({ "name": "n", "protocolType": "WEBSOCKET", "routeSelectionExpression": "$request.header.x" });
    http.lambda.wire.rest("POST", "/v2/apis", "apigateway", &wrong).await.refuses(
        400,
        "BadRequestException",
        "Invalid route selection expression specified",
    );
    refuses("stages", json!({ "stageName": "$default" }), "Stage name only allows a-zA-Z0-9_-").await;
    refuses(
        "stages",
        json!({ "stageName": "s", "autoDeploy": true }),
        "AutoDeploy is not supported on protocolType WEBSOCKET",
    )
    .await;
    refuses(
        "routes",
        json!({ "routeKey": "$other" }),
        "The provided route key is not formatted properly for WEBSOCKET protocol. Keys that begin with $ are $connect, \
         $disconnect and $default",
    )
    .await;
    refuses(
        "routes",
        json!({ "routeKey": "a", "authorizationType": "AWS_IAM" }),
        "Currently, authorization is only supported on the $connect route",
    )
    .await;
    refuses(
        "routes",
        json!({ "routeKey": "a", "routeResponseSelectionExpression": "$x" }),
        "Only $default is supported as RouteResponseSelectionExpression",
    )
    .await;
    let jwt = json!({
        "name": "j", "authorizerType": "JWT", "identitySource": ["route.request.header.a"],
        "jwtConfiguration": { "issuer": "https://i" },
    });
    refuses("authorizers", jwt, "JWT authorizers are not supported on protocolType WEBSOCKET").await;
    let source = json!({
        "name": "j", "authorizerType": "REQUEST", "identitySource": ["$request.header.a"],
        "authorizerUri": crate::uri("f"),
    });
    refuses("authorizers", source, "Invalid identity source expression specified: $request.header.a").await;
    let slow = json!({
        "integrationType": "AWS_PROXY", "integrationUri": crate::uri("f"), "timeoutInMillis": 30_000,
    });
    refuses("integrations", slow, "Timeout should be between 50 ms and 29000 ms").await;
    let keys = json!({
        "name": "n", "protocolType": "WEBSOCKET", "routeSelectionExpression": "$request.body.action",
        "apiKeySelectionExpression": "$request.body.key",
    });
    let keys = http.lambda.wire.rest("POST", "/v2/apis", "apigateway", &keys).await;
    keys.refuses(400, "BadRequestException", "Invalid API Key selection expression specified");
}
