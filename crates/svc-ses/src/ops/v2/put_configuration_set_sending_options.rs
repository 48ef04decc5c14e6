//! `PutConfigurationSetSendingOptions`: nothing is sent with a set while it is off.

use api_sesv2::{PutConfigurationSetSendingOptionsInput, PutConfigurationSetSendingOptionsOutput};
use aws_wire::Result;

use crate::refusal::Refusal;
use crate::{Ctx, configuration_set};

pub(crate) async fn put_configuration_set_sending_options(
    cx: Ctx,
    input: PutConfigurationSetSendingOptionsInput,
) -> Result<PutConfigurationSetSendingOptionsOutput> {
    let change = |set: &mut configuration_set::ConfigurationSet| {
        set.sending = input.sending_enabled.unwrap_or(false);
        Ok(())
    };
    configuration_set::change(&cx, &input.configuration_set_name, change).await.map_err(Refusal::v2)?;
    Ok(PutConfigurationSetSendingOptionsOutput {})
}
