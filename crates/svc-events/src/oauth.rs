//! Tokens for connections with OAuth: asked for when they are first wanted, kept in memory until they expire.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use http::{Request, header};
use serde_json::Value as Json;

use crate::Ctx;
use crate::connection::{Authorization, Connection, OAuth};
use crate::post::{TIMEOUT, with_query};

/// Of an answer with a token in it.
const ANSWER_BYTES_MAX: usize = 64 * 1024;
/// How long a token holds whose issuer does not say; and how long before its end it is not used any more.
const HOLDS_S: i64 = 3600;
const MARGIN_S: i64 = 30;

/// By connection's id: the token, and when it expires, in seconds since the epoch.
pub(crate) type Tokens = Mutex<HashMap<String, (Arc<str>, i64)>>;

/// Authorizes a connection: for OAuth it takes a token; the other kinds say all themselves.
pub(crate) async fn authorize(cx: &Ctx, connection: &mut Connection) {
    forget(cx, &connection.id);
    connection.reason = match &connection.authorization {
        Some(Authorization::OAuth(oauth)) => token(cx, &connection.id, oauth).await.err(),
        _ => None,
    };
    if connection.reason.is_none() {
        connection.authorized_ms = Some(cx.env.now().as_millis());
    }
}

pub(crate) fn forget(cx: &Ctx, connection: &str) {
    cx.state.tokens.lock().expect("no panic while held").remove(connection);
}

/// # Errors
/// Why there is none.
pub(crate) async fn token(cx: &Ctx, connection: &str, oauth: &OAuth) -> Result<Arc<str>, String> {
    let now_s = cx.env.now().as_millis() / 1000;
    if let Some((token, until_s)) = cx.state.tokens.lock().expect("no panic while held").get(connection)
        && now_s + MARGIN_S < *until_s
    {
        return Ok(Arc::clone(token));
    }
    let answer = ask(cx, oauth).await?;
    let token = answer["access_token"].as_str().ok_or("the authorization endpoint gave no access_token")?;
    let (token, holds_s) = (Arc::<str>::from(token), answer["expires_in"].as_i64().unwrap_or(HOLDS_S));
    let kept = (Arc::clone(&token), now_s.saturating_add(holds_s));
    cx.state.tokens.lock().expect("no panic while held").insert(connection.to_owned(), kept);
    Ok(token)
}

/// The client's name and password go in the header, as RFC 6749 wants every issuer to take them (section 2.3.1).
async fn ask(cx: &Ctx, oauth: &OAuth) -> Result<Json, String> {
    let mut fields = vec![("grant_type", "client_credentials")];
    for parameter in &oauth.parameters.body {
        fields.retain(|(known, _)| *known != parameter.key);
        fields.push((&parameter.key, &parameter.value));
    }
    let mut query =
        oauth.parameters.query.iter().map(|one| (one.key.as_str(), one.value.as_str())).collect::<Vec<_>>();
    let body = if oauth.method == "GET" {
        query.append(&mut fields);
        Bytes::new()
    } else {
        with_query(String::new(), &fields).trim_start_matches('?').to_owned().into()
    };
    let credentials = BASE64.encode(format!("{}:{}", oauth.client_id, oauth.client_secret));
    let mut request = Request::builder()
        .method(oauth.method.as_str())
        .uri(with_query(oauth.endpoint.clone(), &query))
        .header(header::AUTHORIZATION, format!("Basic {credentials}"))
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header(header::ACCEPT, "application/json");
    for parameter in &oauth.parameters.headers {
        request = request.header(&parameter.key, &parameter.value);
    }
    let request = request.body(body).map_err(|error| error.to_string())?;
    let answer = cx.state.client.send(&cx.env, request, TIMEOUT, ANSWER_BYTES_MAX).await;
    let answer = answer.map_err(|error| format!("the authorization endpoint gave no token: {error}"))?;
    if !answer.status().is_success() {
        return Err(format!("the authorization endpoint answered {}", answer.status()));
    }
    serde_json::from_slice(answer.body())
        .map_err(|error| format!("the authorization endpoint's answer: {error}"))
}
