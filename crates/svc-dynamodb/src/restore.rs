//! Restoring: a new table with the settings and the items of a backup, or of a table's past.

use api_dynamodb::{
    BillingMode, GlobalSecondaryIndex, LocalSecondaryIndex, OnDemandThroughput, ProvisionedThroughput,
    RestoreSummary, SSESpecification, VectorIndex, errors,
};
use aws_wire::{AwsError, Result};
use env::Timestamp;
use kv::{Direction, Read, Span, Tx};
use serde::{Deserialize, Serialize};

use crate::Ctx;
use crate::history::{self, Page, items_at};
use crate::item::indexed;
use crate::keys::{FILLED, INDEXED, ITEMS, Id, PENDING, RowKey, SAVED, TABLES, TableKey};
use crate::schema;
use crate::table::{FORMAT, Index, Status, TableRecord};
use crate::value::{Item, wrong};

/// Rows read from a backup at once, and bytes of rows written in one transaction: half of what it may hold, for the last
/// item with its index rows comes on top.
const ROWS: usize = 32;
const BYTES: usize = 4 << 20;
/// What stands for the items themselves where the progress of filling is kept; indexes begin at 1.
const OF_ITEMS: u16 = 0;

/// Where a restored table comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Restored {
    #[serde(default)]
    pub backup_arn: Option<String>,
    pub table_arn: String,
    /// As of when.
    pub at_ms: i64,
    /// Until all of it is there.
    #[serde(default)]
    pub source: Option<Source>,
}

/// What the items are copied from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Source {
    Backup(Id),
    /// A table before the change with this number.
    Past {
        table: Id,
        number: u64,
    },
}

impl Source {
    /// Whose rows are claimed meanwhile.
    pub(crate) fn claimed(&self) -> Id {
        match self {
            Self::Backup(id) | Self::Past { table: id, .. } => *id,
        }
    }
}

impl Restored {
    pub(crate) fn summary(&self) -> RestoreSummary {
        RestoreSummary {
            source_backup_arn: self.backup_arn.clone(),
            source_table_arn: Some(self.table_arn.clone()),
            restore_date_time: Timestamp::from_millis(self.at_ms),
            restore_in_progress: self.source.is_some(),
        }
    }
}

/// What a restored table is to have otherwise than its source.
pub(crate) struct Overrides {
    pub billing: Option<BillingMode>,
    pub globals: Option<Vec<GlobalSecondaryIndex>>,
    pub locals: Option<Vec<LocalSecondaryIndex>>,
    pub throughput: Option<ProvisionedThroughput>,
    pub on_demand: Option<OnDemandThroughput>,
    pub encryption: Option<SSESpecification>,
    pub vectors: Option<Vec<VectorIndex>>,
}

impl Overrides {
    /// # Errors
    /// 501 for what tables can't have here.
    pub(crate) fn refuse_unknown(&self, operation: &str) -> Result<()> {
        let globals = self.globals.as_deref().unwrap_or_default();
        let settings = [
            (
                "SSESpecificationOverride Enabled",
                self.encryption.as_ref().is_some_and(|sse| sse.enabled == Some(true)),
            ),
            (
                "OnDemandThroughputOverride",
                self.on_demand.is_some() || globals.iter().any(|index| index.on_demand_throughput.is_some()),
            ),
            (
                "GlobalSecondaryIndexOverride with WarmThroughput",
                globals.iter().any(|index| index.warm_throughput.is_some()),
            ),
            ("VectorIndexOverride", self.vectors.is_some()),
        ];
        match settings.into_iter().find(|(_, given)| *given) {
            Some((name, _)) => Err(AwsError::parameter_not_implemented(operation, name)),
            None => Ok(()),
        }
    }

    /// The new table: the source's keys, indexes, billing and class; neither its tags, stream and time to live nor its
    /// recovery and protection, as AWS has it.
    ///
    /// # Errors
    /// `ValidationException`, when an index is asked for that the source does not have.
    pub(crate) fn apply(
        &self,
        source: &TableRecord,
        key: &TableKey,
        (id, now): (Id, Timestamp),
    ) -> Result<TableRecord> {
        let on_demand = match self.billing {
            Some(mode) => mode == BillingMode::PayPerRequest,
            None => source.throughput.is_none(),
        };
        let mode = if on_demand { BillingMode::PayPerRequest } else { BillingMode::Provisioned };
        let throughput = match (source.throughput, &self.throughput) {
            (Some(kept), None) if !on_demand => Some(kept),
            (_, given) => schema::throughput(Some(mode), given.as_ref())?,
        };
        let mut indexes = self.indexes(source, mode)?;
        for (number, index) in (1..).zip(&mut indexes) {
            index.number = number;
            index.status = Status::Creating;
        }
        let used = |name: &str| source.schema.has(name) || indexes.iter().any(|index| index.schema.has(name));
        let attributes = source.attributes.iter().filter(|part| used(&part.name)).cloned().collect();
        Ok(TableRecord {
            format: FORMAT,
            id,
            version: 0,
            account: key.0.clone(),
            region: key.1.clone(),
            name: key.2.clone(),
            created_ms: now.as_millis(),
            status: Status::Creating,
            attributes,
            schema: source.schema.clone(),
            next_index: u16::try_from(indexes.len()).unwrap_or(u16::MAX) + 1,
            indexes,
            throughput,
            on_demand_since_ms: on_demand.then_some(now.as_millis()),
            increased_ms: None,
            decreased_ms: None,
            deletion_protection: false,
            class: source.class.clone(),
            stream: None,
            time_to_live: None,
            tags: std::collections::BTreeMap::new(),
            destinations: Vec::new(),
            keeps_past: false,
            recovery: None,
            restored: None,
            import: None,
        })
    }

    fn indexes(&self, source: &TableRecord, mode: BillingMode) -> Result<Vec<Index>> {
        let kept = || source.visible().filter(|index| index.status != Status::Deleting);
        let locals = match &self.locals {
            None => kept().filter(|index| !index.global).cloned().collect(),
            Some(asked) => {
                let asked =
                    asked.iter().map(|local| schema::local_index(&source.schema, &source.attributes, local));
                asked.collect::<Result<Vec<_>>>()?
            }
        };
        let globals = match &self.globals {
            None => {
                let globals = kept().filter(|index| index.global).cloned();
                globals.map(|index| rebilled(index, mode)).collect::<Result<Vec<_>>>()?
            }
            Some(asked) => {
                let asked = asked.iter().map(|global| {
                    schema::global_index(
                        "RestoreTable",
                        &source.attributes,
                        Some(mode),
                        (&global.index_name, &global.key_schema, &global.projection),
                        global.provisioned_throughput.as_ref(),
                    )
                });
                asked.collect::<Result<Vec<_>>>()?
            }
        };
        let indexes = locals.into_iter().chain(globals).collect::<Vec<_>>();
        schema::check_counts(&indexes)?;
        for index in &indexes {
            let same = |known: &Index| {
                (&known.name, known.global, &known.schema, &known.projected)
                    == (&index.name, index.global, &index.schema, &index.projected)
            };
            if !kept().any(same) {
                return Err(wrong(format!(
                    "The index {} of the override does not match an index of the source table",
                    index.name
                )));
            }
        }
        Ok(indexes)
    }
}

/// A kept index under the new table's billing mode.
fn rebilled(index: Index, mode: BillingMode) -> Result<Index> {
    match mode {
        BillingMode::PayPerRequest => Ok(Index { throughput: None, ..index }),
        BillingMode::Provisioned if index.throughput.is_none() => {
            Err(wrong(format!("ProvisionedThroughput must be specified for index: {}", index.name)))
        }
        BillingMode::Provisioned => Ok(index),
    }
}

/// Stores a table that is to be filled.
///
/// # Errors
/// `TableAlreadyExistsException`.
pub(crate) fn begin(tx: &mut Tx, table: &TableRecord) -> Result<()> {
    let key = table.key();
    if TABLES.get(tx, &key)?.is_some() {
        return Err(errors::table_already_exists_exception(format!("Table already exists: {}", table.name)));
    }
    TABLES.put(tx, &key, table)?;
    Ok(PENDING.put(tx, &key, &())?)
}

/// Puts the next page of items into a restored table.
pub(crate) async fn fill(cx: &Ctx, table: &TableRecord, source: Source) -> Result<()> {
    let snapshot = cx.kv.snapshot().await?;
    let filled = FILLED.get(&snapshot, &(table.id, OF_ITEMS))?;
    let page = match source {
        Source::Past { table, number } => items_at(&snapshot, table, number, filled.as_deref())?,
        Source::Backup(id) => saved(&snapshot, id, filled.as_deref())?,
    };
    let key = table.key();
    cx.kv
        .transact(|tx| {
            let Some(mut table) = TABLES.get(tx, &key)? else { return Ok(()) };
            if FILLED.get(tx, &(table.id, OF_ITEMS))? != filled {
                return Ok(());
            }
            let next = put_page(tx, &table, &page)?;
            if let Some(next) = next {
                return Ok(FILLED.put(tx, &(table.id, OF_ITEMS), &next)?);
            }
            FILLED.delete(tx, &(table.id, OF_ITEMS))?;
            history::release(tx, source.claimed(), table.id)?;
            if let Some(restored) = &mut table.restored {
                restored.source = None;
            }
            table.version += 1;
            // What is left to do is what every new table needs.
            Ok::<_, AwsError>(TABLES.put(tx, &key, &table)?)
        })
        .await
}

/// Puts as many of the rows as a transaction holds; after which row it goes on.
fn put_page(tx: &mut Tx, table: &TableRecord, page: &Page<Item>) -> Result<Option<Vec<u8>>> {
    let mut bytes = 0;
    for (at, (row, item)) in page.rows.iter().enumerate() {
        bytes += put(tx, table, &RowKey([&table.id[..], row].concat()), item)?;
        if bytes >= BYTES && at + 1 < page.rows.len() {
            return Ok(Some(row.clone()));
        }
    }
    Ok(page.next.clone())
}

/// Puts an item into a table that nobody else writes to, with its index rows; their bytes.
///
/// # Errors
/// Those of the store.
pub(crate) fn put(tx: &mut Tx, table: &TableRecord, row: &RowKey, item: &Item) -> Result<usize, kv::Error> {
    ITEMS.put(tx, row, item)?;
    let mut bytes = crate::value::size(item);
    for index in &table.indexes {
        if let Some((key, held)) = indexed(table, index, row, item) {
            INDEXED.put(tx, &key, &held)?;
            bytes += crate::value::size(&held);
        }
    }
    Ok(bytes)
}

fn saved(reader: &impl Read, backup: Id, after: Option<&[u8]>) -> Result<Page<Item>> {
    let all = Span::prefix(&RowKey(backup.to_vec()));
    let span = match after {
        Some(after) => all.after(&RowKey([&backup[..], after].concat())),
        None => all,
    };
    let rows = SAVED.scan(reader, &span, ROWS, Direction::Forward)?;
    let rows = rows.into_iter().map(|(key, item)| (key.0[backup.len()..].to_vec(), item)).collect::<Vec<_>>();
    let next = rows.last().filter(|_| rows.len() == ROWS).map(|(row, _)| row.clone());
    Ok(Page { rows, next })
}
