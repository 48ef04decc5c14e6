//! `ListConfigurationSets`

use api_sesv2::{ListConfigurationSetsInput, ListConfigurationSetsOutput};
use aws_wire::Result;

use super::refuse;
use crate::keys::CONFIGURATION_SETS;
use crate::page::{self, LENGTH_MAX, Page};
use crate::refusal::Refusal;
use crate::{Ctx, account};

pub(crate) async fn list_configuration_sets(
    cx: Ctx,
    input: ListConfigurationSetsInput,
) -> Result<ListConfigurationSetsOutput> {
    let filtered = input.filter.is_some_and(|filter| !filter.is_empty());
    refuse("ListConfigurationSets", &[("Filter", filtered)])?;
    let page = Page::new(input.next_token.as_ref(), input.page_size, LENGTH_MAX);
    let snapshot = cx.kv.snapshot().await?;
    let (rows, next_token) =
        page::rows(&snapshot, &CONFIGURATION_SETS, &account::key(&cx.caller), &page).map_err(Refusal::v2)?;
    let sets = rows.into_iter().map(|(name, _)| name);
    Ok(ListConfigurationSetsOutput { configuration_sets: Some(sets.collect()), next_token })
}
