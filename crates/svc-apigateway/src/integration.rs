//! An integration: what is behind a method, and how its answer becomes the method's.

use std::collections::BTreeMap;

use api_apigateway as model;
use api_apigateway::{ConnectionType, IntegrationType};
use aws_wire::{AwsError, Result};
use execute_api::function;
use serde::{Deserialize, Serialize};

use crate::patch::Patch;
use crate::refusal::{bad_request, not_honoured};
use crate::resource::some;

const TIMEOUT_MS: i32 = 29_000;
const TIMEOUT_MS_MIN: i32 = 50;
const PASSTHROUGH: [&str; 3] = ["WHEN_NO_MATCH", "WHEN_NO_TEMPLATES", "NEVER"];

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Integration {
    /// `AWS_PROXY`, `AWS`, `HTTP_PROXY`, `HTTP` or `MOCK`.
    pub kind: String,
    /// With which it is asked.
    pub method: Option<String>,
    pub uri: Option<String>,
    /// The role with which a function is invoked.
    pub credentials: Option<String>,
    /// What of the request goes where.
    pub parameters: BTreeMap<String, String>,
    /// By content type.
    pub templates: BTreeMap<String, String>,
    /// What happens to a body that no template is for.
    pub passthrough: String,
    pub timeout_ms: i32,
    /// By status.
    pub responses: BTreeMap<String, IntegrationResponse>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct IntegrationResponse {
    /// Of the answers that it is for; without one it is for those that no other is for.
    pub pattern: Option<String>,
    pub parameters: BTreeMap<String, String>,
    pub templates: BTreeMap<String, String>,
}

impl Integration {
    /// # Errors
    /// 400 for what can't be integrated with, 501 for what is not honoured.
    pub(crate) fn check(input: model::PutIntegrationInput) -> Result<Self> {
        not_honoured(
            "PutIntegration",
            &[
                ("connectionType", input.connection_type == Some(ConnectionType::VpcLink)),
                ("connectionId", input.connection_id.is_some()),
                ("contentHandling", input.content_handling.is_some()),
                (
                    "cacheKeyParameters",
                    input.cache_key_parameters.as_ref().is_some_and(|keys| !keys.is_empty()),
                ),
                ("tlsConfig", input.tls_config.is_some()),
                (
                    "responseTransferMode",
                    input.response_transfer_mode == Some(model::ResponseTransferMode::Stream),
                ),
                ("integrationTarget", input.integration_target.is_some()),
            ],
        )?;
        let integration = Self {
            kind: input.r#type.as_str().to_owned(),
            method: input.integration_http_method,
            uri: input.uri,
            credentials: input.credentials,
            parameters: input.request_parameters.unwrap_or_default(),
            templates: input.request_templates.unwrap_or_default(),
            passthrough: input.passthrough_behavior.unwrap_or_else(|| "WHEN_NO_MATCH".to_owned()),
            timeout_ms: input.timeout_in_millis.unwrap_or(TIMEOUT_MS),
            responses: BTreeMap::new(),
        };
        integration.checked("PutIntegration")
    }

    fn checked(self, operation: &str) -> Result<Self> {
        if !PASSTHROUGH.contains(&self.passthrough.as_str()) {
            return Err(bad_request(
                "Invalid passthrough behavior specified. Must be one of: [WHEN_NO_MATCH, WHEN_NO_TEMPLATES, NEVER]",
            ));
        }
        if !(TIMEOUT_MS_MIN..=TIMEOUT_MS).contains(&self.timeout_ms) {
            return Err(bad_request(format!(
                "Timeout should be between {TIMEOUT_MS_MIN} ms and {TIMEOUT_MS} ms"
            )));
        }
        if self.credentials.as_ref().is_some_and(|arn| !arn.contains(":role/")) {
            // `arn:aws:iam::*:user/*` stands for whoever calls, which would need their rights to be asked for.
            return Err(AwsError::parameter_not_implemented(operation, "credentials"));
        }
        for template in self.templates.values() {
            check_template(template)?;
        }
        let uri = self.uri.as_deref().unwrap_or_default();
        match self.kind.as_str() {
            "MOCK" => return Ok(self),
            _ if self.method.as_ref().is_none_or(String::is_empty) => {
                return Err(bad_request("Enumeration value for HttpMethod must be non-empty"));
            }
            "AWS" | "AWS_PROXY" => {
                if !uri.starts_with("arn:") {
                    return Err(bad_request("Invalid ARN specified in the request"));
                }
                if !uri.contains(":path/") && !uri.contains(":action/") {
                    return Err(bad_request("AWS ARN for integration must contain path or action"));
                }
                if function::arn_of_uri(uri).is_none() {
                    return Err(AwsError::parameter_not_implemented(
                        operation,
                        "uri of a service other than Lambda",
                    ));
                }
                if self.method.as_deref() != Some("POST") {
                    // A function is invoked by POST and by nothing else; AWS finds out when it is called.
                    return Err(bad_request("Integration HTTP method of a function must be POST"));
                }
            }
            _ if !uri.starts_with("http://") && !uri.starts_with("https://") => {
                return Err(bad_request("Invalid HTTP endpoint specified for URI"));
            }
            _ => {}
        }
        Ok(self)
    }

    pub(crate) fn shown(&self) -> model::Integration {
        let responses =
            self.responses.iter().map(|(status, response)| (status.clone(), response.shown(status)));
        let is_mock = self.kind == "MOCK";
        model::Integration {
            r#type: self.kind.parse::<IntegrationType>().ok(),
            http_method: self.method.clone().filter(|_| !is_mock),
            uri: self.uri.clone(),
            connection_type: (self.kind.starts_with("HTTP")).then_some(ConnectionType::Internet),
            connection_id: None,
            credentials: self.credentials.clone(),
            request_parameters: some(self.parameters.clone()),
            request_templates: some(self.templates.clone()),
            passthrough_behavior: Some(self.passthrough.clone()),
            content_handling: None,
            timeout_in_millis: Some(self.timeout_ms),
            cache_namespace: None,
            cache_key_parameters: Some(Vec::new()),
            integration_responses: some(responses.collect()),
            tls_config: None,
            response_transfer_mode: None,
            integration_target: None,
        }
    }

    /// # Errors
    /// 400 for a path that an integration has not, and for what it would be no integration with.
    pub(crate) fn patch(mut self, patch: &Patch) -> Result<Self> {
        match patch.segments()[..] {
            ["uri"] => self.uri = patch.optional(),
            ["httpMethod"] => self.method = patch.optional(),
            ["credentials"] => self.credentials = patch.optional(),
            ["passthroughBehavior"] => self.passthrough = patch.text()?,
            ["timeoutInMillis"] => self.timeout_ms = patch.number()?,
            ["requestParameters", name] => patch.entry(&mut self.parameters, name)?,
            ["requestTemplates", name] => patch.entry(&mut self.templates, name)?,
            [
                "connectionType" | "connectionId" | "contentHandling" | "tlsConfig" | "cacheKeyParameters",
                ..,
            ] => {
                return Err(AwsError::parameter_not_implemented("UpdateIntegration", patch.segments()[0]));
            }
            _ => return Err(patch.invalid()),
        }
        self.checked("UpdateIntegration")
    }
}

/// # Errors
/// 400 for what is no template.
pub(crate) fn check_template(template: &str) -> Result<()> {
    vtl::Template::parse(template)
        .map(drop)
        .map_err(|error| bad_request(format!("Invalid template: {error}")))
}

impl IntegrationResponse {
    /// # Errors
    /// 400 for what can't be.
    pub(crate) fn checked(self) -> Result<Self> {
        if let Some(pattern) = self.pattern.as_deref().filter(|pattern| !pattern.is_empty()) {
            fancy_regex::Regex::new(pattern).map_err(|_| {
                bad_request(format!("Invalid selection pattern specified for response: {pattern}"))
            })?;
        }
        for template in self.templates.values() {
            check_template(template)?;
        }
        Ok(self)
    }

    pub(crate) fn shown(&self, status: &str) -> model::IntegrationResponse {
        model::IntegrationResponse {
            status_code: Some(status.to_owned()),
            selection_pattern: self.pattern.clone(),
            response_parameters: some(self.parameters.clone()),
            response_templates: some(self.templates.clone()),
            content_handling: None,
        }
    }

    /// # Errors
    /// 400 for a path that it has not.
    pub(crate) fn patch(mut self, patch: &Patch) -> Result<Self> {
        match patch.segments()[..] {
            ["selectionPattern"] => self.pattern = patch.optional(),
            ["responseParameters", name] => patch.entry(&mut self.parameters, name)?,
            ["responseTemplates", name] => patch.entry(&mut self.templates, name)?,
            ["contentHandling"] => {
                return Err(AwsError::parameter_not_implemented(
                    "UpdateIntegrationResponse",
                    "contentHandling",
                ));
            }
            _ => return Err(patch.invalid()),
        }
        self.checked()
    }
}
