//! `UpdateConfigurationSetSendingEnabled`: nothing is sent with a set while it is off.

use api_ses::UpdateConfigurationSetSendingEnabledInput;
use aws_wire::Result;

use crate::refusal::Refusal;
use crate::{Ctx, configuration_set};

pub(crate) async fn update_configuration_set_sending_enabled(
    cx: Ctx,
    input: UpdateConfigurationSetSendingEnabledInput,
) -> Result<()> {
    let change = |set: &mut configuration_set::ConfigurationSet| {
        set.sending = input.enabled;
        Ok(())
    };
    configuration_set::change(&cx, &input.configuration_set_name, change).await.map_err(Refusal::v1)
}
