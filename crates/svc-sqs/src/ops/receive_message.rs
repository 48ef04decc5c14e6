//! `ReceiveMessage`: takes what is visible, or waits for it; nobody else sees it until its visibility timeout is over.

use std::time::Duration;

use api_sqs::{ReceiveMessageInput, ReceiveMessageOutput};
use aws_wire::{AwsError, Result};

use crate::message::Wanted;
use crate::refusal::invalid_value;
use crate::{Ctx, attributes, queue, receive};

const ACTION: &str = "ReceiveMessage";
pub(crate) const VISIBILITY_S_MAX: i32 = 43_200;

/// What AWS knows of a message beside its own attributes.
const SYSTEM: [&str; 10] = [
    "All",
    "SenderId",
    "SentTimestamp",
    "ApproximateReceiveCount",
    "ApproximateFirstReceiveTimestamp",
    "SequenceNumber",
    "MessageDeduplicationId",
    "MessageGroupId",
    "AWSTraceHeader",
    "DeadLetterQueueSourceArn",
];

pub(crate) async fn receive_message(cx: Ctx, input: ReceiveMessageInput) -> Result<ReceiveMessageOutput> {
    check(&input)?;
    let wanted = Wanted::of(&input);
    let named = queue::find(&cx, &input.queue_url, ACTION).await?;
    if input.receive_request_attempt_id.is_some() && named.queue.is_fifo() {
        return Err(AwsError::parameter_not_implemented(ACTION, "ReceiveRequestAttemptId"));
    }
    let wait_s = input.wait_time_seconds.map_or(named.queue.wait_s(), i64::from);
    let wait = Duration::from_secs(u64::try_from(wait_s).unwrap_or(0));
    let count = input.max_number_of_messages.and_then(|count| usize::try_from(count).ok()).unwrap_or(1);
    let visibility_s = input.visibility_timeout.map(i64::from);
    let again = |view: &kv::Snapshot| queue::named(&cx, view, &input.queue_url, ACTION);
    let (named, taken) = receive::receive(&cx, named, visibility_s, count, wait, again).await?;
    let messages = taken.into_iter().map(|taken| wanted.show(named.queue.id, taken)).collect::<Vec<_>>();
    Ok(ReceiveMessageOutput { messages: (!messages.is_empty()).then_some(messages) })
}

fn check(input: &ReceiveMessageInput) -> Result<()> {
    let out_of =
        |value: Option<i32>, most: i32, least: i32| value.filter(|value| !(least..=most).contains(value));
    if let Some(count) = out_of(input.max_number_of_messages, 10, 1) {
        return Err(invalid_value(count, "MaxNumberOfMessages", "Must be between 1 and 10, if provided."));
    }
    if let Some(wait) = out_of(input.wait_time_seconds, 20, 0) {
        return Err(invalid_value(wait, "WaitTimeSeconds", "Must be >= 0 and <= 20, if provided."));
    }
    if let Some(timeout) = out_of(input.visibility_timeout, VISIBILITY_S_MAX, 0) {
        return Err(invalid_value(timeout, "VisibilityTimeout", "Must be between 0 and 43200, if provided."));
    }
    let names = input.attribute_names.iter().chain(&input.message_system_attribute_names).flatten();
    match names.into_iter().find(|name| !SYSTEM.contains(&name.as_str())) {
        Some(name) => Err(attributes::unknown(name)),
        None => Ok(()),
    }
}
