//! Imports: a new table made of the objects of a bucket, one object after the other.
//!
//! How far an import is, is stored with the items: a crash goes on at the record after the last one stored.

mod records;

use std::io::Write as _;
use std::time::Duration;

use api_dynamodb::{
    AttributeDefinition, BillingMode, CsvOptions, GlobalSecondaryIndex, ImportStatus, ImportSummary,
    ImportTableDescription, InputCompressionType, InputFormat, InputFormatOptions, ProvisionedThroughput,
    S3BucketSource, TableCreationParameters, errors,
};
use api_s3::{GetObjectInput, ListObjectsV2Input};
use aws_wire::{AwsError, Result};
use env::Timestamp;
use flate2::write::MultiGzDecoder;
use futures_util::StreamExt as _;
use kv::{Read, Span, Tx};
use serde::{Deserialize, Serialize};
use service::Caller;

use crate::Ctx;
use crate::backup::parse;
use crate::export::{State, failure};
use crate::import::records::{Record, Records};
use crate::item::{check_index_keys, indexed, row_of_item};
use crate::keys::{IMPORTING, IMPORTS, INDEXED, ITEMS, PENDING, RowKey, TABLES};
use crate::order::{Order, OrderKey};
use crate::restore;
use crate::table::{self, Status, TableRecord};
use crate::value::{self, ITEM_BYTES_MAX, Item};

/// Items and bytes stored in one transaction.
const ITEMS_AT_ONCE: usize = 100;
const BYTES_AT_ONCE: usize = 2 << 20;
/// Compressed bytes that are unpacked at once: they may become a thousand times as many.
const UNPACKED_AT_ONCE: usize = 4 << 10;
/// How long after a failure the work is taken up again.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// An import.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ImportRecord {
    /// The table as it was made.
    pub table: TableRecord,
    pub started_ms: i64,
    pub token: String,
    /// SHA-256 of what was asked, in hex.
    pub request: String,
    pub bucket: String,
    #[serde(default)]
    pub owner: Option<String>,
    #[serde(default)]
    pub prefix: Option<String>,
    pub format: Format,
    #[serde(default)]
    pub gzip: bool,
    #[serde(default)]
    pub state: State,
    /// The last object that is done.
    #[serde(default)]
    pub object: Option<String>,
    /// Records done of the object after that.
    #[serde(default)]
    pub records: u64,
    #[serde(default)]
    pub counts: Counts,
}

/// What the objects hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Format {
    Json,
    Csv {
        #[serde(default)]
        delimiter: Option<String>,
        /// When not given, each object's first line names its columns.
        #[serde(default)]
        headers: Option<Vec<String>>,
    },
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Counts {
    /// Of the objects that are done.
    pub bytes: i64,
    pub processed: i64,
    pub imported: i64,
    pub errors: i64,
}

/// # Errors
/// `ImportNotFoundException`.
pub(crate) fn find(reader: &impl Read, caller: &Caller, arn: &str) -> Result<(OrderKey, ImportRecord)> {
    let not_found = || errors::import_not_found_exception(format!("Import not found: {arn}"));
    let (key, _) = parse(caller, arn, "import").ok_or_else(not_found)?;
    let found = IMPORTS.get(reader, &key)?.filter(|import| import.arn(&key) == arn);
    found.map(|import| (key, import)).ok_or_else(not_found)
}

impl ImportRecord {
    pub(crate) fn arn(&self, key: &OrderKey) -> String {
        format!("{}/import/{}", self.table.arn(), key.2)
    }

    fn status(&self) -> ImportStatus {
        match self.state {
            State::Running => ImportStatus::InProgress,
            State::Done { .. } => ImportStatus::Completed,
            State::Failed { .. } => ImportStatus::Failed,
        }
    }

    fn ended(&self) -> Option<Timestamp> {
        match self.state {
            State::Running => None,
            State::Done { at_ms } | State::Failed { at_ms, .. } => Some(Timestamp::from_millis(at_ms)),
        }
    }

    fn input_format(&self) -> InputFormat {
        match self.format {
            Format::Json => InputFormat::DynamodbJson,
            Format::Csv { .. } => InputFormat::Csv,
        }
    }

    fn source(&self) -> S3BucketSource {
        S3BucketSource {
            s3_bucket_owner: self.owner.clone(),
            s3_bucket: self.bucket.clone(),
            s3_key_prefix: self.prefix.clone(),
        }
    }

    pub(crate) fn summary(&self, key: &OrderKey) -> ImportSummary {
        ImportSummary {
            import_arn: Some(self.arn(key)),
            import_status: Some(self.status()),
            table_arn: Some(self.table.arn()),
            s3_bucket_source: Some(self.source()),
            cloud_watch_log_group_arn: None,
            input_format: Some(self.input_format()),
            start_time: Some(Timestamp::from_millis(self.started_ms)),
            end_time: self.ended(),
        }
    }

    pub(crate) fn describe(&self, key: &OrderKey) -> ImportTableDescription {
        let (failure_code, failure_message) = match &self.state {
            State::Failed { code, message, .. } => (Some(code.clone()), Some(message.clone())),
            State::Running | State::Done { .. } => (None, None),
        };
        let csv = match &self.format {
            Format::Json => None,
            Format::Csv { delimiter, headers } => {
                Some(CsvOptions { delimiter: delimiter.clone(), header_list: headers.clone() })
            }
        };
        ImportTableDescription {
            import_arn: Some(self.arn(key)),
            import_status: Some(self.status()),
            table_arn: Some(self.table.arn()),
            table_id: Some(env::Uuid::from_bytes(self.table.id).to_string()),
            client_token: Some(self.token.clone()),
            s3_bucket_source: Some(self.source()),
            error_count: Some(self.counts.errors),
            cloud_watch_log_group_arn: None,
            input_format: Some(self.input_format()),
            input_format_options: csv.map(|csv| InputFormatOptions { csv: Some(csv) }),
            input_compression_type: Some(if self.gzip {
                InputCompressionType::Gzip
            } else {
                InputCompressionType::None
            }),
            table_creation_parameters: Some(parameters(&self.table)),
            start_time: Some(Timestamp::from_millis(self.started_ms)),
            end_time: self.ended(),
            processed_size_bytes: Some(self.counts.bytes),
            processed_item_count: Some(self.counts.processed),
            imported_item_count: Some(self.counts.imported),
            failure_code,
            failure_message,
        }
    }
}

fn parameters(table: &TableRecord) -> TableCreationParameters {
    let units = |units: (i64, i64)| ProvisionedThroughput {
        read_capacity_units: units.0,
        write_capacity_units: units.1,
    };
    let attributes = table.attributes.iter().map(|part| AttributeDefinition {
        attribute_name: part.name.clone(),
        attribute_type: part.kind.wire(),
    });
    let globals = table.visible().filter(|index| index.global).map(|index| GlobalSecondaryIndex {
        index_name: index.name.clone(),
        key_schema: index.schema.wire(),
        projection: table::projection(&index.projected),
        provisioned_throughput: index.throughput.map(units),
        on_demand_throughput: None,
        warm_throughput: None,
    });
    TableCreationParameters {
        table_name: table.name.clone(),
        attribute_definitions: attributes.collect(),
        key_schema: table.schema.wire(),
        billing_mode: Some(match table.throughput {
            Some(_) => BillingMode::Provisioned,
            None => BillingMode::PayPerRequest,
        }),
        provisioned_throughput: table.throughput.map(units),
        global_secondary_indexes: table::some(globals.collect()),
        on_demand_throughput: None,
        sse_specification: None,
        vector_indexes: None,
    }
}

/// Reads objects into tables until the platform stops.
pub(crate) async fn run(cx: Ctx) {
    let mut watch = cx.kv.watch(IMPORTING.prefix(&()));
    loop {
        match import_all(&cx).await {
            Ok(true) => continue,
            Ok(false) => watch.changed().await,
            Err(error) => {
                tracing::warn!(%error, cause = ?error.cause, "import tables");
                cx.env.sleep(RETRY_AFTER).await;
            }
        }
    }
}

/// Reads an object of every import that is under way; `false` when none is.
async fn import_all(cx: &Ctx) -> Result<bool> {
    let (mut any, mut failed) = (false, Ok(()));
    for (key, ()) in IMPORTING.all(&cx.kv.snapshot().await?, &Span::all())? {
        any = true;
        failed = failed.and(step(cx, &key).await);
    }
    failed.map(|()| any)
}

async fn step(cx: &Ctx, key: &OrderKey) -> Result<()> {
    let Some(import) = IMPORTS.get(&cx.kv.snapshot().await?, key)? else {
        return cx.kv.transact(|tx| Ok(IMPORTING.delete(tx, key)?)).await;
    };
    let cx = cx.as_caller(Caller::root(&key.0, &key.1));
    let now_ms = cx.env.now().as_millis();
    match next_object(&cx, key, import).await {
        Ok(true) => Ok(()),
        Ok(false) => end(&cx, key, now_ms, None).await,
        Err(error) if error.status < 500 || error.status == 501 => {
            end(&cx, key, now_ms, Some(failure(&error))).await
        }
        Err(error) => Err(error),
    }
}

/// Reads the next object; `false` when there is none left.
async fn next_object(cx: &Ctx, key: &OrderKey, import: ImportRecord) -> Result<bool> {
    let list = ListObjectsV2Input {
        bucket: import.bucket.clone(),
        prefix: import.prefix.clone(),
        start_after: import.object.clone(),
        max_keys: Some(1),
        expected_bucket_owner: import.owner.clone(),
        ..ListObjectsV2Input::default()
    };
    let listed = cx.call(list).await?.contents.unwrap_or_default().into_iter().next();
    let Some(object) = listed else { return Ok(false) };
    let name = object.key.unwrap_or_default();
    let get = GetObjectInput {
        bucket: import.bucket.clone(),
        key: name.clone(),
        expected_bucket_owner: import.owner.clone(),
        ..GetObjectInput::default()
    };
    let body = cx.call(get).await?.body.and_then(|body| body.take());
    let mut reading = Reading::begin(cx, key, import)?;
    if let Some(mut body) = body {
        while let Some(piece) = body.pieces.next().await {
            reading.read(&piece.map_err(AwsError::internal)?).await?;
        }
    }
    reading.end(name, object.size.unwrap_or(0)).await?;
    Ok(true)
}

/// An object that is being read.
struct Reading<'a> {
    cx: &'a Ctx,
    key: &'a OrderKey,
    import: ImportRecord,
    unpacking: Option<MultiGzDecoder<Vec<u8>>>,
    records: Records,
    /// Columns, once they are known.
    headers: Option<Vec<String>>,
    /// Records met so far.
    met: u64,
    /// Not stored yet.
    batch: Vec<(RowKey, Item)>,
    batch_bytes: usize,
    counts: Counts,
}

impl<'a> Reading<'a> {
    fn begin(cx: &'a Ctx, key: &'a OrderKey, import: ImportRecord) -> Result<Self> {
        let (records, headers) = match &import.format {
            Format::Json => (Records::lines(), None),
            Format::Csv { delimiter, headers } => {
                let delimiter = delimiter.as_ref().and_then(|text| text.bytes().next());
                (Records::csv(delimiter.unwrap_or(b',')), headers.clone())
            }
        };
        Ok(Self {
            cx,
            key,
            unpacking: import.gzip.then(|| MultiGzDecoder::new(Vec::new())),
            records,
            headers,
            met: 0,
            batch: Vec::new(),
            batch_bytes: 0,
            counts: import.counts,
            import,
        })
    }

    async fn read(&mut self, piece: &[u8]) -> Result<()> {
        if self.unpacking.is_none() {
            self.records.feed(piece)?;
            return self.take().await;
        }
        for part in piece.chunks(UNPACKED_AT_ONCE) {
            let Some(unpacking) = &mut self.unpacking else { return Ok(()) };
            unpacking.write_all(part).map_err(|_| not_gzip())?;
            let unpacked = std::mem::take(unpacking.get_mut());
            self.records.feed(&unpacked)?;
            self.take().await?;
        }
        Ok(())
    }

    /// Takes the records that are whole.
    async fn take(&mut self) -> Result<()> {
        while let Some(record) = self.records.next() {
            self.met += 1;
            let is_header = matches!(record, Record::Fields(_)) && self.headers.is_none();
            if let (true, Record::Fields(fields)) = (is_header, &record) {
                self.headers = Some(fields.clone());
            }
            if self.met <= self.import.records || is_header || record.is_empty() {
                continue;
            }
            self.counts.processed += 1;
            match self.place(record) {
                Some((row, item)) => {
                    self.counts.imported += 1;
                    self.batch_bytes += value::size(&item) * (1 + self.import.table.indexes.len());
                    self.batch.push((row, item));
                }
                None => self.counts.errors += 1,
            }
            if self.batch.len() >= ITEMS_AT_ONCE || self.batch_bytes >= BYTES_AT_ONCE {
                self.store(None).await?;
            }
        }
        Ok(())
    }

    /// A record's item and where it goes; none for what is no item of this table.
    fn place(&self, record: Record) -> Option<(RowKey, Item)> {
        let table = &self.import.table;
        let item = record.into_item(table, self.headers.as_deref().unwrap_or_default())?;
        let row = row_of_item(table, &item).ok()?;
        check_index_keys(table, &item).ok()?;
        value::check_depth(&item).ok()?;
        (value::size(&item) <= ITEM_BYTES_MAX).then_some((row, item))
    }

    async fn end(mut self, object: String, bytes: i64) -> Result<()> {
        if let Some(unpacking) = self.unpacking.take() {
            let rest = unpacking.finish().map_err(|_| not_gzip())?;
            self.records.feed(&rest)?;
        }
        self.records.end()?;
        self.take().await?;
        self.counts.bytes += bytes;
        self.store(Some(object)).await
    }

    /// Stores what was gathered, and how far that is.
    async fn store(&mut self, done: Option<String>) -> Result<()> {
        let mut next = ImportRecord { counts: self.counts, records: self.met, ..self.import.clone() };
        if done.is_some() {
            next.object = done;
            next.records = 0;
        }
        self.cx
            .kv
            .transact(|tx| {
                for (row, item) in &self.batch {
                    replace(tx, &self.import.table, row, item)?;
                }
                Ok::<_, AwsError>(IMPORTS.put(tx, self.key, &next)?)
            })
            .await?;
        self.batch.clear();
        self.batch_bytes = 0;
        self.import.counts = self.counts;
        Ok(())
    }
}

fn not_gzip() -> AwsError {
    AwsError::validation("The input is not compressed as InputCompressionType says")
}

/// Puts an item in place of one with its key that came before.
fn replace(tx: &mut Tx, table: &TableRecord, row: &RowKey, item: &Item) -> Result<(), kv::Error> {
    if let Some(old) = ITEMS.get(tx, row)? {
        for index in &table.indexes {
            if let Some((key, _)) = indexed(table, index, row, &old) {
                INDEXED.delete(tx, &key)?;
            }
        }
    }
    restore::put(tx, table, row, item)?;
    Ok(())
}

/// Ends an import. A table that got its objects is opened, with the items that were in order; another one goes.
async fn end(cx: &Ctx, key: &OrderKey, at_ms: i64, failed: Option<(String, String)>) -> Result<()> {
    cx.kv
        .transact(|tx| {
            IMPORTING.delete(tx, key)?;
            let Some(mut import) = IMPORTS.get(tx, key)? else { return Ok(()) };
            import.state = match (&failed, import.counts.errors) {
                (Some((code, message)), _) => {
                    State::Failed { at_ms, code: code.clone(), message: message.clone() }
                }
                (None, 0) => State::Done { at_ms },
                (None, _) => State::Failed {
                    at_ms,
                    code: "ItemValidationError".to_owned(),
                    message: "Some of the items failed validation checks and were not imported.".to_owned(),
                },
            };
            IMPORTS.put(tx, key, &import)?;
            let table_key = import.table.key();
            if let Some(mut table) = TABLES.get(tx, &table_key)?.filter(|one| one.id == import.table.id) {
                table.import = None;
                table.version += 1;
                if failed.is_some() {
                    table.status = Status::Deleting;
                }
                TABLES.put(tx, &table_key, &table)?;
                PENDING.put(tx, &table_key, &())?;
            }
            Ok::<_, AwsError>(())
        })
        .await
}

impl Order for ImportRecord {
    fn token(&self) -> &str {
        &self.token
    }

    fn request(&self) -> &str {
        &self.request
    }

    fn is_of(&self, table_arn: &str) -> bool {
        self.table.arn() == table_arn
    }
}
