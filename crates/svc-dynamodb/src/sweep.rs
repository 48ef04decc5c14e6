//! What time removes: items that expired, stream records of yesterday, tokens of transactions, what can't be recovered
//! any more.

use std::time::Duration;

use aws_wire::Result;
use kv::{Direction, Span};

use crate::Ctx;
use crate::expression::Path;
use crate::expression::condition::{Comparison, Condition, Operand};
use crate::item::expiry_key;
use crate::keys::{CHANGES, INDEXED, RowKey, STREAMS, TABLES, TOKENS};
use crate::number::Number;
use crate::stream::KEPT_MS;
use crate::table::{Index, Status, TableRecord};
use crate::value::Attr;
use crate::write::{Action, Also, Request, Stop, write};
use crate::{backup, history};

/// How often expired items are looked for, and old records and tokens.
const EXPIRE_EVERY: Duration = Duration::from_secs(10);
const TRIM_EVERY: Duration = Duration::from_secs(60);
/// Rows handled at once.
const PAGE: usize = 100;
/// Times further back than this are taken for mistakes, as AWS takes them.
const PAST_MAX_S: i64 = 5 * 365 * 24 * 60 * 60;

pub(crate) async fn expire(cx: Ctx) {
    loop {
        if let Err(error) = expire_all(&cx).await {
            tracing::error!(%error, cause = ?error.cause, "expire items");
        }
        cx.env.sleep(EXPIRE_EVERY).await;
    }
}

async fn expire_all(cx: &Ctx) -> Result<()> {
    let mut span = Span::all();
    loop {
        let tables = TABLES.scan(&cx.kv.snapshot().await?, &span, PAGE, Direction::Forward)?;
        for (_, table) in tables.iter().filter(|(_, table)| table.is_open()) {
            let expiry = table.indexes.iter().find(|index| index.expiry && index.status == Status::Active);
            if let Some(index) = expiry {
                expire_table(cx, table, index).await?;
            }
        }
        match tables.last() {
            Some((last, _)) if tables.len() == PAGE => span = Span::all().after(last),
            _ => return Ok(()),
        }
    }
}

async fn expire_table(cx: &Ctx, table: &TableRecord, index: &Index) -> Result<()> {
    let now = cx.env.now().as_secs();
    let oldest = now - PAST_MAX_S;
    let bound = |at: i64| expiry_key(table, index, at, &[0; 16]);
    let within = RowKey(bound(0).0[..34].to_vec());
    let mut span = Span::prefix(&within).from(&bound(oldest)).before(&bound(now));
    let place = || Operand::Path(Path::top(&index.schema.hash.name));
    let at = |at: i64| Operand::Value(Attr::N(Number::whole(at)));
    let still = Condition::All(vec![
        Condition::Compare(Comparison::Lt, place(), at(now)),
        Condition::Compare(Comparison::Ge, place(), at(oldest)),
    ]);
    loop {
        let rows = INDEXED.scan(&cx.kv.snapshot().await?, &span, PAGE, Direction::Forward)?;
        for (_, key) in &rows {
            let request = Request {
                table: table.key(),
                action: Action::Delete(key.clone()),
                condition: Some(still.clone()),
            };
            match write(cx, &[request], &Also { expired: true, ..Also::default() }).await {
                // The item was changed meanwhile.
                Ok(_) | Err(Stop::Refused(_) | Stop::Stale | Stop::Repeated) => {}
                Err(Stop::Failed(error)) => return Err(error),
            }
        }
        match rows.last() {
            Some((last, _)) if rows.len() == PAGE => span = span.after(last),
            _ => return Ok(()),
        }
    }
}

pub(crate) async fn trim(cx: Ctx) {
    loop {
        let trimmed = [
            trim_streams(&cx).await,
            trim_tokens(&cx).await,
            history::trim(&cx).await,
            backup::expire(&cx).await,
        ];
        for trimmed in trimmed {
            if let Err(error) = trimmed {
                tracing::error!(%error, cause = ?error.cause, "trim streams, tokens and backups");
            }
        }
        cx.env.sleep(TRIM_EVERY).await;
    }
}

async fn trim_streams(cx: &Ctx) -> Result<()> {
    let oldest = cx.env.now().as_millis() - KEPT_MS;
    let streams = STREAMS.all(&cx.kv.snapshot().await?, &Span::all())?;
    for (key, stream) in streams {
        loop {
            let snapshot = cx.kv.snapshot().await?;
            let rows = CHANGES.scan(&snapshot, &Span::prefix(&(stream.id,)), PAGE, Direction::Forward)?;
            let old = rows.iter().take_while(|(_, change)| change.at < oldest).map(|(key, _)| *key);
            let old = old.collect::<Vec<_>>();
            let over = rows.len() == old.len() && stream.closed.is_some_and(|(at, _)| at < oldest);
            cx.kv
                .transact(|tx| {
                    old.iter().try_for_each(|key| CHANGES.delete(tx, key))?;
                    if over && rows.len() < PAGE {
                        STREAMS.delete(tx, &key)?;
                    }
                    Ok::<_, aws_wire::AwsError>(())
                })
                .await?;
            if old.len() < PAGE {
                break;
            }
        }
    }
    Ok(())
}

async fn trim_tokens(cx: &Ctx) -> Result<()> {
    let now = cx.env.now();
    let mut span = Span::all();
    loop {
        let rows = TOKENS.scan(&cx.kv.snapshot().await?, &span, PAGE, Direction::Forward)?;
        let over =
            rows.iter().filter(|(_, token)| token.is_over(now)).map(|(key, _)| key).collect::<Vec<_>>();
        cx.kv.transact(|tx| over.iter().try_for_each(|key| TOKENS.delete(tx, *key))).await?;
        match rows.last() {
            Some((last, _)) if rows.len() == PAGE => span = Span::all().after(last),
            _ => return Ok(()),
        }
    }
}
