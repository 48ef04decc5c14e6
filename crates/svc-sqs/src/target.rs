//! What other services send to queues: dead letters, destinations, notifications.

use std::collections::BTreeMap;

use api_sqs::MessageAttributeValue;
use aws_wire::AwsError;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use service::{Caller, Delivery, Sender, TargetArn, Undelivered};

use crate::draft::Request;
use crate::keys::{QUEUES, QueueKey};
use crate::queue::{self, Named, Queue};
use crate::{Ctx, policy, send};

async fn find(cx: &Ctx, arn: &TargetArn) -> Result<Named, Undelivered> {
    let key = queue::key_of_arn(arn.as_str()).ok_or_else(|| Undelivered::Invalid(arn.to_string()))?;
    let snapshot = cx.kv.snapshot().await.map_err(|error| Undelivered::Failed(error.to_string()))?;
    let queue = QUEUES.get(&snapshot, &key).map_err(|error| Undelivered::Failed(error.to_string()))?;
    let queue = queue.ok_or_else(|| Undelivered::NotFound(arn.to_string()))?;
    Ok(Named { key, queue })
}

/// Whether there is such a queue.
///
/// # Errors
/// Why not.
pub(crate) async fn check(cx: Ctx, arn: TargetArn) -> Result<(), Undelivered> {
    find(&cx, &arn).await.map(drop)
}

/// Whether the queue's policy lets `sender` in.
///
/// # Errors
/// Why not.
pub(crate) async fn admit(cx: Ctx, arn: TargetArn, sender: Sender) -> Result<(), Undelivered> {
    let named = find(&cx, &arn).await?;
    if lets_in(&cx, &named.key, &named.queue, &sender) {
        Ok(())
    } else {
        Err(Undelivered::Denied(arn.to_string()))
    }
}

/// Stores a message for another service, if the queue's policy lets it in.
///
/// # Errors
/// Why not.
pub(crate) async fn deliver(cx: Ctx, delivery: Delivery) -> Result<(), Undelivered> {
    let named = find(&cx, &delivery.target).await?;
    let cx = cx.as_caller(Caller::root(&named.key.0, &named.key.1));
    if !lets_in(&cx, &named.key, &named.queue, &delivery.sender) {
        return Err(Undelivered::Denied(delivery.target.to_string()));
    }
    let body = String::from_utf8(delivery.payload.to_vec())
        .map_err(|_| Undelivered::Invalid("a message's body is text".to_owned()))?;
    // Not even an error without a message may keep a dead letter from its queue.
    let attributes =
        delivery.attributes.into_iter().filter(|(_, attribute)| !attribute.value.is_empty()).map(
            |(name, attribute)| {
                let binary =
                    attribute.data_type.starts_with("Binary").then(|| BASE64.decode(&attribute.value).ok());
                let value = MessageAttributeValue {
                    string_value: binary.is_none().then_some(attribute.value),
                    binary_value: binary.flatten().map(Into::into),
                    string_list_values: None,
                    binary_list_values: None,
                    data_type: attribute.data_type.into_owned(),
                };
                (name, value)
            },
        );
    let in_order = delivery.in_order;
    let request = Request {
        body,
        delay_seconds: None,
        attributes: attributes.collect::<BTreeMap<_, _>>(),
        system: BTreeMap::new(),
        deduplication: in_order
            .as_ref()
            .filter(|_| named.queue.is_fifo())
            .map(|order| order.deduplication.clone()),
        group: in_order.map(|order| order.group),
    };
    let (bytes, bytes_max) = (request.bytes(), named.queue.message_bytes_max());
    if bytes > bytes_max {
        return Err(Undelivered::TooLarge { bytes, bytes_max });
    }
    let mut draft = request.check(&named.queue, &delivery.sender.source_account).map_err(undelivered)?;
    draft.content.trace = delivery.trace;
    send::store(&cx, &named, &[draft]).await.map(drop).map_err(undelivered)
}

/// Whoever sends with a role of the queue's own account may; all others the policy must name.
fn lets_in(cx: &Ctx, key: &QueueKey, queue: &Queue, sender: &Sender) -> bool {
    sender.role_account() == Some(&key.0) || policy::allows(key, queue, &cx.asking_as(sender), "SendMessage")
}

fn undelivered(error: AwsError) -> Undelivered {
    let message = error.message.clone().unwrap_or_default();
    match error.status {
        503 => Undelivered::Throttled,
        500.. => Undelivered::Failed(message),
        _ if error.code == "QueueDoesNotExist" => Undelivered::NotFound(message),
        _ => Undelivered::Invalid(message),
    }
}
