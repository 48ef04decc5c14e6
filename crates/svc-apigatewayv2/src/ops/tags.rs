//! Tags of APIs, stages and domains.

use std::collections::BTreeMap;

use api_apigatewayv2::{
    GetTagsInput, GetTagsOutput, TagResourceInput, TagResourceOutput, UntagResourceInput,
};
use aws_wire::{AwsError, Result};
use execute_api::domain;
use execute_api::keys::DOMAINS;
use kv::Tx;

use crate::Ctx;
use crate::keys::{APIS, STAGES, part};
use crate::refusal::{no_api, no_part, of_domain};
use crate::tags::{self, Tagged};

/// Reads the tags of what an ARN names, and writes them back as `change` leaves them.
async fn change(
    cx: &Ctx,
    arn: &str,
    change: impl Fn(&mut BTreeMap<String, String>),
) -> Result<BTreeMap<String, String>> {
    let tagged = Tagged::parse(cx, arn)?;
    let changed = |tags: &mut BTreeMap<String, String>| {
        change(tags);
        tags::check(tags)?;
        Ok::<_, AwsError>(tags.clone())
    };
    let store = |tx: &mut Tx| {
        Ok::<_, AwsError>(match &tagged {
            Tagged::Api(key) => {
                let mut found = APIS.get(tx, key)?.ok_or_else(|| no_api(cx, &key.2))?;
                let tags = changed(&mut found.tags)?;
                APIS.put(tx, key, &found)?;
                tags
            }
            Tagged::Stage(key, name) => {
                APIS.get(tx, key)?.ok_or_else(|| no_api(cx, &key.2))?;
                let key = part(key, name);
                let mut found = STAGES.get(tx, &key)?.ok_or_else(|| no_part("stage", name))?;
                let tags = changed(&mut found.tags)?;
                STAGES.put(tx, &key, &found)?;
                tags
            }
            Tagged::Domain(key) => {
                let mut found = domain::find(tx, key).map_err(of_domain)?;
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

pub(crate) async fn tag_resource(cx: Ctx, input: TagResourceInput) -> Result<TagResourceOutput> {
    let given = input.tags.unwrap_or_default();
    change(&cx, &input.resource_arn, |tags| tags.extend(given.clone())).await?;
    Ok(TagResourceOutput {})
}

pub(crate) async fn untag_resource(cx: Ctx, input: UntagResourceInput) -> Result<()> {
    change(&cx, &input.resource_arn, |tags| tags.retain(|key, _| !input.tag_keys.contains(key)))
        .await
        .map(drop)
}
