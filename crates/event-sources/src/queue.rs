//! A queue's poller: receives, waits for a batch to fill, invokes, and deletes what was handled.
//!
//! What failed stays where it is and comes back when its visibility timeout is over, as often as the queue's redrive
//! policy lets it.

use std::sync::Arc;
use std::time::Duration;

use api_sqs::{
    DeleteMessageBatchInput, DeleteMessageBatchRequestEntry, GetQueueAttributesInput, GetQueueUrlInput,
    Message, ReceiveMessageInput,
};
use aws_wire::Result;
use env::Timestamp;
use service::{Ctx, TargetArn};
use svc_lambda::Described;
use tokio::task::JoinSet;

use crate::Polled;
use crate::handler::{Batch, CLOSING, OPENING, Outcome, PAYLOAD_BYTES_MAX};
use crate::pause::{Pause, sleep};
use crate::queue_event::{record, seen};
use crate::report::{self, Report};
use crate::scale::Scale;
use crate::stop::Stop;

/// Messages that a call of SQS takes or gives.
const PER_CALL: usize = 10;
const WAIT_S_MAX: i32 = 20;
const BATCH_DEFAULT: usize = 10;
const VISIBILITY_S_DEFAULT: u32 = 30;
/// What an event has around its records, at most.
const EVENT_BYTES: usize = 64;

/// # Errors
/// Those of SQS.
async fn queue_url(cx: &Ctx, arn: &str) -> Result<String> {
    let arn = TargetArn::parse(arn);
    let input = GetQueueUrlInput {
        queue_name: arn.as_ref().map(|arn| arn.resource().to_owned()).unwrap_or_default(),
        queue_owner_aws_account_id: arn.map(|arn| arn.account().to_owned()),
    };
    Ok(cx.call(input).await?.queue_url.unwrap_or_default())
}

async fn visibility_s(cx: &Ctx, queue_url: &str) -> Result<Option<u32>> {
    let input = GetQueueAttributesInput {
        queue_url: queue_url.to_owned(),
        attribute_names: Some(vec!["VisibilityTimeout".to_owned()]),
    };
    let attributes = cx.call(input).await?.attributes.unwrap_or_default();
    Ok(attributes.get("VisibilityTimeout").and_then(|seconds| seconds.parse().ok()))
}

/// # Errors
/// Those of SQS; a queue that is missing is no error.
pub(crate) async fn describe(cx: &Ctx, arn: &str) -> Result<Described> {
    let found = async { visibility_s(cx, &queue_url(cx, arn).await?).await };
    match found.await {
        Ok(visibility_timeout_s) => Ok(Described::Present { visibility_timeout_s }),
        Err(error) if error.code == "QueueDoesNotExist" => Ok(Described::Absent),
        Err(error) => Err(error),
    }
}

/// A message in hand, and its record.
struct Taken {
    message: Message,
    record: String,
    taken: Timestamp,
}

struct Queue {
    polled: Arc<Polled>,
    url: String,
    visibility: Duration,
    stop: Stop,
}

/// Polls until the end is asked for, and then finishes what is under way.
pub(crate) async fn run(polled: Arc<Polled>, stop: Stop) {
    let Some(queue) = open(polled, stop).await.map(Arc::new) else { return };
    let env = &queue.polled.cx.env;
    let mut scale = Scale::of(&queue.polled.settings);
    let mut under_way = JoinSet::new();
    // Received, but too large to go with the batch before.
    let mut rest = Vec::new();
    while !queue.stop.is_requested() || !rest.is_empty() {
        while under_way.try_join_next().is_some() {}
        if under_way.len() >= scale.allowed(env.monotonic()) {
            let more = scale.saturated(env.monotonic());
            tokio::select! {
                _ = under_way.join_next() => {}
                () = sleep(env, more) => {}
            }
            continue;
        }
        if under_way.is_empty() {
            scale.idle();
        }
        let mut batch = queue.gather(std::mem::take(&mut rest)).await;
        rest = batch.split_off(fitting(&batch));
        if !batch.is_empty() {
            let queue = Arc::clone(&queue);
            under_way.spawn(async move { queue.handle(batch).await });
        }
    }
    while under_way.join_next().await.is_some() {}
}

/// Finds the queue; a queue that is gone may come back.
async fn open(polled: Arc<Polled>, stop: Stop) -> Option<Queue> {
    let mut pause = Pause::default();
    while !stop.is_requested() {
        let arn = polled.source_arn.as_str();
        let found = async {
            let url = queue_url(&polled.cx, arn).await?;
            let visibility_s = visibility_s(&polled.cx, &url).await?.unwrap_or(VISIBILITY_S_DEFAULT);
            Ok::<_, aws_wire::AwsError>((url, Duration::from_secs(visibility_s.into())))
        };
        match found.await {
            Ok((url, visibility)) => return Some(Queue { polled, url, visibility, stop }),
            Err(error) => {
                tracing::warn!(%error, poller = polled.id, "a queue can't be polled");
                pause.wait(&polled.cx.env, &stop).await;
            }
        }
    }
    None
}

/// How many of these one event has room for; one at least.
fn fitting(batch: &[Taken]) -> usize {
    let mut bytes = EVENT_BYTES;
    let fits = batch.iter().take_while(|taken| {
        bytes += taken.record.len() + 1;
        bytes <= PAYLOAD_BYTES_MAX
    });
    fits.count().max(1).min(batch.len())
}

impl Queue {
    /// Waits for messages, and for more of them as long as the batch has room and its window is open.
    async fn gather(&self, mut batch: Vec<Taken>) -> Vec<Taken> {
        let env = &self.polled.cx.env;
        let settings = &self.polled.settings;
        let most = settings.batch_size.and_then(|size| usize::try_from(size).ok()).unwrap_or(BATCH_DEFAULT);
        let window = Duration::from_secs(settings.batching_window_s.unwrap_or(0).unsigned_abs().into());
        let mut pause = Pause::default();
        while batch.is_empty() && !self.stop.is_requested() {
            let cx = self.polled.cx.clone().patient();
            match self.receive(cx, most.min(PER_CALL), WAIT_S_MAX).await {
                Ok(received) => batch.extend(received),
                Err(error) => {
                    tracing::warn!(%error, poller = self.polled.id, "a queue can't be polled");
                    pause.wait(env, &self.stop).await;
                }
            }
        }
        let deadline = env.monotonic() + window;
        while batch.len() < most && fitting(&batch) == batch.len() && !self.stop.is_requested() {
            let left = deadline.saturating_sub(env.monotonic());
            if left.is_zero() {
                break;
            }
            // Whole seconds are all that SQS waits for; AWS's windows are as long or a little longer too.
            let wait_s = i32::try_from(left.as_millis().div_ceil(1000)).unwrap_or(WAIT_S_MAX).min(WAIT_S_MAX);
            match self.receive(self.polled.cx.clone(), (most - batch.len()).min(PER_CALL), wait_s).await {
                Ok(received) => batch.extend(received),
                Err(_) => break,
            }
        }
        batch
    }

    /// Receives without waiting longer than until the end is asked for.
    async fn receive(&self, cx: Ctx, count: usize, wait_s: i32) -> Result<Vec<Taken>> {
        let all = || Some(vec!["All".to_owned()]);
        let received = cx.call(ReceiveMessageInput {
            queue_url: self.url.clone(),
            message_system_attribute_names: all(),
            message_attribute_names: all(),
            max_number_of_messages: i32::try_from(count).ok(),
            wait_time_seconds: Some(wait_s),
            ..ReceiveMessageInput::default()
        });
        let received = tokio::select! {
            biased;
            received = received => received?.messages.unwrap_or_default(),
            () = self.stop.requested() => Vec::new(),
        };
        let (arn, region, taken) = (self.polled.source_arn.as_str(), &*cx.caller.region, cx.env.now());
        let with_record = |message: Message| Taken { record: record(&message, arn, region), message, taken };
        Ok(received.into_iter().map(with_record).collect())
    }

    /// Has a batch handled, and deletes what was, and what the filter does not let through.
    async fn handle(&self, batch: Vec<Taken>) {
        let filter = &self.polled.filter;
        let (batch, unwanted) =
            batch.into_iter().partition::<Vec<_>, _>(|taken| filter.passes(|| seen(&taken.record)));
        self.delete(unwanted.iter().map(|taken| &taken.message)).await;
        if batch.is_empty() {
            return;
        }
        let Some(outcome) = self.invoke(&batch).await else { return };
        let failed = match outcome {
            Outcome::Answered { payload, .. } if self.polled.settings.reports_item_failures == Some(true) => {
                let ids = batch.iter().map(|taken| taken.message.message_id.as_deref().unwrap_or_default());
                match report::read(&payload, &ids.collect::<Vec<_>>()) {
                    Report::Success => Vec::new(),
                    Report::Failures(places) => places,
                    Report::Unreadable => return,
                }
            }
            Outcome::Answered { .. } => Vec::new(),
            Outcome::Partly(failed) => failed,
            Outcome::Failed { .. } | Outcome::NotRun | Outcome::Recursive => return,
        };
        let handled = batch.iter().enumerate().filter(|(place, _)| !failed.contains(place));
        self.delete(handled.map(|(_, taken)| &taken.message)).await;
    }

    /// Tries again while it is not handled, as long as nobody else sees the messages.
    async fn invoke(&self, batch: &[Taken]) -> Option<Outcome> {
        let env = &self.polled.cx.env;
        let records = batch.iter().map(|taken| taken.record.as_str()).collect();
        let trace = batch.iter().find_map(|taken| taken.message.attributes.as_ref()?.get("AWSTraceHeader"));
        let all = Batch { opening: OPENING, records, closing: CLOSING, trace: trace.map(String::as_str) };
        let until = batch.iter().map(|taken| taken.taken).min()?.after(self.visibility);
        let mut pause = Pause::default();
        while env.now() < until && !self.stop.is_requested() {
            match self.polled.handler.handle(&all).await.outcome {
                Outcome::NotRun => pause.wait(env, &self.stop).await,
                outcome => return Some(outcome),
            }
        }
        None
    }

    async fn delete(&self, messages: impl Iterator<Item = &Message>) {
        let receipts = messages.filter_map(|message| message.receipt_handle.clone()).collect::<Vec<_>>();
        for receipts in receipts.chunks(PER_CALL) {
            let entries = receipts.iter().enumerate().map(|(number, receipt)| {
                DeleteMessageBatchRequestEntry { id: number.to_string(), receipt_handle: receipt.clone() }
            });
            let input = DeleteMessageBatchInput { queue_url: self.url.clone(), entries: entries.collect() };
            if let Err(error) = self.polled.cx.call(input).await {
                // They come back, and are handled once more.
                tracing::warn!(%error, poller = self.polled.id, "handled messages can't be deleted");
            }
        }
    }
}
