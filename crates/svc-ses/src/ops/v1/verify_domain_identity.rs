//! `VerifyDomainIdentity`: a domain all of whose addresses may send from now on.

use api_ses::{VerifyDomainIdentityInput, VerifyDomainIdentityOutput};
use aws_wire::Result;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::identity::{self, Identity};
use crate::refusal::{Refusal, invalid};
use crate::{Ctx, account, address};

pub(crate) async fn verify_domain_identity(
    cx: Ctx,
    input: VerifyDomainIdentityInput,
) -> Result<VerifyDomainIdentityOutput> {
    let name = address::check_domain(&input.domain)
        .map_err(|_| invalid(format!("Invalid domain name {}.", input.domain)))?;
    let mut drawn = [0; 32];
    cx.env.fill(&mut drawn);
    let token = BASE64.encode(drawn);
    let identity =
        Identity { token: Some(token.clone()), created: cx.env.now().as_millis(), ..Identity::default() };
    let present = identity::put_new(&cx, &account::key(&cx.caller), &name, &identity).await;
    let present = present.map_err(Refusal::v1)?;
    let verification_token = present.and_then(|present| present.token).unwrap_or(token);
    Ok(VerifyDomainIdentityOutput { verification_token })
}
