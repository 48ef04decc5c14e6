//! JWT authorizers, with an issuer of the test's own.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use http_body_util::Full;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use ring::rand::SystemRandom;
use ring::signature::{KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair, RsaPublicKeyComponents};
use serde_json::{Value as Json, json};
use testkit::EPOCH_MS;
use tokio::net::TcpListener;

use crate::Http;

/// A key that signs nothing but these tests' tokens.
const KEY: &[u8] = include_bytes!("issuer.der");
const NOW: i64 = EPOCH_MS / 1000;

fn key() -> RsaKeyPair {
    RsaKeyPair::from_der(KEY).expect("a key")
}

/// Serves discovery and keys; its URL.
async fn issuer() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let own = url.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let own = own.clone();
            let service = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
                let components = RsaPublicKeyComponents::<Vec<u8>>::from(key().public_key());
                let body = match request.uri().path() {
                    "/.well-known/openid-configuration" => {
                        json!({ "issuer": own, "jwks_uri": format!("{own}/keys") })
                    }
                    "/keys" => json!({ "keys": [{
                        "kty": "RSA", "kid": "k", "alg": "RS256", "use": "sig",
                        "n": BASE64.encode(&components.n), "e": BASE64.encode(&components.e),
                    }] }),
                    _ => Json::Null,
                };
                let body = Full::new(bytes::Bytes::from(body.to_string()));
                async { Ok::<_, hyper::Error>(hyper::Response::new(body)) }
            });
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
    url
}

fn token(header: &Json, claims: &Json) -> String {
    let text = format!("{}.{}", BASE64.encode(header.to_string()), BASE64.encode(claims.to_string()));
    let key = key();
    let mut signature = vec![0; key.public().modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text.as_bytes(), &mut signature).expect("a signature");
    format!("{text}.{}", BASE64.encode(signature))
}

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
    let issuer = issuer().await;
    let http = guarded(&issuer).await;
    let header = json!({ "alg": "RS256", "kid": "k", "typ": "JWT" });
    let claims = json!({
        "iss": issuer, "aud": "us", "exp": NOW + 60, "sub": "me", "scope": "read write", "groups": ["a", "b"],
    });
    let good = token(&header, &claims);
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
        token(&header, &claims)
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
        token(&json!({ "alg": "RS256" }), &claims),
        token(&json!({ "alg": "RS256", "kid": "unknown" }), &claims),
        token(&json!({ "alg": "none", "kid": "k" }), &claims),
        token(&json!({ "alg": "HS256", "kid": "k" }), &claims),
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
    let answer = ask(&http, "/a", &token(&json!({ "alg": "RS256", "kid": "k" }), &claims)).await;
    answer.is(401, r#"{"message":"Unauthorized"}"#);
    assert!(answer.header("www-authenticate").contains("OIDC discovery endpoint communication error"));
}
