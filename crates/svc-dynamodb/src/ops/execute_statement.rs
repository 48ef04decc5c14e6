//! `ExecuteStatement`: one statement of PartiQL.

use api_dynamodb::{ExecuteStatementInput, ExecuteStatementOutput, errors};
use aws_wire::{AwsError, Result};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;

use crate::Ctx;
use crate::capacity::{Told, consumed};
use crate::partiql::{self, Statement};
use crate::value::{self, Item};
use crate::write::write_one;

pub(crate) async fn execute_statement(
    cx: Ctx,
    input: ExecuteStatementInput,
) -> Result<ExecuteStatementOutput> {
    let statement = partiql::read(&input.statement, input.parameters)?;
    let wanted = input.return_consumed_capacity;
    match statement {
        Statement::Select(select) => {
            let start = input.next_token.as_deref().map(token).transpose()?;
            let limit = input.limit.and_then(|limit| usize::try_from(limit).ok());
            let snapshot = cx.kv.snapshot().await?;
            let consistent = input.consistent_read == Some(true);
            let selected = partiql::select(&cx, &snapshot, select, consistent, limit, start)?;
            let consumed = consumed(wanted, &selected.table, &selected.units, Told::Together);
            let last = selected.found.last;
            Ok(ExecuteStatementOutput {
                items: Some(selected.found.items.into_iter().map(value::to_wire).collect()),
                next_token: last
                    .as_ref()
                    .map(|last| BASE64.encode(serde_json::to_vec(last).unwrap_or_default())),
                consumed_capacity: consumed,
                last_evaluated_key: last.map(value::to_wire),
            })
        }
        Statement::Exists(_) => {
            Err(AwsError::validation("EXISTS statements are allowed in ExecuteTransaction alone"))
        }
        statement => {
            let request = partiql::write_request(&cx, &statement).await?;
            let request =
                request.ok_or_else(|| AwsError::internal("a statement that writes is no SELECT"))?;
            let done = write_one(&cx, request, input.return_values_on_condition_check_failure).await;
            let done = done.map_err(|error| in_words_of(&statement, error))?;
            let consumed = consumed(wanted, &done.table.name, &done.units, Told::Together);
            let returned = partiql::returned(&statement, done);
            Ok(ExecuteStatementOutput {
                items: Some(returned.into_iter().map(value::to_wire).collect()),
                consumed_capacity: consumed,
                ..ExecuteStatementOutput::default()
            })
        }
    }
}

/// An INSERT's condition is that there is no such item yet.
pub(crate) fn in_words_of(statement: &Statement, error: AwsError) -> AwsError {
    let duplicate =
        matches!(statement, Statement::Insert { .. }) && error.code == "ConditionalCheckFailedException";
    if duplicate { errors::duplicate_item_exception("Duplicate primary key exists in table") } else { error }
}

fn token(text: &str) -> Result<Item> {
    let json = BASE64.decode(text).ok();
    let item = json.and_then(|json| serde_json::from_slice(&json).ok());
    item.ok_or_else(|| AwsError::validation("Given NextToken is invalid"))
}
