//! API destinations and their connections, and what an endpoint is sent.

use std::time::Duration;

use serde_json::{Value as Json, json};
use testkit::Hook;

use crate::platform::{ACCOUNT, Events};

const ROLE: &str = "arn:aws:iam::000000000000:role/r";

fn api_key() -> Json {
    json!({ "ApiKeyAuthParameters": { "ApiKeyName": "x-key", "ApiKeyValue": "secret" } })
}

impl Events {
    /// A connection's ARN.
    async fn connection(&self, kind: &str, parameters: Json) -> String {
        let body = json!({ "Name": "c", "AuthorizationType": kind, "AuthParameters": parameters });
        self.ask("CreateConnection", body).await["ConnectionArn"].as_str().expect("an ARN").to_owned()
    }

    /// An API destination `d` with a rule that sends everything there, with these settings of the target.
    async fn destination(&self, connection: &str, endpoint: &str, rate: u32, target: Json) -> String {
        let body = json!({
            "Name": "d", "ConnectionArn": connection, "InvocationEndpoint": endpoint, "HttpMethod": "POST",
            "InvocationRateLimitPerSecond": rate,
        });
        let made = self.ask("CreateApiDestination", body).await;
        assert_eq!(made["ApiDestinationState"], "ACTIVE", "{made}");
        let arn = made["ApiDestinationArn"].as_str().expect("an ARN").to_owned();
        let mut targets = json!([{ "Id": "1", "Arn": arn, "RoleArn": ROLE }]);
        for (name, value) in target.as_object().expect("settings") {
            targets[0][name] = value.clone();
        }
        self.rule("r", json!({ "source": ["shop"] }), targets).await;
        arn
    }
}

#[tokio::test]
async fn connections_keep_their_secrets() {
    let events = Events::new();
    let mut parameters = api_key();
    parameters["InvocationHttpParameters"] = json!({
        "HeaderParameters": [{ "Key": "a", "Value": "1" }, { "Key": "b", "Value": "2", "IsValueSecret": true }],
    });
    let arn = events.connection("API_KEY", parameters.clone()).await;
    assert!(arn.starts_with(&format!("arn:aws:events:us-east-1:{ACCOUNT}:connection/c/")), "{arn}");
    let mut shown = events.ask("DescribeConnection", json!({ "Name": "c" })).await;
    let times = ["CreationTime", "LastModifiedTime", "LastAuthorizedTime"].map(|time| shown[time].take());
    assert!(times.iter().all(Json::is_number), "{times:?}");
    let expected = json!({
        "ConnectionArn": arn, "Name": "c", "ConnectionState": "AUTHORIZED", "AuthorizationType": "API_KEY",
        "AuthParameters": {
            "ApiKeyAuthParameters": { "ApiKeyName": "x-key" },
            "InvocationHttpParameters": { "HeaderParameters": [
                { "Key": "a", "Value": "1", "IsValueSecret": false }, { "Key": "b", "IsValueSecret": true },
            ] },
        },
        "CreationTime": null, "LastModifiedTime": null, "LastAuthorizedTime": null,
    });
    assert_eq!(shown, expected);

    let again = json!({ "Name": "c", "AuthorizationType": "API_KEY", "AuthParameters": parameters });
    events.send_to("CreateConnection", &again).await.refuses(
        400,
        "ResourceAlreadyExistsException",
        "Connection c already exists.",
    );
    let incomplete = json!({ "Name": "d", "AuthorizationType": "BASIC", "AuthParameters": api_key() });
    events.send_to("CreateConnection", &incomplete).await.refuses(
        400,
        "ValidationException",
        "Parameter AuthParameters is not valid.",
    );
    let update =
        json!({ "Name": "c", "AuthParameters": { "ApiKeyAuthParameters": { "ApiKeyName": "y-key" } } });
    events.ask("UpdateConnection", update).await;
    let shown = events.ask("DescribeConnection", json!({ "Name": "c" })).await;
    assert_eq!(shown["AuthParameters"]["ApiKeyAuthParameters"]["ApiKeyName"], "y-key");
    let gone = events.ask("DeauthorizeConnection", json!({ "Name": "c" })).await;
    assert_eq!(gone["ConnectionState"], "DEAUTHORIZED");
    let listed =
        events.ask("ListConnections", json!({ "NamePrefix": "c", "ConnectionState": "DEAUTHORIZED" })).await;
    assert_eq!(listed["Connections"].as_array().map(Vec::len), Some(1), "{listed}");
    assert_eq!(events.ask("DeleteConnection", json!({ "Name": "c" })).await["ConnectionState"], "DELETING");
    events.send_to("DescribeConnection", &json!({ "Name": "c" })).await.refuses(
        400,
        "ResourceNotFoundException",
        "Failed to describe the connection(s). Connection 'c' does not exist.",
    );
}

#[tokio::test]
async fn destinations_are_as_good_as_their_connection() {
    let events = Events::new();
    let connection = events.connection("API_KEY", api_key()).await;
    let body = |endpoint: &str, connection: &str| json!({ "Name": "d", "ConnectionArn": connection, "InvocationEndpoint": endpoint, "HttpMethod": "PUT" });
    events.send_to("CreateApiDestination", &body("ftp://a/", &connection)).await.refuses(
        400,
        "ValidationException",
        "Parameter InvocationEndpoint is not valid.",
    );
    let other = connection.replace("connection/c", "connection/x");
    events.send_to("CreateApiDestination", &body("https://a/", &other)).await.refuses(
        400,
        "ResourceNotFoundException",
        &format!("Connection '{other}' does not exist."),
    );
    let arn =
        events.ask("CreateApiDestination", body("https://a/*/b", &connection)).await["ApiDestinationArn"]
            .clone();
    let update = json!({ "Name": "d", "HttpMethod": "PATCH", "InvocationRateLimitPerSecond": 7 });
    assert_eq!(events.ask("UpdateApiDestination", update).await["ApiDestinationState"], "ACTIVE");
    let shown = events.ask("DescribeApiDestination", json!({ "Name": "d" })).await;
    let told = ["ApiDestinationArn", "HttpMethod", "InvocationEndpoint", "InvocationRateLimitPerSecond"];
    assert_eq!(told.map(|name| shown[name].clone()), [arn, "PATCH".into(), "https://a/*/b".into(), 7.into()]);
    events.ask("DeauthorizeConnection", json!({ "Name": "c" })).await;
    let listed = events.ask("ListApiDestinations", json!({ "ConnectionArn": connection })).await;
    assert_eq!(listed["ApiDestinations"][0]["ApiDestinationState"], "INACTIVE");
    events.ask("DeleteApiDestination", json!({ "Name": "d" })).await;
    events.send_to("DeleteApiDestination", &json!({ "Name": "d" })).await.refuses(
        400,
        "ResourceNotFoundException",
        "Failed to describe the api-destination(s). An api-destination 'd' does not exist.",
    );
}

#[tokio::test]
async fn an_endpoint_is_sent_what_everybody_says() {
    let events = Events::new();
    let hook = Hook::new(&events, &[]).await;
    let mut parameters = api_key();
    parameters["InvocationHttpParameters"] = json!({
        "HeaderParameters": [{ "Key": "x-both", "Value": "connection" }],
        "QueryStringParameters": [{ "Key": "q", "Value": "a b" }],
        "BodyParameters": [{ "Key": "extra", "Value": "field" }],
    });
    let connection = events.connection("API_KEY", parameters).await;
    let target = json!({
        "InputPath": "$.detail",
        "HttpParameters": {
            "PathParameterValues": ["$.detail.id", "end"],
            "HeaderParameters": { "x-both": "target", "x-id": "$.detail.n", "user-agent": "mine" },
            "QueryStringParameters": { "q": "target", "kind": "$.detail-type" },
        },
    });
    events.destination(&connection, &format!("http://{}/a/*/*?z=1", hook.address), 300, target).await;
    events.put("t", json!({ "id": "ä/1", "n": 5 })).await;
    let [got] = &hook.got(1).await[..] else { panic!("one request") };
    assert_eq!((got.method.as_str(), got.path.as_str()), ("POST", "/a/%C3%A4%2F1/end?z=1&kind=t&q=a%20b"));
    let header = |name: &str| got.header(name).to_owned();
    assert_eq!(
        ["x-key", "x-both", "x-id", "user-agent", "content-type"].map(header),
        [
            "secret",
            "connection",
            "5",
            "Amazon/EventBridge/ApiDestinations",
            "application/json; charset=utf-8"
        ]
    );
    assert_eq!(got.json(), json!({ "id": "ä/1", "n": 5, "extra": "field" }));
    events.settled().await;
}

#[tokio::test]
async fn what_an_endpoint_refuses_is_tried_again_or_buried() {
    let events = Events::new();
    let hook = Hook::new(&events, &["503 Busy\r\nretry-after: 30", "200 OK", "404 Not Found"]).await;
    let basic = json!({ "BasicAuthParameters": { "Username": "u", "Password": "p" } });
    let connection = events.connection("BASIC", basic).await;
    let queue = events.queue("dead").await;
    let target = json!({ "DeadLetterConfig": { "Arn": queue } });
    events.destination(&connection, &format!("http://{}/", hook.address), 300, target).await;
    events.put("t", json!({})).await;
    let first = hook.got(1).await[0].clone();
    assert_eq!(first.header("authorization"), "Basic dTpw");
    let both = hook.got_later(&events, 2).await;
    assert!(both[1].at_ms - both[0].at_ms >= 30_000, "{} to {}", both[0].at_ms, both[1].at_ms);
    events.settled().await;
    events.put("t", json!({ "n": 2 })).await;
    let [letter] = &events.receive("dead", 1).await[..] else { panic!("one letter") };
    assert_eq!(letter["MessageAttributes"]["ERROR_CODE"]["StringValue"], "SDK_CLIENT_ERROR");
}

#[tokio::test]
async fn no_more_in_a_second_than_it_takes() {
    let events = Events::new();
    let hook = Hook::new(&events, &[]).await;
    let connection = events.connection("API_KEY", api_key()).await;
    let no_retry = json!({ "RetryPolicy": { "MaximumRetryAttempts": 0 } });
    events.destination(&connection, &format!("http://{}/", hook.address), 2, no_retry).await;
    for n in 0..5 {
        events.put("t", json!({ "n": n })).await;
    }
    let got = hook.got_later(&events, 5).await;
    for (at, later) in got.iter().zip(&got[2..]) {
        assert!(later.at_ms - at.at_ms >= 450, "three within a second: {} and {}", at.at_ms, later.at_ms);
    }
    events.settled().await;
}

#[tokio::test]
async fn tokens_are_fetched_and_fetched_anew() {
    let events = Events::new();
    let token = "200 OK\r\ncontent-type: application/json\n\n{\"access_token\":\"one\",\"expires_in\":3600}";
    let another =
        "200 OK\r\ncontent-type: application/json\n\n{\"access_token\":\"two\",\"expires_in\":3600}";
    let issuer = Hook::new(&events, &["403 Forbidden", token, another, another]).await;
    let hook = Hook::new(&events, &["401 Unauthorized"]).await;
    let oauth = json!({ "OAuthParameters": {
        "ClientParameters": { "ClientID": "me", "ClientSecret": "s" }, "HttpMethod": "POST",
        "AuthorizationEndpoint": format!("http://{}/token", issuer.address),
        "OAuthHttpParameters": { "BodyParameters": [{ "Key": "scope", "Value": "all of it" }] },
    } });
    let connection = events.connection("OAUTH_CLIENT_CREDENTIALS", oauth.clone()).await;
    let shown = events.ask("DescribeConnection", json!({ "Name": "c" })).await;
    assert_eq!(shown["ConnectionState"], "DEAUTHORIZED");
    assert_eq!(shown["StateReason"], "the authorization endpoint answered 403 Forbidden");
    let updated = events.ask("UpdateConnection", json!({ "Name": "c", "AuthParameters": oauth })).await;
    assert_eq!(updated["ConnectionState"], "AUTHORIZED");
    let asked = issuer.got(2).await[1].clone();
    assert_eq!(asked.header("authorization"), "Basic bWU6cw==");
    assert_eq!(asked.body, "grant_type=client_credentials&scope=all%20of%20it");
    events.destination(&connection, &format!("http://{}/", hook.address), 300, json!({})).await;
    events.put("t", json!({})).await;
    let sent = hook.got_later(&events, 2).await;
    let tokens = sent.iter().map(|got| got.header("authorization")).collect::<Vec<_>>();
    assert_eq!(tokens, ["Bearer one", "Bearer two"]);
    events.settled().await;
    // Secrets and tokens alike are there after a restart, or fetched.
    events.pass(Duration::from_secs(1));
    let events = events.restarted().await;
    events.put("t", json!({})).await;
    assert_eq!(hook.got(3).await[2].header("authorization"), "Bearer two");
}
