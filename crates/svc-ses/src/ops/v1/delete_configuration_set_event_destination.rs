//! `DeleteConfigurationSetEventDestination`

use api_ses::{
    DeleteConfigurationSetEventDestinationInput, DeleteConfigurationSetEventDestinationOutput, errors,
};
use aws_wire::Result;

use crate::refusal::Refusal;
use crate::{Ctx, configuration_set};

pub(crate) async fn delete_configuration_set_event_destination(
    cx: Ctx,
    input: DeleteConfigurationSetEventDestinationInput,
) -> Result<DeleteConfigurationSetEventDestinationOutput> {
    let (set_name, name) = (input.configuration_set_name, input.event_destination_name);
    let change = |set: &mut configuration_set::ConfigurationSet| {
        set.destinations.remove(&name).map(drop).ok_or_else(|| absent(&set_name, &name))
    };
    configuration_set::change(&cx, &set_name, change).await.map_err(Refusal::v1)?;
    Ok(DeleteConfigurationSetEventDestinationOutput {})
}

pub(super) fn absent(set: &str, name: &str) -> Refusal {
    let message = format!("Event destination <{name}> does not exist in configuration set <{set}>.");
    let error = errors::event_destination_does_not_exist_exception(message)
        .with("ConfigurationSetName", set)
        .with("EventDestinationName", name);
    Refusal::Other(error)
}
