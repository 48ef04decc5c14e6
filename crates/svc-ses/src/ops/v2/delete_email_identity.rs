//! `DeleteEmailIdentity`

use api_sesv2::{DeleteEmailIdentityInput, DeleteEmailIdentityOutput};
use aws_wire::{AwsError, Result};

use super::get_email_identity::absent;
use crate::keys::IDENTITIES;
use crate::{Ctx, account, identity};

pub(crate) async fn delete_email_identity(
    cx: Ctx,
    input: DeleteEmailIdentityInput,
) -> Result<DeleteEmailIdentityOutput> {
    let asked = input.email_identity;
    let name = identity::check_name(&asked).map_err(|_| absent(&asked))?;
    let (account, region) = account::key(&cx.caller);
    cx.kv
        .transact(|tx| {
            let key = (&account, &region, &name);
            IDENTITIES.get(tx, &key)?.ok_or_else(|| absent(&asked))?;
            Ok::<_, AwsError>(IDENTITIES.delete(tx, &key)?)
        })
        .await?;
    Ok(DeleteEmailIdentityOutput {})
}
