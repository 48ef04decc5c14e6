//! Exports: a table as it was at a moment, or what changed in a stretch of time, as files in a bucket.
//!
//! A file is written, then noted with how far the export is, so a crash in between writes the same file again. The layout
//! is AWS's, with the checksums' names as AWS writes them (`.md5`; its documentation has `.checksum`).

use std::io::Write as _;
use std::time::Duration;

use api_dynamodb::{
    ExportDescription, ExportFormat, ExportStatus, ExportSummary, ExportType, ExportViewType,
    IncrementalExportSpecification, S3SseAlgorithm, errors,
};
use aws_wire::{AwsError, Result, timestamp};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use env::Timestamp;
use flate2::Compression;
use flate2::write::GzEncoder;
use kv::{Read, Snapshot, Span};
use md5::{Digest as _, Md5};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use service::Caller;

use crate::Ctx;
use crate::backup::parse;
use crate::history::{self, Changed, Task, changes_between, items_at};
use crate::keys::{CLAIMS, EXPORTED, EXPORTS, Id};
use crate::order::{Order, OrderKey};
use crate::table::Schema;
use crate::value::{self, Item};

/// Bytes of lines in one file, about.
const FILE_BYTES: usize = 8 << 20;
/// How long after a failure the work is taken up again.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// An export.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ExportRecord {
    pub id: Id,
    pub table_arn: String,
    pub table_id: Id,
    /// The table's keys.
    pub schema: Schema,
    pub started_ms: i64,
    pub token: String,
    /// SHA-256 of what was asked, in hex.
    pub request: String,
    pub bucket: String,
    #[serde(default)]
    pub owner: Option<String>,
    #[serde(default)]
    pub prefix: Option<String>,
    pub what: What,
    /// Whether the client named the type, which is told only then.
    #[serde(default)]
    pub typed: bool,
    /// Changes from this number on are not in it.
    pub number: u64,
    #[serde(default)]
    pub state: State,
    /// Up to which row it is written.
    #[serde(default)]
    pub written: Option<Vec<u8>>,
    /// Whether all data are written.
    #[serde(default)]
    pub whole: bool,
    #[serde(default)]
    pub files: u64,
    #[serde(default)]
    pub items: i64,
    #[serde(default)]
    pub bytes: i64,
}

/// What is exported.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum What {
    /// The table as of this moment.
    Full { at_ms: i64 },
    /// What changed, from the number on.
    Changes {
        from_ms: i64,
        to_ms: i64,
        from: u64,
        /// Whether old images are wanted.
        old: bool,
    },
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum State {
    #[default]
    Running,
    Done {
        at_ms: i64,
    },
    Failed {
        at_ms: i64,
        code: String,
        message: String,
    },
}

/// A file of an export, as its manifest tells it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Exported {
    pub item_count: usize,
    pub md5_checksum: String,
    pub etag: String,
    #[serde(rename = "dataFileS3Key")]
    pub key: String,
}

/// # Errors
/// `ValidationException` for what is no export's ARN, `ExportNotFoundException`.
pub(crate) fn find(reader: &impl Read, caller: &Caller, arn: &str) -> Result<(OrderKey, ExportRecord)> {
    let invalid = || AwsError::validation(format!("Invalid Export ARN: {arn}"));
    let (key, _) = parse(caller, arn, "export").ok_or_else(invalid)?;
    let found = EXPORTS.get(reader, &key)?.filter(|export| export.arn(&key) == arn);
    let not_found = || errors::export_not_found_exception(format!("Export not found: {arn}"));
    found.map(|export| (key, export)).ok_or_else(not_found)
}

impl ExportRecord {
    pub(crate) fn arn(&self, key: &OrderKey) -> String {
        format!("{}/export/{}", self.table_arn, key.2)
    }

    fn status(&self) -> ExportStatus {
        match self.state {
            State::Running => ExportStatus::InProgress,
            State::Done { .. } => ExportStatus::Completed,
            State::Failed { .. } => ExportStatus::Failed,
        }
    }

    fn export_type(&self) -> Option<ExportType> {
        match self.what {
            What::Full { .. } => self.typed.then_some(ExportType::FullExport),
            What::Changes { .. } => Some(ExportType::IncrementalExport),
        }
    }

    pub(crate) fn summary(&self, key: &OrderKey) -> ExportSummary {
        ExportSummary {
            export_arn: Some(self.arn(key)),
            export_status: Some(self.status()),
            export_type: self.export_type(),
        }
    }

    pub(crate) fn describe(&self, key: &OrderKey) -> ExportDescription {
        let time = Timestamp::from_millis;
        let (ended, failure) = match &self.state {
            State::Running => (None, None),
            State::Done { at_ms } => (Some(*at_ms), None),
            State::Failed { at_ms, code, message } => (Some(*at_ms), Some((code.clone(), message.clone()))),
        };
        let done = matches!(self.state, State::Done { .. });
        let (failure_code, failure_message) = failure.unzip();
        let (at, changes) = match &self.what {
            What::Full { at_ms } => (Some(time(*at_ms)), None),
            What::Changes { from_ms, to_ms, old, .. } => {
                let view = if *old { ExportViewType::NewAndOldImages } else { ExportViewType::NewImage };
                let specification = IncrementalExportSpecification {
                    export_from_time: Some(time(*from_ms)),
                    export_to_time: Some(time(*to_ms)),
                    export_view_type: Some(view),
                };
                (None, Some(specification))
            }
        };
        ExportDescription {
            export_arn: Some(self.arn(key)),
            export_status: Some(self.status()),
            start_time: Some(time(self.started_ms)),
            end_time: ended.map(time),
            export_manifest: done.then(|| self.place(key, "manifest-summary.json")),
            table_arn: Some(self.table_arn.clone()),
            table_id: Some(env::Uuid::from_bytes(self.table_id).to_string()),
            export_time: at,
            client_token: Some(self.token.clone()),
            s3_bucket: Some(self.bucket.clone()),
            s3_bucket_owner: self.owner.clone(),
            s3_prefix: self.prefix.clone(),
            s3_sse_algorithm: Some(S3SseAlgorithm::Aes256),
            failure_code,
            failure_message,
            export_format: Some(ExportFormat::DynamodbJson),
            billed_size_bytes: done.then_some(self.bytes),
            item_count: done.then_some(self.items),
            export_type: self.export_type(),
            incremental_export_specification: changes,
            ..ExportDescription::default()
        }
    }

    fn folder(&self) -> String {
        match self.prefix.as_deref().map(|prefix| prefix.trim_end_matches('/')) {
            Some(prefix) if !prefix.is_empty() => format!("{prefix}/AWSDynamoDB"),
            _ => "AWSDynamoDB".to_owned(),
        }
    }

    fn place(&self, key: &OrderKey, name: &str) -> String {
        format!("{}/{}/{name}", self.folder(), key.2)
    }

    /// The key of a data file, the same whenever it is written. Those of all incremental exports lie in one folder.
    fn data_place(&self, key: &OrderKey) -> String {
        let name = Md5::digest([&self.id[..], &self.files.to_be_bytes()].concat());
        let name = name.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        match self.what {
            What::Full { .. } => self.place(key, &format!("data/{}.json.gz", &name[..26])),
            What::Changes { .. } => format!("{}/data/{}.json.gz", self.folder(), &name[..26]),
        }
    }

    fn summary_file(&self, key: &OrderKey, ended: Timestamp) -> Json {
        let time = |ms: i64| timestamp::iso8601(Timestamp::from_millis(ms));
        let mut summary = json!({
            "version": "2020-06-30",
            "exportArn": self.arn(key),
            "startTime": time(self.started_ms),
            "endTime": time(ended.as_millis()),
            "tableArn": self.table_arn,
            "tableId": env::Uuid::from_bytes(self.table_id).to_string(),
            "s3Bucket": self.bucket,
            "s3Prefix": self.prefix,
            "s3SseAlgorithm": "AES256",
            "s3SseKmsKeyId": null,
            "manifestFilesS3Key": self.place(key, "manifest-files.json"),
            "billedSizeBytes": self.bytes,
            "itemCount": self.items,
            "outputFormat": "DYNAMODB_JSON",
        });
        match &self.what {
            What::Full { at_ms } => {
                summary["exportTime"] = time(*at_ms).into();
                summary["exportType"] = "FULL_EXPORT".into();
            }
            What::Changes { from_ms, to_ms, old, .. } => {
                summary["version"] = "2023-08-01".into();
                summary["exportFromTime"] = time(*from_ms).into();
                summary["exportToTime"] = time(*to_ms).into();
                summary["exportType"] = "INCREMENTAL_EXPORT".into();
                summary["outputView"] = if *old { "NEW_AND_OLD_IMAGES" } else { "NEW_IMAGE" }.into();
            }
        }
        summary
    }
}

/// Writes exports until the platform stops.
pub(crate) async fn run(cx: Ctx) {
    let mut watch = cx.kv.watch(CLAIMS.prefix(&()));
    loop {
        match write_all(&cx).await {
            Ok(true) => continue,
            Ok(false) => watch.changed().await,
            Err(error) => {
                tracing::warn!(%error, cause = ?error.cause, "write exports");
                cx.env.sleep(RETRY_AFTER).await;
            }
        }
    }
}

/// Writes a file of every export that is under way; `false` when none is.
async fn write_all(cx: &Ctx) -> Result<bool> {
    let (mut any, mut failed) = (false, Ok(()));
    for ((table, copy), claim) in CLAIMS.all(&cx.kv.snapshot().await?, &Span::all())? {
        if let Task::Export(key) = claim.task {
            any = true;
            failed = failed.and(step(cx, (table, copy), &key).await);
        }
    }
    failed.map(|()| any)
}

async fn step(cx: &Ctx, claim: (Id, Id), key: &OrderKey) -> Result<()> {
    let snapshot = cx.kv.snapshot().await?;
    let Some(export) = EXPORTS.get(&snapshot, key)? else {
        return cx.kv.transact(|tx| Ok(history::release(tx, claim.0, claim.1)?)).await;
    };
    let bucket = Bucket { cx: cx.as_caller(Caller::root(&key.0, &key.1)), export: &export };
    let stepped = if export.whole {
        finish(&bucket, claim, key).await
    } else {
        write_file(&bucket, &snapshot, claim.0, key).await
    };
    match stepped {
        Err(error) if error.status < 500 || error.status == 501 => {
            let (code, message) = failure(&error);
            let state = State::Failed { at_ms: cx.env.now().as_millis(), code, message };
            end(cx, claim, key, &state).await
        }
        other => other,
    }
}

/// What an export says of a bucket's refusal.
pub(crate) fn failure(error: &AwsError) -> (String, String) {
    let code = match &*error.code {
        code @ ("NoSuchBucket" | "AccessDenied" | "NoSuchKey") => format!("S3{code}"),
        code => code.to_owned(),
    };
    (code, error.message.clone().unwrap_or_default())
}

/// Where an export goes.
struct Bucket<'a> {
    cx: Ctx,
    export: &'a ExportRecord,
}

impl Bucket<'_> {
    async fn put(&self, key: String, content: impl Into<Bytes>) -> Result<String> {
        let content: Bytes = content.into();
        let put = api_s3::PutObjectInput {
            bucket: self.export.bucket.clone(),
            key,
            body: Some(content.into()),
            server_side_encryption: Some(api_s3::ServerSideEncryption::Aes256),
            expected_bucket_owner: self.export.owner.clone(),
            ..api_s3::PutObjectInput::default()
        };
        Ok(self.cx.call(put).await?.e_tag.unwrap_or_default())
    }

    /// Puts a manifest, and its checksum beside it.
    async fn put_manifest(&self, key: String, content: String) -> Result<()> {
        let checksum = BASE64.encode(Md5::digest(&content));
        let beside = format!("{}.md5", key.trim_end_matches(".json"));
        self.put(key, content).await?;
        self.put(beside, checksum).await?;
        Ok(())
    }
}

async fn write_file(bucket: &Bucket<'_>, snapshot: &Snapshot, table: Id, key: &OrderKey) -> Result<()> {
    let export = bucket.export;
    if export.files == 0 {
        bucket.put(export.place(key, "_started"), Bytes::new()).await?;
    }
    let lines = Lines::gather(snapshot, export, table)?;
    let (items, bytes, next) = (lines.items, lines.bytes, lines.next);
    let content = tokio::task::spawn_blocking(move || {
        let mut file = GzEncoder::new(Vec::new(), Compression::default());
        file.write_all(&lines.text)?;
        file.finish()
    });
    let content = content.await.map_err(AwsError::internal)?.map_err(AwsError::internal)?;
    let file = Exported {
        item_count: items,
        md5_checksum: BASE64.encode(Md5::digest(&content)),
        key: export.data_place(key),
        etag: bucket.put(export.data_place(key), content).await?,
    };
    bucket
        .cx
        .kv
        .transact(|tx| {
            let Some(mut current) = EXPORTS.get(tx, key)?.filter(|current| current.files == export.files)
            else {
                return Ok(());
            };
            EXPORTED.put(tx, &(current.id, current.files), &file)?;
            current.files += 1;
            current.items += i64::try_from(items).unwrap_or(0);
            current.bytes += i64::try_from(bytes).unwrap_or(0);
            current.whole = next.is_none();
            current.written.clone_from(&next);
            Ok(EXPORTS.put(tx, key, &current)?)
        })
        .await
}

async fn finish(bucket: &Bucket<'_>, claim: (Id, Id), key: &OrderKey) -> Result<()> {
    let export = bucket.export;
    let now = bucket.cx.env.now();
    let snapshot = bucket.cx.kv.snapshot().await?;
    let mut files = String::new();
    for (_, file) in EXPORTED.all(&snapshot, &Span::prefix(&(export.id,)))? {
        files += &serde_json::to_string(&file).map_err(AwsError::internal)?;
        files.push('\n');
    }
    bucket.put_manifest(export.place(key, "manifest-files.json"), files).await?;
    let summary = export.summary_file(key, now).to_string();
    bucket.put_manifest(export.place(key, "manifest-summary.json"), summary).await?;
    end(&bucket.cx, claim, key, &State::Done { at_ms: now.as_millis() }).await
}

async fn end(cx: &Ctx, (table, copy): (Id, Id), key: &OrderKey, state: &State) -> Result<()> {
    cx.kv
        .transact(|tx| {
            if let Some(mut export) = EXPORTS.get(tx, key)? {
                EXPORTED.delete_all(tx, &Span::prefix(&(export.id,)))?;
                export.state = state.clone();
                EXPORTS.put(tx, key, &export)?;
            }
            Ok(history::release(tx, table, copy)?)
        })
        .await
}

/// A file's lines.
#[derive(Default)]
struct Lines {
    text: Vec<u8>,
    items: usize,
    /// Of the items, as AWS counts them.
    bytes: usize,
    next: Option<Vec<u8>>,
}

impl Lines {
    /// Reads as much as makes a file.
    fn gather(snapshot: &Snapshot, export: &ExportRecord, table: Id) -> Result<Self> {
        let mut lines = Self { next: export.written.clone(), ..Self::default() };
        loop {
            match export.what {
                What::Full { .. } => {
                    let page = items_at(snapshot, table, export.number, lines.next.as_deref())?;
                    for (_, item) in &page.rows {
                        lines.add(&json!({ "Item": item }), value::size(item));
                    }
                    lines.next = page.next;
                }
                What::Changes { from, old, .. } => {
                    let stretch = (from, export.number);
                    let page = changes_between(snapshot, table, stretch, lines.next.as_deref())?;
                    for (_, changed) in &page.rows {
                        lines.add_change(export, changed, old);
                    }
                    lines.next = page.next;
                }
            }
            if lines.next.is_none() || lines.text.len() >= FILE_BYTES {
                return Ok(lines);
            }
        }
    }

    fn add(&mut self, line: &Json, bytes: usize) {
        self.text.extend_from_slice(line.to_string().as_bytes());
        self.text.push(b'\n');
        self.items += 1;
        self.bytes += bytes;
    }

    /// What was made and deleted in the same stretch is not told.
    fn add_change(&mut self, export: &ExportRecord, changed: &Changed, wants_old: bool) {
        let Some(item) = changed.new.as_ref().or(changed.old.as_ref()) else { return };
        let size = |item: &Option<Item>| item.as_ref().map_or(0, value::size);
        let mut line = json!({
            "Metadata": { "WriteTimestampMicros": changed.number.to_string() },
            "Keys": export.schema.pick(item),
        });
        if let Some(old) = changed.old.as_ref().filter(|_| wants_old) {
            line["OldImage"] = json!(old);
        }
        if let Some(new) = &changed.new {
            line["NewImage"] = json!(new);
        }
        self.add(&line, size(&changed.old) + size(&changed.new));
    }
}

impl Order for ExportRecord {
    fn token(&self) -> &str {
        &self.token
    }

    fn request(&self) -> &str {
        &self.request
    }

    fn is_of(&self, table_arn: &str) -> bool {
        self.table_arn == table_arn
    }
}
