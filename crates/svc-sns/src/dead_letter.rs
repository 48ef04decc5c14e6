//! What becomes of a message that its subscription's endpoint does not take.

use std::collections::BTreeMap;

use bytes::Bytes;
use service::{Attribute, Delivery, TargetArn};

use crate::Ctx;
use crate::envelope::{self, Sender as From};
use crate::message::Message;
use crate::outbox::{Parcel, Recipient, in_order, sender};
use crate::signing::SignatureVersion;

/// A message that a subscription's endpoint does not take.
pub(crate) struct Dead<'a> {
    pub topic_arn: &'a str,
    pub host: &'a str,
    pub message: &'a Message,
    pub signature_version: SignatureVersion,
    pub subscription_arn: &'a str,
    /// The queue for it.
    pub dead_letters: Option<String>,
}

impl<'a> Dead<'a> {
    pub(crate) fn of(parcel: &'a Parcel, recipient: &'a Recipient) -> Self {
        Self {
            topic_arn: &parcel.topic_arn,
            host: &parcel.host,
            message: &parcel.message,
            signature_version: parcel.signature_version,
            subscription_arn: &recipient.subscription_arn,
            dead_letters: recipient.dead_letters.clone(),
        }
    }
}

/// What can't be delivered goes to the subscription's dead letters, and is lost without them. `false` when those do not
/// take it at the moment.
pub(crate) async fn bury(cx: &Ctx, dead: &Dead<'_>, code: &str, reason: &str) -> bool {
    let Dead { subscription_arn: subscription, message, .. } = dead;
    tracing::warn!(subscription, message = message.id, reason, "a notification can't be delivered");
    let Some(target) = dead.dead_letters.as_deref().and_then(TargetArn::parse) else { return true };
    let text_to_sign = envelope::text_to_sign(message, "sqs", dead.topic_arn);
    let Ok(seal) = cx.state.signer.sign(cx, dead.signature_version, text_to_sign).await else { return false };
    let from = From { topic_arn: dead.topic_arn, subscription_arn: subscription, host: dead.host };
    let text = |value: &str| Attribute { data_type: "String".into(), value: value.to_owned() };
    let delivery = Delivery {
        target,
        payload: Bytes::from(envelope::of_text(message, "sqs", &from, &seal)),
        sender: sender(dead.topic_arn),
        attributes: BTreeMap::from([
            ("RequestID".to_owned(), text(&message.id)),
            ("ErrorCode".to_owned(), text(code)),
            ("ErrorMessage".to_owned(), text(reason)),
        ]),
        in_order: in_order(message),
        bus: None,
        object_key: None,
        trace: None,
    };
    let Err(error) = cx.deliver(delivery).await else { return true };
    tracing::warn!(subscription, message = message.id, %error, "nor to its dead letters");
    !error.is_worth_another_try()
}
