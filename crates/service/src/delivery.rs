//! Sending an event to whatever an ARN names, on behalf of a service: one contract for everybody who sends
//! (destinations, dead letters, notifications, rules, subscriptions) and everybody who receives.
//!
//! Whoever receives registers with `Builder::target`; whoever sends asks `Ctx::check_target` when it is configured and
//! calls `Ctx::deliver` when the event is there. Retrying is the sender's: it knows for how long, and stores what it
//! still has to send.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

/// An ARN in its parts: `arn:partition:service:region:account:resource`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TargetArn {
    text: Arc<str>,
    /// Where each of the five colons lies.
    colons: [usize; 5],
}

impl TargetArn {
    /// `None` for what is no ARN, or names no service or resource.
    pub fn parse(text: &str) -> Option<Self> {
        let mut colons = text.match_indices(':').map(|(position, _)| position);
        let colons = [colons.next()?, colons.next()?, colons.next()?, colons.next()?, colons.next()?];
        let arn = Self { text: text.into(), colons };
        let whole = arn.part(0) == "arn" && !arn.service().is_empty() && !arn.resource().is_empty();
        whole.then_some(arn)
    }

    fn part(&self, number: usize) -> &str {
        let start = if number == 0 { 0 } else { self.colons[number - 1] + 1 };
        &self.text[start..self.colons[number]]
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Such as `lambda`, `sqs`, `sns`, `events` or `s3`.
    pub fn service(&self) -> &str {
        self.part(2)
    }

    /// Empty for what has none, such as a bucket.
    pub fn region(&self) -> &str {
        self.part(3)
    }

    /// Empty for what has none, such as a bucket.
    pub fn account(&self) -> &str {
        self.part(4)
    }

    /// Everything behind the account.
    pub fn resource(&self) -> &str {
        &self.text[self.colons[4] + 1..]
    }
}

impl fmt::Display for TargetArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// On whose behalf something is sent; what a policy of the receiver is asked about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sender {
    /// The service's principal, such as `s3.amazonaws.com`.
    pub service: String,
    /// `aws:SourceArn`: the function, bucket, topic or rule.
    pub source_arn: String,
    /// `aws:SourceAccount`, twelve digits.
    pub source_account: String,
    /// The role that it is sent with, where that is what gives the right to send.
    pub role: Option<String>,
}

/// A message attribute of SQS or SNS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute {
    /// Such as `String`, `Number` or `Binary`.
    pub data_type: Cow<'static, str>,
    /// Of `Binary` in Base64.
    pub value: String,
}

/// What a FIFO queue wants to know of a message; for a stream, `group` is the record's partition key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InOrder {
    pub group: String,
    pub deduplication: String,
}

/// What an event bus wants to know beside the detail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BusEvent {
    /// Such as `lambda` or `aws.s3`.
    pub source: String,
    pub detail_type: String,
    /// What the event is about.
    pub resources: Vec<String>,
}

/// One event on its way to one target.
#[derive(Clone, Debug)]
pub struct Delivery {
    pub target: TargetArn,
    /// A function's event, a message's body, an event's detail, an object's content.
    pub payload: Bytes,
    pub sender: Sender,
    /// For queues and topics.
    pub attributes: BTreeMap<String, Attribute>,
    /// For FIFO queues and topics, and for streams: a record of a delivery without it has a partition key of its own.
    pub in_order: Option<InOrder>,
    /// For event buses: `payload` is then the event's detail.
    pub bus: Option<BusEvent>,
    /// For buckets: the object's key.
    pub object_key: Option<String>,
    /// `X-Amzn-Trace-Id`, so that chains that bite their own tail are seen.
    pub trace: Option<String>,
}

/// Why a target did not take an event, or can't be one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Undelivered {
    /// No service here has such targets.
    #[error("Lambent does not serve {service} yet")]
    NotServed { service: String },
    /// The ARN can't name a target of its service.
    #[error("the ARN is not valid: {0}")]
    Invalid(String),
    #[error("the target does not exist: {0}")]
    NotFound(String),
    #[error("the target does not let this sender in: {0}")]
    Denied(String),
    #[error("the payload has {bytes} bytes; the target takes {bytes_max}")]
    TooLarge { bytes: usize, bytes_max: usize },
    #[error("the target takes no more for now")]
    Throttled,
    /// A failure of ours or of the moment.
    #[error("the target failed: {0}")]
    Failed(String),
}

impl Undelivered {
    /// Whether the same may work a little later.
    pub fn is_worth_another_try(&self) -> bool {
        match self {
            Self::Throttled | Self::Failed(_) => true,
            Self::NotServed { .. }
            | Self::Invalid(_)
            | Self::NotFound(_)
            | Self::Denied(_)
            | Self::TooLarge { .. } => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arns_are_read_in_parts() {
        let check = |text: &str, expected: Option<(&str, &str, &str, &str)>| {
            let arn = TargetArn::parse(text);
            let parts = arn.as_ref().map(|arn| (arn.service(), arn.region(), arn.account(), arn.resource()));
            assert_eq!(parts, expected, "{text}");
        };
        check(
            "arn:aws:lambda:eu-west-1:123456789012:function:f:live",
            Some(("lambda", "eu-west-1", "123456789012", "function:f:live")),
        );
        check("arn:aws:s3:::bucket", Some(("s3", "", "", "bucket")));
        check("arn:aws:sqs:eu-west-1:123456789012:q", Some(("sqs", "eu-west-1", "123456789012", "q")));
        for text in
            ["", "kafka://topic", "arn:aws:sqs:eu-west-1:q", "arn:aws::eu-west-1:1:q", "arn:aws:s3:::"]
        {
            check(text, None);
        }
    }
}
