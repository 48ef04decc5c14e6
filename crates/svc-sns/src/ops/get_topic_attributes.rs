//! `GetTopicAttributes`

use api_sns::{GetTopicAttributesInput, GetTopicAttributesOutput};
use aws_wire::Result;
use kv::Span;

use crate::keys::SUBSCRIPTIONS;
use crate::{Ctx, topic};

/// How AWS retries deliveries over HTTP when nobody says otherwise.
const DELIVERY_POLICY: &str = concat!(
    r#"{"http":{"defaultHealthyRetryPolicy":{"minDelayTarget":20,"maxDelayTarget":20,"numRetries""#,
    r#":3,"numMaxDelayRetries":0,"numNoDelayRetries":0,"numMinDelayRetries":0,"backoffFunction":""#,
    r#"linear"},"disableSubscriptionOverrides":false,"defaultRequestPolicy":{"headerContentType":"#,
    r#""text/plain; charset=UTF-8"}}}"#,
);

pub(crate) async fn get_topic_attributes(
    cx: Ctx,
    input: GetTopicAttributesInput,
) -> Result<GetTopicAttributesOutput> {
    let snapshot = cx.kv.snapshot().await?;
    let (key, topic) = topic::named(&cx, &snapshot, &input.topic_arn, "GetTopicAttributes")?;
    let of_topic = Span::prefix(&(key.0.as_str(), key.1.as_str(), key.2.as_str()));
    let subscriptions = SUBSCRIPTIONS.all(&snapshot, &of_topic)?;
    let pending = subscriptions.iter().filter(|(_, subscription)| subscription.token.is_some()).count();
    let mut shown = topic.attributes.clone();
    shown.insert("Policy".to_owned(), topic.policy(&key).to_string());
    for (name, value) in [
        ("TopicArn", input.topic_arn),
        ("Owner", key.0),
        ("SubscriptionsConfirmed", (subscriptions.len() - pending).to_string()),
        ("SubscriptionsPending", pending.to_string()),
        ("SubscriptionsDeleted", "0".to_owned()),
        ("DisplayName", String::new()),
        ("EffectiveDeliveryPolicy", DELIVERY_POLICY.to_owned()),
    ] {
        shown.entry(name.to_owned()).or_insert(value);
    }
    if topic.is_fifo() {
        shown.entry("ContentBasedDeduplication".to_owned()).or_insert_with(|| "false".to_owned());
        shown.entry("FifoThroughputScope".to_owned()).or_insert_with(|| "Topic".to_owned());
    }
    Ok(GetTopicAttributesOutput { attributes: Some(shown) })
}
