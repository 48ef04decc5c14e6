//! Who may call a method.

use std::sync::Arc;
use std::time::Duration;

use api_apigateway::GatewayResponseType as Kind;
use aws_auth::policy::Keys;
use env::Timestamp;
use execute_api::function::{self, Call};
use execute_api::jwt::{self, Trust};
use execute_api::verdict::{Asked, Ruling, Verdict};
use http_event::{format_1, parts};
use serde_json::{Map, Value as Json, json};

use super::refuse::Refusal;
use super::{Ctx, Passage, expression};
use crate::authorizer::Authorizer;

/// How long an authorizer is waited for.
const PATIENCE: Duration = Duration::from_secs(29);

/// What is known of who calls.
#[derive(Default)]
pub(crate) struct Access {
    /// What an authorizer said.
    pub authorizer: Option<Map<String, Json>>,
    /// Of whoever signed, and of whose key it is.
    pub identity: Map<String, Json>,
    /// The key that an authorizer gave.
    pub usage_key: Option<String>,
}

pub(super) async fn check(cx: &Ctx, passage: &Passage<'_>) -> Result<Access, Refusal> {
    match passage.method.authorization.as_str() {
        "NONE" => Ok(Access::default()),
        "AWS_IAM" => iam(passage),
        _ => {
            let id = passage.method.authorizer_id.as_deref();
            let known = id.and_then(|id| Some((id, passage.deployment.authorizers.get(id)?)));
            let (id, authorizer) =
                known.ok_or_else(|| Refusal::authorizer(Kind::AuthorizerConfigurationError))?;
            if authorizer.pools.is_empty() {
                Box::pin(function(cx, passage, id, authorizer)).await
            } else {
                Box::pin(token(cx, passage, authorizer)).await
            }
        }
    }
}

/// What a user pool's token says of who shows it. Who somebody is, an ID token says; a method with scopes wants an
/// access token, which says what somebody may (AWS's knowledge centre on 401 of REST APIs with Cognito).
async fn token(cx: &Ctx, passage: &Passage<'_>, authorizer: &Authorizer) -> Result<Access, Refusal> {
    let unauthorized = || Refusal::of(Kind::Unauthorized);
    let shown = identity(passage, authorizer)?.pop().ok_or_else(unauthorized)?;
    let issuers = authorizer.pools.iter().filter_map(|arn| jwt::pool_issuer(arn)).collect::<Vec<_>>();
    let trust = Trust { issuers: &issuers, audience: None };
    let claims = cx.state.front.issuers.claims(&cx.state.client, &cx.env, jwt::bare(&shown), &trust).await;
    let claims = claims.map_err(|invalid| {
        tracing::debug!(%invalid, "a token does not count");
        if invalid == jwt::EXPIRED {
            Refusal::saying(Kind::Unauthorized, "The incoming token has expired")
        } else {
            unauthorized()
        }
    })?;
    let scopes = &passage.method.scopes;
    let kind = claims.get("token_use").and_then(Json::as_str);
    if kind != Some(if scopes.is_empty() { "id" } else { "access" }) {
        return Err(unauthorized());
    }
    let audience = claims.get("aud").and_then(Json::as_str).unwrap_or_default();
    if let Some(expression) = authorizer.validation.as_ref().filter(|_| scopes.is_empty())
        && !fits_whole(expression, audience)
    {
        return Err(unauthorized());
    }
    let granted = jwt::scopes(&claims);
    if !scopes.is_empty() && !scopes.iter().any(|scope| granted.contains(scope)) {
        return Err(Refusal::denied(false));
    }
    let said = claims.iter().map(|(name, value)| (name.clone(), claim(name, value).into())).collect();
    let said = Map::from_iter([("claims".to_owned(), Json::Object(said))]);
    Ok(Access { authorizer: Some(said), ..Access::default() })
}

/// A claim as events have it: a text, a list with commas, and a moment of these two as Java writes it.
fn claim(name: &str, value: &Json) -> String {
    let moment = value.as_i64().filter(|_| matches!(name, "exp" | "iat"));
    match (moment, value) {
        (Some(seconds), _) => parts::java_time(Timestamp::from_secs(seconds)),
        (None, Json::String(text)) => text.clone(),
        (None, Json::Array(list)) => list.iter().map(|one| claim("", one)).collect::<Vec<_>>().join(","),
        (None, other) => other.to_string(),
    }
}

/// Whether an expression fits all of a text.
fn fits_whole(expression: &str, text: &str) -> bool {
    let whole = fancy_regex::Regex::new(&format!("^(?:{expression})$")).ok();
    whole.and_then(|whole| whole.is_match(text).ok()) == Some(true)
}

fn iam(passage: &Passage<'_>) -> Result<Access, Refusal> {
    let (caller, access_key_id) =
        passage.signer.as_ref().ok_or_else(|| Refusal::of(Kind::MissingAuthenticationToken))?;
    let mut identity = Map::new();
    for (name, value) in [
        ("accountId", &*caller.account),
        ("caller", &caller.principal.user_id),
        ("accessKey", access_key_id),
        ("userArn", &caller.principal.arn),
        ("user", &caller.principal.user_id),
    ] {
        identity.insert(name.to_owned(), value.into());
    }
    Ok(Access { identity, ..Access::default() })
}

async fn function(
    cx: &Ctx,
    passage: &Passage<'_>,
    id: &str,
    authorizer: &Authorizer,
) -> Result<Access, Refusal> {
    let identity = identity(passage, authorizer)?;
    let asked = Asked {
        api_id: passage.api.2.clone(),
        stage: passage.stage_name.to_owned(),
        authorizer_id: id.to_owned(),
        identity: identity.clone(),
    };
    let ttl = u64::try_from(authorizer.ttl_s).unwrap_or_default();
    let remembered = (ttl > 0 && !identity.is_empty()).then(|| Duration::from_secs(ttl));
    let now = cx.env.monotonic();
    let known = remembered.and_then(|_| cx.state.verdicts.get(&asked, now));
    let verdict = match known {
        Some(verdict) => verdict,
        None => {
            let verdict = Arc::new(ask(cx, passage, id, authorizer, &identity).await?);
            if let Some(for_how_long) = remembered {
                cx.state.verdicts.remember(asked, Arc::clone(&verdict), now, for_how_long);
            }
            verdict
        }
    };
    let keys = Keys::default().with("aws:SourceIp", passage.arrival.source_ip());
    match verdict.rule(&passage.method_arn(), &keys) {
        Ruling::Allowed => {}
        Ruling::Denied => return Err(Refusal::denied(true)),
        Ruling::NotMentioned => return Err(Refusal::denied(false)),
    }
    let mut said = Map::new();
    // Every value is a text there.
    for (name, value) in &verdict.context {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        said.insert(name.clone(), text.into());
    }
    said.insert("principalId".to_owned(), verdict.principal_id.as_str().into());
    Ok(Access { authorizer: Some(said), identity: Map::new(), usage_key: verdict.usage_key.clone() })
}

/// What the request tells at each of the authorizer's sources. Who does not tell is not asked about.
fn identity(passage: &Passage<'_>, authorizer: &Authorizer) -> Result<Vec<String>, Refusal> {
    let read = |source: &str| expression::of_request(source, passage).filter(|value| !value.is_empty());
    let identity = authorizer.sources().into_iter().map(read).collect::<Option<Vec<_>>>();
    let identity = identity.ok_or_else(|| Refusal::of(Kind::Unauthorized))?;
    if let (true, Some(expression)) = (authorizer.is_token, &authorizer.validation)
        && !identity.first().is_some_and(|token| fits_whole(expression, token))
    {
        return Err(Refusal::of(Kind::Unauthorized));
    }
    Ok(identity)
}

async fn ask(
    cx: &Ctx,
    passage: &Passage<'_>,
    id: &str,
    authorizer: &Authorizer,
    identity: &[String],
) -> Result<Verdict, Refusal> {
    let method_arn = passage.method_arn();
    let event = if authorizer.is_token {
        json!({ "type": "TOKEN", "methodArn": method_arn, "authorizationToken": identity.first() })
    } else {
        let more = json!({ "type": "REQUEST", "methodArn": method_arn });
        format_1::authorizer_event(passage.request, &passage.route(), &passage.arrival, more)
    };
    let uri = function::with_variables(&authorizer.uri, passage.variables);
    let unconfigured = || Refusal::authorizer(Kind::AuthorizerConfigurationError);
    let (account, region, api_id) = passage.api;
    let call = Call {
        principal: function::PRINCIPAL,
        arn: function::arn_of_uri(&uri).ok_or_else(unconfigured)?.to_owned(),
        source_arn: format!("arn:aws:execute-api:{region}:{account}:{api_id}/authorizers/{id}"),
        role: authorizer.credentials.clone(),
        payload: http_event::payload(&event).into(),
        timeout: PATIENCE,
        is_event: false,
    };
    let returned = function::invoke(cx, call).await.map_err(|error| {
        tracing::debug!(%error, "an authorizer did not answer");
        unconfigured()
    })?;
    if returned.failed {
        let said: Json = serde_json::from_slice(&returned.payload).unwrap_or_default();
        // The one error that an authorizer may throw to say something.
        return Err(match said["errorMessage"].as_str() {
            Some("Unauthorized") => Refusal::of(Kind::Unauthorized),
            _ => Refusal::authorizer(Kind::AuthorizerFailure),
        });
    }
    Verdict::with_policy(&returned.payload).ok_or_else(unconfigured)
}
