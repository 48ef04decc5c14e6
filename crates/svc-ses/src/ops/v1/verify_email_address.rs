//! `VerifyEmailAddress`: the older name of `VerifyEmailIdentity`.

use api_ses::VerifyEmailAddressInput;
use aws_wire::Result;

use super::verify_email_identity::verify;
use crate::Ctx;

pub(crate) async fn verify_email_address(cx: Ctx, input: VerifyEmailAddressInput) -> Result<()> {
    verify(&cx, &input.email_address).await
}
