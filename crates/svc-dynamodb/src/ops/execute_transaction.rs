//! `ExecuteTransaction`: up to a hundred statements, all reads or all writes, as one.

use std::collections::BTreeMap;

use api_dynamodb::{ExecuteTransactionInput, ExecuteTransactionOutput, ItemResponse, ReturnConsumedCapacity};
use aws_wire::{AwsError, Result};
use sha2::{Digest as _, Sha256};

use crate::Ctx;
use crate::capacity::{Told, Units, consumed};
use crate::keys::Token;
use crate::partiql::{self, Statement};
use crate::value;
use crate::write::{Also, Refusal, Stop, write};

use super::transact_write_items::{OnFailure, cancelled, is_done};

pub(crate) async fn execute_transaction(
    cx: Ctx,
    input: ExecuteTransactionInput,
) -> Result<ExecuteTransactionOutput> {
    let asked = Sha256::digest(format!("{:?}", input.transact_statements));
    let asked = asked.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let (mut statements, mut on_failure) = (Vec::new(), Vec::new());
    for one in input.transact_statements {
        statements.push(partiql::read(&one.statement, one.parameters)?);
        on_failure.push(one.return_values_on_condition_check_failure);
    }
    let reads = statements.iter().filter(|statement| matches!(statement, Statement::Select(_))).count();
    if reads == statements.len() {
        return read_all(&cx, statements, input.return_consumed_capacity).await;
    }
    if reads > 0 {
        return Err(AwsError::validation(
            "ExecuteTransaction API does not support both read and write operations in the same request.",
        ));
    }
    let token = input.client_request_token.map(|token| {
        let key = (cx.caller.account.to_string(), cx.caller.region.to_string(), token);
        (key, Token { request: asked, at_ms: cx.env.now().as_millis() })
    });
    let also = Also { token, transaction: true, ..Also::default() };
    write_all(&cx, &statements, &on_failure, &also, input.return_consumed_capacity).await
}

async fn read_all(
    cx: &Ctx,
    statements: Vec<Statement>,
    wanted: Option<ReturnConsumedCapacity>,
) -> Result<ExecuteTransactionOutput> {
    let snapshot = cx.kv.snapshot().await?;
    let (mut responses, mut units) = (Vec::new(), BTreeMap::<String, Units>::new());
    for statement in statements {
        let Statement::Select(select) = statement else { continue };
        let mut selected = partiql::select(cx, &snapshot, select, true, Some(2), None)?;
        if selected.found.items.len() > 1 {
            return Err(AwsError::validation(
                "Select statements within ExecuteTransaction must specify the primary key in the where clause.",
            ));
        }
        let own = units.entry(selected.table).or_default();
        // A transaction's read costs twice.
        own.add(&selected.units);
        own.add(&selected.units);
        responses.push(ItemResponse { item: selected.found.items.pop().map(value::to_wire) });
    }
    Ok(output(responses, &units, wanted, Told::Reads))
}

async fn write_all(
    cx: &Ctx,
    statements: &[Statement],
    on_failure: &[OnFailure],
    also: &Also,
    wanted: Option<ReturnConsumedCapacity>,
) -> Result<ExecuteTransactionOutput> {
    let mut requests = Vec::new();
    for statement in statements {
        requests.extend(partiql::write_request(cx, statement).await?);
    }
    let nothing = || {
        output(
            statements.iter().map(|_| ItemResponse::default()).collect(),
            &BTreeMap::new(),
            None,
            Told::Writes,
        )
    };
    if is_done(cx, also).await? {
        return Ok(nothing());
    }
    match write(cx, &requests, also).await {
        Ok(done) => {
            let (mut responses, mut units) = (Vec::new(), BTreeMap::<String, Units>::new());
            for (statement, one) in statements.iter().zip(done) {
                units.entry(one.table.name.clone()).or_default().add(&one.units);
                let item = partiql::returned(statement, one).map(value::to_wire);
                responses.push(ItemResponse { item });
            }
            Ok(output(responses, &units, wanted, Told::Writes))
        }
        Err(Stop::Refused(refused)) => {
            let refused =
                refused.into_iter().zip(statements).map(|(refusal, statement)| match (refusal, statement) {
                    (Some(Refusal::Condition(_)), Statement::Insert { .. }) => Some(Refusal::Duplicate),
                    (refusal, _) => refusal,
                });
            Err(cancelled(refused.collect(), on_failure))
        }
        Err(Stop::Failed(error)) => Err(error),
        Err(Stop::Repeated | Stop::Stale) => {
            is_done(cx, also).await?;
            Ok(nothing())
        }
    }
}

fn output(
    responses: Vec<ItemResponse>,
    units: &BTreeMap<String, Units>,
    wanted: Option<ReturnConsumedCapacity>,
    told: Told,
) -> ExecuteTransactionOutput {
    let capacities =
        units.iter().filter_map(|(name, units)| consumed(wanted, name, units, told)).collect::<Vec<_>>();
    ExecuteTransactionOutput {
        responses: Some(responses),
        consumed_capacity: (!capacities.is_empty()).then_some(capacities),
    }
}
