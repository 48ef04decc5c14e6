//! Concurrency that functions set aside: what they reserve, and what that leaves for all others.

use std::collections::HashMap;

use api_lambda::errors;
use aws_wire::{AwsError, Result};
use kv::{Read, Span};
use serde::{Deserialize, Serialize};
use tokio::sync::{Mutex, OnceCell};

use crate::Ctx;
use crate::keys::{FunctionKey, PROVISIONED, RESERVED};
use crate::name::FunctionName;
use crate::published::of_function;

/// What must be left for functions that reserve nothing; accounts that have less keep all of it.
const UNRESERVED_MIN: u32 = 100;

/// A function's reserved concurrency as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Reserved {
    /// Of this layout; readers of a later one still read it.
    pub format: u32,
    pub concurrent_executions: u32,
}

/// Reserved concurrency on its way from the store to the pools.
#[derive(Default)]
pub(crate) struct Reservations {
    loaded: OnceCell<()>,
    applying: Mutex<()>,
}

/// Whatever is stored is honoured from here on.
///
/// # Errors
/// Those of the store.
pub(crate) async fn load(cx: &Ctx) -> Result<()> {
    let load = || async {
        let stored = RESERVED.all(&cx.kv.snapshot().await?, &Span::all())?;
        for (key, reserved) in stored {
            reserve(cx, &key, Some(&reserved));
        }
        Ok::<_, AwsError>(())
    };
    cx.state.reservations.loaded.get_or_try_init(load).await?;
    Ok(())
}

/// A function's reserved concurrency has changed in the store, or the function is gone.
///
/// # Errors
/// Those of the store.
pub(crate) async fn apply(cx: &Ctx, key: &FunctionKey) -> Result<()> {
    load(cx).await?;
    // One at a time, so that the one that is applied last is the one that was stored last.
    let _applying = cx.state.reservations.applying.lock().await;
    let stored = RESERVED.get(&cx.kv.snapshot().await?, key)?;
    reserve(cx, key, stored.as_ref());
    Ok(())
}

fn reserve(cx: &Ctx, key: &FunctionKey, stored: Option<&Reserved>) {
    let (account, region, _) = key;
    let arn = FunctionName::of(key).arn();
    cx.state.pools.reserve((account, region), &arn, stored.map(|reserved| reserved.concurrent_executions));
}

/// The account's limit in this region.
pub(crate) fn limit(cx: &Ctx) -> u32 {
    u32::try_from(cx.state.pools.concurrency_max()).unwrap_or(u32::MAX)
}

/// What must be left unreserved.
pub(crate) fn unreserved_min(cx: &Ctx) -> u32 {
    UNRESERVED_MIN.min(limit(cx))
}

/// What is left for functions that set nothing aside, not counting what `except` sets aside.
///
/// # Errors
/// Those of the store.
pub(crate) fn unreserved(
    cx: &Ctx,
    reader: &impl Read,
    (account, region): (&str, &str),
    except: Option<&FunctionKey>,
) -> Result<u32> {
    let mut aside = HashMap::<FunctionKey, u32>::new();
    for ((account, region, name, _), config) in PROVISIONED.all(reader, &Span::prefix(&(account, region)))? {
        *aside.entry((account, region, name)).or_default() += config.requested;
    }
    // What is provisioned is a part of what is reserved.
    for (key, reserved) in RESERVED.all(reader, &Span::prefix(&(account, region)))? {
        aside.insert(key, reserved.concurrent_executions);
    }
    let others = aside.iter().filter(|(key, _)| Some(*key) != except).map(|(_, aside)| *aside);
    Ok(others.fold(limit(cx), u32::saturating_sub))
}

/// What is provisioned of all versions and aliases of a function but `except`.
///
/// # Errors
/// Those of the store.
pub(crate) fn provisioned(reader: &impl Read, key: &FunctionKey, except: Option<&str>) -> Result<u32> {
    let configs = PROVISIONED.all(reader, &of_function(key))?;
    let others = configs.iter().filter(|((.., qualifier), _)| Some(qualifier.as_str()) != except);
    Ok(others.map(|(_, config)| config.requested).sum())
}

/// Checks that a function may reserve `wanted`, in AWS's order.
///
/// # Errors
/// 400 when too little would be left for others, or more is provisioned.
pub(crate) fn check_reserved(cx: &Ctx, reader: &impl Read, key: &FunctionKey, wanted: u32) -> Result<()> {
    let (account, region, _) = key;
    let provisioned = provisioned(reader, key, None)?;
    let before = RESERVED.get(reader, key)?.map_or(provisioned, |reserved| reserved.concurrent_executions);
    let left = unreserved(cx, reader, (account, region), Some(key))?.checked_sub(wanted);
    let least = unreserved_min(cx);
    if wanted > before && left.is_none_or(|left| left < least) {
        return Err(errors::invalid_parameter_value_exception(format!(
            "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below \
             its minimum value of [{least}]."
        )));
    }
    if wanted < provisioned {
        // The spaces are AWS's.
        return Err(errors::invalid_parameter_value_exception(format!(
            " ReservedConcurrentExecutions  {wanted} should not be lower than function's total provisioned concurrency \
             [{provisioned}]."
        )));
    }
    Ok(())
}

/// The function that an operation on reserved concurrency names.
///
/// # Errors
/// 400 when a version or an alias is named.
pub(crate) fn parse(cx: &Ctx, function_name: &str) -> Result<FunctionName> {
    let name = FunctionName::parse(&cx.caller, function_name, None)?;
    if name.qualifier.is_some() {
        return Err(errors::invalid_parameter_value_exception(
            "This operation is permitted on Lambda functions only. Aliases and versions do not support this operation. \
             Please specify either a function name or an unqualified function ARN.",
        ));
    }
    Ok(name)
}
