//! What a method's validator looks at before its integration is asked.

use api_apigateway::GatewayResponseType as Kind;

use super::refuse::Refusal;
use super::{Passage, expression};
use crate::model;

pub(super) fn check(passage: &Passage<'_>) -> Result<(), Refusal> {
    let method = passage.method;
    let validator = method.validator_id.as_ref().and_then(|id| passage.deployment.validators.get(id));
    let Some(validator) = validator else { return Ok(()) };
    if validator.parameters {
        let required = method.request_parameters.iter().filter(|(_, required)| **required);
        let missing = required
            .filter(|(name, _)| expression::of_request(name, passage).is_none_or(|value| value.is_empty()))
            .filter_map(|(name, _)| name.rsplit('.').next())
            .collect::<Vec<_>>();
        if !missing.is_empty() {
            let message = format!("Missing required request parameters: [{}]", missing.join(", "));
            return Err(Refusal::saying(Kind::BadRequestParameters, message));
        }
    }
    if validator.body && !method.request_models.is_empty() {
        let content_type = media_type(passage.request.header("content-type"));
        let model =
            method.request_models.get(&content_type).or_else(|| method.request_models.get("$default"));
        // A body of another type has no model to be held to.
        let Some(name) = model else { return Ok(()) };
        let body = serde_json::from_slice(&passage.request.body).ok();
        let is_valid = body.and_then(|body| model::accepts(&passage.deployment.models, name, &body));
        if is_valid != Some(true) {
            return Err(Refusal::of(Kind::BadRequestBody));
        }
    }
    Ok(())
}

/// A content type without its parameters; a body that does not say is JSON.
pub(super) fn media_type(header: Option<&str>) -> String {
    let kind = header.and_then(|header| header.split(';').next()).unwrap_or_default().trim();
    if kind.is_empty() { "application/json".to_owned() } else { kind.to_ascii_lowercase() }
}
