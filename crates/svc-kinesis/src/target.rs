//! What other services send to streams: one record each.

use service::{Caller, Delivery, Sender, TargetArn, Undelivered};

use crate::keys::STREAMS;
use crate::put::{self, Failure, Request};
use crate::stream::{self, Named};
use crate::{Ctx, policy};

async fn find(cx: &Ctx, arn: &TargetArn) -> Result<Named, Undelivered> {
    let key = stream::key_of_arn(arn.as_str()).ok_or_else(|| Undelivered::Invalid(arn.to_string()))?;
    let failed = |error: kv::Error| Undelivered::Failed(error.to_string());
    let snapshot = cx.kv.snapshot().await.map_err(failed)?;
    let stream = STREAMS.get(&snapshot, &key).map_err(failed)?;
    let stream = stream.ok_or_else(|| Undelivered::NotFound(arn.to_string()))?;
    Ok(Named { key, stream })
}

/// Whether there is such a stream.
///
/// # Errors
/// Why not.
pub(crate) async fn check(cx: Ctx, arn: TargetArn) -> Result<(), Undelivered> {
    find(&cx, &arn).await.map(drop)
}

/// Puts a record for another service, if it may: with a role of the stream's account, or as the stream's policy says.
///
/// # Errors
/// Why not.
pub(crate) async fn deliver(cx: Ctx, delivery: Delivery) -> Result<(), Undelivered> {
    let named = find(&cx, &delivery.target).await?;
    let cx = cx.as_caller(Caller::root(&named.key.0, &named.key.1));
    if !lets_in(&cx, &named, &delivery.sender) {
        return Err(Undelivered::Denied(delivery.target.to_string()));
    }
    // Who names no partition key wants no order: its records are spread.
    let key = delivery.in_order.map_or_else(|| cx.env.uuid().to_string(), |order| order.group);
    let request = Request { key: Some(&key), data: &delivery.payload, explicit_hash: None };
    let (bytes, bytes_max) = (request.bytes(), named.stream.record_bytes_max());
    if bytes > bytes_max {
        return Err(Undelivered::TooLarge { bytes, bytes_max });
    }
    let chance = put::chance(&cx, &named.stream);
    let draft = request.check(&named.stream, "", chance);
    let draft = draft.map_err(|error| Undelivered::Invalid(error.message.unwrap_or_default()))?;
    let placed = put::store(&cx, &named, &[draft]).await.into_iter().next().expect("one for each record");
    match placed {
        Ok(_) => Ok(()),
        Err(Failure::Throttled(_)) => Err(Undelivered::Throttled),
        Err(Failure::Gone) => Err(Undelivered::NotFound(delivery.target.to_string())),
        Err(Failure::Failed) => Err(Undelivered::Failed("the record could not be stored".to_owned())),
    }
}

/// Whoever sends with a role of the stream's own account may; all others the policy must name.
fn lets_in(cx: &Ctx, named: &Named, sender: &Sender) -> bool {
    let document = named.stream.policy.as_deref();
    sender.role_account() == Some(&named.key.0)
        || policy::allows(document, &named.arn(), &cx.asking_as(sender), "PutRecord")
}
