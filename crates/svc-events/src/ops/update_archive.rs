//! `UpdateArchive`: what it does not say stays.

use api_events::{ArchiveState, UpdateArchiveInput, UpdateArchiveOutput};
use aws_wire::{AwsError, Result};

use crate::bus::revise;
use crate::keys::ARCHIVES;
use crate::{Ctx, archive, keys};

pub(crate) async fn update_archive(cx: Ctx, input: UpdateArchiveInput) -> Result<UpdateArchiveOutput> {
    let pattern = input.event_pattern.as_deref().filter(|pattern| !pattern.is_empty());
    archive::check("UpdateArchive", pattern, input.kms_key_identifier.as_deref())?;
    let key = keys::own(&cx, &input.archive_name);
    let archive = cx
        .kv
        .transact(|tx| {
            let mut archive = archive::find(tx, &key)?;
            if let Some(description) = &input.description {
                archive.description = Some(description.clone());
            }
            if let Some(pattern) = pattern {
                archive.pattern = Some(pattern.to_owned());
            }
            if let Some(days) = input.retention_days {
                archive.retention_days = days.try_into().unwrap_or(0);
            }
            ARCHIVES.put(tx, &key, &archive)?;
            revise(tx, &archive::bus_of(&key, &archive))?;
            Ok::<_, AwsError>(archive)
        })
        .await?;
    Ok(UpdateArchiveOutput {
        archive_arn: Some(archive::arn(&key)),
        state: Some(ArchiveState::Enabled),
        state_reason: None,
        creation_time: Some(archive.created()),
    })
}
