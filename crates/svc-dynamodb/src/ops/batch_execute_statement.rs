//! `BatchExecuteStatement`: up to 25 statements, each of one item and on its own.

use api_dynamodb::{
    BatchExecuteStatementInput, BatchExecuteStatementOutput, BatchStatementError,
    BatchStatementErrorCodeEnum, BatchStatementRequest, BatchStatementResponse, ExecuteStatementInput,
};
use aws_wire::{AwsError, Result, Value, Wire as _};

use crate::Ctx;
use crate::partiql::{self, Statement};

use super::execute_statement;

pub(crate) async fn batch_execute_statement(
    cx: Ctx,
    input: BatchExecuteStatementInput,
) -> Result<BatchExecuteStatementOutput> {
    let (mut responses, mut capacities) = (Vec::new(), Vec::new());
    for one in input.statements {
        let statement = partiql::read(&one.statement, one.parameters.clone());
        let table = statement.as_ref().ok().map(|statement| table(statement).to_owned());
        let answered = match statement {
            Ok(_) => run(&cx, one, input.return_consumed_capacity).await,
            Err(error) => Err(error),
        };
        responses.push(match answered {
            Ok((item, consumed)) => {
                capacities.extend(consumed);
                BatchStatementResponse { error: None, table_name: table, item }
            }
            Err(error) => BatchStatementResponse { error: Some(told(error)?), table_name: table, item: None },
        });
    }
    Ok(BatchExecuteStatementOutput {
        responses: Some(responses),
        consumed_capacity: (!capacities.is_empty()).then_some(capacities),
    })
}

type One = (Option<crate::value::WireItem>, Option<api_dynamodb::ConsumedCapacity>);

async fn run(
    cx: &Ctx,
    one: BatchStatementRequest,
    consumed: Option<api_dynamodb::ReturnConsumedCapacity>,
) -> Result<One> {
    let input = ExecuteStatementInput {
        statement: one.statement,
        parameters: one.parameters,
        consistent_read: one.consistent_read,
        return_consumed_capacity: consumed,
        return_values_on_condition_check_failure: one.return_values_on_condition_check_failure,
        limit: Some(2),
        next_token: None,
    };
    let output = execute_statement(cx.clone(), input).await?;
    let mut items = output.items.unwrap_or_default();
    if items.len() > 1 {
        return Err(AwsError::validation(
            "Select statements within BatchExecuteStatement must specify the primary key in the where clause.",
        ));
    }
    Ok((items.pop(), output.consumed_capacity))
}

fn table(statement: &Statement) -> &str {
    match statement {
        Statement::Select(select) | Statement::Exists(select) => &select.table,
        Statement::Insert { table, .. }
        | Statement::Update { table, .. }
        | Statement::Delete { table, .. } => table,
    }
}

/// A refusal as a batch tells it; what is no client's doing fails the batch.
fn told(error: AwsError) -> Result<BatchStatementError> {
    let code = match error.code.as_ref() {
        "ConditionalCheckFailedException" => BatchStatementErrorCodeEnum::ConditionalCheckFailed,
        "DuplicateItemException" => BatchStatementErrorCodeEnum::DuplicateItem,
        "ValidationException" => BatchStatementErrorCodeEnum::ValidationError,
        "ResourceNotFoundException" => BatchStatementErrorCodeEnum::ResourceNotFound,
        "ProvisionedThroughputExceededException" => {
            BatchStatementErrorCodeEnum::ProvisionedThroughputExceeded
        }
        _ => return Err(error),
    };
    let item = error.fields.into_iter().find(|(name, _)| *name == "Item");
    let item = item.map(|(_, item): (_, Value)| crate::value::WireItem::from_value(item));
    Ok(BatchStatementError { code: Some(code), message: error.message, item })
}
