//! `VerifyEmailIdentity`: an address that may send from now on.

use api_ses::{VerifyEmailIdentityInput, VerifyEmailIdentityOutput};
use aws_wire::Result;

use crate::identity::{self, Identity};
use crate::refusal::{Refusal, invalid};
use crate::{Ctx, account};

pub(crate) async fn verify_email_identity(
    cx: Ctx,
    input: VerifyEmailIdentityInput,
) -> Result<VerifyEmailIdentityOutput> {
    verify(&cx, &input.email_address).await?;
    Ok(VerifyEmailIdentityOutput {})
}

/// Makes an address an identity, if it is none yet.
///
/// # Errors
/// 400 for what is no address.
pub(super) async fn verify(cx: &Ctx, address: &str) -> Result<()> {
    if identity::is_domain(address) {
        return Err(invalid(format!("Invalid email address<{address}>.")));
    }
    let name = identity::check_name(address).map_err(Refusal::v1)?;
    let identity = Identity { created: cx.env.now().as_millis(), ..Identity::default() };
    identity::put_new(cx, &account::key(&cx.caller), &name, &identity).await.map(drop).map_err(Refusal::v1)
}
