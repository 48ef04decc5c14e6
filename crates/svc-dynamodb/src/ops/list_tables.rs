//! `ListTables`

use api_dynamodb::{ListTablesInput, ListTablesOutput};
use aws_wire::Result;
use kv::{Direction, Span};

use crate::Ctx;
use crate::keys::TABLES;

const PAGE: usize = 100;

pub(crate) async fn list_tables(cx: Ctx, input: ListTablesInput) -> Result<ListTablesOutput> {
    let limit = input.limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(PAGE);
    let mut span = Span::prefix(&(&*cx.caller.account, &*cx.caller.region));
    if let Some(start) = &input.exclusive_start_table_name {
        span = span.after(&(&*cx.caller.account, &*cx.caller.region, start.as_str()));
    }
    let tables = TABLES.scan(&cx.kv.snapshot().await?, &span, limit + 1, Direction::Forward)?;
    let names = tables.iter().take(limit).map(|((_, _, name), _)| name.clone()).collect::<Vec<_>>();
    Ok(ListTablesOutput {
        last_evaluated_table_name: names.last().filter(|_| tables.len() > limit).cloned(),
        table_names: Some(names),
    })
}
