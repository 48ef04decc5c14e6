//! `DescribeArchive`

use api_events::{ArchiveState, DescribeArchiveInput, DescribeArchiveOutput};
use aws_wire::Result;

use crate::{Ctx, archive, bus, keys};

pub(crate) async fn describe_archive(cx: Ctx, input: DescribeArchiveInput) -> Result<DescribeArchiveOutput> {
    let (key, snapshot) = (keys::own(&cx, &input.archive_name), cx.kv.snapshot().await?);
    let archive = archive::find(&snapshot, &key)?;
    let (count, bytes) = archive.size(&snapshot)?;
    Ok(DescribeArchiveOutput {
        archive_arn: Some(archive::arn(&key)),
        event_source_arn: Some(bus::arn(&archive::bus_of(&key, &archive))),
        archive_name: Some(key.2),
        state: Some(ArchiveState::Enabled),
        state_reason: None,
        kms_key_identifier: None,
        retention_days: archive.shown_retention(),
        size_bytes: Some(bytes),
        event_count: Some(count),
        creation_time: Some(archive.created()),
        description: archive.description,
        event_pattern: archive.pattern,
    })
}
