//! `CreateConfigurationSetEventDestination`

use api_ses::{
    CreateConfigurationSetEventDestinationInput, CreateConfigurationSetEventDestinationOutput, errors,
};
use aws_wire::Result;

use super::destination;
use crate::Ctx;
use crate::configuration_set::{self, DESTINATIONS_MAX};
use crate::refusal::Refusal;

pub(crate) async fn create_configuration_set_event_destination(
    cx: Ctx,
    input: CreateConfigurationSetEventDestinationInput,
) -> Result<CreateConfigurationSetEventDestinationOutput> {
    let set_name = input.configuration_set_name;
    let operation = "CreateConfigurationSetEventDestination";
    configuration_set::must_exist(&cx, &set_name).await.map_err(Refusal::v1)?;
    let (name, destination) = destination(&cx, operation, &set_name, input.event_destination).await?;
    configuration_set::check_name(&name).map_err(Refusal::v1)?;
    let change = |set: &mut configuration_set::ConfigurationSet| {
        if set.destinations.contains_key(&name) {
            let message =
                format!("Event destination <{name}> already exists in configuration set <{set_name}>.");
            let error = errors::event_destination_already_exists_exception(message)
                .with("ConfigurationSetName", set_name.as_str())
                .with("EventDestinationName", name.as_str());
            return Err(Refusal::Other(error));
        }
        if set.destinations.len() >= DESTINATIONS_MAX {
            return Err(Refusal::Other(errors::limit_exceeded_exception(format!(
                "A configuration set has at most {DESTINATIONS_MAX} event destinations."
            ))));
        }
        set.destinations.insert(name.clone(), destination.clone());
        Ok(())
    };
    configuration_set::change(&cx, &set_name, change).await.map_err(Refusal::v1)?;
    Ok(CreateConfigurationSetEventDestinationOutput {})
}
