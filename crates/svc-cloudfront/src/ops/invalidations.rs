//! Invalidations: made, read, listed.

use api_cloudfront::{
    CreateInvalidationInput, CreateInvalidationOutput, GetInvalidationInput, GetInvalidationOutput,
    InvalidationList, InvalidationSummary, ListInvalidationsInput, ListInvalidationsOutput, errors,
};
use aws_wire::Result;
use env::Timestamp;

use crate::Ctx;
use crate::distribution::{Distributions, IN_PROGRESS};
use crate::invalidation::{self, COMPLETED, Record};
use crate::keys::INVALIDATIONS;
use crate::things::{self, Page, capital_id, location};

pub(crate) async fn create_invalidation(
    cx: Ctx,
    input: CreateInvalidationInput,
) -> Result<CreateInvalidationOutput> {
    things::get::<Distributions>(&cx, &input.distribution_id).await?;
    let record = Record::new(input.invalidation_batch, &cx.env)?;
    let (key, id) = (things::key(&cx, &input.distribution_id), capital_id(&cx.env));
    let (id, record) = cx.kv.transact(|tx| invalidation::add(tx, &key, &id, &record)).await?;
    cx.state.cache.purge(&input.distribution_id, &record.paths);
    let path = format!("distribution/{}/invalidation", input.distribution_id);
    Ok(CreateInvalidationOutput {
        location: Some(location(&cx, &path, &id)),
        invalidation: Some(record.shown(id, IN_PROGRESS)),
    })
}

pub(crate) async fn get_invalidation(cx: Ctx, input: GetInvalidationInput) -> Result<GetInvalidationOutput> {
    let found = things::get::<Distributions>(&cx, &input.distribution_id).await?;
    let (account, _) = things::key(&cx, &found.id);
    let row = INVALIDATIONS.get(&cx.kv.snapshot().await?, &(account, found.id, input.id.clone()))?;
    let record =
        row.ok_or_else(|| errors::no_such_invalidation("The specified invalidation does not exist."))?;
    Ok(GetInvalidationOutput { invalidation: Some(record.shown(input.id, COMPLETED)) })
}

pub(crate) async fn list_invalidations(
    cx: Ctx,
    input: ListInvalidationsInput,
) -> Result<ListInvalidationsOutput> {
    let found = things::get::<Distributions>(&cx, &input.distribution_id).await?;
    let all = invalidation::all(&cx.kv.snapshot().await?, &things::key(&cx, &found.id))?;
    let all = all.into_iter().map(|(id, record)| {
        let create_time = Timestamp::from_millis(record.created_ms);
        (id.clone(), InvalidationSummary { id, create_time, status: COMPLETED.to_owned() })
    });
    let page = Page::of(all, input.marker, input.max_items.as_deref())?;
    let quantity = page.quantity();
    Ok(ListInvalidationsOutput {
        invalidation_list: Some(InvalidationList {
            marker: page.marker,
            is_truncated: page.next.is_some(),
            next_marker: page.next,
            max_items: page.max,
            quantity,
            items: Page::some(page.items),
        }),
    })
}
