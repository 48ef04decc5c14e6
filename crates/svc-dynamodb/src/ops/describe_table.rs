//! `DescribeTable`

use std::time::Duration;

use api_dynamodb::{DescribeTableInput, DescribeTableOutput};
use aws_wire::Result;
use kv::{Direction, Snapshot, Span};

use crate::Ctx;
use crate::keys::{INDEXED, ITEMS, RowKey, TABLES};
use crate::table::{self, Sizes, Status, TableRecord};
use crate::value;

/// How long a table that is being made or deleted is waited for: AWS's waiters ask again only after twenty seconds.
const PATIENCE: Duration = Duration::from_millis(500);
/// Rows that are counted for a description.
const COUNTED_MAX: usize = 1000;

pub(crate) async fn describe_table(cx: Ctx, input: DescribeTableInput) -> Result<DescribeTableOutput> {
    let key = table::key(&cx.caller, &input.table_name)?;
    let mut watch = cx.kv.watch(TABLES.prefix(&(&*key.0, &*key.1, &*key.2)));
    let mut snapshot = cx.kv.snapshot().await?;
    let mut table = table::find(&snapshot, &key)?;
    let patience = cx.env.sleep(PATIENCE);
    tokio::pin!(patience);
    while matches!(table.status, Status::Creating | Status::Deleting) {
        tokio::select! {
            biased;
            () = &mut patience => break,
            () = watch.changed() => {}
        }
        snapshot = cx.kv.snapshot().await?;
        table = table::find(&snapshot, &key)?;
    }
    let sizes = sizes(&snapshot, &table)?;
    Ok(DescribeTableOutput { table: Some(table::describe(&table, &sizes)) })
}

/// Counts what there is, of small tables; of others only the first rows, as AWS's counts are approximate too.
fn sizes(snapshot: &Snapshot, table: &TableRecord) -> Result<Sizes> {
    let count = |rows: Vec<(RowKey, value::Item)>| {
        let bytes = rows.iter().map(|(_, item)| value::size(item)).sum::<usize>();
        (i64::try_from(rows.len()).unwrap_or(0), i64::try_from(bytes).unwrap_or(0))
    };
    let all = Span::prefix(&RowKey(table.id.to_vec()));
    let mut sizes = Sizes {
        table: count(ITEMS.scan(snapshot, &all, COUNTED_MAX, Direction::Forward)?),
        ..Sizes::default()
    };
    for index in table.visible() {
        let all = Span::prefix(&RowKey([&table.id[..], &index.number.to_be_bytes()].concat()));
        let counted = count(INDEXED.scan(snapshot, &all, COUNTED_MAX, Direction::Forward)?);
        sizes.indexes.insert(index.number, counted);
    }
    Ok(sizes)
}
