//! What the gateway answers itself, where it does not ask an integration: its status and words, and how an API changes
//! them.

use std::collections::BTreeMap;

use api_apigateway as model;
use api_apigateway::GatewayResponseType;
use aws_wire::Result;
use serde::{Deserialize, Serialize};

use crate::integration::check_template;
use crate::patch::Patch;
use crate::refusal::bad_request;
use crate::resource::some;

/// What everybody's answers are made of.
pub(crate) const TEMPLATE: &str = r#"{"message":$context.error.messageString}"#;
pub(crate) const TEMPLATE_TYPE: &str = "application/json";

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct GatewayResponse {
    pub format: u32,
    pub status: Option<String>,
    pub parameters: BTreeMap<String, String>,
    pub templates: BTreeMap<String, String>,
}

/// Every type with the status that it has, the words, and what `x-amzn-errortype` says.
pub(crate) const TYPES: [(GatewayResponseType, Option<u16>, &str, &str); 21] = {
    use GatewayResponseType as T;
    [
        (
            T::AccessDenied,
            Some(403),
            "User is not authorized to access this resource",
            "AccessDeniedException",
        ),
        (T::ApiConfigurationError, Some(500), "Internal server error", "InternalServerErrorException"),
        (
            T::AuthorizerConfigurationError,
            Some(500),
            "Internal server error",
            "AuthorizerConfigurationException",
        ),
        (T::AuthorizerFailure, Some(500), "Internal server error", "AuthorizerConfigurationException"),
        (T::BadRequestBody, Some(400), "Invalid request body", "BadRequestException"),
        (T::BadRequestParameters, Some(400), "Missing required request parameters", "BadRequestException"),
        (T::Default4xx, None, "", "ForbiddenException"),
        (T::Default5xx, None, "", "InternalServerErrorException"),
        (
            T::ExpiredToken,
            Some(403),
            "The security token included in the request is expired",
            "ExpiredTokenException",
        ),
        (T::IntegrationFailure, Some(504), "Internal server error", "InternalServerErrorException"),
        (T::IntegrationTimeout, Some(504), "Endpoint request timed out", "InternalServerErrorException"),
        (T::InvalidApiKey, Some(403), "Forbidden", "ForbiddenException"),
        (
            T::InvalidSignature,
            Some(403),
            "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access \
             Key and signing method. Consult the service documentation for details.",
            "InvalidSignatureException",
        ),
        (
            T::MissingAuthenticationToken,
            Some(403),
            "Missing Authentication Token",
            "MissingAuthenticationTokenException",
        ),
        (T::QuotaExceeded, Some(429), "Limit Exceeded", "LimitExceededException"),
        (T::RequestTooLarge, Some(413), "Request Entity Too Large", "RequestTooLargeException"),
        (T::ResourceNotFound, Some(404), "Not Found", "NotFoundException"),
        (T::Throttled, Some(429), "Too Many Requests", "TooManyRequestsException"),
        (T::Unauthorized, Some(401), "Unauthorized", "UnauthorizedException"),
        (T::UnsupportedMediaType, Some(415), "Unsupported Media Type", "UnsupportedMediaTypeException"),
        (T::WafFiltered, Some(403), "Forbidden", "ForbiddenException"),
    ]
};

impl GatewayResponse {
    /// # Errors
    /// 400 for what can be no answer.
    pub(crate) fn checked(self) -> Result<Self> {
        if self.status.as_ref().is_some_and(|status| !matches!(status.parse::<u16>(), Ok(200..=599))) {
            return Err(bad_request("Invalid Gateway Response status code specified"));
        }
        for name in self.parameters.keys() {
            if !name.starts_with("gatewayresponse.header.") {
                return Err(bad_request(format!("Invalid mapping expression specified: {name}")));
            }
        }
        for template in self.templates.values() {
            check_template(template)?;
        }
        Ok(self)
    }

    pub(crate) fn shown(&self, kind: GatewayResponseType) -> model::GatewayResponse {
        let templates = self.templates.clone();
        let default = BTreeMap::from([(TEMPLATE_TYPE.to_owned(), TEMPLATE.to_owned())]);
        model::GatewayResponse {
            response_type: Some(kind),
            status_code: self.status.clone().or_else(|| usual_status(kind).map(|status| status.to_string())),
            response_parameters: some(self.parameters.clone()),
            response_templates: Some(if templates.is_empty() { default } else { templates }),
            default_response: Some(false),
        }
    }

    /// # Errors
    /// 400 for a path that it has not.
    pub(crate) fn patch(mut self, patch: &Patch) -> Result<Self> {
        match patch.segments()[..] {
            ["statusCode"] => self.status = patch.optional(),
            ["responseParameters", name] => patch.entry(&mut self.parameters, name)?,
            ["responseTemplates", name] => patch.entry(&mut self.templates, name)?,
            _ => return Err(patch.invalid()),
        }
        self.checked()
    }
}

fn usual_status(kind: GatewayResponseType) -> Option<u16> {
    TYPES.iter().find(|(known, ..)| *known == kind).and_then(|(_, status, ..)| *status)
}

/// What an API that says nothing of a type has.
pub(crate) fn usual(kind: GatewayResponseType) -> model::GatewayResponse {
    model::GatewayResponse { default_response: Some(true), ..GatewayResponse::default().shown(kind) }
}
