//! `PutEmailIdentityConfigurationSetAttributes`: the configuration set of an identity's mails that name none.

use api_sesv2::{
    PutEmailIdentityConfigurationSetAttributesInput, PutEmailIdentityConfigurationSetAttributesOutput,
};
use aws_wire::Result;

use super::get_email_identity::absent;
use crate::refusal::Refusal;
use crate::{Ctx, configuration_set, identity};

pub(crate) async fn put_email_identity_configuration_set_attributes(
    cx: Ctx,
    input: PutEmailIdentityConfigurationSetAttributesInput,
) -> Result<PutEmailIdentityConfigurationSetAttributesOutput> {
    let set = input.configuration_set_name.filter(|set| !set.is_empty());
    if let Some(set) = &set {
        configuration_set::must_exist(&cx, set).await.map_err(Refusal::v2)?;
    }
    identity::change(&cx, &input.email_identity, |identity| identity.configuration_set.clone_from(&set))
        .await
        .map_err(|refusal| match refusal {
            Refusal::Invalid(_) => absent(&input.email_identity),
            other => other.v2(),
        })?;
    Ok(PutEmailIdentityConfigurationSetAttributesOutput {})
}
