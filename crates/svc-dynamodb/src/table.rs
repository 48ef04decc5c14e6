//! A table: its keys, its indexes, its settings, and how it is described.

use std::collections::BTreeMap;
use std::sync::Arc;

use api_dynamodb::{
    AttributeDefinition, BillingMode, BillingModeSummary, GlobalSecondaryIndexDescription, IndexStatus,
    KeySchemaElement, KeyType, LocalSecondaryIndexDescription, Projection, ProjectionType,
    ProvisionedThroughput, ProvisionedThroughputDescription, ScalarAttributeType, StreamSpecification,
    StreamViewType, TableClass, TableClassSummary, TableDescription, TableStatus, errors,
};
use aws_wire::{AwsError, Result};
use env::Timestamp;
use kv::{Memo, Read};
use serde::{Deserialize, Serialize};
use service::Caller;

use crate::Ctx;
use crate::keys::{Id, TABLES, TableKey};
use crate::recovery::Recovery;
use crate::restore::Restored;
use crate::value::{Attr, Item};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Status {
    Creating,
    Active,
    Updating,
    Deleting,
}

/// A scalar type as keys have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Kind {
    S,
    N,
    B,
}

impl Kind {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::S => "S",
            Self::N => "N",
            Self::B => "B",
        }
    }

    pub(crate) fn of(wire: ScalarAttributeType) -> Self {
        match wire {
            ScalarAttributeType::S => Self::S,
            ScalarAttributeType::N => Self::N,
            ScalarAttributeType::B => Self::B,
        }
    }

    pub(crate) fn wire(self) -> ScalarAttributeType {
        match self {
            Self::S => ScalarAttributeType::S,
            Self::N => ScalarAttributeType::N,
            Self::B => ScalarAttributeType::B,
        }
    }
}

/// An attribute that is part of a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KeyPart {
    pub name: String,
    pub kind: Kind,
}

/// The keys of a table or an index.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Schema {
    pub hash: KeyPart,
    pub range: Option<KeyPart>,
}

impl Schema {
    pub(crate) fn parts(&self) -> impl Iterator<Item = &KeyPart> {
        std::iter::once(&self.hash).chain(&self.range)
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.parts().any(|part| part.name == name)
    }

    pub(crate) fn wire(&self) -> Vec<KeySchemaElement> {
        let of = |part: &KeyPart, key_type| KeySchemaElement { attribute_name: part.name.clone(), key_type };
        let range = self.range.as_ref().map(|part| of(part, KeyType::Range));
        std::iter::once(of(&self.hash, KeyType::Hash)).chain(range).collect()
    }

    /// The key attributes of an item.
    pub(crate) fn pick(&self, item: &Item) -> Item {
        let pick = |part: &KeyPart| Some((part.name.clone(), item.get(&part.name)?.clone()));
        self.parts().filter_map(pick).collect()
    }
}

/// What an index holds of an item besides the keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Projected {
    All,
    Keys,
    Include(Vec<String>),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Index {
    pub name: String,
    /// In the keys of its rows; never given twice in a table.
    pub number: u16,
    pub global: bool,
    /// Whether it is that of expiry times, which no client sees; its partition key is the attribute that has them.
    #[serde(default)]
    pub expiry: bool,
    pub schema: Schema,
    pub projected: Projected,
    pub status: Status,
    #[serde(default)]
    pub throughput: Option<(i64, i64)>,
}

impl Index {
    /// What the index holds of `item`, whose table has these keys; nothing when a key of the index is absent.
    pub(crate) fn project(&self, table: &Schema, item: &Item) -> Option<Item> {
        if !self.schema.parts().all(|part| item.get(&part.name).is_some_and(|value| is_of(value, part.kind)))
        {
            return None;
        }
        Some(match &self.projected {
            Projected::All => item.clone(),
            Projected::Keys => self.keys_of(table, item, &[]),
            Projected::Include(names) => self.keys_of(table, item, names),
        })
    }

    fn keys_of(&self, table: &Schema, item: &Item, more: &[String]) -> Item {
        let wanted = |name: &String| table.has(name) || self.schema.has(name) || more.contains(name);
        item.iter().filter(|(name, _)| wanted(name)).map(|(name, v)| (name.clone(), v.clone())).collect()
    }

    /// Whether it holds the attribute.
    pub(crate) fn holds(&self, table: &Schema, name: &str) -> bool {
        let included = match &self.projected {
            Projected::All => true,
            Projected::Keys => false,
            Projected::Include(names) => names.iter().any(|known| known == name),
        };
        included || table.has(name) || self.schema.has(name)
    }
}

pub(crate) fn is_of(value: &Attr, kind: Kind) -> bool {
    matches!((value, kind), (Attr::S(_), Kind::S) | (Attr::N(_), Kind::N) | (Attr::B(_), Kind::B))
}

/// The stream that a table writes to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StreamSetting {
    pub id: Id,
    pub label: String,
    pub view: String,
    pub enabled: bool,
}

/// Time to live, as it was set last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TimeToLive {
    pub attribute: String,
    pub enabled: bool,
    pub changed_ms: i64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TableRecord {
    /// Of this layout.
    pub format: u32,
    pub id: Id,
    /// Counts the changes of this record.
    pub version: u64,
    pub account: String,
    pub region: String,
    pub name: String,
    pub created_ms: i64,
    pub status: Status,
    pub attributes: Vec<KeyPart>,
    pub schema: Schema,
    pub indexes: Vec<Index>,
    pub next_index: u16,
    /// Read and write capacity units; none when paid per request.
    pub throughput: Option<(i64, i64)>,
    #[serde(default)]
    pub on_demand_since_ms: Option<i64>,
    #[serde(default)]
    pub increased_ms: Option<i64>,
    #[serde(default)]
    pub decreased_ms: Option<i64>,
    #[serde(default)]
    pub deletion_protection: bool,
    #[serde(default)]
    pub class: Option<String>,
    #[serde(default)]
    pub stream: Option<StreamSetting>,
    #[serde(default)]
    pub time_to_live: Option<TimeToLive>,
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// Kinesis streams that changes go to, or went to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub destinations: Vec<Destination>,
    /// Whether writes note what they change: while it can be recovered, and while something reads its past.
    #[serde(default)]
    pub keeps_past: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovery: Option<Recovery>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restored: Option<Restored>,
    /// The import that fills it, until it is done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub import: Option<String>,
}

/// A Kinesis stream that a table's changes go to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Destination {
    pub stream_arn: String,
    pub enabled: bool,
    /// Whether its records tell the time in microseconds.
    #[serde(default)]
    pub micros: bool,
}

pub(crate) const FORMAT: u32 = 1;

impl TableRecord {
    pub(crate) fn key(&self) -> TableKey {
        (self.account.clone(), self.region.clone(), self.name.clone())
    }

    pub(crate) fn arn(&self) -> String {
        format!("arn:aws:dynamodb:{}:{}:table/{}", self.region, self.account, self.name)
    }

    pub(crate) fn stream_arn(&self) -> Option<String> {
        self.stream.as_ref().map(|stream| format!("{}/stream/{}", self.arn(), stream.label))
    }

    /// Where changes go; one at most is enabled.
    pub(crate) fn destination(&self) -> Option<&Destination> {
        self.destinations.iter().find(|destination| destination.enabled)
    }

    /// The indexes that clients see.
    pub(crate) fn visible(&self) -> impl Iterator<Item = &Index> {
        self.indexes.iter().filter(|index| !index.expiry)
    }

    /// The stream that takes records now.
    pub(crate) fn writes_to(&self) -> Option<&StreamSetting> {
        self.stream.as_ref().filter(|stream| stream.enabled)
    }

    /// Whether items can be read and written.
    pub(crate) fn is_open(&self) -> bool {
        matches!(self.status, Status::Active | Status::Updating)
    }
}

/// A table's key from its name or its ARN, when that is the caller's account and region.
///
/// # Errors
/// `ValidationException` for what is no name.
pub(crate) fn key(caller: &Caller, name_or_arn: &str) -> Result<TableKey> {
    let prefix = format!("arn:aws:dynamodb:{}:{}:table/", caller.region, caller.account);
    let name = name_or_arn.strip_prefix(&prefix).unwrap_or(name_or_arn);
    if !name.starts_with("arn:") {
        if !(3..=255).contains(&name.len()) {
            return Err(AwsError::validation(
                "TableName must be at least 3 characters long and at most 255 characters long",
            ));
        }
        if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte)) {
            return Err(AwsError::validation(format!(
                "1 validation error detected: Value '{name}' at 'tableName' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+"
            )));
        }
    }
    Ok((caller.account.to_string(), caller.region.to_string(), name.to_owned()))
}

/// # Errors
/// `ResourceNotFoundException` as operations on items say it, when no such table is open.
pub(crate) fn open(reader: &impl Read, key: &TableKey) -> Result<TableRecord> {
    let found = TABLES.get(reader, key)?.filter(TableRecord::is_open);
    found.ok_or_else(|| errors::resource_not_found_exception("Requested resource not found"))
}

/// The tables that are read and written, decoded once.
pub(crate) struct Known(Memo<TableKey, TableRecord>);

impl Default for Known {
    fn default() -> Self {
        Self(Memo::new(TABLES))
    }
}

impl Known {
    /// As [`open`], for whoever only looks at the record.
    ///
    /// # Errors
    /// As [`open`].
    pub(crate) fn open(&self, reader: &impl Read, key: &TableKey) -> Result<Arc<TableRecord>> {
        let found = self.0.get(reader, key)?.filter(|table| table.is_open());
        found.ok_or_else(|| errors::resource_not_found_exception("Requested resource not found"))
    }
}

/// # Errors
/// `ResourceNotFoundException` as operations on tables say it.
pub(crate) fn find(reader: &impl Read, key: &TableKey) -> Result<TableRecord> {
    TABLES.get(reader, key)?.ok_or_else(|| not_found(&key.2))
}

pub(crate) fn not_found(name: &str) -> AwsError {
    errors::resource_not_found_exception(format!("Requested resource not found: Table: {name} not found"))
}

/// The table of an ARN of the caller's.
///
/// # Errors
/// `ValidationException` for what is no table's ARN, `ResourceNotFoundException` for a table that is not there.
pub(crate) async fn of_arn(cx: &Ctx, arn: &str) -> Result<TableKey> {
    if !arn.starts_with("arn:") || !arn.contains(":table/") {
        return Err(AwsError::validation(format!(
            "Invalid TableArn: Invalid ResourceArn provided as input {arn}"
        )));
    }
    let key = key(&cx.caller, arn)?;
    match TABLES.get(&cx.kv.snapshot().await?, &key)? {
        Some(_) => Ok(key),
        None => Err(errors::resource_not_found_exception(format!(
            "Requested resource not found: ResourcArn: {arn} not found"
        ))),
    }
}

/// How many items there are and how large they are, of the table and of each index by number.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sizes {
    pub table: (i64, i64),
    pub indexes: BTreeMap<u16, (i64, i64)>,
}

pub(crate) fn describe(table: &TableRecord, sizes: &Sizes) -> TableDescription {
    let time = Timestamp::from_millis;
    let of_index = |index: &Index| sizes.indexes.get(&index.number).copied().unwrap_or_default();
    let locals = table.visible().filter(|index| !index.global).map(|index| {
        let (count, bytes) = of_index(index);
        describe_local(table, index, count, bytes)
    });
    let globals = table.visible().filter(|index| index.global).map(|index| {
        let (count, bytes) = of_index(index);
        describe_global(table, index, count, bytes)
    });
    let attribute = |part: &KeyPart| AttributeDefinition {
        attribute_name: part.name.clone(),
        attribute_type: part.kind.wire(),
    };
    let (reads, writes) = table.throughput.unwrap_or_default();
    let billing = table.on_demand_since_ms.map(|since| BillingModeSummary {
        billing_mode: Some(match table.throughput {
            Some(_) => BillingMode::Provisioned,
            None => BillingMode::PayPerRequest,
        }),
        last_update_to_pay_per_request_date_time: Some(time(since)),
    });
    TableDescription {
        attribute_definitions: Some(table.attributes.iter().map(attribute).collect()),
        table_name: Some(table.name.clone()),
        key_schema: Some(table.schema.wire()),
        table_status: Some(status(table.status)),
        creation_date_time: Some(time(table.created_ms)),
        provisioned_throughput: Some(ProvisionedThroughputDescription {
            last_increase_date_time: table.increased_ms.map(time),
            last_decrease_date_time: table.decreased_ms.map(time),
            number_of_decreases_today: Some(0),
            read_capacity_units: Some(reads),
            write_capacity_units: Some(writes),
        }),
        table_size_bytes: Some(sizes.table.1),
        item_count: Some(sizes.table.0),
        table_arn: Some(table.arn()),
        table_id: Some(env::Uuid::from_bytes(table.id).to_string()),
        billing_mode_summary: billing,
        local_secondary_indexes: some(locals.collect()),
        global_secondary_indexes: some(globals.collect()),
        stream_specification: table.writes_to().map(|stream| StreamSpecification {
            stream_enabled: true,
            stream_view_type: stream.view.parse::<StreamViewType>().ok(),
        }),
        latest_stream_label: table.stream.as_ref().map(|stream| stream.label.clone()),
        latest_stream_arn: table.stream_arn(),
        table_class_summary: table.class.as_ref().map(|class| TableClassSummary {
            table_class: class.parse::<TableClass>().ok(),
            last_update_date_time: None,
        }),
        deletion_protection_enabled: Some(table.deletion_protection),
        restore_summary: table.restored.as_ref().map(Restored::summary),
        ..TableDescription::default()
    }
}

pub(crate) fn some<T>(list: Vec<T>) -> Option<Vec<T>> {
    (!list.is_empty()).then_some(list)
}

fn status(status: Status) -> TableStatus {
    match status {
        Status::Creating => TableStatus::Creating,
        Status::Active => TableStatus::Active,
        Status::Updating => TableStatus::Updating,
        Status::Deleting => TableStatus::Deleting,
    }
}

pub(crate) fn projection(projected: &Projected) -> Projection {
    let (kind, names) = match projected {
        Projected::All => (ProjectionType::All, None),
        Projected::Keys => (ProjectionType::KeysOnly, None),
        Projected::Include(names) => (ProjectionType::Include, Some(names.clone())),
    };
    Projection { projection_type: Some(kind), non_key_attributes: names }
}

fn describe_local(
    table: &TableRecord,
    index: &Index,
    count: i64,
    bytes: i64,
) -> LocalSecondaryIndexDescription {
    LocalSecondaryIndexDescription {
        index_name: Some(index.name.clone()),
        key_schema: Some(index.schema.wire()),
        projection: Some(projection(&index.projected)),
        index_size_bytes: Some(bytes),
        item_count: Some(count),
        index_arn: Some(format!("{}/index/{}", table.arn(), index.name)),
    }
}

fn describe_global(
    table: &TableRecord,
    index: &Index,
    count: i64,
    bytes: i64,
) -> GlobalSecondaryIndexDescription {
    let (reads, writes) = index.throughput.unwrap_or_default();
    GlobalSecondaryIndexDescription {
        index_name: Some(index.name.clone()),
        key_schema: Some(index.schema.wire()),
        projection: Some(projection(&index.projected)),
        index_status: Some(match index.status {
            Status::Creating => IndexStatus::Creating,
            Status::Active => IndexStatus::Active,
            Status::Updating => IndexStatus::Updating,
            Status::Deleting => IndexStatus::Deleting,
        }),
        // A new table's indexes have nothing to be filled with.
        backfilling: (index.status == Status::Creating && table.status != Status::Creating).then_some(true),
        provisioned_throughput: Some(ProvisionedThroughputDescription {
            number_of_decreases_today: Some(0),
            read_capacity_units: Some(reads),
            write_capacity_units: Some(writes),
            ..ProvisionedThroughputDescription::default()
        }),
        index_size_bytes: Some(bytes),
        item_count: Some(count),
        index_arn: Some(format!("{}/index/{}", table.arn(), index.name)),
        ..GlobalSecondaryIndexDescription::default()
    }
}

/// Capacity units as a pair.
pub(crate) fn units(throughput: &ProvisionedThroughput) -> (i64, i64) {
    (throughput.read_capacity_units, throughput.write_capacity_units)
}
