//! `GetTopicAttributes`

use api_sns::{GetTopicAttributesInput, GetTopicAttributesOutput};
use aws_wire::Result;
use kv::Span;

use crate::delivery_policy::DeliveryPolicy;
use crate::keys::SUBSCRIPTIONS;
use crate::subscription::Subscription;
use crate::{Ctx, topic};

pub(crate) async fn get_topic_attributes(
    cx: Ctx,
    input: GetTopicAttributesInput,
) -> Result<GetTopicAttributesOutput> {
    let snapshot = cx.kv.snapshot().await?;
    let (key, topic) = topic::named(&cx, &snapshot, &input.topic_arn, "GetTopicAttributes")?;
    let of_topic = Span::prefix(&(key.0.as_str(), key.1.as_str(), key.2.as_str()));
    let subscriptions = SUBSCRIPTIONS.all(&snapshot, &of_topic)?;
    let count = |wanted: fn(&Subscription) -> bool| {
        subscriptions.iter().filter(|(_, subscription)| wanted(subscription)).count().to_string()
    };
    let mut shown = topic.attributes.clone();
    shown.retain(|_, value| !value.is_empty());
    shown.insert("Policy".to_owned(), topic.policy(&key).to_string());
    for (name, value) in [
        ("TopicArn", input.topic_arn),
        ("Owner", key.0),
        ("SubscriptionsConfirmed", count(Subscription::is_confirmed)),
        ("SubscriptionsPending", count(Subscription::is_pending)),
        ("SubscriptionsDeleted", count(|subscription| subscription.deleted)),
        ("DisplayName", String::new()),
        ("EffectiveDeliveryPolicy", DeliveryPolicy::show_of_topic(topic.attribute("DeliveryPolicy"))),
    ] {
        shown.entry(name.to_owned()).or_insert(value);
    }
    if topic.is_fifo() {
        shown.entry("ContentBasedDeduplication".to_owned()).or_insert_with(|| "false".to_owned());
        shown.entry("FifoThroughputScope".to_owned()).or_insert_with(|| "Topic".to_owned());
    }
    Ok(GetTopicAttributesOutput { attributes: Some(shown) })
}
