//! Changes on their way to a Kinesis stream: stored with the change, and handed over in each item's order.
//!
//! A row is taken away once the stream has the record, so a crash in between sends it twice, which AWS's replication may
//! too. What the stream can't take is given up after a day, or at once when it never will.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use aws_wire::{AwsError, Result};
use env::Timestamp;
use futures_util::StreamExt as _;
use kv::{Direction, Span, Tx};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use service::{Caller, Delivery, InOrder, Sender, TargetArn, Undelivered};
use tokio::sync::Notify;

use crate::Ctx;
use crate::keys::{Change, Event, Id, REPLICAS, RowKey, TableKey, digest};
use crate::table::{Destination, TableRecord};

/// Rows handled at once, and items whose changes are under way at once.
const PAGE: usize = 100;
const AT_ONCE: usize = 16;
/// How long after a failure the stream is tried again, and for how long.
const RETRY_AFTER: Duration = Duration::from_secs(5);
const TRIED_MS: i64 = 24 * 60 * 60 * 1000;

/// A change that a stream is to have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Replica {
    pub stream_arn: String,
    pub table: TableKey,
    /// In microseconds.
    pub at: i64,
    /// Whether the record tells the time in microseconds.
    #[serde(default)]
    pub micros: bool,
    /// The record's partition key, which stands for the item.
    pub partition_key: String,
    pub change: Change,
}

/// Stores a change of the item at `row` for the table's destination.
///
/// # Errors
/// Those of the store.
pub(crate) fn store(
    tx: &mut Tx,
    table: &TableRecord,
    destination: &Destination,
    (row, number): (&RowKey, u64),
    change: Change,
    now: Timestamp,
) -> Result<(), kv::Error> {
    let partition_key = digest(&row.0).iter().map(|byte| format!("{byte:02X}")).collect();
    let replica = Replica {
        stream_arn: destination.stream_arn.clone(),
        table: table.key(),
        at: now.as_micros(),
        micros: destination.micros,
        partition_key,
        change,
    };
    REPLICAS.put(tx, &(table.id, number), &replica)
}

/// Tables that have something to replicate, and from which number on: nothing walks over what was taken away.
#[derive(Default)]
pub(crate) struct Replicas {
    waiting: Mutex<BTreeMap<Id, u64>>,
    news: Notify,
}

impl Replicas {
    /// To be called once the rows are stored.
    pub(crate) fn wait_for(&self, table: Id, number: u64) {
        let mut waiting = self.waiting.lock().expect("no panic while held");
        let from = waiting.entry(table).or_insert(number);
        *from = number.min(*from);
        self.news.notify_one();
    }

    fn take(&self) -> BTreeMap<Id, u64> {
        std::mem::take(&mut *self.waiting.lock().expect("no panic while held"))
    }
}

pub(crate) async fn run(cx: Ctx) {
    while let Err(error) = find_left(&cx).await {
        tracing::error!(%error, cause = ?error.cause, "find changes to replicate");
        cx.env.sleep(RETRY_AFTER).await;
    }
    // Tables whose stream took no more: from which number on, and when they are tried again. What is new of such a table
    // waits with the rest, for an item's changes go in their order.
    let mut later = BTreeMap::<Id, (u64, Duration)>::new();
    loop {
        let now = cx.env.monotonic();
        let due = later.extract_if(.., |_, (_, due)| *due <= now);
        let mut work = due.map(|(table, (from, _))| (table, from)).collect::<BTreeMap<_, _>>();
        for (table, number) in cx.state.replicas.take() {
            let from = match later.get_mut(&table) {
                Some((from, _)) => from,
                None => work.entry(table).or_insert(number),
            };
            *from = number.min(*from);
        }
        for (table, from) in work {
            match replicate(&cx, table, from).await {
                Ok(Left::Nothing) => {}
                Ok(Left::More(from)) => cx.state.replicas.wait_for(table, from),
                Ok(Left::Failed(from)) => drop(later.insert(table, (from, now + RETRY_AFTER))),
                Err(error) => {
                    tracing::error!(%error, cause = ?error.cause, "replicate changes");
                    later.insert(table, (from, now + RETRY_AFTER));
                }
            }
        }
        let due = later.values().map(|(_, due)| due.saturating_sub(cx.env.monotonic())).min();
        tokio::select! {
            () = cx.state.replicas.news.notified() => {}
            () = cx.env.sleep(due.unwrap_or_default()), if due.is_some() => {}
        }
    }
}

/// Finds what a stop or a crash left.
async fn find_left(cx: &Ctx) -> Result<()> {
    let mut span = Span::all();
    loop {
        let rows = REPLICAS.scan(&cx.kv.snapshot().await?, &span, 1, Direction::Forward)?;
        let Some(((table, number), _)) = rows.first() else { return Ok(()) };
        cx.state.replicas.wait_for(*table, *number);
        span = Span::all().after_prefix(&(*table,));
    }
}

/// What a table still has to replicate, and from where on.
enum Left {
    Nothing,
    More(u64),
    Failed(u64),
}

/// Hands over a page of a table's changes: items side by side, the changes of one in their order.
async fn replicate(cx: &Ctx, table: Id, from: u64) -> Result<Left> {
    let span = Span::prefix(&(table,)).from(&(table, from));
    let rows = REPLICAS.scan(&cx.kv.snapshot().await?, &span, PAGE, Direction::Forward)?;
    let next = rows.last().filter(|_| rows.len() == PAGE).map(|((_, number), _)| number + 1);
    let mut items = BTreeMap::<String, Vec<(u64, Replica)>>::new();
    for ((_, number), replica) in rows {
        items.entry(replica.partition_key.clone()).or_default().push((number, replica));
    }
    let handed = futures_util::stream::iter(items.into_values()).map(|changes| hand_over(cx, changes));
    let handed = handed.buffer_unordered(AT_ONCE).collect::<Vec<_>>().await;
    let done = handed.iter().flat_map(|item| &item.done).copied().collect::<Vec<_>>();
    let delete = |tx: &mut Tx| done.iter().try_for_each(|number| REPLICAS.delete(tx, &(table, *number)));
    cx.kv.transact(|tx| delete(tx).map_err(AwsError::from)).await?;
    let failed = handed.iter().filter_map(|item| item.failed).min();
    Ok(match (failed, next) {
        (Some(number), _) => Left::Failed(number),
        (None, Some(number)) => Left::More(number),
        (None, None) => Left::Nothing,
    })
}

/// What became of an item's changes.
struct Handed {
    done: Vec<u64>,
    /// The first that is to be tried again; those after it wait for it.
    failed: Option<u64>,
}

async fn hand_over(cx: &Ctx, changes: Vec<(u64, Replica)>) -> Handed {
    let mut handed = Handed { done: Vec::new(), failed: None };
    for (number, replica) in changes {
        match send(cx, &replica).await {
            Ok(()) => {}
            Err(error) if is_worth_another_try(cx, &replica, &error) => {
                tracing::warn!(stream = replica.stream_arn, %error, "a change is replicated later");
                handed.failed = Some(number);
                break;
            }
            Err(error) => {
                tracing::error!(stream = replica.stream_arn, %error, "a change is not replicated");
            }
        }
        handed.done.push(number);
    }
    handed
}

/// A stream that is not there may come back.
fn is_worth_another_try(cx: &Ctx, replica: &Replica, error: &Undelivered) -> bool {
    let may_come = error.is_worth_another_try() || matches!(error, Undelivered::NotFound(_));
    may_come && cx.env.now().as_millis() - replica.at / 1000 < TRIED_MS
}

async fn send(cx: &Ctx, replica: &Replica) -> Result<(), Undelivered> {
    let (account, region, name) = &replica.table;
    let arn = &replica.stream_arn;
    let target = TargetArn::parse(arn).ok_or_else(|| Undelivered::Invalid(arn.clone()))?;
    let role = "aws-service-role/kinesisreplication.dynamodb.amazonaws.com/\
                AWSServiceRoleForDynamoDBKinesisDataStreamsReplication";
    let delivery = Delivery {
        target,
        payload: payload(replica).to_string().into(),
        sender: Sender {
            service: "kinesisreplication.dynamodb.amazonaws.com".to_owned(),
            source_arn: format!("arn:aws:dynamodb:{region}:{account}:table/{name}"),
            source_account: account.clone(),
            role: Some(format!("arn:aws:iam::{account}:role/{role}")),
        },
        attributes: BTreeMap::new(),
        in_order: Some(InOrder { group: replica.partition_key.clone(), deduplication: String::new() }),
        bus: None,
        object_key: None,
        trace: None,
    };
    cx.as_caller(Caller::root(account, region)).deliver(delivery).await
}

/// The record's data, as DynamoDB writes them.
fn payload(replica: &Replica) -> Json {
    let Replica { change, table: (_, region, name), .. } = replica;
    let event = match change.event {
        Event::Insert => "INSERT",
        Event::Modify => "MODIFY",
        Event::Remove => "REMOVE",
    };
    let (at, precision) =
        if replica.micros { (replica.at, "MICROSECOND") } else { (replica.at / 1000, "MILLISECOND") };
    let mut told = json!({ "ApproximateCreationDateTime": at, "Keys": change.keys });
    for (member, image) in [("NewImage", &change.new), ("OldImage", &change.old)] {
        if let Some(image) = image {
            told[member] = json!(image);
        }
    }
    told["SizeBytes"] = change.size.into();
    told["ApproximateCreationDateTimePrecision"] = precision.into();
    let identity = json!({ "type": "Service", "principalId": "dynamodb.amazonaws.com" });
    json!({
        "awsRegion": region,
        "eventID": change.event_id,
        "eventName": event,
        "userIdentity": if change.expired { identity } else { Json::Null },
        "recordFormat": "application/json",
        "tableName": name,
        "dynamodb": told,
        "eventSource": "aws:dynamodb",
    })
}
