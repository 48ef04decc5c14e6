//! `GetSubscriptionAttributes`

use api_sns::{GetSubscriptionAttributesInput, GetSubscriptionAttributesOutput};
use aws_wire::Result;

use crate::{Ctx, subscription, topic};

pub(crate) async fn get_subscription_attributes(
    cx: Ctx,
    input: GetSubscriptionAttributesInput,
) -> Result<GetSubscriptionAttributesOutput> {
    let (key, subscription) = subscription::named(&cx, &cx.kv.snapshot().await?, &input.subscription_arn)?;
    let mut shown = subscription.attributes.clone();
    shown.retain(|_, value| !value.is_empty());
    if shown.contains_key("FilterPolicy") {
        shown.entry("FilterPolicyScope".to_owned()).or_insert_with(|| "MessageAttributes".to_owned());
    }
    shown.entry("RawMessageDelivery".to_owned()).or_insert_with(|| "false".to_owned());
    for (name, value) in [
        ("SubscriptionArn", input.subscription_arn),
        ("TopicArn", topic::arn(&(key.0.clone(), key.1, key.2))),
        ("Owner", subscription.owner.clone()),
        ("Protocol", subscription.protocol.clone()),
        ("Endpoint", subscription.endpoint.clone()),
        ("PendingConfirmation", subscription.token.is_some().to_string()),
        ("ConfirmationWasAuthenticated", subscription.token.is_none().to_string()),
        ("SubscriptionPrincipal", format!("arn:aws:iam::{}:root", subscription.owner)),
    ] {
        shown.insert(name.to_owned(), value);
    }
    Ok(GetSubscriptionAttributesOutput { attributes: Some(shown) })
}
