//! What has tags, by its ARN: identities, configuration sets, templates.

use std::collections::BTreeMap;

use api_sesv2::errors;
use aws_wire::{AwsError, Result};
use kv::{Read, Table, Tx};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::keys::{CONFIGURATION_SETS, IDENTITIES, Named, TEMPLATES};
use crate::{Ctx, account};

type Tags = BTreeMap<String, String>;

enum Kind {
    Identity,
    ConfigurationSet,
    Template,
}

/// What an ARN of the caller's names.
fn find(cx: &Ctx, arn: &str) -> Result<(Kind, Named)> {
    let (account, region) = account::key(&cx.caller);
    let resource = arn.strip_prefix(&format!("arn:aws:ses:{region}:{account}:"));
    let (kind, name) = resource
        .and_then(|resource| resource.split_once('/'))
        .ok_or_else(|| errors::bad_request_exception(format!("Invalid resource ARN <{arn}>.")))?;
    let kind = match kind {
        "identity" => Kind::Identity,
        "configuration-set" => Kind::ConfigurationSet,
        "template" => Kind::Template,
        kind => {
            let parameter = format!("ResourceArn of a {kind}");
            return Err(AwsError::parameter_not_implemented("TagResource", &parameter));
        }
    };
    Ok((kind, (account, region, name.to_owned())))
}

fn absent(arn: &str) -> AwsError {
    errors::not_found_exception(format!("Resource <{arn}> does not exist."))
}

/// The tags of a resource.
///
/// # Errors
/// 404 without the resource, 400 for what names none.
pub(crate) fn of(cx: &Ctx, reader: &impl Read, arn: &str) -> Result<Tags> {
    let (kind, key) = find(cx, arn)?;
    let tags = match kind {
        Kind::Identity => IDENTITIES.get(reader, &key)?.map(|one| one.tags),
        Kind::ConfigurationSet => CONFIGURATION_SETS.get(reader, &key)?.map(|one| one.tags),
        Kind::Template => TEMPLATES.get(reader, &key)?.map(|one| one.tags),
    };
    tags.ok_or_else(|| absent(arn))
}

/// Changes the tags of a resource.
///
/// # Errors
/// Those of [`of`], and what `change` says.
pub(crate) async fn change(cx: &Ctx, arn: &str, change: impl Fn(&mut Tags) -> Result<()>) -> Result<()> {
    let (kind, key) = find(cx, arn)?;
    cx.kv
        .transact(|tx| match kind {
            Kind::Identity => put(tx, &IDENTITIES, &key, arn, |one| change(&mut one.tags)),
            Kind::ConfigurationSet => put(tx, &CONFIGURATION_SETS, &key, arn, |one| change(&mut one.tags)),
            Kind::Template => put(tx, &TEMPLATES, &key, arn, |one| change(&mut one.tags)),
        })
        .await
}

fn put<V: Serialize + DeserializeOwned>(
    tx: &mut Tx,
    table: &Table<Named, V>,
    key: &Named,
    arn: &str,
    change: impl Fn(&mut V) -> Result<()>,
) -> Result<()> {
    let mut value = table.get(tx, key)?.ok_or_else(|| absent(arn))?;
    change(&mut value)?;
    Ok(table.put(tx, key, &value)?)
}
