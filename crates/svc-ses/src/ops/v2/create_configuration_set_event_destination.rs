//! `CreateConfigurationSetEventDestination`

use api_sesv2::{
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
    let (set_name, name) = (input.configuration_set_name, input.event_destination_name);
    configuration_set::check_name(&name).map_err(Refusal::v2)?;
    configuration_set::must_exist(&cx, &set_name).await.map_err(Refusal::v2)?;
    let operation = "CreateConfigurationSetEventDestination";
    let destination = destination(&cx, operation, input.event_destination).await?;
    let change = |set: &mut configuration_set::ConfigurationSet| {
        if set.destinations.contains_key(&name) {
            return Err(Refusal::Other(errors::already_exists_exception(format!(
                "Event destination <{name}> already exists in configuration set <{set_name}>."
            ))));
        }
        if set.destinations.len() >= DESTINATIONS_MAX {
            return Err(Refusal::Other(errors::limit_exceeded_exception(format!(
                "A configuration set has at most {DESTINATIONS_MAX} event destinations."
            ))));
        }
        set.destinations.insert(name.clone(), destination.clone());
        Ok(())
    };
    configuration_set::change(&cx, &set_name, change).await.map_err(Refusal::v2)?;
    Ok(CreateConfigurationSetEventDestinationOutput {})
}
