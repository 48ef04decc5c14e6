//! `GetCallerIdentity`: tells the caller who they are. Needs no permission.

use api_sts::{GetCallerIdentityInput, GetCallerIdentityOutput};
use aws_wire::Result;
use service::Ctx;

pub(crate) async fn get_caller_identity(
    cx: Ctx,
    _: GetCallerIdentityInput,
) -> Result<GetCallerIdentityOutput> {
    let principal = &cx.caller.principal;
    Ok(GetCallerIdentityOutput {
        user_id: Some(principal.user_id.clone()),
        account: Some(cx.caller.account.to_string()),
        arn: Some(principal.arn.clone()),
    })
}
