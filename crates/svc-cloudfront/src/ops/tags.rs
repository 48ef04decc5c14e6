//! Tags of distributions.

use api_cloudfront::{
    ListTagsForResourceInput, ListTagsForResourceOutput, Tag, TagResourceInput, UntagResourceInput, errors,
};
use aws_wire::{AwsError, Result};
use kv::Tx;

use crate::Ctx;
use crate::keys::{DISTRIBUTIONS, Key};
use crate::things::{Record, Tags};

const TAGS_MAX: usize = 50;

/// Tags as a request gives them.
///
/// # Errors
/// 400 for too many, and for keys of AWS's own.
pub(crate) fn read(given: api_cloudfront::Tags) -> Result<Tags> {
    let given = given.items.unwrap_or_default();
    let tags = given.into_iter().map(|tag| (tag.key, tag.value.unwrap_or_default())).collect::<Tags>();
    check(&tags)?;
    Ok(tags)
}

fn check(tags: &Tags) -> Result<()> {
    let is_aws = |key: &String| key.to_ascii_lowercase().starts_with("aws:");
    if tags.len() > TAGS_MAX || tags.keys().any(is_aws) {
        return Err(errors::invalid_tagging("The tagging specified is not valid."));
    }
    Ok(())
}

fn missing() -> AwsError {
    errors::no_such_resource("The specified resource does not exist.")
}

/// The distribution of an ARN.
fn key(cx: &Ctx, resource: &str) -> Result<Key> {
    let (account, id) = resource
        .strip_prefix("arn:aws:cloudfront::")
        .and_then(|rest| rest.split_once(":distribution/"))
        .ok_or_else(|| errors::invalid_argument("The parameter Resource is not a distribution's ARN."))?;
    if account != &*cx.caller.account {
        return Err(missing());
    }
    Ok((account.to_owned(), id.to_owned()))
}

async fn change(cx: &Ctx, resource: &str, change: impl Fn(&mut Tags)) -> Result<()> {
    let key = key(cx, resource)?;
    let changed = cx.kv.transact(|tx: &mut Tx| {
        let mut record: Record = DISTRIBUTIONS.get(tx, &key)?.ok_or_else(missing)?;
        change(&mut record.tags);
        check(&record.tags)?;
        Ok::<_, AwsError>(DISTRIBUTIONS.put(tx, &key, &record)?)
    });
    changed.await
}

pub(crate) async fn tag_resource(cx: Ctx, input: TagResourceInput) -> Result<()> {
    let given = read(input.tags)?;
    change(&cx, &input.resource, |tags| tags.extend(given.clone())).await
}

pub(crate) async fn untag_resource(cx: Ctx, input: UntagResourceInput) -> Result<()> {
    let keys = input.tag_keys.items.unwrap_or_default();
    change(&cx, &input.resource, |tags| tags.retain(|key, _| !keys.contains(key))).await
}

pub(crate) async fn list_tags_for_resource(
    cx: Ctx,
    input: ListTagsForResourceInput,
) -> Result<ListTagsForResourceOutput> {
    let key = key(&cx, &input.resource)?;
    let record = DISTRIBUTIONS.get(&cx.kv.snapshot().await?, &key)?.ok_or_else(missing)?;
    let items = record.tags.into_iter().map(|(key, value)| Tag { key, value: Some(value) });
    Ok(ListTagsForResourceOutput { tags: api_cloudfront::Tags { items: Some(items.collect()) } })
}
