//! The step between source and target: a function that is asked for what the target is to have.

use api_pipes::PipeEnrichmentParameters;
use aws_wire::{AwsError, Result};
use serde::{Deserialize, Serialize};
use service::{TargetArn, Undelivered};

use crate::pipe::invalid;
use crate::{Ctx, event};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Enrichment {
    /// Of a function.
    pub arn: String,
    #[serde(default)]
    pub template: Option<String>,
}

/// What a request makes of an enrichment; an empty ARN is none.
///
/// # Errors
/// 400 for what can't be one, 501 for what is not served.
pub(crate) async fn check(
    cx: &Ctx,
    operation: &str,
    arn: Option<String>,
    parameters: Option<PipeEnrichmentParameters>,
) -> Result<Option<Enrichment>> {
    let parameters = parameters.unwrap_or_default();
    if parameters.http_parameters.is_some() {
        return Err(AwsError::parameter_not_implemented(operation, "EnrichmentParameters.HttpParameters"));
    }
    event::check_template(parameters.input_template.as_deref())?;
    let Some(arn) = arn.filter(|arn| !arn.is_empty()) else { return Ok(None) };
    let parsed = TargetArn::parse(&arn).ok_or_else(|| invalid(format!("Enrichment {arn} is not valid.")))?;
    if parsed.service() != "lambda" {
        let what = format!("an Enrichment of {}", parsed.service());
        return Err(AwsError::parameter_not_implemented(operation, &what));
    }
    match cx.check_target(&parsed).await {
        Err(Undelivered::Invalid(_)) => Err(invalid(format!("Enrichment {arn} is not valid."))),
        _ => Ok(Some(Enrichment { arn, template: filled(parameters.input_template) })),
    }
}

impl Enrichment {
    pub(crate) fn shown(enrichment: Option<&Self>) -> (Option<String>, Option<PipeEnrichmentParameters>) {
        let template = enrichment.and_then(|enrichment| enrichment.template.clone());
        let parameters = template.map(|template| PipeEnrichmentParameters {
            input_template: Some(template),
            ..PipeEnrichmentParameters::default()
        });
        (enrichment.map(|enrichment| enrichment.arn.clone()), parameters)
    }
}

/// A template that says nothing is none.
pub(crate) fn filled(template: Option<String>) -> Option<String> {
    template.filter(|template| !template.is_empty())
}
