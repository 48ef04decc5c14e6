//! Writing items: condition, change, index rows and stream records in one transaction of the store.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use api_dynamodb::{ReturnValuesOnConditionCheckFailure, errors};
use aws_wire::{AwsError, Result, Wire as _};
use env::Timestamp;
use kv::Tx;

use crate::Ctx;
use crate::capacity::Units;
use crate::expression::condition::Condition;
use crate::expression::update::Update;
use crate::history;
use crate::item::{check_index_keys, indexed, row_of_item, row_of_key};
use crate::keys::{CHANGES, Change, Event, INDEXED, ITEMS, Id, RowKey, TOKENS, TableKey, Token};
use crate::replication;
use crate::sequence::Reserved;
use crate::table::{Destination, Status, StreamSetting, TableRecord};
use crate::value::{self, ITEM_BYTES_MAX, Item, wrong};

/// How often a write begins anew because its table was changed meanwhile.
const ATTEMPTS_MAX: usize = 8;

/// What is to become of an item.
#[derive(Clone, Debug)]
pub(crate) enum Action {
    Put(Item),
    /// Of the item with this key.
    Delete(Item),
    Update(Item, Update),
    Check(Item),
}

impl Action {
    /// The item, or its key: what has the key in any case.
    pub(crate) fn key(&self) -> &Item {
        match self {
            Self::Put(item) | Self::Delete(item) | Self::Update(item, _) | Self::Check(item) => item,
        }
    }
}

/// One item's part of a write.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub table: TableKey,
    pub action: Action,
    pub condition: Option<Condition>,
}

/// What became of it.
#[derive(Clone, Debug)]
pub(crate) struct Done {
    pub old: Option<Item>,
    pub new: Option<Item>,
    pub table: Arc<TableRecord>,
    pub units: Units,
}

/// Why one item's part was refused.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// The condition did not hold of this.
    Condition(Option<Item>),
    /// An INSERT found its item there.
    Duplicate,
    Invalid(AwsError),
}

/// Why a write was not done.
#[derive(Debug)]
pub(crate) enum Stop {
    /// The parts that were refused, each at its place.
    Refused(Vec<Option<Refusal>>),
    Failed(AwsError),
    /// The table was changed; the write begins anew.
    Stale,
    /// A transaction with this token was done meanwhile.
    Repeated,
}

impl From<AwsError> for Stop {
    fn from(error: AwsError) -> Self {
        Self::Failed(error)
    }
}

impl From<kv::Error> for Stop {
    fn from(error: kv::Error) -> Self {
        Self::Failed(error.into())
    }
}

/// What a write has besides its items.
#[derive(Clone, Debug, Default)]
pub(crate) struct Also {
    /// A transaction's token, kept with it.
    pub token: Option<((String, String, String), Token)>,
    /// Whether time to live does it.
    pub expired: bool,
    /// Whether it is a transaction, which costs twice.
    pub transaction: bool,
}

/// Does a write of one item.
///
/// # Errors
/// `ConditionalCheckFailedException`, with the item when that was asked for; what else refused it.
pub(crate) async fn write_one(
    cx: &Ctx,
    request: Request,
    on_failure: Option<ReturnValuesOnConditionCheckFailure>,
) -> Result<Done> {
    match write(cx, &[request], &Also::default()).await {
        Ok(mut done) => Ok(done.remove(0)),
        Err(Stop::Refused(refused)) => Err(match refused.into_iter().flatten().next() {
            Some(Refusal::Invalid(error)) => error,
            Some(Refusal::Condition(old)) => condition_failed(on_failure, old),
            Some(Refusal::Duplicate) => condition_failed(None, None),
            None => AwsError::internal("a write was refused for no reason"),
        }),
        Err(Stop::Failed(error)) => Err(error),
        Err(Stop::Stale | Stop::Repeated) => Err(AwsError::internal("a write of one item has no token")),
    }
}

fn condition_failed(wanted: Option<ReturnValuesOnConditionCheckFailure>, old: Option<Item>) -> AwsError {
    let error = errors::conditional_check_failed_exception("The conditional request failed");
    match (wanted, old) {
        (Some(ReturnValuesOnConditionCheckFailure::AllOld), Some(old)) => {
            error.with("Item", value::to_wire(old).into_value())
        }
        _ => error,
    }
}

struct Plan<'a> {
    table: Arc<TableRecord>,
    row: RowKey,
    request: &'a Request,
}

/// Does all of the write or nothing.
///
/// # Errors
/// [`Stop::Refused`] or [`Stop::Failed`].
pub(crate) async fn write(cx: &Ctx, requests: &[Request], also: &Also) -> Result<Vec<Done>, Stop> {
    for _ in 0..ATTEMPTS_MAX {
        match attempt(cx, requests, also).await {
            Err(Stop::Stale) => {}
            decided => return decided,
        }
    }
    Err(Stop::Failed(kv::Error::Contention { attempts: 8 }.into()))
}

async fn attempt(cx: &Ctx, requests: &[Request], also: &Also) -> Result<Vec<Done>, Stop> {
    let tables = tables(cx, requests).await?;
    for table in tables.values() {
        cx.state.throttle.check_write(cx, table)?;
    }
    let plans = plan(&tables, requests)?;
    // Locks first: a number that is handed out under an item's lock is above those of its earlier changes.
    let _held = cx.state.locks.hold(plans.iter().map(|plan| &plan.row)).await;
    let reserved = reserve(cx, &plans).await?;
    let now = cx.env.now();
    let ids = plans.iter().map(|_| cx.env.uuid().simple().to_string()).collect::<Vec<_>>();
    let decided = cx
        .kv
        .transact(|tx| {
            for table in tables.values() {
                let current = cx.state.tables.open(tx, &table.key())?;
                if current.version != table.version || current.id != table.id {
                    return Err(Stop::Stale);
                }
            }
            if let Some((key, token)) = &also.token {
                if TOKENS.get(tx, key)?.is_some_and(|known| !known.is_over(now)) {
                    return Err(Stop::Repeated);
                }
                TOKENS.put(tx, key, token)?;
            }
            let mut counts = BTreeMap::<Id, usize>::new();
            let (mut done, mut refused) = (Vec::new(), Vec::new());
            for (plan, event_id) in plans.iter().zip(&ids) {
                let stream = plan.table.writes_to().map(|stream| {
                    let count = counts.entry(stream.id).or_default();
                    *count += 1;
                    (stream, reserved[&stream.id].numbers[*count - 1])
                });
                let own = has_numbers(&plan.table).then(|| {
                    let count = counts.entry(plan.table.id).or_default();
                    *count += 1;
                    reserved[&plan.table.id].numbers[*count - 1]
                });
                let replica = plan.table.destination().zip(own);
                let past = own.filter(|_| plan.table.keeps_past);
                let record = Recording { stream, replica, past, event_id, now, expired: also.expired };
                match one(tx, plan, &record, also.transaction)? {
                    Ok(one) => {
                        done.push(one);
                        refused.push(None);
                    }
                    Err(refusal) => refused.push(Some(refusal)),
                }
            }
            if refused.iter().any(Option::is_some) { Err(Stop::Refused(refused)) } else { Ok(done) }
        })
        .await;
    let replicates = |plan: &Plan<'_>, id: &Id| plan.table.id == *id && plan.table.destination().is_some();
    let replicas = reserved.iter().filter(|(id, _)| plans.iter().any(|plan| replicates(plan, id)));
    for (table, numbers) in replicas.filter_map(|(id, reserved)| Some((*id, *reserved.numbers.first()?))) {
        cx.state.replicas.wait_for(table, numbers);
    }
    // Also of a write that was refused: what came after it could not be read before.
    drop(reserved);
    for stream in streams(&plans) {
        cx.arrived(&stream);
    }
    let done = decided?;
    for one in &done {
        cx.state.throttle.consume_write(cx, &one.table, &one.units);
    }
    Ok(done)
}

/// The ARNs of the streams that are written to.
fn streams(plans: &[Plan<'_>]) -> BTreeSet<String> {
    plans.iter().filter_map(|plan| plan.table.writes_to().and(plan.table.stream_arn())).collect()
}

async fn tables(cx: &Ctx, requests: &[Request]) -> Result<BTreeMap<TableKey, Arc<TableRecord>>, Stop> {
    let snapshot = cx.kv.snapshot().await?;
    let mut tables = BTreeMap::new();
    for request in requests {
        if !tables.contains_key(&request.table) {
            tables.insert(request.table.clone(), cx.state.tables.open(&snapshot, &request.table)?);
        }
    }
    Ok(tables)
}

fn plan<'a>(
    tables: &BTreeMap<TableKey, Arc<TableRecord>>,
    requests: &'a [Request],
) -> Result<Vec<Plan<'a>>, Stop> {
    let (mut plans, mut refused) = (Vec::new(), Vec::new());
    for request in requests {
        let table = &tables[&request.table];
        match place(table, &request.action) {
            Ok(row) => {
                plans.push(Plan { table: Arc::clone(table), row, request });
                refused.push(None);
            }
            Err(error) => refused.push(Some(Refusal::Invalid(error))),
        }
    }
    if refused.iter().any(Option::is_some) {
        return Err(Stop::Refused(refused));
    }
    let mut rows = plans.iter().map(|plan| &plan.row).collect::<Vec<_>>();
    rows.sort();
    if rows.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(Stop::Failed(AwsError::validation(
            "Transaction request cannot include multiple operations on one item",
        )));
    }
    Ok(plans)
}

/// Where the action's item lies, with all that can be checked without it.
fn place(table: &TableRecord, action: &Action) -> Result<RowKey> {
    match action {
        Action::Put(item) => {
            let row = row_of_item(table, item)?;
            check_index_keys(table, item)?;
            if value::size(item) > ITEM_BYTES_MAX {
                return Err(AwsError::validation("Item size has exceeded the maximum allowed size"));
            }
            Ok(row)
        }
        Action::Delete(key) | Action::Check(key) => row_of_key(table, key),
        Action::Update(key, update) => {
            let row = row_of_key(table, key)?;
            if let Some(path) = update.paths().into_iter().find(|path| table.schema.has(path.head())) {
                return Err(wrong(format!(
                    "Cannot update attribute {}. This attribute is part of the key",
                    path.head()
                )));
            }
            Ok(row)
        }
    }
}

/// Whether a table's changes have numbers besides its stream's.
fn has_numbers(table: &TableRecord) -> bool {
    table.keeps_past || table.destination().is_some()
}

async fn reserve(cx: &Ctx, plans: &[Plan<'_>]) -> Result<BTreeMap<Id, Reserved>> {
    let mut counts = BTreeMap::<Id, usize>::new();
    for plan in plans {
        // A table's own id stands for what it replicates and what it keeps of its past.
        let own = has_numbers(&plan.table).then_some(plan.table.id);
        for id in plan.table.writes_to().map(|stream| stream.id).into_iter().chain(own) {
            *counts.entry(id).or_default() += 1;
        }
    }
    let mut reserved = BTreeMap::new();
    for (stream, count) in counts {
        reserved.insert(stream, cx.state.sequences.reserve(cx, stream, count).await?);
    }
    Ok(reserved)
}

/// How a change is told to the table's stream, and to the Kinesis stream that it replicates to.
struct Recording<'a> {
    stream: Option<(&'a StreamSetting, u64)>,
    replica: Option<(&'a Destination, u64)>,
    past: Option<u64>,
    event_id: &'a str,
    now: Timestamp,
    expired: bool,
}

fn one(
    tx: &mut Tx,
    plan: &Plan<'_>,
    record: &Recording<'_>,
    doubled: bool,
) -> Result<Result<Done, Refusal>, Stop> {
    let Plan { table, row, request } = plan;
    let old = ITEMS.get(tx, row)?;
    if let Some(condition) = &request.condition
        && !condition.holds(old.as_ref().unwrap_or(&Item::new()))
    {
        return Ok(Err(Refusal::Condition(old)));
    }
    let new = match decide(table, &request.action, old.as_ref()) {
        Ok(new) => new,
        Err(error) => return Ok(Err(Refusal::Invalid(error))),
    };
    let mut units = Units::of_write(old.as_ref(), new.as_ref(), doubled);
    if old != new {
        match &new {
            Some(item) => ITEMS.put(tx, row, item)?,
            None => ITEMS.delete(tx, row)?,
        }
        reindex(tx, plan, old.as_ref(), new.as_ref(), &mut units, doubled)?;
        if let Some((stream, number)) = record.stream {
            let change = change(table, &stream.view, old.as_ref(), new.as_ref(), record);
            CHANGES.put(tx, &(stream.id, number), &change)?;
        }
        if let Some(number) = record.past {
            history::record(tx, table.id, row, number, old.as_ref())?;
        }
        if let Some((destination, number)) = record.replica {
            let change = change(table, "NEW_AND_OLD_IMAGES", old.as_ref(), new.as_ref(), record);
            replication::store(tx, table, destination, (row, number), change, record.now)?;
        }
    }
    Ok(Ok(Done { old, new, table: Arc::clone(table), units }))
}

fn decide(table: &TableRecord, action: &Action, old: Option<&Item>) -> Result<Option<Item>> {
    match action {
        Action::Put(item) => Ok(Some(item.clone())),
        Action::Delete(_) => Ok(None),
        Action::Check(_) => Ok(old.cloned()),
        // An update that only takes away makes no item.
        Action::Update(_, update) if old.is_none() && update.only_removes() => Ok(None),
        Action::Update(key, update) => {
            let new = update.apply(old.unwrap_or(key))?;
            value::check_depth(&new)?;
            check_index_keys(table, &new)?;
            if value::size(&new) > ITEM_BYTES_MAX {
                return Err(AwsError::validation(
                    "Item size to update has exceeded the maximum allowed size",
                ));
            }
            Ok(Some(new))
        }
    }
}

/// Brings the rows of the table's indexes in line.
fn reindex(
    tx: &mut Tx,
    plan: &Plan<'_>,
    old: Option<&Item>,
    new: Option<&Item>,
    units: &mut Units,
    doubled: bool,
) -> Result<(), kv::Error> {
    let Plan { table, row, .. } = plan;
    for index in table.indexes.iter().filter(|index| index.status != Status::Deleting) {
        let before = old.and_then(|item| indexed(table, index, row, item));
        let after = new.and_then(|item| indexed(table, index, row, item));
        if before == after {
            continue;
        }
        units.count_index_write(index, before.as_ref(), after.as_ref(), doubled);
        if let Some((key, _)) = &before
            && after.as_ref().is_none_or(|(other, _)| other != key)
        {
            INDEXED.delete(tx, key)?;
        }
        if let Some((key, held)) = &after {
            INDEXED.put(tx, key, held)?;
        }
    }
    Ok(())
}

fn change(
    table: &TableRecord,
    view: &str,
    old: Option<&Item>,
    new: Option<&Item>,
    record: &Recording<'_>,
) -> Change {
    let event = match (old, new) {
        (None, _) => Event::Insert,
        (_, Some(_)) => Event::Modify,
        (_, None) => Event::Remove,
    };
    let keys = new.or(old).map(|item| table.schema.pick(item)).unwrap_or_default();
    let sees_old = matches!(view, "OLD_IMAGE" | "NEW_AND_OLD_IMAGES");
    let sees_new = matches!(view, "NEW_IMAGE" | "NEW_AND_OLD_IMAGES");
    let old = old.filter(|_| sees_old).cloned();
    let new = new.filter(|_| sees_new).cloned();
    let size = [Some(&keys), old.as_ref(), new.as_ref()].into_iter().flatten().map(value::size).sum();
    Change {
        event,
        at: record.now.as_millis(),
        keys,
        old,
        new,
        size,
        expired: record.expired,
        event_id: record.event_id.to_owned(),
    }
}
