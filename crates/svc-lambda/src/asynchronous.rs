//! Asynchronous invocation: a durable queue of events, the worker that drains it, and what becomes of each event.
//!
//! An event is one row of `keys::WORK` from before its 202 until the transaction that knows its end; that transaction
//! also stores what follows, a retry or the records for its destinations. So a crash at any moment repeats work and
//! loses none. `event.rs` decides (pure), `queue.rs` stores, `worker.rs` runs; `docs/adr/0014-event-queue.md` says why.

pub(crate) mod attempt;
pub(crate) mod config;
pub(crate) mod destination;
pub(crate) mod event;
mod intake;
mod lanes;
mod queue;
pub(crate) mod record;
#[cfg(test)]
mod simulation;
mod worker;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use api_lambda::errors;
use aws_wire::{AwsError, Result};
use bytes::Bytes;

use crate::Ctx;
use crate::asynchronous::event::{Event, Work};
use crate::function::FORMAT;
use crate::name::FunctionName;
use crate::trace::Trace;

pub(crate) use queue::Queue;

/// An event's payload.
pub(crate) const EVENT_BYTES_MAX: usize = 1024 * 1024;
/// An event's payload in the deprecated `InvokeAsync`.
pub(crate) const INVOKE_ASYNC_BYTES_MAX: usize = 256 * 1024;

/// What became of events since the platform started; every log line about an event without a happy end tells its
/// number.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub accepted: AtomicU64,
    /// Ended, by success or with their failure sent on.
    pub handled: AtomicU64,
    /// Failed or expired with nowhere to send them.
    pub dropped: AtomicU64,
    /// Of functions that are gone.
    pub orphaned: AtomicU64,
    /// Stopped because they went round in a loop.
    pub recursive: AtomicU64,
    pub destination_delivery_failures: AtomicU64,
    pub dead_letter_errors: AtomicU64,
}

/// Counts one more and gives the number.
pub(crate) fn count(counter: &AtomicU64) -> u64 {
    counter.fetch_add(1, Ordering::Relaxed) + 1
}

/// Puts an event into the queue; when this returns it is durable.
///
/// # Errors
/// 400 for a payload that is no text, and those of the store.
pub(crate) async fn accept(
    cx: &Ctx,
    name: &FunctionName,
    request_id: &str,
    payload: &Bytes,
    trace: &Trace,
) -> Result<()> {
    let payload = std::str::from_utf8(payload).map_err(|error| {
        errors::invalid_request_content_exception(format!(
            "Could not parse request body into json: Could not parse payload into json: {error}"
        ))
    })?;
    let now = cx.env.now();
    let event = Event {
        format: FORMAT,
        request_id: request_id.to_owned(),
        qualifier: name.qualifier.clone(),
        payload: payload.to_owned(),
        trace: trace.to_string(),
        accepted_us: now.as_micros(),
        invokes: 0,
        failures: 0,
        back_offs: 0,
        last: None,
    };
    let (account, region, function) = name.key();
    let key = (account, region, function, now, request_id.to_owned());
    intake::store(&cx.state.events, &cx.kv, key, Work::Invoke(event)).await?;
    count(&cx.state.events.counts.accepted);
    Ok(())
}

/// The job that drains the queue.
pub(crate) async fn run(cx: Ctx) {
    let events = Arc::clone(&cx.state.events);
    let (kv, env) = (cx.kv.clone(), cx.env.clone());
    worker::run(&events, &kv, &env, Arc::new(attempt::Platform::new(cx))).await;
}

/// # Errors
/// 413 above `bytes_max`.
pub(crate) fn check_size(payload: &Bytes, invocation_type: &str, bytes_max: usize) -> Result<()> {
    if payload.len() <= bytes_max {
        return Ok(());
    }
    Err(too_large(payload.len(), invocation_type, bytes_max))
}

fn too_large(bytes: usize, invocation_type: &str, bytes_max: usize) -> AwsError {
    errors::request_too_large_exception(format!(
        "{bytes} byte payload is too large for the {invocation_type} invocation type (limit {bytes_max} bytes)"
    ))
}
