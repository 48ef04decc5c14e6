//! Tags of APIs and stages.

use std::collections::BTreeMap;

use api_apigatewayv2::{
    GetTagsInput, GetTagsOutput, TagResourceInput, TagResourceOutput, UntagResourceInput,
};
use aws_wire::{AwsError, Result};
use kv::{Read, Tx};

use crate::keys::{APIS, STAGES, part};
use crate::refusal::{no_api, no_part};
use crate::tags::{self, Tagged};
use crate::{Ctx, api, stage};

enum Found {
    Api(api::Api),
    Stage(stage::Stage),
}

fn find(cx: &Ctx, reader: &impl Read, tagged: &Tagged) -> Result<Found> {
    let api = APIS.get(reader, &tagged.api)?.ok_or_else(|| no_api(cx, &tagged.api.2))?;
    let Some(name) = &tagged.stage else { return Ok(Found::Api(api)) };
    let stage = STAGES.get(reader, &part(&tagged.api, name))?;
    stage.map(Found::Stage).ok_or_else(|| no_part("stage", name))
}

async fn change(cx: &Ctx, arn: &str, change: impl Fn(&mut BTreeMap<String, String>)) -> Result<()> {
    let tagged = Tagged::parse(cx, arn)?;
    let store = |tx: &mut Tx| {
        match find(cx, tx, &tagged)? {
            Found::Api(mut api) => {
                change(&mut api.tags);
                tags::check(&api.tags)?;
                APIS.put(tx, &tagged.api, &api)?;
            }
            Found::Stage(mut stage) => {
                change(&mut stage.tags);
                tags::check(&stage.tags)?;
                STAGES.put(tx, &part(&tagged.api, tagged.stage.as_deref().unwrap_or_default()), &stage)?;
            }
        }
        Ok::<_, AwsError>(())
    };
    cx.kv.transact(store).await
}

pub(crate) async fn get_tags(cx: Ctx, input: GetTagsInput) -> Result<GetTagsOutput> {
    let tagged = Tagged::parse(&cx, &input.resource_arn)?;
    let tags = match find(&cx, &cx.kv.snapshot().await?, &tagged)? {
        Found::Api(api) => api.tags,
        Found::Stage(stage) => stage.tags,
    };
    Ok(GetTagsOutput { tags: Some(tags) })
}

pub(crate) async fn tag_resource(cx: Ctx, input: TagResourceInput) -> Result<TagResourceOutput> {
    let given = input.tags.unwrap_or_default();
    change(&cx, &input.resource_arn, |tags| tags.extend(given.clone())).await?;
    Ok(TagResourceOutput {})
}

pub(crate) async fn untag_resource(cx: Ctx, input: UntagResourceInput) -> Result<()> {
    change(&cx, &input.resource_arn, |tags| tags.retain(|key, _| !input.tag_keys.contains(key))).await
}
