//! An integration: what is behind routes, a function or an HTTP server.

mod websocket;

use std::collections::BTreeMap;

use api_apigatewayv2 as model;
use api_apigatewayv2::{ConnectionType, IntegrationType, PassthroughBehavior, ProtocolType};
use aws_wire::{AwsError, Result};
use execute_api::function;
use serde::{Deserialize, Serialize};

use crate::api::FORMAT;
use crate::mapping;
use crate::refusal::bad_request;
pub(crate) use websocket::check_response;

/// How long an integration is waited for, where it does not say.
pub(crate) const TIMEOUT_MS: i32 = 30_000;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Integration {
    pub format: u32,
    pub kind: Kind,
    /// As it was given; may have stage variables and, of an HTTP server, variables of the path.
    pub uri: String,
    /// With which a server is asked; `ANY` is the request's own.
    pub method: Option<String>,
    pub timeout_ms: i32,
    /// The role with which a function is invoked.
    pub credentials: Option<String>,
    pub description: Option<String>,
    /// What of a request to a server is changed.
    #[serde(default)]
    pub request_parameters: BTreeMap<String, String>,
    /// What of an answer is changed, by its status.
    #[serde(default)]
    pub response_parameters: BTreeMap<String, BTreeMap<String, String>>,
    /// Whether quick create made it.
    pub managed: bool,
    /// What only a WebSocket API's has.
    #[serde(default)]
    pub templated: Option<Templated>,
}

/// How a WebSocket API's integration makes of a message what is asked, and of what is answered what its sender hears.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Templated {
    /// Which of the templates makes the request.
    pub selection: Option<String>,
    pub templates: BTreeMap<String, String>,
    /// What happens to a message that no template is for.
    pub passthrough: Passthrough,
    /// By id.
    pub responses: BTreeMap<String, IntegrationResponse>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Passthrough {
    #[default]
    WhenNoMatch,
    WhenNoTemplates,
    Never,
}

/// What becomes of an answer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct IntegrationResponse {
    /// Of the answers that it is for: what tells them apart, a regular expression of that between slashes, or
    /// `$default`.
    pub key: String,
    pub parameters: BTreeMap<String, String>,
    pub templates: BTreeMap<String, String>,
    /// Which of the templates makes the answer.
    pub selection: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Kind {
    /// With payload format 1.0.
    Function1,
    Function2,
    Server,
    /// These make a request and an answer of their own by templates, and are WebSocket APIs' alone.
    TemplatedFunction,
    TemplatedServer,
    Mock,
}

/// What creates or changes an integration gives.
#[derive(Clone, Default)]
pub(crate) struct Given {
    pub kind: Option<IntegrationType>,
    pub uri: Option<String>,
    pub method: Option<String>,
    pub payload_format: Option<String>,
    pub timeout_ms: Option<i32>,
    pub credentials: Option<String>,
    pub description: Option<String>,
    pub request_parameters: Option<BTreeMap<String, String>>,
    pub response_parameters: Option<BTreeMap<String, BTreeMap<String, String>>>,
    pub templates: Option<BTreeMap<String, String>>,
    pub template_selection: Option<String>,
    pub passthrough: Option<PassthroughBehavior>,
}

impl Integration {
    /// What is given over what there is.
    ///
    /// # Errors
    /// 400 for what can't be integrated with, 501 for what is not honoured.
    pub(crate) fn check(
        given: Given,
        before: Option<&Self>,
        protocol: ProtocolType,
        operation: &str,
    ) -> Result<Self> {
        match protocol {
            ProtocolType::Http => {
                refuse_templates(&given, "protocolType HTTP")?;
                Self::over(given, before, operation)
            }
            ProtocolType::Websocket => websocket::check(given, before, operation),
        }
    }

    fn over(given: Given, before: Option<&Self>, operation: &str) -> Result<Self> {
        let uri = given.uri.or_else(|| before.map(|before| before.uri.clone()));
        let uri = uri.ok_or_else(|| bad_request("Missing integration URI"))?;
        let format = given.payload_format.as_deref();
        let kind = match (given.kind, before.map(|before| before.kind)) {
            (Some(IntegrationType::AwsProxy), _) => function_kind(format)?,
            (None, Some(Kind::Function1 | Kind::Function2)) if format.is_some() => function_kind(format)?,
            (Some(IntegrationType::HttpProxy), _) => Kind::Server,
            (None, Some(kind)) => kind,
            (Some(_), _) | (None, None) => {
                return Err(bad_request("HTTP APIs support only AWS_PROXY and HTTP_PROXY integrations"));
            }
        };
        let method = given.method.or_else(|| before.and_then(|before| before.method.clone()));
        if kind == Kind::Server {
            if format.is_some_and(|format| format != "1.0") {
                return Err(bad_request(
                    "Only payloadFormatVersion 1.0 is supported for HTTP_PROXY integrations",
                ));
            }
            if method.is_none() {
                return Err(bad_request("HttpMethod must be specified for integration type HTTP_PROXY"));
            }
            if !uri.starts_with("http://") && !uri.starts_with("https://") {
                return Err(bad_request("Invalid HTTP endpoint specified for URI"));
            }
        } else if function::arn_of_uri(&uri).is_none() {
            return Err(bad_request(format!("Invalid function ARN or invalid URI: {uri}")));
        }
        let credentials = given.credentials.or_else(|| before.and_then(|before| before.credentials.clone()));
        if credentials.as_ref().is_some_and(|arn| !arn.contains(":role/")) {
            // `arn:aws:iam::*:user/*` stands for whoever calls, which would need their rights to be asked for.
            return Err(AwsError::parameter_not_implemented(operation, "CredentialsArn"));
        }
        let mut request_parameters =
            before.map(|before| before.request_parameters.clone()).unwrap_or_default();
        // They are given one by one; an empty one is none.
        request_parameters.extend(given.request_parameters.unwrap_or_default());
        request_parameters.retain(|_, value| !value.is_empty());
        mapping::check(&request_parameters, false)?;
        if kind != Kind::Server && !request_parameters.is_empty() {
            return Err(AwsError::parameter_not_implemented(operation, "RequestParameters of a function"));
        }
        let mut response_parameters =
            before.map(|before| before.response_parameters.clone()).unwrap_or_default();
        response_parameters.extend(given.response_parameters.unwrap_or_default());
        response_parameters.retain(|_, mappings| !mappings.is_empty());
        for (status, mappings) in &response_parameters {
            if !matches!(status.parse::<u16>(), Ok(200..=599)) {
                return Err(bad_request(format!("Invalid response status code specified: {status}")));
            }
            mapping::check(mappings, true)?;
        }
        Ok(Self {
            format: FORMAT,
            request_parameters,
            response_parameters,
            kind,
            uri,
            method,
            timeout_ms: given.timeout_ms.or(before.map(|before| before.timeout_ms)).unwrap_or(TIMEOUT_MS),
            credentials: credentials.filter(|arn| !arn.is_empty()),
            description: given.description.or_else(|| before.and_then(|before| before.description.clone())),
            managed: before.is_some_and(|before| before.managed),
            templated: None,
        })
    }

    pub(crate) fn shown(&self, id: &str) -> model::Integration {
        let (kind, format) = match self.kind {
            Kind::Function1 => (IntegrationType::AwsProxy, "1.0"),
            Kind::Function2 => (IntegrationType::AwsProxy, "2.0"),
            Kind::Server => (IntegrationType::HttpProxy, "1.0"),
            Kind::TemplatedFunction => (IntegrationType::Aws, "1.0"),
            Kind::TemplatedServer => (IntegrationType::Http, "1.0"),
            Kind::Mock => (IntegrationType::Mock, "1.0"),
        };
        let is_mock = self.kind == Kind::Mock;
        let method = self.method.clone().or_else(|| (!is_mock).then(|| "POST".to_owned()));
        let mut shown = model::Integration {
            api_gateway_managed: self.managed.then_some(true),
            connection_id: None,
            connection_type: Some(ConnectionType::Internet),
            content_handling_strategy: None,
            credentials_arn: self.credentials.clone(),
            description: self.description.clone(),
            integration_id: Some(id.to_owned()),
            integration_method: method,
            integration_response_selection_expression: None,
            integration_subtype: None,
            integration_type: Some(kind),
            integration_uri: (!is_mock).then(|| self.uri.clone()),
            passthrough_behavior: None,
            payload_format_version: Some(format.to_owned()),
            request_parameters: Some(self.request_parameters.clone()).filter(|map| !map.is_empty()),
            request_templates: None,
            response_parameters: Some(self.response_parameters.clone()).filter(|map| !map.is_empty()),
            template_selection_expression: None,
            timeout_in_millis: Some(self.timeout_ms),
            tls_config: None,
        };
        if let Some(templated) = &self.templated {
            shown.integration_response_selection_expression = Some(self.response_selection().to_owned());
            shown.passthrough_behavior = Some(templated.passthrough.into());
            shown.request_templates = Some(templated.templates.clone()).filter(|map| !map.is_empty());
            shown.template_selection_expression.clone_from(&templated.selection);
        }
        shown
    }

    /// By what a WebSocket API's answers are told apart; nobody can choose another.
    fn response_selection(&self) -> &'static str {
        match self.kind {
            Kind::TemplatedFunction => "${integration.response.body.errorMessage}",
            _ => "${integration.response.statuscode}",
        }
    }
}

impl From<Passthrough> for PassthroughBehavior {
    fn from(passthrough: Passthrough) -> Self {
        match passthrough {
            Passthrough::WhenNoMatch => Self::WhenNoMatch,
            Passthrough::WhenNoTemplates => Self::WhenNoTemplates,
            Passthrough::Never => Self::Never,
        }
    }
}

impl From<PassthroughBehavior> for Passthrough {
    fn from(behavior: PassthroughBehavior) -> Self {
        match behavior {
            PassthroughBehavior::WhenNoMatch => Self::WhenNoMatch,
            PassthroughBehavior::WhenNoTemplates => Self::WhenNoTemplates,
            PassthroughBehavior::Never => Self::Never,
        }
    }
}

/// # Errors
/// 400 where templates are given to `what`, which has none.
fn refuse_templates(given: &Given, what: &str) -> Result<()> {
    let refused = [
        ("RequestTemplates", given.templates.as_ref().is_some_and(|templates| !templates.is_empty())),
        ("TemplateSelectionExpression", given.template_selection.is_some()),
        ("PassthroughBehavior", given.passthrough.is_some()),
    ];
    match refused.iter().find(|(_, is_given)| *is_given) {
        Some((parameter, _)) => Err(bad_request(format!("{parameter} is not supported on {what}"))),
        None => Ok(()),
    }
}

fn function_kind(format: Option<&str>) -> Result<Kind> {
    match format {
        Some("1.0") => Ok(Kind::Function1),
        Some("2.0") => Ok(Kind::Function2),
        Some(_) => Err(bad_request("Supported payloadFormatVersion values are 1.0 and 2.0")),
        None => {
            Err(bad_request("PayloadFormatVersion is a required parameter for integration type AWS_PROXY"))
        }
    }
}
