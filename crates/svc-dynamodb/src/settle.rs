//! The work that tables wait for: making, changing and deleting them, filling new indexes, and clearing away.

use std::time::Duration;

use aws_wire::Result;
use kv::{Direction, Snapshot, Span, Table};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::Ctx;
use crate::item::indexed;
use crate::keys::{
    CLAIMS, DOOMED, FILLED, INDEXED, ITEMS, Id, PAST, PAST_TIMES, PENDING, RowKey, SAVED, TABLES, TableKey,
};
use crate::table::{Status, TableRecord};
use crate::{backup, restore, stream};

/// Rows handled in one transaction.
const PAGE: usize = 100;
/// How long after a failure the work is taken up again.
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// Rows cleared away in one transaction.
const CLEARED: usize = 500;

pub(crate) async fn run(cx: Ctx) {
    let mut watch = cx.kv.watch(PENDING.prefix(&()));
    loop {
        match settle_all(&cx).await {
            Ok(true) => continue,
            Ok(false) => watch.changed().await,
            Err(error) => {
                tracing::error!(%error, cause = ?error.cause, "settle tables");
                cx.env.sleep(RETRY_AFTER).await;
            }
        }
    }
}

/// Takes a step for every table that waits; `false` when none does.
async fn settle_all(cx: &Ctx) -> Result<bool> {
    let pending = PENDING.scan(&cx.kv.snapshot().await?, &Span::all(), PAGE, Direction::Forward)?;
    let mut any = false;
    for (key, ()) in pending {
        any = true;
        step(cx, &key).await?;
    }
    Ok(any)
}

async fn step(cx: &Ctx, key: &TableKey) -> Result<()> {
    let Some(table) = TABLES.get(&cx.kv.snapshot().await?, key)? else {
        return cx.kv.transact(|tx| Ok(PENDING.delete(tx, key)?)).await;
    };
    if table.status == Status::Deleting {
        return delete(cx, key, &table).await;
    }
    if let Some(source) = table.restored.as_ref().and_then(|restored| restored.source) {
        return restore::fill(cx, &table, source).await;
    }
    let filling = table.indexes.iter().position(|index| index.status == Status::Creating);
    if let (Some(position), true) = (filling, table.status != Status::Creating) {
        return fill(cx, &table, position).await;
    }
    cx.kv
        .transact(|tx| {
            let Some(mut table) = TABLES.get(tx, key)? else { return Ok(PENDING.delete(tx, key)?) };
            let new = table.status == Status::Creating;
            for index in &mut table.indexes {
                match index.status {
                    Status::Deleting => {
                        DOOMED.put(tx, &(table.id, index.number.to_be_bytes().to_vec()), &())?
                    }
                    Status::Creating if new => index.status = Status::Active,
                    Status::Updating => index.status = Status::Active,
                    Status::Creating | Status::Active => {}
                }
            }
            table.indexes.retain(|index| index.status != Status::Deleting);
            let more = table.indexes.iter().any(|index| index.status == Status::Creating);
            if !more && table.status != Status::Deleting {
                table.status = Status::Active;
                PENDING.delete(tx, key)?;
            }
            table.version += 1;
            Ok(TABLES.put(tx, key, &table)?)
        })
        .await
}

/// Frees the name at once; the rows are cleared away after.
async fn delete(cx: &Ctx, key: &TableKey, table: &TableRecord) -> Result<()> {
    let now = cx.env.now();
    let last = match table.writes_to() {
        Some(setting) => cx.state.sequences.last(cx, setting.id).await?,
        None => 0,
    };
    let backup_id = cx.env.uuid().into_bytes();
    cx.kv
        .transact(|tx| {
            let Some(mut table) = TABLES.get(tx, key)? else { return Ok(PENDING.delete(tx, key)?) };
            stream::end(tx, &mut table, now, last)?;
            if table.recovery.is_some() {
                backup::begin_last(tx, &table, backup_id, now)?;
            }
            DOOMED.put(tx, &(table.id, Vec::new()), &())?;
            FILLED.delete_all(tx, &Span::prefix(&(table.id,)))?;
            TABLES.delete(tx, key)?;
            Ok(PENDING.delete(tx, key)?)
        })
        .await
}

/// Puts the next page of items into a new index, which writers keep in line since it was made.
async fn fill(cx: &Ctx, table: &TableRecord, position: usize) -> Result<()> {
    let key = table.key();
    let number = table.indexes[position].number;
    let all = Span::prefix(&RowKey(table.id.to_vec()));
    let snapshot = cx.kv.snapshot().await?;
    let span = match FILLED.get(&snapshot, &(table.id, number))? {
        Some(filled) => all.after(&RowKey(filled)),
        None => all,
    };
    let rows = ITEMS.scan(&snapshot, &span, PAGE, Direction::Forward)?;
    let done = rows.len() < PAGE;
    // Writers of these items wait meanwhile, instead of making this begin anew.
    let _held = cx.state.locks.hold(rows.iter().map(|(row, _)| row)).await;
    cx.kv
        .transact(|tx| {
            let Some(mut table) = TABLES.get(tx, &key)? else { return Ok(()) };
            let Some(at) = table.indexes.iter().position(|index| index.number == number) else {
                return Ok(());
            };
            let index = table.indexes[at].clone();
            if index.status != Status::Creating {
                return Ok(());
            }
            for (row, _) in &rows {
                let Some(item) = ITEMS.get(tx, row)? else { continue };
                if let Some((row, held)) = indexed(&table, &index, row, &item) {
                    INDEXED.put(tx, &row, &held)?;
                }
            }
            // The table's own record changes at the end alone: every writer reads it.
            if !done {
                let last = rows.last().map(|(row, _)| row.0.clone()).unwrap_or_default();
                return Ok(FILLED.put(tx, &(table.id, number), &last)?);
            }
            table.indexes[at].status = Status::Active;
            table.version += 1;
            FILLED.delete(tx, &(table.id, number))?;
            Ok(TABLES.put(tx, &key, &table)?)
        })
        .await
}

pub(crate) async fn clear(cx: Ctx) {
    let mut watch = cx.kv.watch(DOOMED.prefix(&()));
    loop {
        match clear_some(&cx).await {
            Ok(true) => continue,
            Ok(false) => watch.changed().await,
            Err(error) => {
                tracing::error!(%error, cause = ?error.cause, "clear deleted tables");
                cx.env.sleep(RETRY_AFTER).await;
            }
        }
    }
}

/// Takes one step; `false` when there is nothing left to do, or somebody still reads what there is.
async fn clear_some(cx: &Ctx) -> Result<bool> {
    let snapshot = cx.kv.snapshot().await?;
    for (key, ()) in DOOMED.all(&snapshot, &Span::all())? {
        let claimed = !CLAIMS.scan(&snapshot, &Span::prefix(&(key.0,)), 1, Direction::Forward)?.is_empty();
        if !claimed || !key.1.is_empty() {
            clear_page(cx, &snapshot, &key).await?;
            return Ok(true);
        }
    }
    Ok(false)
}

/// Removes some of the rows that are kept under an id: an index's, or all of a table's or a backup's.
async fn clear_page(cx: &Ctx, snapshot: &Snapshot, key: &(Id, Vec<u8>)) -> Result<()> {
    let (id, index) = key;
    let span = Span::prefix(&RowKey([&id[..], index].concat()));
    let indexed = keys_of(&INDEXED, snapshot, &span)?;
    let whole = index.is_empty() && indexed.is_empty();
    let items = if whole { keys_of(&ITEMS, snapshot, &span)? } else { Vec::new() };
    let saved = if whole { keys_of(&SAVED, snapshot, &span)? } else { Vec::new() };
    let past = if whole { keys_of(&PAST, snapshot, &span)? } else { Vec::new() };
    let times = if whole {
        PAST_TIMES.scan(snapshot, &Span::prefix(&(*id,)), CLEARED, Direction::Forward)?
    } else {
        Vec::new()
    };
    let rows = indexed.len() + items.len() + saved.len() + past.len() + times.len();
    cx.kv
        .transact(|tx| {
            indexed.iter().try_for_each(|row| INDEXED.delete(tx, row))?;
            items.iter().try_for_each(|row| ITEMS.delete(tx, row))?;
            saved.iter().try_for_each(|row| SAVED.delete(tx, row))?;
            past.iter().try_for_each(|row| PAST.delete(tx, row))?;
            times.iter().try_for_each(|(row, _)| PAST_TIMES.delete(tx, row))?;
            if rows == 0 {
                DOOMED.delete(tx, key)?;
            }
            Ok::<_, aws_wire::AwsError>(())
        })
        .await
}

fn keys_of<V: Serialize + DeserializeOwned>(
    table: &Table<RowKey, V>,
    snapshot: &Snapshot,
    span: &Span<RowKey>,
) -> Result<Vec<RowKey>> {
    let rows = table.scan(snapshot, span, CLEARED, Direction::Forward)?;
    Ok(rows.into_iter().map(|(key, _)| key).collect())
}
