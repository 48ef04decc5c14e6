//! `DeleteConfigurationSet`, with its event destinations.

use api_ses::{DeleteConfigurationSetInput, DeleteConfigurationSetOutput};
use aws_wire::Result;

use crate::refusal::Refusal;
use crate::{Ctx, configuration_set};

pub(crate) async fn delete_configuration_set(
    cx: Ctx,
    input: DeleteConfigurationSetInput,
) -> Result<DeleteConfigurationSetOutput> {
    configuration_set::delete(&cx, &input.configuration_set_name).await.map_err(Refusal::v1)?;
    Ok(DeleteConfigurationSetOutput {})
}
