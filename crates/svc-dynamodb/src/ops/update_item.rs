//! `UpdateItem`: changes attributes of an item, or makes the item.

use api_dynamodb::{ReturnValue, UpdateItemInput, UpdateItemOutput};
use aws_wire::Result;

use crate::Ctx;
use crate::capacity::{Told, consumed};
use crate::expression::Scope;
use crate::expression::condition::Condition;
use crate::expression::projection::Projection;
use crate::expression::update::Update;
use crate::value::{self, Item};
use crate::write::{Action, Done, Request, write_one};
use crate::{collection, legacy, table};

pub(crate) async fn update_item(cx: Ctx, input: UpdateItemInput) -> Result<UpdateItemOutput> {
    let (update, condition, input) = read(input)?;
    let key = value::from_wire(input.key)?;
    let kept = collection::Asked::of(input.return_item_collection_metrics).keep(&key);

    let action = Action::Update(key, update.clone());
    let request = Request { table: table::key(&cx.caller, &input.table_name)?, action, condition };
    let done = write_one(&cx, request, input.return_values_on_condition_check_failure).await?;

    let consumed = consumed(input.return_consumed_capacity, &done.table.name, &done.units, Told::Together);
    let metrics = collection::metrics(&cx, &done.table, kept.as_ref()).await?;
    let attributes = returned(input.return_values, &update, done);
    Ok(UpdateItemOutput {
        attributes: attributes.filter(|item| !item.is_empty()).map(value::to_wire),
        consumed_capacity: consumed,
        item_collection_metrics: metrics,
    })
}

/// What is to be done and when, with the rest of the input.
fn read(mut input: UpdateItemInput) -> Result<(Update, Option<Condition>, UpdateItemInput)> {
    legacy::check_mix(
        &[
            ("AttributeUpdates", input.attribute_updates.is_some()),
            ("Expected", input.expected.is_some()),
            ("ConditionalOperator", input.conditional_operator.is_some()),
        ],
        &[
            ("UpdateExpression", input.update_expression.is_some()),
            ("ConditionExpression", input.condition_expression.is_some()),
        ],
    )?;
    let mut scope = Scope::new(
        input.expression_attribute_names.take(),
        input.expression_attribute_values.take(),
        &[
            ("UpdateExpression", input.update_expression.is_some(), true),
            ("ConditionExpression", input.condition_expression.is_some(), true),
        ],
    )?;
    let update = match &input.update_expression {
        Some(text) => Update::parse(text, &mut scope)?,
        None => legacy::updates(input.attribute_updates.take().unwrap_or_default())?,
    };
    let condition = match &input.condition_expression {
        Some(text) => Some(Condition::parse("ConditionExpression", text, &mut scope)?),
        None => legacy::expected(input.expected.take(), input.conditional_operator)?,
    };
    scope.finish()?;
    Ok((update, condition, input))
}

fn returned(wanted: Option<ReturnValue>, update: &Update, done: Done) -> Option<Item> {
    let changed = |item: Option<Item>| {
        let paths = update.paths().into_iter().cloned().collect();
        item.map(|item| Projection(paths).apply(&item))
    };
    match wanted.unwrap_or_default() {
        ReturnValue::None => None,
        ReturnValue::AllOld => done.old,
        ReturnValue::AllNew => done.new,
        ReturnValue::UpdatedOld => changed(done.old),
        ReturnValue::UpdatedNew => changed(done.new),
    }
}
