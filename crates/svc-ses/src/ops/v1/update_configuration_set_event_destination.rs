//! `UpdateConfigurationSetEventDestination`

use api_ses::{UpdateConfigurationSetEventDestinationInput, UpdateConfigurationSetEventDestinationOutput};
use aws_wire::Result;

use super::delete_configuration_set_event_destination::absent;
use super::destination;
use crate::refusal::Refusal;
use crate::{Ctx, configuration_set};

pub(crate) async fn update_configuration_set_event_destination(
    cx: Ctx,
    input: UpdateConfigurationSetEventDestinationInput,
) -> Result<UpdateConfigurationSetEventDestinationOutput> {
    let set_name = input.configuration_set_name;
    let operation = "UpdateConfigurationSetEventDestination";
    configuration_set::must_exist(&cx, &set_name).await.map_err(Refusal::v1)?;
    let (name, destination) = destination(&cx, operation, &set_name, input.event_destination).await?;
    let change = |set: &mut configuration_set::ConfigurationSet| {
        let present = set.destinations.get_mut(&name).ok_or_else(|| absent(&set_name, &name))?;
        present.clone_from(&destination);
        Ok(())
    };
    configuration_set::change(&cx, &set_name, change).await.map_err(Refusal::v1)?;
    Ok(UpdateConfigurationSetEventDestinationOutput {})
}
