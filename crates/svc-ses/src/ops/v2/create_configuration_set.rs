//! `CreateConfigurationSet`

use api_sesv2::{CreateConfigurationSetInput, CreateConfigurationSetOutput, errors};
use aws_wire::Result;

use super::{reasons, refuse, tags};
use crate::Ctx;
use crate::configuration_set::{self, ConfigurationSet, Unmade};
use crate::refusal::Refusal;

pub(crate) async fn create_configuration_set(
    cx: Ctx,
    input: CreateConfigurationSetInput,
) -> Result<CreateConfigurationSetOutput> {
    let delivery = input.delivery_options.unwrap_or_default();
    let suppression = input.suppression_options.unwrap_or_default();
    let metrics = input.reputation_options.and_then(|options| options.reputation_metrics_enabled);
    refuse(
        "CreateConfigurationSet",
        &[
            ("TrackingOptions", input.tracking_options.is_some()),
            ("DeliveryOptions TlsPolicy REQUIRE", delivery.tls_policy == Some(api_sesv2::TlsPolicy::Require)),
            ("DeliveryOptions SendingPoolName", delivery.sending_pool_name.is_some()),
            ("DeliveryOptions MaxDeliverySeconds", delivery.max_delivery_seconds.is_some()),
            ("ReputationOptions ReputationMetricsEnabled true", metrics == Some(true)),
            ("SuppressionOptions SuppressionScope", suppression.suppression_scope.is_some()),
            ("SuppressionOptions ValidationOptions", suppression.validation_options.is_some()),
            ("VdmOptions", input.vdm_options.is_some()),
            ("ArchivingOptions", input.archiving_options.is_some()),
            ("MessageSecurityOptions", input.message_security_options.is_some()),
        ],
    )?;
    let set = ConfigurationSet {
        sending: input.sending_options.and_then(|options| options.sending_enabled).unwrap_or(true),
        suppressed_reasons: suppression.suppressed_reasons.map(reasons),
        tags: tags(input.tags)?,
        ..ConfigurationSet::default()
    };
    configuration_set::create(&cx, &input.configuration_set_name, &set).await.map_err(|why| {
        let message = why.to_string();
        match why {
            Unmade::Present(_) => errors::already_exists_exception(message),
            Unmade::TooMany => errors::limit_exceeded_exception(message),
            Unmade::Refused(refusal) => Refusal::v2(refusal),
        }
    })?;
    Ok(CreateConfigurationSetOutput {})
}
