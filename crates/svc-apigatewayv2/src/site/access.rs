//! Who may take a route.

use std::sync::Arc;
use std::time::Duration;

use aws_auth::Scope;
use aws_auth::policy::Keys;
use aws_wire::rest::insert_header;
use aws_wire::{Response, Result};
use execute_api::function::{self, Call};
use execute_api::jwt::{self, Trust};
use execute_api::verdict::{Asked, Ruling, Verdict};
use execute_api::{SIGNING_NAME, answer};
use http_event::{format_1, format_2};
use serde_json::{Map, Value as Json, json};
use service::{Caller, Visit};

use super::{Access, Ctx, Passage, internal};
use crate::authorizer::{Authorizer, Kind, Sight};
use crate::route::Authorization;

/// How long an authorizer is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// What is known of who calls, or the answer to who may not.
pub(super) async fn check(cx: &Ctx, passage: &Passage<'_>) -> Result<Result<Access, Response>> {
    let found = passage.found;
    let authorizer = passage.route.authorization.authorizer();
    let known = authorizer.and_then(|id| Some((id, found.deployment.authorizers.get(id)?)));
    match (&passage.route.authorization, known) {
        (Authorization::Nobody, _) => Ok(Ok(Access::default())),
        (Authorization::Iam, _) => Ok(iam(passage)),
        (Authorization::Jwt { scopes, .. }, Some((_, authorizer))) => {
            Ok(Box::pin(token(cx, passage, authorizer, scopes)).await)
        }
        (Authorization::Function { .. }, Some((id, authorizer))) => {
            Box::pin(function(cx, passage, id, authorizer)).await
        }
        (_, None) => Ok(Err(internal())),
    }
}

fn unauthorized() -> Response {
    answer::message(401, "Unauthorized")
}

fn forbidden() -> Response {
    answer::message(403, "Forbidden")
}

/// Who signed, and with which key, if anybody did for an API.
pub(crate) fn signer(visit: &Visit) -> Option<(&Caller, String)> {
    let scope = Scope::of(&visit.request).filter(|scope| scope.service == SIGNING_NAME)?;
    Some((visit.caller.as_ref().ok()?, scope.access_key_id))
}

/// Who signed, as format 1.0 and the events of WebSocket APIs have it.
pub(crate) fn identity(caller: &Caller, access_key_id: &str) -> Map<String, Json> {
    let members = [
        ("accessKey", access_key_id),
        ("accountId", &*caller.account),
        ("caller", &caller.principal.user_id),
        ("user", &caller.principal.user_id),
        ("userArn", &caller.principal.arn),
    ];
    members.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect()
}

fn iam(passage: &Passage<'_>) -> Result<Access, Response> {
    let Some((caller, access_key_id)) = signer(passage.visit) else { return Err(forbidden()) };
    let said = json!({
        "accessKey": access_key_id,
        "accountId": &*caller.account,
        "callerId": caller.principal.user_id,
        "cognitoIdentity": null,
        "principalOrgId": null,
        "userArn": caller.principal.arn,
        "userId": caller.principal.user_id,
    });
    Ok(Access { authorizer: Some(("iam", said)), identity: identity(caller, &access_key_id) })
}

/// What a token says of who shows it.
async fn token(
    cx: &Ctx,
    passage: &Passage<'_>,
    authorizer: &Authorizer,
    scopes: &[String],
) -> Result<Access, Response> {
    let Kind::Jwt { issuer, audience } = &authorizer.kind else { return Err(internal()) };
    let variables = &passage.found.stage.variables;
    let sight = Sight { request: &passage.visit.request, stage_variables: variables, context: &[] };
    let shown = authorizer.identity(&sight).and_then(|mut identity| identity.pop());
    let shown = shown.ok_or_else(|| challenge(unauthorized(), "Bearer"))?;
    let trust = Trust { issuers: std::slice::from_ref(issuer), audience: Some(audience) };
    let claims = cx.state.front.issuers.claims(&cx.state.client, &cx.env, jwt::bare(&shown), &trust).await;
    let claims = claims.map_err(|invalid| {
        let words = format!("Bearer scope=\"\" error=\"invalid_token\" error_description=\"{invalid}\"");
        challenge(unauthorized(), &words)
    })?;
    let granted = jwt::scopes(&claims);
    let matching = scopes.iter().filter(|scope| granted.contains(scope)).collect::<Vec<_>>();
    if matching.is_empty() && !scopes.is_empty() {
        let words = format!(
            "Bearer scope=\"{}\" error=\"insufficient_scope\" error_description=\"the token does not have the required \
             scopes\"",
            scopes.join(" ")
        );
        return Err(challenge(forbidden(), &words));
    }
    let claims =
        claims.iter().map(|(name, value)| (name.clone(), claim(value).into())).collect::<Map<_, Json>>();
    let matching = if scopes.is_empty() { Json::Null } else { json!(matching) };
    let said = json!({ "claims": claims, "scopes": matching });
    Ok(Access { authorizer: Some(("jwt", said)), identity: Map::new() })
}

fn challenge(mut response: Response, words: &str) -> Response {
    insert_header(&mut response.headers, "www-authenticate", words);
    response
}

/// A claim as events have it: always a text, a list between brackets.
fn claim(value: &Json) -> String {
    match value {
        Json::String(text) => text.clone(),
        Json::Array(list) => format!("[{}]", list.iter().map(claim).collect::<Vec<_>>().join(" ")),
        other => other.to_string(),
    }
}

async fn function(
    cx: &Ctx,
    passage: &Passage<'_>,
    id: &str,
    authorizer: &Authorizer,
) -> Result<Result<Access, Response>> {
    let Kind::Function { ttl_s, .. } = &authorizer.kind else { return Ok(Err(internal())) };
    let found = passage.found;
    let context = [
        ("routeKey", passage.route.key.clone()),
        ("httpMethod", passage.visit.request.method.to_string()),
        ("path", passage.path.clone()),
        ("stage", found.stage_name.clone()),
        ("identity.sourceIp", passage.arrival.source_ip()),
        ("identity.userAgent", passage.visit.request.header("user-agent").unwrap_or_default().to_owned()),
    ];
    let sight =
        Sight { request: &passage.visit.request, stage_variables: &found.stage.variables, context: &context };
    // Who shows nothing where the authorizer looks need not be asked about.
    let Some(identity) = authorizer.identity(&sight) else { return Ok(Err(unauthorized())) };
    let asked = Asked {
        api_id: found.key.2.clone(),
        stage: found.stage_name.clone(),
        authorizer_id: id.to_owned(),
        identity: identity.clone(),
    };
    let remembered = (*ttl_s > 0 && !identity.is_empty()).then(|| Duration::from_secs(u64::from(*ttl_s)));
    let now = cx.env.monotonic();
    let known = remembered.and_then(|_| cx.state.verdicts.get(&asked, now));
    let verdict = match known {
        Some(verdict) => verdict,
        None => {
            let Some(verdict) = ask(cx, passage, id, authorizer, &identity).await else {
                return Ok(Err(internal()));
            };
            let verdict = Arc::new(verdict);
            if let Some(for_how_long) = remembered {
                cx.state.verdicts.remember(asked, Arc::clone(&verdict), now, for_how_long);
            }
            verdict
        }
    };
    let keys = Keys::default().with("aws:SourceIp", passage.arrival.source_ip());
    if verdict.rule(&method_arn(passage), &keys) != Ruling::Allowed {
        return Ok(Err(forbidden()));
    }
    Ok(Ok(Access { authorizer: Some(("lambda", said(&verdict))), identity: Map::new() }))
}

fn said(verdict: &Verdict) -> Json {
    let mut said = verdict.context.clone();
    if !verdict.principal_id.is_empty() {
        said.insert("principalId".to_owned(), verdict.principal_id.as_str().into());
    }
    Json::Object(said)
}

async fn ask(
    cx: &Ctx,
    passage: &Passage<'_>,
    id: &str,
    authorizer: &Authorizer,
    identity: &[String],
) -> Option<Verdict> {
    let Kind::Function { uri, role, payload_format, simple, .. } = &authorizer.kind else { return None };
    let request = &passage.visit.request;
    let arn = method_arn(passage);
    let event = if payload_format == "2.0" {
        format_2::authorizer_event(request, &passage.route_2(None), &passage.arrival, &arn, identity)
    } else {
        let resource = crate::route::resource(&passage.route.key);
        let route = passage.route_1(&resource, None, Map::new());
        let more = json!({
            "version": "1.0",
            "type": "REQUEST",
            "methodArn": arn,
            "identitySource": identity.join(","),
            "authorizationToken": identity.join(","),
        });
        format_1::authorizer_event(request, &route, &passage.arrival, more)
    };
    let uri = function::with_variables(uri, &passage.found.stage.variables);
    let (account, region, api_id) = &passage.found.key;
    let call = Call {
        principal: function::PRINCIPAL,
        arn: function::arn_of_uri(&uri)?.to_owned(),
        source_arn: format!("arn:aws:execute-api:{region}:{account}:{api_id}/authorizers/{id}"),
        role: role.clone(),
        payload: http_event::payload(&event).into(),
        timeout: PATIENCE,
        is_event: false,
    };
    let returned = function::invoke(cx, call).await;
    let returned = match returned {
        Ok(returned) if !returned.failed => returned,
        Ok(_) => return None,
        Err(error) => {
            tracing::debug!(%error, "an authorizer did not answer");
            return None;
        }
    };
    if *simple { Verdict::simple(&returned.payload) } else { Verdict::with_policy(&returned.payload) }
}

/// What an authorizer's policy is asked about: the request's own method and path.
fn method_arn(passage: &Passage<'_>) -> String {
    let (account, region, id) = &passage.found.key;
    let method = &passage.visit.request.method;
    let path = passage.found.path.trim_start_matches('/');
    format!("arn:aws:execute-api:{region}:{account}:{id}/{}/{method}/{path}", passage.found.stage_name)
}
