//! `CreateEmailIdentity`: an address or a domain that may send from now on.

use api_sesv2::{CreateEmailIdentityInput, CreateEmailIdentityOutput, errors};
use aws_wire::Result;

use super::get_email_identity::{kind, unsigned};
use super::{refuse, tags};
use crate::identity::{self, Identity};
use crate::refusal::Refusal;
use crate::{Ctx, account, configuration_set};

pub(crate) async fn create_email_identity(
    cx: Ctx,
    input: CreateEmailIdentityInput,
) -> Result<CreateEmailIdentityOutput> {
    refuse("CreateEmailIdentity", &[("DkimSigningAttributes", input.dkim_signing_attributes.is_some())])?;
    let name = identity::check_name(&input.email_identity).map_err(Refusal::v2)?;
    if let Some(set) = &input.configuration_set_name {
        configuration_set::must_exist(&cx, set).await.map_err(Refusal::v2)?;
    }
    let identity = Identity {
        tags: tags(input.tags)?,
        configuration_set: input.configuration_set_name,
        created: cx.env.now().as_millis(),
        ..Identity::default()
    };
    let present = identity::put_new(&cx, &account::key(&cx.caller), &name, &identity).await;
    if present.map_err(Refusal::v2)?.is_some() {
        let message = format!("Email identity {} already exist.", input.email_identity);
        return Err(errors::already_exists_exception(message));
    }
    Ok(CreateEmailIdentityOutput {
        identity_type: Some(kind(&name)),
        verified_for_sending_status: Some(true),
        dkim_attributes: Some(unsigned()),
    })
}
