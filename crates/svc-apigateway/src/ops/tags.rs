//! Tags of APIs, stages, keys, plans and domains.

use std::collections::BTreeMap;

use api_apigateway::{GetTagsInput, GetTagsOutput, TagResourceInput, UntagResourceInput, errors};
use aws_wire::{AwsError, Result};
use execute_api::keys::DOMAINS;
use execute_api::plan::{API_KEYS, PLANS};
use kv::Tx;

use crate::Ctx;
use crate::keys::{APIS, STAGES, part};
use crate::tags::{self, Tagged};

/// Reads the tags of what an ARN names, and writes them back as `change` leaves them.
async fn change(
    cx: &Ctx,
    arn: &str,
    change: impl Fn(&mut BTreeMap<String, String>),
) -> Result<BTreeMap<String, String>> {
    let tagged = Tagged::parse(cx, arn)?;
    let missing = || errors::not_found_exception(format!("Invalid resource identifier specified: {arn}"));
    let changed = |tags: &mut BTreeMap<String, String>| {
        change(tags);
        tags::check(tags)?;
        Ok::<_, AwsError>(tags.clone())
    };
    let store = |tx: &mut Tx| {
        Ok::<_, AwsError>(match &tagged {
            Tagged::Api(key) => {
                let mut found = APIS.get(tx, key)?.ok_or_else(missing)?;
                let tags = changed(&mut found.tags)?;
                APIS.put(tx, key, &found)?;
                tags
            }
            Tagged::Stage(key, name) => {
                let key = part(key, name);
                let mut found = STAGES.get(tx, &key)?.ok_or_else(missing)?;
                let tags = changed(&mut found.tags)?;
                STAGES.put(tx, &key, &found)?;
                tags
            }
            Tagged::Key(key) => {
                let mut found = API_KEYS.get(tx, key)?.ok_or_else(missing)?;
                let tags = changed(&mut found.tags)?;
                API_KEYS.put(tx, key, &found)?;
                tags
            }
            Tagged::Plan(key) => {
                let mut found = PLANS.get(tx, key)?.ok_or_else(missing)?;
                let tags = changed(&mut found.tags)?;
                PLANS.put(tx, key, &found)?;
                tags
            }
            Tagged::Domain(key) => {
                let mut found = DOMAINS.get(tx, key)?.ok_or_else(missing)?;
                let tags = changed(&mut found.tags)?;
                DOMAINS.put(tx, key, &found)?;
                tags
            }
        })
    };
    cx.kv.transact(store).await
}

pub(crate) async fn get_tags(cx: Ctx, input: GetTagsInput) -> Result<GetTagsOutput> {
    Ok(GetTagsOutput { tags: Some(change(&cx, &input.resource_arn, |_| {}).await?) })
}

pub(crate) async fn tag_resource(cx: Ctx, input: TagResourceInput) -> Result<()> {
    change(&cx, &input.resource_arn, |tags| tags.extend(input.tags.clone())).await.map(drop)
}

pub(crate) async fn untag_resource(cx: Ctx, input: UntagResourceInput) -> Result<()> {
    change(&cx, &input.resource_arn, |tags| tags.retain(|key, _| !input.tag_keys.contains(key)))
        .await
        .map(drop)
}
