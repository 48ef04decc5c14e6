//! Clients that are counted: the key that a request shows, and whether its plan lets it ask.

use api_apigateway::GatewayResponseType as Kind;
use aws_wire::Result;
use execute_api::plan::{self, Refused};

use super::refuse::Refusal;
use super::{Ctx, Passage};

/// Lets a request in whose key is in a plan for this stage and has not asked too much.
pub(super) async fn admit(cx: &Ctx, passage: &mut Passage<'_>) -> Result<Result<(), Refusal>> {
    let value = if passage.deployment.keys_from_authorizer {
        passage.access.usage_key.clone()
    } else {
        passage.request.header("x-api-key").map(str::to_owned)
    };
    let Some(value) = value else { return Ok(Err(Refusal::of(Kind::InvalidApiKey))) };
    let admitted = plan::admit(cx, &cx.state.throttle, passage.api, passage.stage_name, &value).await?;
    Ok(match admitted {
        Ok(id) => {
            passage.access.identity.insert("apiKey".to_owned(), value.into());
            passage.access.identity.insert("apiKeyId".to_owned(), id.into());
            Ok(())
        }
        Err(Refused::InvalidKey) => Err(Refusal::of(Kind::InvalidApiKey)),
        Err(Refused::TooFast) => Err(Refusal::of(Kind::Throttled)),
        Err(Refused::QuotaExceeded) => Err(Refusal::of(Kind::QuotaExceeded)),
    })
}
