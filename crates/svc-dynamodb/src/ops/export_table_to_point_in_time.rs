//! `ExportTableToPointInTime`: a table as it was, or what changed, goes into a bucket.

use api_dynamodb::{
    ExportFormat, ExportTableToPointInTimeInput, ExportTableToPointInTimeOutput, ExportType, ExportViewType,
    S3SseAlgorithm, errors,
};
use aws_wire::{AwsError, Result};
use env::Timestamp;
use sha2::{Digest as _, Sha256};

use crate::Ctx;
use crate::backup::label;
use crate::export::{ExportRecord, State, What};
use crate::history::{self, Task};
use crate::keys::EXPORTS;
use crate::recovery::{self, Recovery};
use crate::{order, table};

/// The shortest and longest stretch of an incremental export.
const STRETCH_MIN_MS: i64 = 15 * 60 * 1000;
const STRETCH_MAX_MS: i64 = 24 * 60 * 60 * 1000;

pub(crate) async fn export_table_to_point_in_time(
    cx: Ctx,
    input: ExportTableToPointInTimeInput,
) -> Result<ExportTableToPointInTimeOutput> {
    refuse_unknown(&input)?;
    if !input.table_arn.starts_with("arn:") {
        return Err(AwsError::validation(format!("Invalid TableArn: {}", input.table_arn)));
    }
    let table_key = table::key(&cx.caller, &input.table_arn)?;
    let (id, now) = (cx.env.uuid().into_bytes(), cx.env.now());
    let token = input.client_token.clone().unwrap_or_else(|| cx.env.uuid().to_string());
    let request = digest(&input);
    let known = recovery::open(&cx.kv.snapshot().await?, &table_key)?.id;
    let latest = cx.state.sequences.next(&cx, known).await?;
    let key = (table_key.0.clone(), table_key.1.clone(), label(now, id));

    let (key, export) = cx
        .kv
        .transact(|tx| {
            let asked_before = (token.as_str(), request.as_str());
            let known = order::repeated(&EXPORTS, tx, &cx.caller, asked_before, now.as_millis(), conflict)?;
            if let Some(known) = known {
                return Ok(known);
            }
            let mut table = recovery::open(tx, &table_key)?;
            let (what, number) = asked(&input, recovery::of(&table)?, now, latest)?;
            let export = ExportRecord {
                id,
                table_arn: table.arn(),
                table_id: table.id,
                schema: table.schema.clone(),
                started_ms: now.as_millis(),
                token: token.clone(),
                request: request.clone(),
                bucket: input.s3_bucket.clone(),
                owner: input.s3_bucket_owner.clone(),
                prefix: input.s3_prefix.clone(),
                what,
                typed: input.export_type.is_some(),
                number,
                state: State::Running,
                written: None,
                whole: false,
                files: 0,
                items: 0,
                bytes: 0,
            };
            EXPORTS.put(tx, &key, &export)?;
            let kept_from = match export.what {
                What::Full { .. } => number,
                What::Changes { from, .. } => from,
            };
            history::claim(tx, &mut table, id, kept_from, Task::Export(key.clone()))?;
            Ok::<_, AwsError>((key.clone(), export))
        })
        .await?;

    Ok(ExportTableToPointInTimeOutput { export_description: Some(export.describe(&key)) })
}

fn refuse_unknown(input: &ExportTableToPointInTimeInput) -> Result<()> {
    let settings = [
        ("ExportFormat ION", input.export_format == Some(ExportFormat::Ion)),
        ("S3SseAlgorithm KMS", input.s3_sse_algorithm == Some(S3SseAlgorithm::Kms)),
        ("S3SseKmsKeyId", input.s3_sse_kms_key_id.is_some()),
        ("FilterSpecification", input.filter_specification.is_some()),
    ];
    match settings.into_iter().find(|(_, given)| *given) {
        Some((name, _)) => Err(AwsError::parameter_not_implemented("ExportTableToPointInTime", name)),
        None => Ok(()),
    }
}

/// What makes two requests of one token the same.
fn digest(input: &ExportTableToPointInTimeInput) -> String {
    Sha256::digest(format!("{input:?}")).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What is to be exported, and from which number on changes are not in it.
fn asked(
    input: &ExportTableToPointInTimeInput,
    recovery: &Recovery,
    now: Timestamp,
    latest: u64,
) -> Result<(What, u64)> {
    let outside = || {
        errors::invalid_export_time_exception(
            "The specified ExportTime is outside of the point in time recovery window",
        )
    };
    let number = |at: Timestamp| recovery::number_at(recovery, at, now, latest).ok_or_else(outside);
    if input.export_type != Some(ExportType::IncrementalExport) {
        if input.incremental_export_specification.is_some() {
            return Err(AwsError::validation(
                "IncrementalExportSpecification can only be given for an ExportType of INCREMENTAL_EXPORT",
            ));
        }
        let at_ms = input.export_time.unwrap_or(now).as_millis();
        let number = input.export_time.map_or(Ok(latest), number)?;
        return Ok((What::Full { at_ms }, number));
    }
    let specification = input.incremental_export_specification.as_ref();
    let Some(from) = specification.and_then(|specification| specification.export_from_time) else {
        return Err(AwsError::validation("ExportFromTime is required for an incremental export"));
    };
    if input.export_time.is_some() {
        return Err(AwsError::validation("ExportTime cannot be given for an incremental export"));
    }
    let to = specification.and_then(|specification| specification.export_to_time);
    let length = to.unwrap_or(now).as_millis() - from.as_millis();
    if length < STRETCH_MIN_MS {
        return Err(AwsError::validation(
            "Difference between export period from time and export period to time is less than 15 minutes",
        ));
    }
    if length > STRETCH_MAX_MS {
        return Err(AwsError::validation(
            "Difference between export period from time and export period to time exceeds 24 hours",
        ));
    }
    let view = specification.and_then(|specification| specification.export_view_type);
    let what = What::Changes {
        from_ms: from.as_millis(),
        to_ms: to.unwrap_or(now).as_millis(),
        // From this moment on, and before the other.
        from: number(from)?.saturating_sub(1),
        old: view != Some(ExportViewType::NewImage),
    };
    let end = to.map_or(Ok(latest), |to| Ok::<_, AwsError>(number(to)?.saturating_sub(1)))?;
    Ok((what, end))
}

fn conflict() -> AwsError {
    errors::export_conflict_exception(
        "Duplicate request detected: the ClientToken was used for an export with other parameters",
    )
}
