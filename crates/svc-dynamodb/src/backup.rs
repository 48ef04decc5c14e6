//! Backups: a table's items as they were at one moment, copied page by page, and kept until they are deleted.

use std::time::Duration;

use api_dynamodb::{
    BackupDescription, BackupDetails, BackupStatus, BackupSummary, BackupType, BillingMode,
    GlobalSecondaryIndexInfo, LocalSecondaryIndexInfo, ProvisionedThroughput, SourceTableDetails,
    SourceTableFeatureDetails, StreamSpecification, StreamViewType, TimeToLiveDescription, TimeToLiveStatus,
    errors,
};
use aws_wire::{AwsError, Result};
use env::Timestamp;
use kv::{Direction, Read, Span, Tx};
use serde::{Deserialize, Serialize};
use service::Caller;

use crate::Ctx;
use crate::history::{self, Claim, Task, items_at};
use crate::keys::{BACKUPS, CLAIMS, DOOMED, Id, RowKey, SAVED};
use crate::table::{self, Index, TableRecord};
use crate::value;

/// How long the backup of a deleted table is kept.
const SYSTEM_KEPT_MS: i64 = 35 * 24 * 60 * 60 * 1000;
/// How long after a failure the work is taken up again.
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// Rows looked at together.
const PAGE: usize = 100;

/// Account, region, and the end of the ARN, which begins with the time.
pub(crate) type BackupKey = (String, String, String);

/// A backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BackupRecord {
    /// What its items are kept under.
    pub id: Id,
    pub name: String,
    /// Whether the table's deletion made it.
    #[serde(default)]
    pub system: bool,
    pub created_ms: i64,
    #[serde(default)]
    pub expires_ms: Option<i64>,
    /// The table as it was.
    pub table: TableRecord,
    /// Whether all of it is there.
    #[serde(default)]
    pub complete: bool,
    /// Up to which row it is there.
    #[serde(default)]
    pub copied: Option<Vec<u8>>,
    #[serde(default)]
    pub items: i64,
    #[serde(default)]
    pub bytes: i64,
}

/// What ends the ARN of something that begins now: the time, and eight digits that tell it from others.
pub(crate) fn label(now: Timestamp, id: Id) -> String {
    format!("{:014}-{:08x}", now.as_millis(), u32::from_be_bytes([id[0], id[1], id[2], id[3]]))
}

/// The key that an ARN of `kind` names, and its table's name.
pub(crate) fn parse(caller: &Caller, arn: &str, kind: &str) -> Option<(BackupKey, String)> {
    let prefix = format!("arn:aws:dynamodb:{}:{}:table/", caller.region, caller.account);
    let (table, label) = arn.strip_prefix(&prefix)?.split_once(&format!("/{kind}/"))?;
    let key = (caller.account.to_string(), caller.region.to_string(), label.to_owned());
    Some((key, table.to_owned()))
}

/// # Errors
/// `BackupNotFoundException`.
pub(crate) fn find(reader: &impl Read, caller: &Caller, arn: &str) -> Result<(BackupKey, BackupRecord)> {
    let not_found = || errors::backup_not_found_exception(format!("Backup not found: {arn}"));
    let (key, name) = parse(caller, arn, "backup").ok_or_else(not_found)?;
    let found = BACKUPS.get(reader, &key)?.filter(|backup| backup.table.name == name);
    found.map(|backup| (key, backup)).ok_or_else(not_found)
}

/// Begins a backup of `table` as it is before the change with this number.
///
/// # Errors
/// Those of the store.
pub(crate) fn begin(
    tx: &mut Tx,
    mut table: TableRecord,
    name: String,
    (id, now, number): (Id, Timestamp, u64),
) -> Result<(BackupKey, BackupRecord)> {
    let (key, record) = made(&table, name, id, now);
    BACKUPS.put(tx, &key, &record)?;
    history::claim(tx, &mut table, id, number, Task::Backup(key.clone()))?;
    Ok((key, record))
}

/// Begins the backup of a table that is being deleted, to which nobody writes any more.
///
/// # Errors
/// Those of the store.
pub(crate) fn begin_last(tx: &mut Tx, table: &TableRecord, id: Id, now: Timestamp) -> Result<()> {
    let (key, mut record) = made(table, format!("{}$DeletedTableBackup", table.name), id, now);
    record.system = true;
    record.expires_ms = Some(now.as_millis() + SYSTEM_KEPT_MS);
    BACKUPS.put(tx, &key, &record)?;
    let claim = Claim { number: u64::MAX, table: table.key(), task: Task::Backup(key) };
    Ok(CLAIMS.put(tx, &(table.id, id), &claim)?)
}

fn made(table: &TableRecord, name: String, id: Id, now: Timestamp) -> (BackupKey, BackupRecord) {
    let key = (table.account.clone(), table.region.clone(), label(now, id));
    let record = BackupRecord {
        id,
        name,
        system: false,
        created_ms: now.as_millis(),
        expires_ms: None,
        table: table.clone(),
        complete: false,
        copied: None,
        items: 0,
        bytes: 0,
    };
    (key, record)
}

/// Takes a backup away; its items are cleared away after.
///
/// # Errors
/// Those of the store.
pub(crate) fn delete(tx: &mut Tx, key: &BackupKey, backup: &BackupRecord) -> Result<(), kv::Error> {
    BACKUPS.delete(tx, key)?;
    DOOMED.put(tx, &(backup.id, Vec::new()), &())
}

/// Makes backups until the platform stops.
pub(crate) async fn run(cx: Ctx) {
    let mut watch = cx.kv.watch(CLAIMS.prefix(&()));
    loop {
        match copy_all(&cx).await {
            Ok(true) => continue,
            Ok(false) => watch.changed().await,
            Err(error) => {
                tracing::error!(%error, cause = ?error.cause, "make backups");
                cx.env.sleep(RETRY_AFTER).await;
            }
        }
    }
}

/// Copies a page for every backup that is under way; `false` when none is.
async fn copy_all(cx: &Ctx) -> Result<bool> {
    let mut any = false;
    for ((table, copy), claim) in CLAIMS.all(&cx.kv.snapshot().await?, &Span::all())? {
        if let Task::Backup(key) = claim.task {
            any = true;
            step(cx, (table, copy), claim.number, &key).await?;
        }
    }
    Ok(any)
}

async fn step(cx: &Ctx, (table, copy): (Id, Id), number: u64, key: &BackupKey) -> Result<()> {
    let snapshot = cx.kv.snapshot().await?;
    let backup = BACKUPS.get(&snapshot, key)?;
    let copied = backup.as_ref().and_then(|backup| backup.copied.as_deref());
    let page = items_at(&snapshot, table, number, copied)?;
    let bytes = page.rows.iter().map(|(_, item)| value::size(item)).sum::<usize>();
    cx.kv
        .transact(|tx| {
            let Some(mut current) = BACKUPS.get(tx, key)? else {
                return Ok(history::release(tx, table, copy)?);
            };
            if Some(&current.copied) != backup.as_ref().map(|backup| &backup.copied) {
                return Ok(());
            }
            for (row, item) in &page.rows {
                SAVED.put(tx, &RowKey([&current.id[..], row].concat()), item)?;
            }
            current.items += i64::try_from(page.rows.len()).unwrap_or(0);
            current.bytes += i64::try_from(bytes).unwrap_or(0);
            match &page.next {
                Some(next) => current.copied = Some(next.clone()),
                None => {
                    current.complete = true;
                    history::release(tx, table, copy)?;
                }
            }
            Ok::<_, AwsError>(BACKUPS.put(tx, key, &current)?)
        })
        .await
}

/// Deletes the backups of deleted tables whose time is over.
///
/// # Errors
/// Those of the store.
pub(crate) async fn expire(cx: &Ctx) -> Result<()> {
    let now = cx.env.now().as_millis();
    let mut span = Span::all();
    loop {
        let rows = BACKUPS.scan(&cx.kv.snapshot().await?, &span, PAGE, Direction::Forward)?;
        for (key, backup) in &rows {
            if backup.complete && backup.expires_ms.is_some_and(|at| at <= now) {
                cx.kv.transact(|tx| delete(tx, key, backup)).await?;
            }
        }
        match rows.last() {
            Some((last, _)) if rows.len() == PAGE => span = Span::all().after(last),
            _ => return Ok(()),
        }
    }
}

impl BackupRecord {
    pub(crate) fn arn(&self, key: &BackupKey) -> String {
        format!("{}/backup/{}", self.table.arn(), key.2)
    }

    pub(crate) fn backup_type(&self) -> BackupType {
        if self.system { BackupType::System } else { BackupType::User }
    }

    fn status(&self) -> BackupStatus {
        if self.complete { BackupStatus::Available } else { BackupStatus::Creating }
    }

    pub(crate) fn details(&self, key: &BackupKey) -> BackupDetails {
        BackupDetails {
            backup_arn: self.arn(key),
            backup_name: self.name.clone(),
            backup_size_bytes: Some(self.bytes),
            backup_status: self.status(),
            backup_type: self.backup_type(),
            backup_creation_date_time: Timestamp::from_millis(self.created_ms),
            backup_expiry_date_time: self.expires_ms.map(Timestamp::from_millis),
        }
    }

    pub(crate) fn summary(&self, key: &BackupKey) -> BackupSummary {
        BackupSummary {
            table_name: Some(self.table.name.clone()),
            table_id: Some(env::Uuid::from_bytes(self.table.id).to_string()),
            table_arn: Some(self.table.arn()),
            backup_arn: Some(self.arn(key)),
            backup_name: Some(self.name.clone()),
            backup_creation_date_time: Some(Timestamp::from_millis(self.created_ms)),
            backup_expiry_date_time: self.expires_ms.map(Timestamp::from_millis),
            backup_status: Some(self.status()),
            backup_type: Some(self.backup_type()),
            backup_size_bytes: Some(self.bytes),
        }
    }

    pub(crate) fn describe(&self, key: &BackupKey) -> BackupDescription {
        BackupDescription {
            backup_details: Some(self.details(key)),
            source_table_details: Some(self.source()),
            source_table_feature_details: Some(self.features()),
        }
    }

    fn source(&self) -> SourceTableDetails {
        let table = &self.table;
        SourceTableDetails {
            table_name: table.name.clone(),
            table_id: env::Uuid::from_bytes(table.id).to_string(),
            table_arn: Some(table.arn()),
            table_size_bytes: Some(self.bytes),
            key_schema: table.schema.wire(),
            table_creation_date_time: Timestamp::from_millis(table.created_ms),
            provisioned_throughput: throughput(table.throughput.unwrap_or_default()),
            on_demand_throughput: None,
            item_count: Some(self.items),
            billing_mode: Some(match table.throughput {
                Some(_) => BillingMode::Provisioned,
                None => BillingMode::PayPerRequest,
            }),
        }
    }

    fn features(&self) -> SourceTableFeatureDetails {
        let table = &self.table;
        let of = |global: bool| table.visible().filter(move |index| index.global == global);
        let local = |index: &Index| LocalSecondaryIndexInfo {
            index_name: Some(index.name.clone()),
            key_schema: Some(index.schema.wire()),
            projection: Some(table::projection(&index.projected)),
        };
        let global = |index: &Index| GlobalSecondaryIndexInfo {
            index_name: Some(index.name.clone()),
            key_schema: Some(index.schema.wire()),
            projection: Some(table::projection(&index.projected)),
            provisioned_throughput: Some(throughput(index.throughput.unwrap_or_default())),
            on_demand_throughput: None,
        };
        SourceTableFeatureDetails {
            local_secondary_indexes: table::some(of(false).map(local).collect()),
            global_secondary_indexes: table::some(of(true).map(global).collect()),
            stream_description: table.writes_to().map(|stream| StreamSpecification {
                stream_enabled: true,
                stream_view_type: stream.view.parse::<StreamViewType>().ok(),
            }),
            time_to_live_description: table.time_to_live.as_ref().filter(|ttl| ttl.enabled).map(|ttl| {
                TimeToLiveDescription {
                    time_to_live_status: Some(TimeToLiveStatus::Enabled),
                    attribute_name: Some(ttl.attribute.clone()),
                }
            }),
            sse_description: None,
            vector_indexes: None,
        }
    }
}

fn throughput((reads, writes): (i64, i64)) -> ProvisionedThroughput {
    ProvisionedThroughput { read_capacity_units: reads, write_capacity_units: writes }
}
