//! `Publish`: stores a message with whom it is for; `outbox.rs` and `courier.rs` deliver it.

use std::collections::BTreeSet;

use api_sns::{PublishInput, PublishOutput};
use aws_wire::{AwsError, Result};
use kv::{Span, Tx};

use crate::Ctx;
use crate::filter;
use crate::keys::{DUPLICATES, LETTERS, OUTBOX, SEQUENCES, SUBSCRIPTIONS, TOPICS, TopicKey};
use crate::letter::Letter;
use crate::message::{Message, Request};
use crate::outbox::{Parcel, Recipient};
use crate::refusal::{invalid, no_topic};
use crate::subscription::{self, Subscription};
use crate::topic::{self, Published, Topic};

/// How long a deduplication id is remembered, in microseconds.
const REMEMBERED: i64 = 5 * 60 * 1_000_000;
/// Twenty digits, as AWS's sequence numbers have.
const SEQUENCE_BASE: u64 = 10_000_000_000_000_000_000;

pub(crate) async fn publish(cx: Ctx, input: PublishInput) -> Result<PublishOutput> {
    if input.phone_number.is_some() {
        return Err(AwsError::parameter_not_implemented("Publish", "PhoneNumber"));
    }
    let arn = input
        .topic_arn
        .or(input.target_arn)
        .ok_or_else(|| invalid("TopicArn or TargetArn Reason: no value for required parameter"))?;
    let (key, topic) = topic::named(&cx, &cx.kv.snapshot().await?, &arn, "Publish")?;
    let request = Request {
        message: input.message,
        subject: input.subject,
        structure: input.message_structure,
        attributes: input.message_attributes.unwrap_or_default(),
        group: input.message_group_id,
        deduplication: input.message_deduplication_id,
    };
    let message = request.check(&topic, cx.env.uuid().to_string(), cx.env.now().as_millis())?;
    let published = store(&cx, &key, vec![message]).await?.into_iter().next().expect("one for each message");
    let sequence_number = topic.is_fifo().then(|| published.sequence.to_string());
    Ok(PublishOutput { message_id: Some(published.message_id), sequence_number })
}

/// Stores messages, all or none, each for the subscriptions that want it.
///
/// # Errors
/// 404 without the topic.
pub(crate) async fn store(cx: &Ctx, key: &TopicKey, messages: Vec<Message>) -> Result<Vec<Published>> {
    let now = cx.env.now().as_micros();
    let rows = messages.iter().map(|_| cx.env.uuid().into_bytes()).collect::<Vec<_>>();
    let of_topic = Span::prefix(&(key.0.as_str(), key.1.as_str(), key.2.as_str()));
    let count = i64::try_from(messages.len()).unwrap_or(i64::MAX);
    let stored = cx
        .kv
        .transact(|tx| {
            let topic = TOPICS.get(tx, key)?.ok_or_else(no_topic)?;
            let subscriptions = SUBSCRIPTIONS.all(tx, &of_topic)?;
            let (mut published, mut posted) = (Vec::with_capacity(rows.len()), BTreeSet::new());
            for ((before, message), row) in (0..count).rev().zip(&messages).zip(&rows) {
                let mut message = message.clone();
                let (done, known) = number(tx, key, &topic, &mut message, now)?;
                published.push(done);
                if known {
                    continue;
                }
                let at = now - before;
                // What a FIFO topic took at one moment keeps its order: rows of a moment are in order of their names.
                let mut row = *row;
                if let Some(sequence) = message.sequence {
                    row[..8].copy_from_slice(&sequence.to_be_bytes());
                }
                let mut recipients = Vec::new();
                for (key, subscription) in subscriptions.iter().filter(|(_, known)| known.is_confirmed()) {
                    let wanted = match subscription.attribute("FilterPolicy") {
                        Some(policy) => filter::passes(policy, subscription.filters_bodies(), &message)?,
                        None => true,
                    };
                    let arn = subscription::arn(key);
                    match subscription.protocol.as_str() {
                        "sqs" | "lambda" if wanted => recipients.push(recipient(arn, subscription)),
                        "http" | "https" if wanted => {
                            let letter = letter(cx, &topic, &message);
                            LETTERS.put(tx, &(arn.as_str(), at, row), &letter)?;
                            posted.insert(arn);
                        }
                        // Mail is recorded, not sent.
                        _ => {}
                    }
                }
                if recipients.is_empty() {
                    continue;
                }
                let (topic_arn, host) = (topic::arn(key), cx.host.to_string());
                let signature_version = topic.signature_version();
                let parcel = Parcel {
                    topic_arn,
                    host,
                    message,
                    recipients,
                    signature_version,
                    tries: 0,
                    put_back: false,
                };
                // A microsecond apart, so that a batch keeps its order.
                OUTBOX.put(tx, &(at, row), &parcel)?;
            }
            Ok::<_, AwsError>((published, posted))
        })
        .await;
    // Also after a failure: the store may have written it all the same.
    cx.state.agenda.added(now - count);
    let (published, posted) = stored?;
    posted.iter().for_each(|arn| cx.state.courier.added(arn, now - count));
    Ok(published)
}

fn recipient(subscription_arn: String, subscription: &Subscription) -> Recipient {
    Recipient {
        subscription_arn,
        protocol: subscription.protocol.clone(),
        endpoint: subscription.endpoint.clone(),
        raw: subscription.is_raw(),
        dead_letters: subscription.dead_letters(),
    }
}

fn letter(cx: &Ctx, topic: &Topic, message: &Message) -> Letter {
    Letter {
        host: cx.host.to_string(),
        message: message.clone(),
        signature_version: topic.signature_version(),
        confirmation: None,
        tries: 0,
    }
}

/// Numbers a FIFO topic's message; tells whether it is one that was published before.
fn number(
    tx: &mut Tx,
    key: &TopicKey,
    topic: &Topic,
    message: &mut Message,
    now: i64,
) -> Result<(Published, bool)> {
    let plain = Published { until: 0, message_id: message.id.clone(), sequence: 0 };
    if !topic.is_fifo() {
        return Ok((plain, false));
    }
    let scope = message.group.as_deref().filter(|_| topic.deduplicates_by_group()).unwrap_or_default();
    let id = message.deduplication.as_deref().unwrap_or_default();
    let duplicate = (key.0.as_str(), key.1.as_str(), key.2.as_str(), scope, id);
    if let Some(known) = DUPLICATES.get(tx, &duplicate)?.filter(|known| known.until > now) {
        return Ok((known, true));
    }
    let sequence = SEQUENCES.get(tx, key)?.unwrap_or(SEQUENCE_BASE) + 1;
    SEQUENCES.put(tx, key, &sequence)?;
    let published = Published { until: now + REMEMBERED, sequence, ..plain };
    DUPLICATES.put(tx, &duplicate, &published)?;
    message.sequence = Some(sequence);
    Ok((published, false))
}
