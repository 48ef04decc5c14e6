//! `ListSuppressedDestinations`

use api_sesv2::{
    ListSuppressedDestinationsInput, ListSuppressedDestinationsOutput, SuppressedDestinationSummary, errors,
};
use aws_wire::Result;
use env::Timestamp;

use super::{reasons, refuse};
use crate::keys::SUPPRESSED;
use crate::page::{self, LENGTH_MAX, Page};
use crate::refusal::Refusal;
use crate::suppression::Suppressed;
use crate::{Ctx, account};

pub(crate) async fn list_suppressed_destinations(
    cx: Ctx,
    input: ListSuppressedDestinationsInput,
) -> Result<ListSuppressedDestinationsOutput> {
    refuse("ListSuppressedDestinations", &[("TenantName", input.tenant_name.is_some())])?;
    let page = Page::new(input.next_token.as_ref(), input.page_size, LENGTH_MAX);
    let wanted_reasons = input.reasons.map(reasons);
    let start = input.start_date.map_or(i64::MIN, Timestamp::as_micros);
    let end = input.end_date.map_or(i64::MAX, Timestamp::as_micros);
    let wanted = |listed: &Suppressed| {
        let reason = wanted_reasons.as_ref().is_none_or(|reasons| reasons.contains(&listed.reason));
        reason && (start..end).contains(&listed.updated)
    };
    // A page may have fewer than were asked for, or none, with a token for more: those that are filtered out count.
    let snapshot = cx.kv.snapshot().await?;
    let rows = page::rows(&snapshot, &SUPPRESSED, &account::key(&cx.caller), &page);
    let (rows, next_token) = rows.map_err(|refusal| match refusal {
        Refusal::Invalid(message) => errors::invalid_next_token_exception(message),
        other => other.v2(),
    })?;
    let summaries = rows.into_iter().filter(|(_, listed)| wanted(listed)).map(|(address, listed)| {
        SuppressedDestinationSummary {
            email_address: address,
            reason: listed.reason.parse().unwrap_or_default(),
            last_update_time: Timestamp::from_micros(listed.updated),
        }
    });
    let summaries = Some(summaries.collect());
    Ok(ListSuppressedDestinationsOutput { suppressed_destination_summaries: summaries, next_token })
}
