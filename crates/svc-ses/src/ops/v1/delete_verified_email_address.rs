//! `DeleteVerifiedEmailAddress`: the older name of `DeleteIdentity`.

use api_ses::DeleteVerifiedEmailAddressInput;
use aws_wire::Result;

use super::delete_identity::delete;
use crate::Ctx;

pub(crate) async fn delete_verified_email_address(
    cx: Ctx,
    input: DeleteVerifiedEmailAddressInput,
) -> Result<()> {
    delete(&cx, &input.email_address).await
}
