//! COGNITO_USER_POOLS authorizers, with a pool of the test's own.

use execute_api::Front;
use execute_api::jwt::Issuers;
use serde_json::{Value as Json, json};
use testkit::{Answer, EPOCH_MS, Issuer};

use crate::{Rest, proxy};

const NOW: i64 = EPOCH_MS / 1000;
const POOL: &str = "arn:aws:cognito-idp:us-east-1:000000000000:userpool/us-east-1_Abc";
const ISSUER: &str = "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_Abc";
const UNAUTHORIZED: &str = r#"{"message":"Unauthorized"}"#;

fn token(claims: &Json) -> String {
    Issuer::token(&json!({ "alg": "RS256", "kid": "k" }), claims)
}

fn identity() -> Json {
    json!({
        "iss": ISSUER, "aud": "client", "token_use": "id", "exp": NOW + 60, "iat": NOW - 5, "auth_time": NOW - 5,
        "sub": "me", "email_verified": true, "cognito:groups": ["admins", "users"],
    })
}

/// An API whose `/a` wants a token of the pool, and `/scoped` an access token with a scope. Its pools are at this URL.
async fn guarded(pools_at: &str, more: &Json) -> Rest {
    let front = Front { issuers: Issuers::new(Some(pools_at)), ..Front::default() };
    let rest = Rest::behind(front, &json!({ "name": "n" })).await;
    rest.wrapping();
    rest.function("f", "wrap").await;
    let mut authorizer = json!({
        "name": "pool",
        "type": "COGNITO_USER_POOLS",
        "providerARNs": [POOL],
        "identitySource": "method.request.header.Authorization",
    });
    authorizer.as_object_mut().expect("made above").extend(more.as_object().cloned().unwrap_or_default());
    let made = rest.call("POST", "authorizers", &authorizer).await.ok();
    assert_eq!((&made["authType"], &made["providerARNs"]), (&json!("cognito_user_pools"), &json!([POOL])));
    let guard = json!({ "authorizationType": "COGNITO_USER_POOLS", "authorizerId": made["id"] });
    let a = rest.below(&rest.root, "a").await;
    rest.method(&a, "GET", guard.clone(), &proxy("f")).await;
    let scoped = rest.below(&rest.root, "scoped").await;
    let mut guard = guard;
    guard["authorizationScopes"] = json!(["pets/read", "pets/all"]);
    rest.method(&scoped, "GET", guard, &proxy("f")).await;
    let shown = rest.get(&format!("resources/{scoped}/methods/GET")).await.ok();
    assert_eq!(shown["authorizationScopes"], json!(["pets/read", "pets/all"]));
    rest.deploy().await;
    rest
}

async fn ask(rest: &Rest, path: &str, token: &str) -> Answer {
    rest.send("GET", path, &[("authorization", token)], "").await
}

#[tokio::test]
async fn tokens_of_the_pool_count() {
    let issuer = Issuer::new().await;
    let rest = guarded(&issuer.url, &Json::Null).await;
    let good = token(&identity());
    let event = ask(&rest, "/dev/a", &good).await.ok();
    let claims = &event["requestContext"]["authorizer"]["claims"];
    let expected = json!({
        "iss": ISSUER, "aud": "client", "token_use": "id", "sub": "me", "email_verified": "true",
        "cognito:groups": "admins,users", "auth_time": (NOW - 5).to_string(),
        "exp": claims["exp"], "iat": claims["iat"],
    });
    assert_eq!(claims, &expected);
    // As Java writes a moment, `Thu Jan 01 00:00:00 UTC 2026`.
    assert!(claims["exp"].as_str().is_some_and(|moment| moment.contains(" UTC 20")), "{}", claims["exp"]);
    ask(&rest, "/dev/a", &format!("Bearer {good}")).await.ok();
    // A pool elsewhere may call itself by its own address.
    let with = |name: &str, value: Json| {
        let mut claims = identity();
        claims[name] = value;
        token(&claims)
    };
    ask(&rest, "/dev/a", &with("iss", json!(format!("{}/us-east-1_Abc", issuer.url)))).await.ok();

    rest.visit("/dev/a").await.is(401, UNAUTHORIZED);
    for bad in [
        with("iss", json!("https://cognito-idp.us-east-1.amazonaws.com/us-east-1_Other")),
        with("token_use", json!("access")),
        with("nbf", json!(NOW + 10)),
        Issuer::token(&json!({ "alg": "RS256", "kid": "other" }), &identity()),
        Issuer::token(&json!({ "alg": "none", "kid": "k" }), &identity()),
        format!("{}x", good.replacen("ey", "ez", 1)),
        "x".to_owned(),
    ] {
        ask(&rest, "/dev/a", &bad).await.is(401, UNAUTHORIZED);
    }
    let old = ask(&rest, "/dev/a", &with("exp", json!(NOW))).await;
    old.is(401, r#"{"message":"The incoming token has expired"}"#);
    assert_eq!(old.header("x-amzn-errortype"), "UnauthorizedException");
}

#[tokio::test]
async fn scopes_want_access_tokens() {
    let issuer = Issuer::new().await;
    let rest = guarded(&issuer.url, &Json::Null).await;
    let access = |scope: &str| {
        let exp = NOW + 60;
        token(
            &json!({ "iss": ISSUER, "client_id": "client", "token_use": "access", "exp": exp, "scope": scope }),
        )
    };
    let event = ask(&rest, "/dev/scoped", &access("other pets/read")).await.ok();
    assert_eq!(event["requestContext"]["authorizer"]["claims"]["scope"], "other pets/read");
    let narrow = ask(&rest, "/dev/scoped", &access("pets/write")).await;
    narrow.is(403, r#"{"Message":"User is not authorized to access this resource"}"#);
    ask(&rest, "/dev/scoped", &token(&identity())).await.is(401, UNAUTHORIZED);
}

#[tokio::test]
async fn an_audience_may_have_to_fit() {
    let issuer = Issuer::new().await;
    let rest = guarded(&issuer.url, &json!({ "identityValidationExpression": "cli.*" })).await;
    ask(&rest, "/dev/a", &token(&identity())).await.ok();
    let mut other = identity();
    other["aud"] = json!("a client");
    ask(&rest, "/dev/a", &token(&other)).await.is(401, UNAUTHORIZED);
}

#[tokio::test]
async fn the_gateways_answers_may_be_others() {
    let issuer = Issuer::new().await;
    let rest = guarded(&issuer.url, &Json::Null).await;
    let response = json!({
        "statusCode": "418",
        "responseTemplates": { "application/json": "{\"no\":$context.error.messageString}" },
    });
    rest.call("PUT", "gatewayresponses/UNAUTHORIZED", &response).await.ok();
    rest.deploy().await;
    rest.visit("/dev/a").await.is(418, r#"{"no":"Unauthorized"}"#);
}

#[tokio::test]
async fn what_names_no_pool_is_no_authorizer() {
    let rest = Rest::new().await;
    let body = |arns: Json, kind: &str| {
        json!({
            "name": "pool", "type": kind, "providerARNs": arns, "identitySource": "method.request.header.Authorization",
        })
    };
    for (given, message) in [
        (
            body(json!([]), "COGNITO_USER_POOLS"),
            "COGNITO_USER_POOLS authorizers must have at least one provider ARN",
        ),
        (body(json!(["x"]), "COGNITO_USER_POOLS"), "Invalid Cognito user pool ARN specified: x"),
        (body(json!([POOL]), "TOKEN"), "Provider ARNs are only supported for COGNITO_USER_POOLS authorizers"),
    ] {
        let refused = rest.call("POST", "authorizers", &given).await;
        assert_eq!((refused.status, refused.json()["message"].as_str()), (400, Some(message)));
    }
    let made = rest.call("POST", "authorizers", &body(json!([POOL]), "COGNITO_USER_POOLS")).await.ok();
    let id = made["id"].as_str().expect("an id");
    let path = format!("resources/{}/methods/GET", rest.root);
    // Functions are asked of other methods than pools are.
    let custom = json!({ "authorizationType": "CUSTOM", "authorizerId": id });
    assert_eq!(rest.call("PUT", &path, &custom).await.status, 400);
    let scoped = json!({ "authorizationType": "NONE", "authorizationScopes": ["a"] });
    assert_eq!(rest.call("PUT", &path, &scoped).await.status, 400);
    let other = POOL.replace("Abc", "Def");
    let changed = rest.patch(&format!("authorizers/{id}"), "add", "/providerARNs", &other).await.ok();
    assert_eq!(changed["providerARNs"], json!([POOL, other]));
    let changed = rest.patch(&format!("authorizers/{id}"), "remove", "/providerARNs", POOL).await.ok();
    assert_eq!(changed["providerARNs"], json!([other]));
    assert_eq!(rest.patch(&format!("authorizers/{id}"), "remove", "/providerARNs", &other).await.status, 400);
}
