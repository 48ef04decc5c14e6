//! An authorizer: a function that is asked who may call, or the issuer of tokens that say so.

use api_apigatewayv2 as model;
use api_apigatewayv2::{AuthorizerType, ProtocolType};
use aws_wire::{AwsError, Request, Result};
use execute_api::function;
use http_event::parts;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

use crate::api::FORMAT;
use crate::refusal::bad_request;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Authorizer {
    pub format: u32,
    pub name: String,
    /// Where a request tells who it is from, such as `$request.header.Authorization`.
    pub identity_sources: Vec<String>,
    pub kind: Kind,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Kind {
    Jwt {
        issuer: String,
        audience: Vec<String>,
    },
    Function {
        uri: String,
        /// With which it is invoked.
        role: Option<String>,
        /// `1.0` or `2.0`; of a WebSocket API, which has a format of its own, nothing.
        payload_format: String,
        /// Whether it answers `{"isAuthorized": …}` rather than a policy.
        simple: bool,
        /// How long an answer counts; none is not at all.
        ttl_s: u32,
    },
}

/// What creates or changes an authorizer gives.
pub(crate) struct Given {
    pub kind: Option<AuthorizerType>,
    pub name: Option<String>,
    pub identity_sources: Option<Vec<String>>,
    pub uri: Option<String>,
    pub role: Option<String>,
    pub payload_format: Option<String>,
    pub simple: Option<bool>,
    pub ttl_s: Option<i32>,
    pub jwt: Option<model::JWTConfiguration>,
}

impl Authorizer {
    /// What is given over what there is.
    ///
    /// # Errors
    /// 400 for what can't be.
    pub(crate) fn check(given: Given, before: Option<&Self>, protocol: ProtocolType) -> Result<Self> {
        let name = given.name.clone().or_else(|| before.map(|before| before.name.clone()));
        let sources = given.identity_sources.clone();
        let identity_sources =
            sources.or_else(|| before.map(|before| before.identity_sources.clone())).unwrap_or_default();
        let kind = match (given.kind, before.map(|before| &before.kind)) {
            (kind, before) if protocol == ProtocolType::Websocket => of_websocket(kind, &given, before)?,
            (Some(AuthorizerType::Jwt), before) | (None, before @ Some(Kind::Jwt { .. })) => {
                jwt(&given, before, &identity_sources)?
            }
            (_, before) => lambda(&given, before)?,
        };
        if let Some(source) = identity_sources.iter().find(|source| !is_source(protocol, source)) {
            return Err(bad_request(format!("Invalid identity source expression specified: {source}")));
        }
        Ok(Self {
            format: FORMAT,
            name: name.ok_or_else(|| bad_request("Authorizer name must not be empty"))?,
            identity_sources,
            kind,
        })
    }

    pub(crate) fn shown(&self, id: &str) -> model::Authorizer {
        let mut shown = model::Authorizer {
            authorizer_credentials_arn: None,
            authorizer_id: Some(id.to_owned()),
            authorizer_payload_format_version: None,
            authorizer_result_ttl_in_seconds: None,
            authorizer_type: Some(AuthorizerType::Jwt),
            authorizer_uri: None,
            enable_simple_responses: None,
            identity_source: Some(self.identity_sources.clone()),
            identity_validation_expression: None,
            jwt_configuration: None,
            name: self.name.clone(),
        };
        match &self.kind {
            Kind::Jwt { issuer, audience } => {
                shown.jwt_configuration = Some(model::JWTConfiguration {
                    audience: Some(audience.clone()),
                    issuer: Some(issuer.clone()),
                });
            }
            Kind::Function { uri, role, payload_format, simple, ttl_s } => {
                shown.authorizer_type = Some(AuthorizerType::Request);
                shown.authorizer_uri = Some(uri.clone());
                shown.authorizer_credentials_arn.clone_from(role);
                if !payload_format.is_empty() {
                    shown.authorizer_payload_format_version = Some(payload_format.clone());
                    shown.enable_simple_responses = Some(*simple);
                    shown.authorizer_result_ttl_in_seconds = i32::try_from(*ttl_s).ok();
                }
            }
        }
        shown
    }

    /// What a request tells at each source; `None` when one of them is absent or empty.
    pub(crate) fn identity(&self, sight: &Sight<'_>) -> Option<Vec<String>> {
        let read = |source: &String| sight.read(source).filter(|value| !value.is_empty());
        self.identity_sources.iter().map(read).collect()
    }
}

fn jwt(given: &Given, before: Option<&Kind>, sources: &[String]) -> Result<Kind> {
    let (old_issuer, old_audience) = match before {
        Some(Kind::Jwt { issuer, audience }) => (Some(issuer.clone()), Some(audience.clone())),
        _ => (None, None),
    };
    let given_jwt = given.jwt.clone();
    let issuer = given_jwt.as_ref().and_then(|jwt| jwt.issuer.clone()).or(old_issuer);
    let issuer = issuer.ok_or_else(|| bad_request("JWT Configuration must have an issuer"))?;
    if !issuer.starts_with("http://") && !issuer.starts_with("https://") {
        return Err(bad_request(format!(
            "Caught exception when connecting to {issuer} for issuer {issuer}. Please try again later. Error: Invalid \
             issuer: {issuer}"
        )));
    }
    if sources.len() != 1 {
        return Err(bad_request("JWT authorizers must have exactly one identity source"));
    }
    let audience = given_jwt.and_then(|jwt| jwt.audience).or(old_audience).unwrap_or_default();
    Ok(Kind::Jwt { issuer, audience })
}

/// A WebSocket API asks a function whenever somebody connects.
fn of_websocket(kind: Option<AuthorizerType>, given: &Given, before: Option<&Kind>) -> Result<Kind> {
    if kind == Some(AuthorizerType::Jwt) || given.jwt.is_some() {
        return Err(bad_request("JWT authorizers are not supported on protocolType WEBSOCKET"));
    }
    for (name, is_given) in [
        ("AuthorizerPayloadFormatVersion", given.payload_format.is_some()),
        ("EnableSimpleResponses", given.simple == Some(true)),
        ("AuthorizerResultTtlInSeconds", given.ttl_s.is_some_and(|seconds| seconds > 0)),
    ] {
        if is_given {
            return Err(bad_request(format!("{name} is not supported on protocolType WEBSOCKET")));
        }
    }
    let (uri, role) = function_of(given, before)?;
    Ok(Kind::Function { uri, role, payload_format: String::new(), simple: false, ttl_s: 0 })
}

/// The function that is asked, and the role that it is invoked with.
fn function_of(given: &Given, before: Option<&Kind>) -> Result<(String, Option<String>)> {
    let (old_uri, old_role) = match before {
        Some(Kind::Function { uri, role, .. }) => (Some(uri.clone()), role.clone()),
        _ => (None, None),
    };
    let uri = given.uri.clone().or(old_uri);
    let uri = uri.ok_or_else(|| bad_request("Authorizer URI must not be empty for a REQUEST authorizer"))?;
    if function::arn_of_uri(&uri).is_none() {
        return Err(bad_request(format!(
            "Invalid Authorizer URI: {uri}. Authorizer URI should be a valid API Gateway ARN that represents a Lambda function invocation."
        )));
    }
    Ok((uri, given.role.clone().or(old_role)))
}

fn lambda(given: &Given, before: Option<&Kind>) -> Result<Kind> {
    let old = match before {
        Some(Kind::Function { payload_format, simple, ttl_s, .. }) => {
            Some((payload_format.clone(), *simple, *ttl_s))
        }
        _ => None,
    };
    let (uri, role) = function_of(given, before)?;
    let payload_format = given.payload_format.clone().or_else(|| old.as_ref().map(|old| old.0.clone()));
    let payload_format = payload_format.ok_or_else(|| {
        bad_request("AuthorizerPayloadFormatVersion is a required parameter for REQUEST authorizer")
    })?;
    if !["1.0", "2.0"].contains(&payload_format.as_str()) {
        return Err(bad_request("AuthorizerPayloadFormatVersion must be either 1.0 or 2.0"));
    }
    let simple = given.simple.or(old.as_ref().map(|old| old.1)).unwrap_or(false);
    if simple && payload_format == "1.0" {
        return Err(bad_request(
            "EnableSimpleResponses is only supported for AuthorizerPayloadFormatVersion 2.0",
        ));
    }
    let ttl_s = match given.ttl_s {
        Some(seconds) => u32::try_from(seconds).map_err(AwsError::internal)?,
        // The control plane's default; consoles ask for five minutes.
        None => old.as_ref().map_or(0, |old| old.2),
    };
    Ok(Kind::Function { uri, role, payload_format, simple, ttl_s })
}

fn is_source(protocol: ProtocolType, source: &str) -> bool {
    const HTTP: [&str; 4] = ["$request.header.", "$request.querystring.", "$stageVariables.", "$context."];
    const WEBSOCKET: [&str; 4] =
        ["route.request.header.", "route.request.querystring.", "stageVariables.", "context."];
    let prefixes = if protocol == ProtocolType::Http { HTTP } else { WEBSOCKET };
    prefixes.iter().any(|prefix| source.strip_prefix(prefix).is_some_and(|name| !name.is_empty()))
}

/// What an authorizer's sources can see of a request.
pub(crate) struct Sight<'a> {
    pub request: &'a Request,
    pub stage_variables: &'a BTreeMap<String, String>,
    pub context: &'a [(&'static str, String)],
}

impl Sight<'_> {
    pub(crate) fn read(&self, source: &str) -> Option<String> {
        let source = source.strip_prefix('$').or_else(|| source.strip_prefix("route.")).unwrap_or(source);
        if let Some(name) = source.strip_prefix("request.header.") {
            let values = self.request.headers.get_all(name.to_ascii_lowercase()).iter();
            let values = values.filter_map(|value| value.to_str().ok()).collect::<Vec<_>>();
            return (!values.is_empty()).then(|| values.join(","));
        }
        if let Some(name) = source.strip_prefix("request.querystring.") {
            return parts::joined(parts::parameters(&self.request.query)).remove(name);
        }
        if let Some(name) = source.strip_prefix("stageVariables.") {
            return self.stage_variables.get(name).cloned();
        }
        let name = source.strip_prefix("context.")?;
        self.context.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone())
    }
}
