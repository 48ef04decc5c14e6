//! `GetIdentityVerificationAttributes`: of identities that there are; others are left out, as AWS does.

use std::collections::BTreeMap;

use api_ses::{
    GetIdentityVerificationAttributesInput, GetIdentityVerificationAttributesOutput,
    IdentityVerificationAttributes, VerificationStatus,
};
use aws_wire::Result;

use crate::keys::IDENTITIES;
use crate::{Ctx, account, identity};

pub(crate) async fn get_identity_verification_attributes(
    cx: Ctx,
    input: GetIdentityVerificationAttributesInput,
) -> Result<GetIdentityVerificationAttributesOutput> {
    let (account, region) = account::key(&cx.caller);
    let snapshot = cx.kv.snapshot().await?;
    let mut verification_attributes = BTreeMap::new();
    for asked in input.identities {
        let Ok(name) = identity::check_name(&asked) else { continue };
        if let Some(known) = IDENTITIES.get(&snapshot, &(&account, &region, &name))? {
            let attributes = IdentityVerificationAttributes {
                verification_status: VerificationStatus::Success,
                verification_token: known.token,
            };
            verification_attributes.insert(asked, attributes);
        }
    }
    Ok(GetIdentityVerificationAttributesOutput { verification_attributes })
}
