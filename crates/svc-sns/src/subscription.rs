//! A subscription: to whom a topic's messages go, and which.

use std::collections::BTreeMap;

use aws_wire::{AwsError, Result};
use kv::Read;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use service::TargetArn;

use crate::keys::{SUBSCRIPTIONS, SubscriptionKey, TopicKey};
use crate::refusal::{invalid, no_subscription};
use crate::topic::{self, Topic};
use crate::{Ctx, filter};

/// What a subscription is called until it is confirmed.
pub(crate) const PENDING: &str = "PendingConfirmation";

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
}

impl Subscription {
    pub(crate) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.get(name).map(String::as_str).filter(|value| !value.is_empty())
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
    let subscription = SUBSCRIPTIONS.get(reader, &key)?.ok_or_else(no_subscription)?;
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
        "http" | "https" | "sms" | "application" | "firehose" => {
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
                if value == "true" && subscription.protocol != "sqs" {
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
            "DeliveryPolicy" | "SubscriptionRoleArn" | "ReplayPolicy" => {
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
