//! `ListConfigurationSets`

use api_ses::{ConfigurationSet, ListConfigurationSetsInput, ListConfigurationSetsOutput};
use aws_wire::Result;

use crate::keys::CONFIGURATION_SETS;
use crate::page::{self, LENGTH_MAX, Page};
use crate::refusal::Refusal;
use crate::{Ctx, account};

pub(crate) async fn list_configuration_sets(
    cx: Ctx,
    input: ListConfigurationSetsInput,
) -> Result<ListConfigurationSetsOutput> {
    let page = Page::new(input.next_token.as_ref(), input.max_items, LENGTH_MAX);
    let snapshot = cx.kv.snapshot().await?;
    let (rows, next_token) =
        page::rows(&snapshot, &CONFIGURATION_SETS, &account::key(&cx.caller), &page).map_err(Refusal::v1)?;
    let sets = rows.into_iter().map(|(name, _)| ConfigurationSet { name });
    Ok(ListConfigurationSetsOutput { configuration_sets: Some(sets.collect()), next_token })
}
