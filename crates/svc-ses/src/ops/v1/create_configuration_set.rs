//! `CreateConfigurationSet`

use api_ses::{CreateConfigurationSetInput, CreateConfigurationSetOutput, errors};
use aws_wire::Result;

use crate::Ctx;
use crate::configuration_set::{self, ConfigurationSet, Unmade};
use crate::refusal::Refusal;

pub(crate) async fn create_configuration_set(
    cx: Ctx,
    input: CreateConfigurationSetInput,
) -> Result<CreateConfigurationSetOutput> {
    let name = input.configuration_set.name;
    let made = configuration_set::create(&cx, &name, &ConfigurationSet::default()).await;
    made.map_err(|why| {
        let message = why.to_string();
        match why {
            Unmade::Present(_) => errors::configuration_set_already_exists_exception(message)
                .with("ConfigurationSetName", name.as_str()),
            Unmade::TooMany => errors::limit_exceeded_exception(message),
            Unmade::Refused(Refusal::Invalid(message)) => {
                errors::invalid_configuration_set_exception(message)
            }
            Unmade::Refused(refusal) => refusal.v1(),
        }
    })?;
    Ok(CreateConfigurationSetOutput {})
}
