//! `SetIdentityHeadersInNotificationsEnabled`: whether notifications carry the mail's headers.

use api_ses::{
    SetIdentityHeadersInNotificationsEnabledInput, SetIdentityHeadersInNotificationsEnabledOutput,
};
use aws_wire::Result;

use crate::refusal::Refusal;
use crate::{Ctx, identity};

pub(crate) async fn set_identity_headers_in_notifications_enabled(
    cx: Ctx,
    input: SetIdentityHeadersInNotificationsEnabledInput,
) -> Result<SetIdentityHeadersInNotificationsEnabledOutput> {
    let kind = input.notification_type.as_str();
    identity::change(&cx, &input.identity, |identity| {
        if input.enabled {
            identity.with_headers.insert(kind.to_owned());
        } else {
            identity.with_headers.remove(kind);
        }
    })
    .await
    .map_err(Refusal::v1)?;
    Ok(SetIdentityHeadersInNotificationsEnabledOutput {})
}
