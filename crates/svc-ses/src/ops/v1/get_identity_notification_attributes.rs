//! `GetIdentityNotificationAttributes`

use std::collections::BTreeMap;

use api_ses::{
    GetIdentityNotificationAttributesInput, GetIdentityNotificationAttributesOutput,
    IdentityNotificationAttributes,
};
use aws_wire::Result;

use crate::keys::IDENTITIES;
use crate::{Ctx, account, identity};

pub(crate) async fn get_identity_notification_attributes(
    cx: Ctx,
    input: GetIdentityNotificationAttributesInput,
) -> Result<GetIdentityNotificationAttributesOutput> {
    let (account, region) = account::key(&cx.caller);
    let snapshot = cx.kv.snapshot().await?;
    let mut notification_attributes = BTreeMap::new();
    for asked in input.identities {
        let Ok(name) = identity::check_name(&asked) else { continue };
        let Some(known) = IDENTITIES.get(&snapshot, &(&account, &region, &name))? else { continue };
        let topic = |kind: &str| known.topics.get(kind).cloned().unwrap_or_default();
        let headers = |kind: &str| Some(known.with_headers.contains(kind));
        let attributes = IdentityNotificationAttributes {
            bounce_topic: topic("Bounce"),
            complaint_topic: topic("Complaint"),
            delivery_topic: topic("Delivery"),
            // Nothing is sent to anybody by mail.
            forwarding_enabled: false,
            headers_in_bounce_notifications_enabled: headers("Bounce"),
            headers_in_complaint_notifications_enabled: headers("Complaint"),
            headers_in_delivery_notifications_enabled: headers("Delivery"),
        };
        notification_attributes.insert(asked, attributes);
    }
    Ok(GetIdentityNotificationAttributesOutput { notification_attributes })
}
