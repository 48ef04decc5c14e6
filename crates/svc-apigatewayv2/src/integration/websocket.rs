//! What WebSocket APIs integrate with: functions and servers, each as a proxy or by templates, and mocks.

use api_apigatewayv2::IntegrationType;
use aws_wire::{AwsError, Result};
use execute_api::function;

use super::{Given, Integration, IntegrationResponse, Kind, Templated, refuse_templates};
use crate::api::FORMAT;
use crate::refusal::bad_request;
use crate::websocket::selection;

/// How long an integration is waited for at most, and where it does not say.
const TIMEOUT_MS: i32 = 29_000;

/// What is given over what there is.
///
/// # Errors
/// 400 for what can't be integrated with, 501 for what is not honoured.
pub(super) fn check(given: Given, before: Option<&Integration>, operation: &str) -> Result<Integration> {
    if given.payload_format.as_deref().is_some_and(|format| format != "1.0") {
        return Err(bad_request("Only payloadFormatVersion 1.0 is supported on protocolType WEBSOCKET"));
    }
    if given.response_parameters.as_ref().is_some_and(|parameters| !parameters.is_empty()) {
        return Err(bad_request("ResponseParameters are not supported on protocolType WEBSOCKET"));
    }
    if given.timeout_ms.is_some_and(|timeout_ms| timeout_ms > TIMEOUT_MS) {
        return Err(bad_request("Timeout should be between 50 ms and 29000 ms"));
    }
    let kind = match (given.kind, before.map(|before| before.kind)) {
        (Some(IntegrationType::AwsProxy), _) => Kind::Function1,
        (Some(IntegrationType::Aws), _) => Kind::TemplatedFunction,
        (Some(IntegrationType::HttpProxy), _) => Kind::Server,
        (Some(IntegrationType::Http), _) => Kind::TemplatedServer,
        (Some(IntegrationType::Mock), _) => Kind::Mock,
        (None, Some(kind)) => kind,
        (None, None) => return Err(bad_request("IntegrationType must be specified")),
    };
    let uri = given.uri.clone().or_else(|| before.map(|before| before.uri.clone())).unwrap_or_default();
    let method = given.method.clone().or_else(|| before.and_then(|before| before.method.clone()));
    check_uri(kind, &uri, method.as_deref(), operation)?;
    let credentials =
        given.credentials.clone().or_else(|| before.and_then(|before| before.credentials.clone()));
    if credentials.as_ref().is_some_and(|arn| !arn.is_empty() && !arn.contains(":role/")) {
        // `arn:aws:iam::*:user/*` stands for whoever calls, which would need their rights to be asked for.
        return Err(AwsError::parameter_not_implemented(operation, "CredentialsArn"));
    }
    let timeout_ms = given.timeout_ms.or(before.map(|before| before.timeout_ms)).unwrap_or(TIMEOUT_MS);
    let description =
        given.description.clone().or_else(|| before.and_then(|before| before.description.clone()));
    let mut request_parameters = before.map(|before| before.request_parameters.clone()).unwrap_or_default();
    // They are given one by one, as templates are; an empty one is none.
    request_parameters.extend(given.request_parameters.clone().unwrap_or_default());
    request_parameters.retain(|_, value| !value.is_empty());
    if kind == Kind::Function1 && !request_parameters.is_empty() {
        return Err(bad_request("RequestParameters are not supported for integration type AWS_PROXY"));
    }
    for (target, source) in &request_parameters {
        if !is_target(target, kind) || !selection::is_source(source) {
            return Err(bad_request(format!("Invalid mapping expression specified: {target}={source}")));
        }
    }
    Ok(Integration {
        format: FORMAT,
        kind,
        uri,
        method,
        timeout_ms,
        credentials: credentials.filter(|arn| !arn.is_empty()),
        description,
        request_parameters,
        response_parameters: Default::default(),
        managed: false,
        templated: Some(templated(given, kind, before.and_then(|before| before.templated.as_ref()))?),
    })
}

fn check_uri(kind: Kind, uri: &str, method: Option<&str>, operation: &str) -> Result<()> {
    match kind {
        Kind::Mock => Ok(()),
        _ if uri.is_empty() => Err(bad_request("Missing integration URI")),
        Kind::Function1 | Kind::Function2 | Kind::TemplatedFunction => {
            let is_function = function::arn_of_uri(uri).is_some();
            if !is_function && uri.starts_with("arn:aws:apigateway:") && !uri.contains(":lambda:") {
                return Err(AwsError::parameter_not_implemented(
                    operation,
                    "IntegrationUri of a service other than Lambda",
                ));
            }
            if !is_function {
                return Err(bad_request(format!("Invalid function ARN or invalid URI: {uri}")));
            }
            Ok(())
        }
        Kind::Server | Kind::TemplatedServer => {
            let kind = if kind == Kind::Server { "HTTP_PROXY" } else { "HTTP" };
            if method.is_none() {
                return Err(bad_request(format!("HttpMethod must be specified for integration type {kind}")));
            }
            if !uri.starts_with("http://") && !uri.starts_with("https://") {
                return Err(bad_request("Invalid HTTP endpoint specified for URI"));
            }
            Ok(())
        }
    }
}

/// Whether a mapping puts its value there: `integration.request.header.x`, and of servers also `querystring` and
/// `path`.
fn is_target(target: &str, kind: Kind) -> bool {
    let place = target.strip_prefix("integration.request.").and_then(|rest| rest.split_once('.'));
    match place {
        Some((_, "")) | None => false,
        Some(("header", _)) => true,
        Some(("querystring" | "path", _)) => matches!(kind, Kind::Server | Kind::TemplatedServer),
        Some(_) => false,
    }
}

fn templated(given: Given, kind: Kind, before: Option<&Templated>) -> Result<Templated> {
    match kind {
        Kind::Function1 | Kind::Function2 => refuse_templates(&given, "integration type AWS_PROXY")?,
        Kind::Server => refuse_templates(&given, "integration type HTTP_PROXY")?,
        Kind::TemplatedFunction | Kind::TemplatedServer | Kind::Mock => {}
    }
    let before = before.cloned().unwrap_or_default();
    let mut templates = before.templates;
    templates.extend(given.templates.unwrap_or_default());
    templates.retain(|_, template| !template.is_empty());
    templates.values().try_for_each(|template| check_template(template))?;
    let selection = given.template_selection.or(before.selection).filter(|expression| !expression.is_empty());
    if selection.as_ref().is_some_and(|expression| !selection::is_request_expression(expression)) {
        return Err(bad_request("Invalid template selection expression specified"));
    }
    Ok(Templated {
        selection,
        templates,
        passthrough: given.passthrough.map_or(before.passthrough, Into::into),
        responses: before.responses,
    })
}

/// # Errors
/// 400 for what is no template.
fn check_template(template: &str) -> Result<()> {
    let parsed = vtl::Template::parse(template).map(drop);
    parsed.map_err(|error| bad_request(format!("Invalid template: {error}")))
}

/// # Errors
/// 400 for what can't be.
pub(crate) fn check_response(response: &IntegrationResponse) -> Result<()> {
    if !selection::is_response_key(&response.key) {
        return Err(bad_request(format!("Invalid integration response key specified: {}", response.key)));
    }
    response.templates.values().try_for_each(|template| check_template(template))?;
    let selection = response.selection.as_ref();
    if selection.is_some_and(|expression| !selection::is_response_expression(expression)) {
        return Err(bad_request("Invalid template selection expression specified"));
    }
    for (target, source) in &response.parameters {
        let name = target.strip_prefix("method.response.header.").filter(|name| !name.is_empty());
        if name.is_none() || !(selection::is_source(source) || selection::is_response_source(source)) {
            return Err(bad_request(format!("Invalid mapping expression specified: {target}={source}")));
        }
    }
    Ok(())
}
