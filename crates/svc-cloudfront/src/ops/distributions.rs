//! Distributions: made, read, changed, deleted, listed.

use api_cloudfront::{
    CacheBehavior, CreateDistributionInput, CreateDistributionOutput, CreateDistributionWithTagsInput,
    CreateDistributionWithTagsOutput, DeleteDistributionInput, Distribution, DistributionConfig,
    DistributionIdList, DistributionList, GetDistributionConfigInput, GetDistributionConfigOutput,
    GetDistributionInput, GetDistributionOutput, ListDistributionsByCachePolicyIdInput,
    ListDistributionsByCachePolicyIdOutput, ListDistributionsByOriginRequestPolicyIdInput,
    ListDistributionsByOriginRequestPolicyIdOutput, ListDistributionsByResponseHeadersPolicyIdInput,
    ListDistributionsByResponseHeadersPolicyIdOutput, ListDistributionsInput, ListDistributionsOutput,
    UpdateDistributionInput, UpdateDistributionOutput,
};
use aws_wire::Result;

use super::tags;
use crate::Ctx;
use crate::distribution::edge_functions::check_functions;
use crate::distribution::{Distributions, IN_PROGRESS, behaviors, filled, summary};
use crate::policies::{CachePolicies, OriginRequestPolicies, ResponseHeadersPolicies};
use crate::things::{self, Kind, Page, Tags, Thing, location};

/// What a change answers: it takes effect at once, and AWS's tools wait for that to be said of it.
fn changed(cx: &Ctx, thing: Thing<DistributionConfig>) -> Distribution {
    Distribution { status: IN_PROGRESS.to_owned(), ..Distributions::show(cx, thing) }
}

async fn create(cx: &Ctx, config: DistributionConfig, tags: Tags) -> Result<Thing<DistributionConfig>> {
    let config = filled(config);
    check_functions(cx, &config).await?;
    things::create::<Distributions>(cx, config, tags).await
}

pub(crate) async fn create_distribution(
    cx: Ctx,
    input: CreateDistributionInput,
) -> Result<CreateDistributionOutput> {
    let made = create(&cx, input.distribution_config, Tags::new()).await?;
    Ok(CreateDistributionOutput {
        location: Some(location(&cx, "distribution", &made.id)),
        e_tag: Some(made.record.etag.clone()),
        distribution: Some(changed(&cx, made)),
    })
}

pub(crate) async fn create_distribution_with_tags(
    cx: Ctx,
    input: CreateDistributionWithTagsInput,
) -> Result<CreateDistributionWithTagsOutput> {
    let input = input.distribution_config_with_tags;
    let tags = tags::read(input.tags)?;
    let made = create(&cx, input.distribution_config, tags).await?;
    Ok(CreateDistributionWithTagsOutput {
        location: Some(location(&cx, "distribution", &made.id)),
        e_tag: Some(made.record.etag.clone()),
        distribution: Some(changed(&cx, made)),
    })
}

pub(crate) async fn get_distribution(cx: Ctx, input: GetDistributionInput) -> Result<GetDistributionOutput> {
    let found = things::get::<Distributions>(&cx, &input.id).await?;
    let e_tag = Some(found.record.etag.clone());
    Ok(GetDistributionOutput { e_tag, distribution: Some(Distributions::show(&cx, found)) })
}

pub(crate) async fn get_distribution_config(
    cx: Ctx,
    input: GetDistributionConfigInput,
) -> Result<GetDistributionConfigOutput> {
    let found = things::get::<Distributions>(&cx, &input.id).await?;
    let e_tag = Some(found.record.etag);
    Ok(GetDistributionConfigOutput { e_tag, distribution_config: Some(found.config) })
}

pub(crate) async fn update_distribution(
    cx: Ctx,
    input: UpdateDistributionInput,
) -> Result<UpdateDistributionOutput> {
    let config = filled(input.distribution_config);
    check_functions(&cx, &config).await?;
    let updated = things::update::<Distributions>(&cx, &input.id, input.if_match.as_deref(), config).await?;
    let e_tag = Some(updated.record.etag.clone());
    Ok(UpdateDistributionOutput { e_tag, distribution: Some(changed(&cx, updated)) })
}

pub(crate) async fn delete_distribution(cx: Ctx, input: DeleteDistributionInput) -> Result<()> {
    things::delete::<Distributions>(&cx, &input.id, input.if_match.as_deref()).await?;
    cx.state.cache.forget(&input.id);
    Ok(())
}

pub(crate) async fn list_distributions(
    cx: Ctx,
    input: ListDistributionsInput,
) -> Result<ListDistributionsOutput> {
    let all = things::all::<Distributions>(&cx.kv.snapshot().await?, &cx.caller.account)?;
    let all = all.into_iter().map(|thing| (thing.id.clone(), summary(&cx, thing)));
    let page = Page::of(all, input.marker, input.max_items.as_deref())?;
    let quantity = page.quantity();
    Ok(ListDistributionsOutput {
        distribution_list: Some(DistributionList {
            marker: page.marker,
            is_truncated: page.next.is_some(),
            next_marker: page.next,
            max_items: page.max,
            quantity,
            items: Page::some(page.items),
        }),
    })
}

/// The ids of the distributions with a behavior of which this is so.
async fn using(
    cx: &Ctx,
    marker: Option<String>,
    max: Option<&str>,
    is_so: impl Fn(&CacheBehavior) -> bool,
) -> Result<DistributionIdList> {
    let all = things::all::<Distributions>(&cx.kv.snapshot().await?, &cx.caller.account)?;
    let using = all.into_iter().filter(|thing| behaviors(&thing.config).iter().any(&is_so));
    let page = Page::of(using.map(|thing| (thing.id.clone(), thing.id)), marker, max)?;
    let quantity = page.quantity();
    Ok(DistributionIdList {
        marker: page.marker,
        is_truncated: page.next.is_some(),
        next_marker: page.next,
        max_items: page.max,
        quantity,
        items: Page::some(page.items),
    })
}

pub(crate) async fn list_distributions_by_cache_policy_id(
    cx: Ctx,
    input: ListDistributionsByCachePolicyIdInput,
) -> Result<ListDistributionsByCachePolicyIdOutput> {
    let id = things::get::<CachePolicies>(&cx, &input.cache_policy_id).await?.id;
    let is_so = |behavior: &CacheBehavior| behavior.cache_policy_id.as_ref() == Some(&id);
    let list = using(&cx, input.marker, input.max_items.as_deref(), is_so).await?;
    Ok(ListDistributionsByCachePolicyIdOutput { distribution_id_list: Some(list) })
}

pub(crate) async fn list_distributions_by_origin_request_policy_id(
    cx: Ctx,
    input: ListDistributionsByOriginRequestPolicyIdInput,
) -> Result<ListDistributionsByOriginRequestPolicyIdOutput> {
    let id = things::get::<OriginRequestPolicies>(&cx, &input.origin_request_policy_id).await?.id;
    let is_so = |behavior: &CacheBehavior| behavior.origin_request_policy_id.as_ref() == Some(&id);
    let list = using(&cx, input.marker, input.max_items.as_deref(), is_so).await?;
    Ok(ListDistributionsByOriginRequestPolicyIdOutput { distribution_id_list: Some(list) })
}

pub(crate) async fn list_distributions_by_response_headers_policy_id(
    cx: Ctx,
    input: ListDistributionsByResponseHeadersPolicyIdInput,
) -> Result<ListDistributionsByResponseHeadersPolicyIdOutput> {
    let id = things::get::<ResponseHeadersPolicies>(&cx, &input.response_headers_policy_id).await?.id;
    let is_so = |behavior: &CacheBehavior| behavior.response_headers_policy_id.as_ref() == Some(&id);
    let list = using(&cx, input.marker, input.max_items.as_deref(), is_so).await?;
    Ok(ListDistributionsByResponseHeadersPolicyIdOutput { distribution_id_list: Some(list) })
}
