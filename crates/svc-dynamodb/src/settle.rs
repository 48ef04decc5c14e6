//! The work that tables wait for: making, changing and deleting them, filling new indexes, and clearing away.

use std::time::Duration;

use aws_wire::Result;
use kv::{Direction, Span};

use crate::Ctx;
use crate::item::indexed;
use crate::keys::{DOOMED, FILLED, INDEXED, ITEMS, Id, PENDING, RowKey, TABLES, TableKey};
use crate::stream;
use crate::table::{Status, TableRecord};

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
    cx.kv
        .transact(|tx| {
            let Some(mut table) = TABLES.get(tx, key)? else { return Ok(PENDING.delete(tx, key)?) };
            stream::end(tx, &mut table, now, last)?;
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

/// Takes one step; `false` when there is nothing left to do.
async fn clear_some(cx: &Ctx) -> Result<bool> {
    let snapshot = cx.kv.snapshot().await?;
    let doomed = DOOMED.scan(&snapshot, &Span::all(), 1, Direction::Forward)?;
    let Some((key, ())) = doomed.into_iter().next() else { return Ok(false) };
    let (table, index): (Id, Vec<u8>) = key.clone();
    let span = Span::prefix(&RowKey([&table[..], &index].concat()));
    let mut rows = INDEXED.scan(&snapshot, &span, CLEARED, Direction::Forward)?;
    let of_items = rows.is_empty() && index.is_empty();
    if of_items {
        rows = ITEMS.scan(&snapshot, &span, CLEARED, Direction::Forward)?;
    }
    cx.kv
        .transact(|tx| {
            for (row, _) in &rows {
                if of_items { ITEMS.delete(tx, row)? } else { INDEXED.delete(tx, row)? }
            }
            if rows.is_empty() {
                DOOMED.delete(tx, &key)?;
            }
            Ok::<_, aws_wire::AwsError>(())
        })
        .await?;
    Ok(true)
}
