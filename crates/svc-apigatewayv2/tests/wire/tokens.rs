//! JWT authorizers, with an issuer of the test's own.

use serde_json::{Value as Json, json};
use testkit::{EPOCH_MS, Issuer};
use tokio::net::TcpListener;

use crate::Http;

const NOW: i64 = EPOCH_MS / 1000;

/// An API that wants tokens of `issuer`, on `/scoped` with a scope.
async fn guarded(issuer: &str) -> Http {
    let http = Http::new().await;
    let uri = http.function("f", "echo").await;
    let body = json!({
        "name": "a",
        "authorizerType": "JWT",
        "identitySource": ["$request.header.Authorization"],
        "jwtConfiguration": { "issuer": issuer, "audience": ["us"] },
    });
    let id = http.post("authorizers", &body).await.ok()["authorizerId"].clone();
    let integration = crate::integration(&uri, "2.0");
    let guarded = json!({ "authorizationType": "JWT", "authorizerId": id });
    http.route_to("GET /a", &integration, &guarded).await;
    let scoped =
        json!({ "authorizationType": "JWT", "authorizerId": id, "authorizationScopes": ["read", "all"] });
    http.route_to("GET /scoped", &integration, &scoped).await;
    http
}

async fn ask(http: &Http, path: &str, token: &str) -> testkit::Answer {
    http.send("GET", path, &[("authorization", token)], "").await
}

#[tokio::test]
async fn tokens_of_the_issuer_count() {
    let issuer = Issuer::new().await;
    let issuer = &issuer.url;
    let http = guarded(issuer).await;
    let header = json!({ "alg": "RS256", "kid": "k", "typ": "JWT" });
    let claims = json!({
        "iss": issuer, "aud": "us", "exp": NOW + 60, "sub": "me", "scope": "read write", "groups": ["a", "b"],
    });
    let good = Issuer::token(&header, &claims);
    let event = ask(&http, "/a", &format!("Bearer {good}")).await.ok();
    let jwt = &event["requestContext"]["authorizer"]["jwt"];
    let expected = json!({
        "iss": issuer, "aud": "us", "exp": (NOW + 60).to_string(), "sub": "me", "scope": "read write",
        "groups": "[a b]",
    });
    assert_eq!((&jwt["claims"], &jwt["scopes"]), (&expected, &Json::Null));
    ask(&http, "/a", &good).await.ok();
    let event = ask(&http, "/scoped", &good).await.ok();
    assert_eq!(event["requestContext"]["authorizer"]["jwt"]["scopes"], json!(["read"]));

    let unauthorized = r#"{"message":"Unauthorized"}"#;
    let bare = http.visit("/a").await;
    bare.is(401, unauthorized);
    assert_eq!(bare.header("www-authenticate"), "Bearer");
    let with = |name: &str, value: Json| {
        let mut claims = claims.clone();
        claims[name] = value;
        Issuer::token(&header, &claims)
    };
    let narrow = ask(&http, "/scoped", &with("scope", json!("write"))).await;
    narrow.is(403, r#"{"message":"Forbidden"}"#);
    assert!(narrow.header("www-authenticate").contains("insufficient_scope"));
    let mut forged = good.clone();
    let swap = if forged.ends_with('A') { "B" } else { "A" };
    forged.replace_range(forged.len() - 10..forged.len() - 9, swap);
    let other = if forged == good { good.replacen("ey", "ez", 1) } else { forged };
    for bad in [
        other,
        with("iss", json!("http://other")),
        with("aud", json!("them")),
        with("exp", json!(NOW)),
        with("nbf", json!(NOW + 10)),
        Issuer::token(&json!({ "alg": "RS256" }), &claims),
        Issuer::token(&json!({ "alg": "RS256", "kid": "unknown" }), &claims),
        Issuer::token(&json!({ "alg": "none", "kid": "k" }), &claims),
        Issuer::token(&json!({ "alg": "HS256", "kid": "k" }), &claims),
        "x.y.z".to_owned(),
        "x".to_owned(),
    ] {
        let answer = ask(&http, "/a", &format!("Bearer {bad}")).await;
        answer.is(401, unauthorized);
        assert!(answer.header("www-authenticate").contains("invalid_token"), "{bad}");
    }
}

#[tokio::test]
async fn nobody_is_believed_whose_keys_can_not_be_had() {
    let nobody = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let issuer = format!("http://{}", nobody.local_addr().expect("an address"));
    drop(nobody);
    let http = guarded(&issuer).await;
    let claims = json!({ "iss": issuer, "aud": "us", "exp": NOW + 60 });
    let answer = ask(&http, "/a", &Issuer::token(&json!({ "alg": "RS256", "kid": "k" }), &claims)).await;
    answer.is(401, r#"{"message":"Unauthorized"}"#);
    assert!(answer.header("www-authenticate").contains("OIDC discovery endpoint communication error"));
}
