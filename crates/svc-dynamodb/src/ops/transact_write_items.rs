//! `TransactWriteItems`: up to a hundred writes and checks, all or none of them.

use std::collections::BTreeMap;

use api_dynamodb::{
    CancellationReason, ReturnValuesOnConditionCheckFailure, TransactWriteItem, TransactWriteItemsInput,
    TransactWriteItemsOutput, errors,
};
use aws_wire::{AwsError, Result, Wire as _};
use sha2::{Digest as _, Sha256};

use crate::Ctx;
use crate::capacity::{Told, Units, consumed};
use crate::expression::Scope;
use crate::expression::condition::Condition;
use crate::expression::update::Update;
use crate::keys::{TOKENS, Token};
use crate::value::{self, WireItem};
use crate::write::{Action, Also, Refusal, Request, Stop, write};
use crate::{collection, table};

/// Bytes of all items of a transaction.
const BYTES_MAX: usize = 4 << 20;

type Names = Option<BTreeMap<String, String>>;
pub(crate) type OnFailure = Option<ReturnValuesOnConditionCheckFailure>;

pub(crate) async fn transact_write_items(
    cx: Ctx,
    input: TransactWriteItemsInput,
) -> Result<TransactWriteItemsOutput> {
    let metrics = collection::Asked::of(input.return_item_collection_metrics);
    let wanted = input.return_consumed_capacity;
    let asked = Sha256::digest(format!("{:?}", input.transact_items));
    let asked = asked.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let (mut requests, mut on_failure) = (Vec::new(), Vec::new());
    for item in input.transact_items {
        let (request, wanted) = read(&cx, item)?;
        requests.push(request);
        on_failure.push(wanted);
    }
    let bytes = requests.iter().map(|request| value::size(request.action.key()));
    if bytes.sum::<usize>() > BYTES_MAX {
        return Err(AwsError::validation(
            "Collection size of items in the transaction exceeded the maximum allowed size of 4 MB",
        ));
    }
    let token = input.client_request_token.map(|token| {
        let key = (cx.caller.account.to_string(), cx.caller.region.to_string(), token);
        (key, Token { request: asked, at_ms: cx.env.now().as_millis() })
    });
    let also = Also { token, transaction: true, ..Also::default() };

    if is_done(&cx, &also).await? {
        return Ok(TransactWriteItemsOutput::default());
    }
    match write(&cx, &requests, &also).await {
        Ok(done) => {
            // A check changes no collection.
            let written = requests.iter().zip(&done).filter_map(|(request, one)| match &request.action {
                Action::Check(_) => None,
                action => Some((one.table.clone(), metrics.keep(action.key())?)),
            });
            let written = written.collect::<Vec<_>>();
            let written = written.iter().map(|(table, kept)| (table.name.as_str(), &**table, kept));
            let metrics = collection::metrics_of_all(&cx, written).await?;
            let mut units = BTreeMap::<String, Units>::new();
            for one in done {
                units.entry(one.table.name.clone()).or_default().add(&one.units);
            }
            let capacities =
                units.iter().filter_map(|(name, units)| consumed(wanted, name, units, Told::Writes));
            let capacities = capacities.collect::<Vec<_>>();
            Ok(TransactWriteItemsOutput {
                consumed_capacity: (!capacities.is_empty()).then_some(capacities),
                item_collection_metrics: metrics,
            })
        }
        Err(Stop::Refused(refused)) => Err(cancelled(refused, &on_failure)),
        Err(Stop::Failed(error)) => Err(error),
        Err(Stop::Repeated | Stop::Stale) => {
            is_done(&cx, &also).await?;
            Ok(TransactWriteItemsOutput::default())
        }
    }
}

/// Whether the transaction of this token was done already.
pub(crate) async fn is_done(cx: &Ctx, also: &Also) -> Result<bool> {
    let Some((key, token)) = &also.token else { return Ok(false) };
    let known = TOKENS.get(&cx.kv.snapshot().await?, key)?.filter(|known| !known.is_over(cx.env.now()));
    match known {
        None => Ok(false),
        Some(known) if known.request == token.request => Ok(true),
        Some(_) => Err(errors::idempotent_parameter_mismatch_exception(
            "ClientRequestToken was used with different parameters before",
        )),
    }
}

fn read(cx: &Ctx, item: TransactWriteItem) -> Result<(Request, OnFailure)> {
    let one = "TransactItems can only contain one of Check, Put, Update or Delete";
    match (item.condition_check, item.put, item.delete, item.update) {
        (Some(check), None, None, None) => {
            let condition = condition(
                Some(&check.condition_expression),
                check.expression_attribute_names,
                check.expression_attribute_values,
            )?;
            let action = Action::Check(value::from_wire(check.key)?);
            Ok((
                request(cx, &check.table_name, action, condition)?,
                check.return_values_on_condition_check_failure,
            ))
        }
        (None, Some(put), None, None) => {
            let condition = condition(
                put.condition_expression.as_deref(),
                put.expression_attribute_names,
                put.expression_attribute_values,
            )?;
            let action = Action::Put(value::from_wire(put.item)?);
            Ok((
                request(cx, &put.table_name, action, condition)?,
                put.return_values_on_condition_check_failure,
            ))
        }
        (None, None, Some(delete), None) => {
            let condition = condition(
                delete.condition_expression.as_deref(),
                delete.expression_attribute_names,
                delete.expression_attribute_values,
            )?;
            let action = Action::Delete(value::from_wire(delete.key)?);
            Ok((
                request(cx, &delete.table_name, action, condition)?,
                delete.return_values_on_condition_check_failure,
            ))
        }
        (None, None, None, Some(update)) => {
            let given = update.condition_expression.is_some();
            let mut scope = Scope::new(
                update.expression_attribute_names,
                update.expression_attribute_values,
                &[("UpdateExpression", true, true), ("ConditionExpression", given, true)],
            )?;
            let change = Update::parse(&update.update_expression, &mut scope)?;
            let parse = |text: &String| Condition::parse("ConditionExpression", text, &mut scope);
            let condition = update.condition_expression.as_ref().map(parse).transpose()?;
            scope.finish()?;
            let action = Action::Update(value::from_wire(update.key)?, change);
            Ok((
                request(cx, &update.table_name, action, condition)?,
                update.return_values_on_condition_check_failure,
            ))
        }
        _ => Err(AwsError::validation(one)),
    }
}

fn request(cx: &Ctx, table: &str, action: Action, condition: Option<Condition>) -> Result<Request> {
    Ok(Request { table: table::key(&cx.caller, table)?, action, condition })
}

fn condition(text: Option<&str>, names: Names, values: Option<WireItem>) -> Result<Option<Condition>> {
    let mut scope = Scope::new(names, values, &[("ConditionExpression", text.is_some(), true)])?;
    let condition = text.map(|text| Condition::parse("ConditionExpression", text, &mut scope)).transpose()?;
    scope.finish()?;
    Ok(condition)
}

/// `TransactionCanceledException` with each part's reason.
pub(crate) fn cancelled(refused: Vec<Option<Refusal>>, on_failure: &[OnFailure]) -> AwsError {
    let reasons = refused.into_iter().zip(on_failure).map(|(refusal, wanted)| match refusal {
        None => CancellationReason { code: Some("None".to_owned()), ..CancellationReason::default() },
        Some(Refusal::Condition(old)) => CancellationReason {
            item: old
                .filter(|_| *wanted == Some(ReturnValuesOnConditionCheckFailure::AllOld))
                .map(value::to_wire),
            code: Some("ConditionalCheckFailed".to_owned()),
            message: Some("The conditional request failed".to_owned()),
        },
        Some(Refusal::Duplicate) => CancellationReason {
            item: None,
            code: Some("DuplicateItem".to_owned()),
            message: Some("Duplicate primary key exists in table".to_owned()),
        },
        Some(Refusal::Invalid(error)) => CancellationReason {
            item: None,
            code: Some("ValidationError".to_owned()),
            message: error.message,
        },
    });
    let reasons = reasons.collect::<Vec<_>>();
    let codes = reasons.iter().filter_map(|reason| reason.code.as_deref()).collect::<Vec<_>>().join(", ");
    errors::transaction_canceled_exception(format!(
        "Transaction cancelled, please refer cancellation reasons for specific reasons [{codes}]"
    ))
    .with("CancellationReasons", reasons.into_value())
}
