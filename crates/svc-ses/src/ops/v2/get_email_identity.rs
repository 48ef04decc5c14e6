//! `GetEmailIdentity`

use std::collections::BTreeMap;

use api_sesv2::{
    DkimAttributes, DkimStatus, GetEmailIdentityInput, GetEmailIdentityOutput, IdentityType,
    VerificationInfo, VerificationStatus, errors,
};
use aws_wire::{AwsError, Result};
use env::Timestamp;

use super::shown_tags;
use crate::keys::IDENTITIES;
use crate::{Ctx, account, identity};

pub(crate) async fn get_email_identity(
    cx: Ctx,
    input: GetEmailIdentityInput,
) -> Result<GetEmailIdentityOutput> {
    let asked = input.email_identity;
    let name = identity::check_name(&asked).map_err(|_| absent(&asked))?;
    let (account, region) = account::key(&cx.caller);
    let identity = IDENTITIES.get(&cx.kv.snapshot().await?, &(&account, &region, &name))?;
    let identity = identity.ok_or_else(|| absent(&asked))?;
    let verified = Timestamp::from_millis(identity.created);
    Ok(GetEmailIdentityOutput {
        identity_type: Some(kind(&name)),
        // Nothing is sent to anybody by mail.
        feedback_forwarding_status: Some(false),
        verified_for_sending_status: Some(true),
        dkim_attributes: Some(unsigned()),
        mail_from_attributes: None,
        policies: Some(BTreeMap::new()),
        tags: Some(shown_tags(identity.tags)),
        configuration_set_name: identity.configuration_set,
        verification_status: Some(VerificationStatus::Success),
        verification_info: Some(VerificationInfo {
            last_checked_timestamp: Some(verified),
            last_success_timestamp: Some(verified),
            ..VerificationInfo::default()
        }),
    })
}

pub(super) fn absent(name: &str) -> AwsError {
    errors::not_found_exception(format!("Email identity <{name}> does not exist."))
}

pub(super) fn kind(name: &str) -> IdentityType {
    if identity::is_domain(name) { IdentityType::Domain } else { IdentityType::EmailAddress }
}

/// Mails are not signed here.
pub(super) fn unsigned() -> DkimAttributes {
    DkimAttributes {
        signing_enabled: Some(false),
        status: Some(DkimStatus::NotStarted),
        ..DkimAttributes::default()
    }
}
