//! What other services send to topics: destinations and dead letters of functions.

use std::collections::BTreeMap;

use api_sns::MessageAttributeValue;
use aws_wire::AwsError;
use service::{Delivery, Sender, TargetArn, Undelivered};

use crate::keys::{TOPICS, TopicKey};
use crate::message::Request;
use crate::outbox::as_account;
use crate::topic::{self, Topic};
use crate::{Ctx, ops, policy};

async fn find(cx: &Ctx, arn: &TargetArn) -> Result<(TopicKey, Topic), Undelivered> {
    let key = topic::key_of_arn(arn.as_str()).ok_or_else(|| Undelivered::Invalid(arn.to_string()))?;
    let snapshot = cx.kv.snapshot().await.map_err(|error| Undelivered::Failed(error.to_string()))?;
    let topic = TOPICS.get(&snapshot, &key).map_err(|error| Undelivered::Failed(error.to_string()))?;
    let topic = topic.ok_or_else(|| Undelivered::NotFound(arn.to_string()))?;
    Ok((key, topic))
}

/// Whether there is such a topic.
///
/// # Errors
/// Why not.
pub(crate) async fn check(cx: Ctx, arn: TargetArn) -> Result<(), Undelivered> {
    find(&cx, &arn).await.map(drop)
}

/// A role of the topic's account may; all others the policy must name.
fn lets_in(cx: &Ctx, key: &TopicKey, topic: &Topic, sender: &Sender) -> bool {
    let asking = || cx.asking_as(sender).with("aws:SourceOwner", sender.source_account.clone());
    sender.role_account() == Some(&key.0) || policy::allows(key, topic, &asking(), "Publish")
}

/// Whether the topic lets `sender` in.
///
/// # Errors
/// Why not.
pub(crate) async fn admit(cx: Ctx, arn: TargetArn, sender: Sender) -> Result<(), Undelivered> {
    let (key, topic) = find(&cx, &arn).await?;
    if lets_in(&cx, &key, &topic, &sender) { Ok(()) } else { Err(Undelivered::Denied(arn.to_string())) }
}

/// Publishes for another service, if it may.
///
/// # Errors
/// Why not.
pub(crate) async fn deliver(cx: Ctx, delivery: Delivery) -> Result<(), Undelivered> {
    let (key, topic) = find(&cx, &delivery.target).await?;
    let cx = as_account(&cx, &key.0, &key.1);
    if !lets_in(&cx, &key, &topic, &delivery.sender) {
        return Err(Undelivered::Denied(delivery.target.to_string()));
    }
    let message = String::from_utf8(delivery.payload.to_vec())
        .map_err(|_| Undelivered::Invalid("a message is text".to_owned()))?;
    let attributes = delivery.attributes.into_iter().filter(|(_, attribute)| !attribute.value.is_empty());
    let attributes = attributes.map(|(name, attribute)| {
        let data_type = attribute.data_type.into_owned();
        (name, MessageAttributeValue { data_type, string_value: Some(attribute.value), binary_value: None })
    });
    let request = Request {
        message,
        subject: None,
        structure: None,
        attributes: attributes.collect::<BTreeMap<_, _>>(),
        group: delivery.in_order.as_ref().map(|order| order.group.clone()),
        deduplication: delivery.in_order.map(|order| order.deduplication).filter(|_| topic.is_fifo()),
    };
    let (bytes, bytes_max) = (request.bytes(), topic.message_bytes_max());
    if bytes > bytes_max {
        return Err(Undelivered::TooLarge { bytes, bytes_max });
    }
    let id = cx.env.uuid().to_string();
    let message = request.check(&topic, id, cx.env.now().as_millis()).map_err(undelivered)?;
    ops::store(&cx, &key, vec![message]).await.map(drop).map_err(undelivered)
}

fn undelivered(error: AwsError) -> Undelivered {
    let message = error.message.clone().unwrap_or_default();
    match error.status {
        503 => Undelivered::Throttled,
        500.. => Undelivered::Failed(message),
        404 => Undelivered::NotFound(message),
        _ => Undelivered::Invalid(message),
    }
}
