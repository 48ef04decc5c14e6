//! `ListApiDestinations`: by name.

use api_events::{ApiDestination, ListApiDestinationsInput, ListApiDestinationsOutput};
use aws_wire::Result;
use kv::{Span, StartsWith};

use crate::keys::API_DESTINATIONS;
use crate::{Ctx, api_destination, page};

pub(crate) async fn list_api_destinations(
    cx: Ctx,
    input: ListApiDestinationsInput,
) -> Result<ListApiDestinationsOutput> {
    let (account, region) = (&*cx.caller.account, &*cx.caller.region);
    let prefix = input.name_prefix.as_deref().unwrap_or_default();
    let mut span = Span::prefix(&(account, region, StartsWith(prefix)));
    if let Some(token) = &input.next_token {
        span = span.after(&(account, region, page::after(token)?));
    }
    let snapshot = cx.kv.snapshot().await?;
    let mut rows = API_DESTINATIONS.all(&snapshot, &span)?;
    rows.retain(|(_, row)| input.connection_arn.as_ref().is_none_or(|arn| *arn == row.connection));
    let next_token = page::cut(&mut rows, page::length(input.limit), |((.., name), _)| name);
    let shown = rows.into_iter().map(|(key, destination)| {
        Ok(ApiDestination {
            api_destination_arn: Some(api_destination::arn(&key, &destination.id)),
            name: Some(key.2),
            api_destination_state: Some(destination.state(&snapshot)?),
            invocation_rate_limit_per_second: destination.shown_rate(),
            creation_time: destination.created(),
            last_modified_time: destination.modified(),
            http_method: destination.method.parse().ok(),
            connection_arn: Some(destination.connection),
            invocation_endpoint: Some(destination.endpoint),
        })
    });
    Ok(ListApiDestinationsOutput { api_destinations: Some(shown.collect::<Result<_>>()?), next_token })
}
