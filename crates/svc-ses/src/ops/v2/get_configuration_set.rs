//! `GetConfigurationSet`

use api_sesv2::{
    DeliveryOptions, GetConfigurationSetInput, GetConfigurationSetOutput, ReputationOptions, SendingOptions,
    SuppressionOptions, TlsPolicy,
};
use aws_wire::Result;

use super::{shown_reasons, shown_tags};
use crate::refusal::Refusal;
use crate::{Ctx, account, configuration_set};

pub(crate) async fn get_configuration_set(
    cx: Ctx,
    input: GetConfigurationSetInput,
) -> Result<GetConfigurationSetOutput> {
    let (snapshot, name) = (cx.kv.snapshot().await?, input.configuration_set_name);
    let set = configuration_set::named(&snapshot, &account::key(&cx.caller), &name).map_err(Refusal::v2)?;
    let suppression = set.suppressed_reasons.map(|reasons| SuppressionOptions {
        suppressed_reasons: Some(shown_reasons(&reasons)),
        ..SuppressionOptions::default()
    });
    let delivery = DeliveryOptions { tls_policy: Some(TlsPolicy::Optional), ..DeliveryOptions::default() };
    Ok(GetConfigurationSetOutput {
        configuration_set_name: Some(name),
        delivery_options: Some(delivery),
        reputation_options: Some(ReputationOptions {
            reputation_metrics_enabled: Some(false),
            last_fresh_start: None,
        }),
        sending_options: Some(SendingOptions { sending_enabled: Some(set.sending) }),
        tags: Some(shown_tags(set.tags)),
        suppression_options: suppression,
        ..GetConfigurationSetOutput::default()
    })
}
