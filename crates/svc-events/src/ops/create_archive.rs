//! `CreateArchive`: what a bus takes from now on, as far as it matches.

use api_events::{ArchiveState, CreateArchiveInput, CreateArchiveOutput, errors};
use aws_wire::{AwsError, Result};
use kv::Span;

use crate::archive::{self, Archive};
use crate::bus::revise;
use crate::keys::ARCHIVES;
use crate::refusal::{not_valid, too_many};
use crate::{Ctx, bus, keys};

/// Of one bus: an event is written to each of them in one transaction, which has a bound.
const ARCHIVES_MAX: usize = 5;

pub(crate) async fn create_archive(cx: Ctx, input: CreateArchiveInput) -> Result<CreateArchiveOutput> {
    let pattern = input.event_pattern.filter(|pattern| !pattern.is_empty());
    archive::check("CreateArchive", pattern.as_deref(), input.kms_key_identifier.as_deref())?;
    let key = keys::own(&cx, &input.archive_name);
    bus::key_of_arn(&input.event_source_arn).ok_or_else(|| not_valid("EventSourceArn"))?;
    let (id, now_ms) = (cx.env.uuid().into_bytes(), cx.env.now().as_millis());
    cx.kv
        .transact(|tx| {
            let (bus, _) = bus::own(&cx, tx, Some(&input.event_source_arn), "CreateArchive")?;
            if ARCHIVES.get(tx, &key)?.is_some() {
                let message = format!("Archive {} already exists.", key.2);
                return Err(errors::resource_already_exists_exception(message));
            }
            let of_account = ARCHIVES.all(tx, &Span::prefix(&(key.0.as_str(), key.1.as_str())))?;
            if of_account.iter().filter(|(_, archive)| archive.bus == bus.2).count() >= ARCHIVES_MAX {
                return Err(too_many());
            }
            let archive = Archive {
                id,
                bus: bus.2.clone(),
                description: input.description.clone(),
                pattern: pattern.clone(),
                retention_days: input.retention_days.and_then(|days| days.try_into().ok()).unwrap_or(0),
                created_ms: now_ms,
            };
            ARCHIVES.put(tx, &key, &archive)?;
            revise(tx, &bus)?;
            Ok::<_, AwsError>(())
        })
        .await?;
    Ok(CreateArchiveOutput {
        archive_arn: Some(archive::arn(&key)),
        state: Some(ArchiveState::Enabled),
        state_reason: None,
        creation_time: Some(env::Timestamp::from_millis(now_ms)),
    })
}
