//! `PutConfigurationSetSuppressionOptions`: for which reasons the suppression list counts, instead of the account's.

use api_sesv2::{PutConfigurationSetSuppressionOptionsInput, PutConfigurationSetSuppressionOptionsOutput};
use aws_wire::Result;

use super::{reasons, refuse};
use crate::refusal::Refusal;
use crate::{Ctx, configuration_set};

pub(crate) async fn put_configuration_set_suppression_options(
    cx: Ctx,
    input: PutConfigurationSetSuppressionOptionsInput,
) -> Result<PutConfigurationSetSuppressionOptionsOutput> {
    refuse(
        "PutConfigurationSetSuppressionOptions",
        &[
            ("SuppressionScope", input.suppression_scope.is_some()),
            ("ValidationOptions", input.validation_options.is_some()),
        ],
    )?;
    let reasons = reasons(input.suppressed_reasons.unwrap_or_default());
    let change = |set: &mut configuration_set::ConfigurationSet| {
        set.suppressed_reasons = Some(reasons.clone());
        Ok(())
    };
    configuration_set::change(&cx, &input.configuration_set_name, change).await.map_err(Refusal::v2)?;
    Ok(PutConfigurationSetSuppressionOptionsOutput {})
}
