//! A message for one HTTP endpoint: its row, whom it goes to, and one attempt at sending it.

use std::sync::Arc;
use std::time::Duration;

use aws_wire::{AwsError, Result};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use serde::{Deserialize, Serialize};

use crate::Ctx;
use crate::dead_letter::{Dead, bury};
use crate::delivery_policy::DeliveryPolicy;
use crate::endpoint::{Endpoint, Refused};
use crate::envelope::{self, Confirmation, Sender};
use crate::keys::{Id, LETTERS, SUBSCRIPTIONS, TOPICS};
use crate::message::Message;
use crate::signing::SignatureVersion;
use crate::subscription::{self, Subscription};
use crate::topic::{self, Topic};

/// Until dead letters whose queue does not take them at the moment are tried again.
const BURY_AGAIN: Duration = Duration::from_secs(20);

/// A message on its way to an endpoint; its subscription is in its key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Letter {
    /// `host:port` by which the publisher reached the platform.
    pub host: String,
    pub message: Message,
    #[serde(default)]
    pub signature_version: SignatureVersion,
    /// What the endpoint is asked to confirm, if this is no notification.
    #[serde(default)]
    pub confirmation: Option<Confirmation>,
    /// How often it was tried.
    #[serde(default)]
    pub tries: u64,
}

/// What a question to an endpoint is made of; drawn before a transaction.
pub(crate) struct Draft {
    pub row: Id,
    host: String,
    message_id: String,
    now_ms: i64,
}

impl Draft {
    pub(crate) fn draw(cx: &Ctx) -> Self {
        Self {
            row: cx.env.uuid().into_bytes(),
            host: cx.host.to_string(),
            message_id: cx.env.uuid().to_string(),
            now_ms: cx.env.now().as_millis(),
        }
    }

    pub(crate) fn letter(&self, topic: &Topic, confirmation: Confirmation) -> Letter {
        Letter {
            host: self.host.clone(),
            message: Message::empty(self.message_id.clone(), self.now_ms),
            signature_version: topic.signature_version(),
            confirmation: Some(confirmation),
            tries: 0,
        }
    }
}

/// Where a letter lies: its subscription's ARN, when it is due in microseconds, which it is.
pub(crate) type LetterKey = (String, i64, Id);

/// Whom a lane sends to, as it is now.
pub(crate) struct Recipient {
    subscription: Subscription,
    topic_arn: String,
    pub policy: DeliveryPolicy,
}

impl Recipient {
    /// `None` when the subscription or its topic is gone.
    ///
    /// # Errors
    /// Those of the store.
    pub(crate) fn find(reader: &impl kv::Read, arn: &str) -> Result<Option<Self>> {
        let Some(key) = subscription::key_of_arn(arn) else { return Ok(None) };
        let topic_key = (key.0.clone(), key.1.clone(), key.2.clone());
        let topic: Option<Topic> = TOPICS.get(reader, &topic_key)?;
        let Some((topic, subscription)) = topic.zip(SUBSCRIPTIONS.get(reader, &key)?) else {
            return Ok(None);
        };
        let policy = DeliveryPolicy::effective(
            topic.attribute("DeliveryPolicy"),
            subscription.attribute("DeliveryPolicy"),
        );
        Ok(Some(Self { subscription, topic_arn: topic::arn(&topic_key), policy }))
    }
}

/// Sends one letter, and stores what follows: it is gone, comes again, or is dead.
///
/// # Errors
/// Those of the store.
pub(crate) async fn deliver(
    cx: &Ctx,
    key: &LetterKey,
    mut letter: Letter,
    to: Option<Arc<Recipient>>,
) -> Result<()> {
    // Whoever has unsubscribed gets nothing more, but for the question whether that was meant.
    let wanted = |to: &Arc<Recipient>| letter.confirmation.is_some() || to.subscription.is_confirmed();
    let Some(to) = to.filter(wanted) else { return settle(cx, key, None).await };
    let sent = {
        let Some(_turn) = cx.state.courier.turn().await else { return Ok(()) };
        send(cx, &key.0, &letter, &to).await?
    };
    let Err(refused) = sent else { return settle(cx, key, None).await };
    letter.tries += 1;
    let pause = to.policy.pause(letter.tries).filter(|_| refused.is_worth_another_try());
    if let Some(pause) = pause {
        return settle(cx, key, Some((pause, letter))).await;
    }
    let dead = Dead {
        topic_arn: &to.topic_arn,
        host: &letter.host,
        message: &letter.message,
        signature_version: letter.signature_version,
        subscription_arn: &key.0,
        // A question that nobody heard is no message.
        dead_letters: to.subscription.dead_letters().filter(|_| letter.confirmation.is_none()),
    };
    let buried = bury(cx, &dead, &refused.code(), &refused.reason).await;
    settle(cx, key, (!buried).then_some((BURY_AGAIN, letter))).await
}

/// Takes a letter away; one that is to come again, after a pause, is put back.
async fn settle(cx: &Ctx, key: &LetterKey, again: Option<(Duration, Letter)>) -> Result<()> {
    let again = again.map(|(pause, letter)| (cx.env.now().after(pause).as_micros(), letter));
    cx.kv
        .transact(|tx| {
            LETTERS.delete(tx, key)?;
            if let Some((at, letter)) = &again {
                LETTERS.put(tx, &(key.0.as_str(), *at, key.2), letter)?;
            }
            Ok::<_, AwsError>(())
        })
        .await?;
    if let Some((at, _)) = again {
        cx.state.courier.added(&key.0, at);
    }
    Ok(())
}

async fn send(
    cx: &Ctx,
    arn: &str,
    letter: &Letter,
    to: &Recipient,
) -> Result<std::result::Result<(), Refused>> {
    let (protocol, message) = (to.subscription.protocol.as_str(), &letter.message);
    let Some(endpoint) = Endpoint::parse(protocol, &to.subscription.endpoint) else {
        let reason = "its address is none".to_owned();
        return Ok(Err(Refused { status: Some(400), reason }));
    };
    let sender = Sender { topic_arn: &to.topic_arn, subscription_arn: arn, host: &letter.host };
    let raw = letter.confirmation.is_none() && to.subscription.is_raw();
    let signer = &cx.state.signer;
    let (kind, body) = match &letter.confirmation {
        Some(confirmation) => {
            let text = envelope::confirmation_to_sign(message, confirmation, &sender);
            let seal = signer.sign(cx, letter.signature_version, text).await?;
            (confirmation.kind(), envelope::of_confirmation(message, confirmation, &sender, &seal))
        }
        None if raw => ("Notification", envelope::raw(message, protocol).to_owned()),
        None => {
            let text = envelope::text_to_sign(message, protocol, &to.topic_arn);
            let seal = signer.sign(cx, letter.signature_version, text).await?;
            ("Notification", envelope::of_text(message, protocol, &sender, &seal))
        }
    };
    let subscribed = !matches!(letter.confirmation, Some(Confirmation::Subscribing { .. }));
    let headers = [
        ("x-amz-sns-message-type", Some(kind)),
        ("x-amz-sns-message-id", Some(message.id.as_str())),
        ("x-amz-sns-topic-arn", Some(to.topic_arn.as_str())),
        ("x-amz-sns-subscription-arn", subscribed.then_some(arn)),
        ("x-amz-sns-rawdelivery", raw.then_some("true")),
        (header::CONTENT_TYPE.as_str(), Some(to.policy.content_type())),
    ];
    let headers = headers.into_iter().filter_map(|(name, value)| {
        Some((HeaderName::from_bytes(name.as_bytes()).ok()?, HeaderValue::from_str(value?).ok()?))
    });
    let headers = headers.collect::<HeaderMap>();
    Ok(endpoint.post(&cx.env, cx.state.courier.client(), &headers, Bytes::from(body)).await)
}
