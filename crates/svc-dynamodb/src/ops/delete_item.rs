//! `DeleteItem`: removes the item that has the key, if there is one.

use api_dynamodb::{DeleteItemInput, DeleteItemOutput, ReturnValue};
use aws_wire::{AwsError, Result};

use crate::Ctx;
use crate::asked::Asked;
use crate::capacity::{Told, consumed};
use crate::value;
use crate::write::{Action, Request, write_one};
use crate::{collection, table};

pub(crate) async fn delete_item(cx: Ctx, input: DeleteItemInput) -> Result<DeleteItemOutput> {
    if !matches!(input.return_values, None | Some(ReturnValue::None | ReturnValue::AllOld)) {
        return Err(AwsError::validation("ReturnValues can only be ALL_OLD or NONE"));
    }
    let key = value::from_wire(input.key)?;
    let asked = Asked {
        expected: input.expected,
        operator: input.conditional_operator,
        expression: input.condition_expression,
        names: input.expression_attribute_names,
        values: input.expression_attribute_values,
    };
    let condition = asked.condition()?;
    let kept = collection::Asked::of(input.return_item_collection_metrics).keep(&key);

    let request =
        Request { table: table::key(&cx.caller, &input.table_name)?, action: Action::Delete(key), condition };
    let done = write_one(&cx, request, input.return_values_on_condition_check_failure).await?;

    let old = done.old.filter(|_| input.return_values == Some(ReturnValue::AllOld));
    Ok(DeleteItemOutput {
        attributes: old.map(value::to_wire),
        consumed_capacity: consumed(
            input.return_consumed_capacity,
            &done.table.name,
            &done.units,
            Told::Together,
        ),
        item_collection_metrics: collection::metrics(&cx, &done.table, kept.as_ref()).await?,
    })
}
