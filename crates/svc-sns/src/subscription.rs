//! A subscription: to whom a topic's messages go, and which.

use std::collections::BTreeMap;

use aws_wire::{AwsError, Result};
use kv::{Read, Tx};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use service::TargetArn;

use crate::endpoint::Endpoint;
use crate::keys::{LAPSES, SUBSCRIPTIONS, SubscriptionKey, TopicKey};
use crate::refusal::{invalid, no_subscription};
use crate::topic::{self, Topic};
use crate::{Ctx, delivery_policy, filter};

/// What a subscription is called until it is confirmed.
pub(crate) const PENDING: &str = "PendingConfirmation";
/// What it is called once a stranger has ended it, while its endpoint may still take that back.
pub(crate) const DELETED: &str = "Deleted";
/// How long a token confirms, in microseconds: AWS's two days. A subscription that nobody confirms goes with it.
pub(crate) const TOKEN_LIFE: i64 = 2 * 24 * 3600 * 1_000_000;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Subscription {
    pub protocol: String,
    pub endpoint: String,
    /// The account that subscribed.
    pub owner: String,
    #[serde(default)]
    pub attributes: BTreeMap<String, String>,
    /// What confirms it; `None` once it is confirmed.
    #[serde(default)]
    pub token: Option<String>,
    /// Until when it does, in microseconds; for ever without.
    #[serde(default)]
    pub token_until: Option<i64>,
    /// What confirmed it: whoever follows the link twice hears the same twice.
    #[serde(default)]
    pub confirmed_with: Option<String>,
    /// Whether it was confirmed by somebody who had nothing but the token.
    #[serde(default)]
    pub confirmed_by_stranger: bool,
    /// Only its owner and the topic's may end it: `AuthenticateOnUnsubscribe`.
    #[serde(default)]
    pub guarded: bool,
    /// Ended by a stranger; the token takes that back.
    #[serde(default)]
    pub deleted: bool,
}

impl Subscription {
    /// One that is confirmed.
    pub(crate) fn new(
        protocol: &str,
        endpoint: &str,
        owner: String,
        attributes: BTreeMap<String, String>,
    ) -> Self {
        Self {
            protocol: protocol.to_owned(),
            endpoint: endpoint.to_owned(),
            owner,
            attributes,
            token: None,
            token_until: None,
            confirmed_with: None,
            confirmed_by_stranger: false,
            guarded: false,
            deleted: false,
        }
    }

    pub(crate) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    pub(crate) fn is_confirmed(&self) -> bool {
        self.token.is_none()
    }

    pub(crate) fn is_pending(&self) -> bool {
        self.token.is_some() && !self.deleted
    }

    pub(crate) fn by_http(&self) -> bool {
        matches!(self.protocol.as_str(), "http" | "https")
    }

    /// Whether its token confirms nothing any more.
    pub(crate) fn lapses_by(&self, now: i64) -> bool {
        self.token.is_some() && self.token_until.is_some_and(|until| until <= now)
    }

    /// Gives it a token, and notes when it lapses.
    pub(crate) fn ask(&mut self, tx: &mut Tx, arn: &str, token: &str, now: i64) -> Result<()> {
        let until = now + TOKEN_LIFE;
        self.token = Some(token.to_owned());
        self.token_until = Some(until);
        Ok(LAPSES.put(tx, &(until, arn), &())?)
    }

    pub(crate) fn is_raw(&self) -> bool {
        self.attribute("RawMessageDelivery") == Some("true")
    }

    pub(crate) fn filters_bodies(&self) -> bool {
        self.attribute("FilterPolicyScope") == Some("MessageBody")
    }

    /// The ARN of the queue for what could not be delivered.
    pub(crate) fn dead_letters(&self) -> Option<String> {
        let policy = serde_json::from_str::<Json>(self.attribute("RedrivePolicy")?).ok()?;
        policy["deadLetterTargetArn"].as_str().map(str::to_owned)
    }
}

/// What nobody can guess; to be drawn before a transaction.
pub(crate) fn token(cx: &Ctx) -> String {
    format!("{}{}", cx.env.uuid().simple(), cx.env.uuid().simple())
}

pub(crate) fn arn((account, region, name, id): &SubscriptionKey) -> String {
    format!("arn:aws:sns:{region}:{account}:{name}:{id}")
}

pub(crate) fn key_of_arn(arn: &str) -> Option<SubscriptionKey> {
    let (topic_arn, id) = arn.rsplit_once(':')?;
    let (account, region, name) = topic::key_of_arn(topic_arn)?;
    Some((account, region, name, id.to_owned()))
}

/// A subscription to a topic of the caller's, or one of theirs.
///
/// # Errors
/// 400 for what is no subscription's ARN, 404 without the subscription.
pub(crate) fn named(cx: &Ctx, reader: &impl Read, arn: &str) -> Result<(SubscriptionKey, Subscription)> {
    let key = key_of_arn(arn).ok_or_else(|| invalid("SubscriptionArn"))?;
    let known = SUBSCRIPTIONS.get(reader, &key)?.filter(|known| !known.deleted);
    let subscription = known.ok_or_else(no_subscription)?;
    let account = &*cx.caller.account;
    if key.0 != account && subscription.owner != account {
        return Err(no_subscription());
    }
    Ok((key, subscription))
}

/// Checks protocol and endpoint of a new subscription; gives whether it has to be confirmed.
///
/// # Errors
/// 400 for what SNS does not know or take, 501 for protocols that are not served.
pub(crate) fn check_endpoint(topic: &Topic, protocol: &str, endpoint: &str) -> Result<bool> {
    let arn = |service: &str| TargetArn::parse(endpoint).filter(|arn| arn.service() == service);
    let refuse = |reason: &str| invalid(format!("Invalid parameter: Endpoint Reason: {reason}"));
    match protocol {
        "sqs" => {
            let queue = arn("sqs").ok_or_else(|| refuse("SQS endpoint ARN"))?;
            if queue.resource().ends_with(".fifo") && !topic.is_fifo() {
                return Err(refuse("FIFO SQS Queues can not be subscribed to standard SNS topics"));
            }
            Ok(false)
        }
        _ if topic.is_fifo() => Err(invalid(format!(
            "Invalid parameter: Endpoint Reason: Please use FIFO SQS queue. Protocol {protocol} is \
             not supported by FIFO topics"
        ))),
        "lambda" => {
            let function = arn("lambda").filter(|arn| arn.resource().starts_with("function:"));
            function.map(|_| false).ok_or_else(|| refuse("Lambda endpoint ARN"))
        }
        "email" | "email-json" if endpoint.contains('@') => Ok(true),
        "email" | "email-json" => Err(refuse("Email address")),
        "http" | "https" if !endpoint.starts_with(&format!("{protocol}://")) => {
            Err(invalid("Endpoint must match the specified protocol"))
        }
        "http" | "https" => {
            Endpoint::parse(protocol, endpoint).map(|_| true).ok_or_else(|| invalid("Endpoint"))
        }
        "sms" | "application" | "firehose" => {
            Err(AwsError::parameter_not_implemented("Subscribe", &format!("Protocol {protocol}")))
        }
        _ => Err(invalid(format!("Amazon SNS does not support this protocol string: {protocol}"))),
    }
}

/// Checks what one request sets of a subscription.
///
/// # Errors
/// 400 for an attribute that is unknown or has no such value, 501 for what is not honoured.
pub(crate) fn check_attributes(operation: &str, key: &TopicKey, subscription: &Subscription) -> Result<()> {
    for (name, value) in &subscription.attributes {
        let one_of = |allowed: &[&str]| {
            let reason = format!("{name}: Invalid value [{value}]. Must be {}.", allowed.join(" or "));
            if allowed.contains(&value.as_str()) { Ok(()) } else { Err(invalid(reason)) }
        };
        match name.as_str() {
            "RawMessageDelivery" => {
                one_of(&["true", "false"])?;
                if value == "true" && subscription.protocol != "sqs" && !subscription.by_http() {
                    return Err(invalid(
                        "Invalid parameter: Delivery protocol does not support raw message delivery",
                    ));
                }
            }
            "FilterPolicyScope" => one_of(&["MessageAttributes", "MessageBody"])?,
            "FilterPolicy" if value.is_empty() => {}
            "FilterPolicy" => filter::check(value, subscription.filters_bodies())?,
            "RedrivePolicy" if value.is_empty() => {}
            "RedrivePolicy" => check_redrive(key, subscription)?,
            "DeliveryPolicy" if value.is_empty() => {}
            "DeliveryPolicy" if !subscription.by_http() => {
                return Err(invalid(format!(
                    "Attributes Reason: DeliveryPolicy: protocol {} has no delivery policy",
                    subscription.protocol
                )));
            }
            "DeliveryPolicy" => delivery_policy::check_of_subscription(value, subscription.is_raw())?,
            "SubscriptionRoleArn" | "ReplayPolicy" => {
                return Err(AwsError::parameter_not_implemented(operation, name));
            }
            _ => return Err(invalid("AttributeName")),
        }
    }
    Ok(())
}

fn check_redrive(key: &TopicKey, subscription: &Subscription) -> Result<()> {
    let refuse = |reason: &str| invalid(format!("RedrivePolicy: {reason}"));
    let arn = subscription
        .dead_letters()
        .ok_or_else(|| refuse("failed to parse JSON or no deadLetterTargetArn"))?;
    let arn = TargetArn::parse(&arn).filter(|arn| arn.service() == "sqs");
    let arn = arn.ok_or_else(|| refuse("deadLetterTargetArn is an invalid arn"))?;
    if arn.region() != key.1 || arn.account() != subscription.owner {
        return Err(refuse("deadLetterTargetArn must be in the subscription's account and region"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::letter::Letter;
    use crate::outbox::Parcel;

    #[test]
    fn rows_of_before_endpoints_are_read() {
        let row =
            r#"{"protocol":"sqs","endpoint":"arn","owner":"000000000000","attributes":{},"token":null}"#;
        let subscription = serde_json::from_str::<Subscription>(row).expect("it is read");
        assert!(subscription.is_confirmed() && !subscription.guarded && !subscription.deleted);
        let row = r#"{"topic_arn":"t","host":"h","message":{"id":"i","body":"b","published_ms":1},"recipients":[]}"#;
        let parcel = serde_json::from_str::<Parcel>(row).expect("it is read");
        assert_eq!(parcel.signature_version.as_str(), "1");
    }

    #[test]
    fn letters_keep_their_layout() {
        let row = r#"{"host":"h","message":{"id":"i","body":"b","published_ms":1},"signature_version":"2",
            "confirmation":{"Subscribing":{"token":"t"}},"tries":2}"#;
        let letter = serde_json::from_str::<Letter>(row).expect("it is read");
        assert_eq!((letter.tries, letter.signature_version.as_str()), (2, "2"));
        assert_eq!(letter.confirmation.map(|asked| asked.kind()), Some("SubscriptionConfirmation"));
    }
}
