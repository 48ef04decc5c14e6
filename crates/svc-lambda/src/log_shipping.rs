//! From environments' records to CloudWatch Logs, in batches, beside the invocations.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use api_logs::{CreateLogGroupInput, CreateLogStreamInput, InputLogEvent, PutLogEventsInput};
use aws_wire::{AwsError, Result};
use execution::{LogSink, LogStream, Record};
use futures_util::StreamExt as _;
use service::{Caller, Principal};
use tokio::sync::{mpsc, oneshot};

use crate::Ctx;
use crate::trace::Trace;

/// Records on their way. Beyond it they are dropped, and counted: a function that writes faster than the store
/// must not fill the memory.
const RECORDS_MAX: usize = 65_536;
/// Records put together at most.
const BATCH_MAX: usize = 4096;
/// How long a batch waits for more.
const LINGER: Duration = Duration::from_millis(20);
/// Streams that are written to at the same time.
const STREAMS_AT_ONCE: usize = 64;
/// CloudWatch Logs' bounds of one call: each event counts 26 bytes more than its text.
const EVENTS_MAX: usize = 10_000;
const BYTES_MAX: usize = 1_048_576;
const EVENT_OVERHEAD_BYTES: usize = 26;
/// Streams known to exist; above it all are asked for again.
const STREAMS_MAX: usize = 10_000;

enum Item {
    Record(Arc<LogStream>, Record),
    /// Answered when everything before it is stored.
    Flush(oneshot::Sender<()>),
}

/// The end that environments write to. Cheap to clone.
#[derive(Clone)]
pub struct LogShipper {
    items: mpsc::Sender<Item>,
    dropped: Arc<AtomicU64>,
}

/// The end that the service ships from.
pub struct Shipment {
    items: mpsc::Receiver<Item>,
    /// Records that found no room since this was last told.
    dropped: Arc<AtomicU64>,
}

impl LogShipper {
    pub fn new() -> (Self, Shipment) {
        let (sender, receiver) = mpsc::channel(RECORDS_MAX);
        let dropped = Arc::<AtomicU64>::default();
        (Self { items: sender, dropped: Arc::clone(&dropped) }, Shipment { items: receiver, dropped })
    }

    /// Resolves when everything written so far is stored.
    pub async fn flush(&self) {
        let (sender, flushed) = oneshot::channel();
        if self.items.send(Item::Flush(sender)).await.is_ok() {
            let _ = flushed.await;
        }
    }
}

impl LogSink for LogShipper {
    fn write(&self, stream: &Arc<LogStream>, record: Record) {
        // An empty line is no event.
        if record.message.is_empty() {
            return;
        }
        if self.items.try_send(Item::Record(Arc::clone(stream), record)).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

pub(crate) async fn run(cx: Ctx) {
    let mut shipment = cx.state.shipment.lock().await;
    let mut known = HashSet::new();
    let mut items = Vec::new();
    while shipment.items.recv_many(&mut items, BATCH_MAX).await > 0 {
        linger(&cx, &mut shipment.items, &mut items).await;
        let dropped = shipment.dropped.swap(0, Ordering::Relaxed);
        if dropped > 0 {
            tracing::warn!(dropped, "functions log faster than the store takes it; records were dropped");
        }
        // By environment: each has one stream, and its records come in their order.
        let mut batches = HashMap::<usize, (Arc<LogStream>, Vec<Record>)>::new();
        let mut flushes = Vec::new();
        for item in items.drain(..) {
            match item {
                Item::Record(stream, record) => {
                    let batch = batches.entry(Arc::as_ptr(&stream).addr());
                    batch.or_insert_with(|| (stream, Vec::new())).1.push(record);
                }
                Item::Flush(flushed) => flushes.push(flushed),
            }
        }
        let batches = batches.into_values().map(|(stream, records)| {
            if known.len() >= STREAMS_MAX {
                known.clear();
            }
            let name = format!("{}\n{}\n{}\n{}", stream.account, stream.region, stream.group, stream.name);
            let is_new = known.insert(name);
            let cx = &cx;
            async move {
                if let Err(error) = ship(cx, &stream, records, is_new).await {
                    // As on AWS: a role that may not write has no logs, and nobody else is disturbed.
                    tracing::debug!(%error, group = stream.group, "ship log records");
                }
            }
        });
        // Several streams at once, which the store then writes at once.
        futures_util::stream::iter(batches).for_each_concurrent(STREAMS_AT_ONCE, |shipped| shipped).await;
        flushes.into_iter().for_each(|flushed| {
            let _ = flushed.send(());
        });
    }
}

/// Lets a batch grow: one durable write for what many invocations log, instead of one for each. Nobody waits on the
/// queue meanwhile, so that writing a record wakes no task.
async fn linger(cx: &Ctx, records: &mut mpsc::Receiver<Item>, items: &mut Vec<Item>) {
    if !matches!(items.last(), Some(Item::Flush(_))) {
        cx.env.sleep(LINGER).await;
    }
    while items.len() < BATCH_MAX
        && let Ok(item) = records.try_recv()
    {
        items.push(item);
    }
}

async fn ship(cx: &Ctx, stream: &LogStream, mut records: Vec<Record>, is_new: bool) -> Result<()> {
    let cx = cx.as_caller(caller(stream));
    if is_new {
        create(&cx, stream).await?;
    }
    let cx = cx.with_trace(trace(stream, &records));
    records.sort_by_key(|record| record.at);
    while !records.is_empty() {
        let mut bytes = 0;
        let fits = records.iter().take(EVENTS_MAX).take_while(|record| {
            bytes += record.message.len() + EVENT_OVERHEAD_BYTES;
            bytes <= BYTES_MAX
        });
        let count = fits.count().max(1);
        let events = records
            .drain(..count)
            .map(|record| InputLogEvent { timestamp: record.at.as_millis(), message: record.message });
        let put = PutLogEventsInput {
            log_group_name: stream.group.clone(),
            log_stream_name: stream.name.clone(),
            log_events: events.collect(),
            ..PutLogEventsInput::default()
        };
        let again = put.clone();
        if let Err(error) = cx.call(put).await {
            if error.code != "ResourceNotFoundException" {
                return Err(error);
            }
            // Somebody deleted the group; Lambda makes it anew.
            create(&cx, stream).await?;
            cx.call(again).await?;
        }
    }
    Ok(())
}

/// The trace that records go on in. Of several, that which has passed the function most: whoever is called because of
/// them is to see a loop.
fn trace(stream: &LogStream, records: &[Record]) -> Option<Arc<str>> {
    let mut traces = records.iter().filter_map(|record| record.trace.as_ref()).collect::<Vec<_>>();
    // Of traces that have passed the same functions as often, any will do.
    traces.dedup_by(|a, b| Arc::ptr_eq(a, b) || lineage(a) == lineage(b));
    if traces.len() < 2 {
        return traces.first().map(|trace| Arc::clone(trace));
    }
    let function =
        format!("arn:aws:lambda:{}:{}:function:{}", stream.region, stream.account, stream.function_name);
    let passes = |trace: &&Arc<str>| Trace::parse(trace).map(|trace| trace.passes(&function));
    traces.into_iter().max_by_key(passes).cloned()
}

fn lineage(trace: &str) -> &str {
    trace.split_once("Lineage=").map_or("", |(_, lineage)| lineage)
}

async fn create(cx: &Ctx, stream: &LogStream) -> Result<()> {
    let exists = |error: &AwsError| error.code == "ResourceAlreadyExistsException";
    let input =
        CreateLogStreamInput { log_group_name: stream.group.clone(), log_stream_name: stream.name.clone() };
    match cx.call(input.clone()).await {
        Err(error) if error.code == "ResourceNotFoundException" => {}
        Err(error) if !exists(&error) => return Err(error),
        _ => return Ok(()),
    }
    let group =
        CreateLogGroupInput { log_group_name: stream.group.clone(), ..CreateLogGroupInput::default() };
    cx.call(group).await.or_else(|error| if exists(&error) { Ok(()) } else { Err(error) })?;
    cx.call(input).await.or_else(|error| if exists(&error) { Ok(()) } else { Err(error) })
}

/// The function's role: its rights decide whether there are logs.
fn caller(stream: &LogStream) -> Caller {
    let role = stream.role.rsplit('/').next().unwrap_or_default();
    let account = &stream.account;
    let principal = Principal {
        arn: format!("arn:aws:sts::{account}:assumed-role/{role}/{}", stream.function_name),
        user_id: format!("{}:{}", aws_auth::role_id(&stream.role), stream.function_name),
    };
    Caller { account: Arc::clone(account), region: Arc::clone(&stream.region), principal: principal.into() }
}
