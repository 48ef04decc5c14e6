//! `ListArchives`: by name.

use api_events::{Archive, ArchiveState, ListArchivesInput, ListArchivesOutput};
use aws_wire::{AwsError, Result};
use kv::{Span, StartsWith};

use crate::keys::ARCHIVES;
use crate::{Ctx, archive, bus, page};

pub(crate) async fn list_archives(cx: Ctx, input: ListArchivesInput) -> Result<ListArchivesOutput> {
    let said = usize::from(input.name_prefix.is_some())
        + usize::from(input.event_source_arn.is_some())
        + usize::from(input.state.is_some());
    if said > 1 {
        return Err(AwsError::validation(
            "At most one filter is allowed for ListArchives. Use either : State, EventSourceArn, or NamePrefix.",
        ));
    }
    let (account, region) = (&*cx.caller.account, &*cx.caller.region);
    let prefix = input.name_prefix.as_deref().unwrap_or_default();
    let mut span = Span::prefix(&(account, region, StartsWith(prefix)));
    if let Some(token) = &input.next_token {
        span = span.after(&(account, region, page::after(token)?));
    }
    let snapshot = cx.kv.snapshot().await?;
    let mut rows = ARCHIVES.all(&snapshot, &span)?;
    rows.retain(|(key, archive)| {
        let of_bus = bus::arn(&archive::bus_of(key, archive));
        input.event_source_arn.as_ref().is_none_or(|arn| *arn == of_bus)
            && input.state.is_none_or(|state| state == ArchiveState::Enabled)
    });
    let next_token = page::cut(&mut rows, page::length(input.limit), |((.., name), _)| name);
    let archives = rows.into_iter().map(|(key, archive)| {
        let (count, bytes) = archive.size(&snapshot)?;
        Ok(Archive {
            event_source_arn: Some(bus::arn(&archive::bus_of(&key, &archive))),
            archive_name: Some(key.2),
            state: Some(ArchiveState::Enabled),
            state_reason: None,
            retention_days: archive.shown_retention(),
            size_bytes: Some(bytes),
            event_count: Some(count),
            creation_time: Some(archive.created()),
        })
    });
    Ok(ListArchivesOutput { archives: Some(archives.collect::<Result<_>>()?), next_token })
}
