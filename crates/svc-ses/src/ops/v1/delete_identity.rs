//! `DeleteIdentity`

use api_ses::{DeleteIdentityInput, DeleteIdentityOutput};
use aws_wire::Result;

use crate::keys::IDENTITIES;
use crate::{Ctx, account, identity};

pub(crate) async fn delete_identity(cx: Ctx, input: DeleteIdentityInput) -> Result<DeleteIdentityOutput> {
    delete(&cx, &input.identity).await?;
    Ok(DeleteIdentityOutput {})
}

/// Takes an identity away; one that is not there is no error.
///
/// # Errors
/// The store's.
pub(super) async fn delete(cx: &Ctx, name: &str) -> Result<()> {
    let Ok(name) = identity::check_name(name) else { return Ok(()) };
    let (account, region) = account::key(&cx.caller);
    cx.kv.transact(|tx| Ok(IDENTITIES.delete(tx, &(&account, &region, &name))?)).await
}
