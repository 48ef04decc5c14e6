//! `GetSubscriptionAttributes`

use api_sns::{GetSubscriptionAttributesInput, GetSubscriptionAttributesOutput};
use aws_wire::Result;

use crate::delivery_policy::DeliveryPolicy;
use crate::keys::TOPICS;
use crate::{Ctx, endpoint, subscription, topic};

pub(crate) async fn get_subscription_attributes(
    cx: Ctx,
    input: GetSubscriptionAttributesInput,
) -> Result<GetSubscriptionAttributesOutput> {
    let snapshot = cx.kv.snapshot().await?;
    let (key, subscription) = subscription::named(&cx, &snapshot, &input.subscription_arn)?;
    let topic_key = (key.0.clone(), key.1.clone(), key.2.clone());
    let mut shown = subscription.attributes.clone();
    shown.retain(|_, value| !value.is_empty());
    if shown.contains_key("FilterPolicy") {
        shown.entry("FilterPolicyScope".to_owned()).or_insert_with(|| "MessageAttributes".to_owned());
    }
    shown.entry("RawMessageDelivery".to_owned()).or_insert_with(|| "false".to_owned());
    if subscription.by_http() {
        let topic = TOPICS.get(&snapshot, &topic_key)?;
        let of_topic = topic.as_ref().and_then(|topic| topic.attribute("DeliveryPolicy"));
        let effective = DeliveryPolicy::effective(of_topic, subscription.attribute("DeliveryPolicy"));
        shown.insert("EffectiveDeliveryPolicy".to_owned(), effective.show());
    }
    let authenticated = subscription.is_confirmed() && !subscription.confirmed_by_stranger;
    for (name, value) in [
        ("SubscriptionArn", input.subscription_arn),
        ("TopicArn", topic::arn(&topic_key)),
        ("Owner", subscription.owner.clone()),
        ("Protocol", subscription.protocol.clone()),
        ("Endpoint", endpoint::shown(&subscription.endpoint)),
        ("PendingConfirmation", (!subscription.is_confirmed()).to_string()),
        ("ConfirmationWasAuthenticated", authenticated.to_string()),
        ("SubscriptionPrincipal", format!("arn:aws:iam::{}:root", subscription.owner)),
    ] {
        shown.insert(name.to_owned(), value);
    }
    Ok(GetSubscriptionAttributesOutput { attributes: Some(shown) })
}
