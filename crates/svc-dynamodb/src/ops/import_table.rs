//! `ImportTable`: a new table, which is open once the objects of a bucket are in it.

use api_dynamodb::{
    CreateTableInput, ImportTableInput, ImportTableOutput, InputCompressionType, InputFormat, errors,
};
use aws_wire::{AwsError, Result};
use sha2::{Digest as _, Sha256};

use crate::backup::label;
use crate::export::State;
use crate::import::{Counts, Format, ImportRecord};
use crate::keys::{IMPORTING, IMPORTS, TABLES};
use crate::ops::create_table;
use crate::{Ctx, order, value};

pub(crate) async fn import_table(cx: Ctx, input: ImportTableInput) -> Result<ImportTableOutput> {
    refuse_unknown(&input)?;
    let (id, now) = (cx.env.uuid().into_bytes(), cx.env.now());
    let token = input.client_token.clone().unwrap_or_else(|| cx.env.uuid().to_string());
    let request: String =
        Sha256::digest(format!("{input:?}")).iter().map(|byte| format!("{byte:02x}")).collect();
    let format = format(&input)?;
    let parameters = input.table_creation_parameters;
    let (mut table, _) = create_table::check(
        &cx,
        CreateTableInput {
            table_name: parameters.table_name,
            attribute_definitions: Some(parameters.attribute_definitions),
            key_schema: Some(parameters.key_schema),
            billing_mode: parameters.billing_mode,
            provisioned_throughput: parameters.provisioned_throughput,
            on_demand_throughput: parameters.on_demand_throughput,
            sse_specification: parameters.sse_specification,
            global_secondary_indexes: parameters.global_secondary_indexes,
            vector_indexes: parameters.vector_indexes,
            ..CreateTableInput::default()
        },
    )?;
    let key = (table.account.clone(), table.region.clone(), label(now, id));
    table.import = Some(key.2.clone());
    let import = ImportRecord {
        table: table.clone(),
        started_ms: now.as_millis(),
        token,
        request,
        bucket: input.s3_bucket_source.s3_bucket,
        owner: input.s3_bucket_source.s3_bucket_owner,
        prefix: input.s3_bucket_source.s3_key_prefix,
        format,
        gzip: input.input_compression_type == Some(InputCompressionType::Gzip),
        state: State::Running,
        object: None,
        records: 0,
        counts: Counts::default(),
    };

    let (key, import) = cx
        .kv
        .transact(|tx| {
            let asked_before = (import.token.as_str(), import.request.as_str());
            let known = order::repeated(&IMPORTS, tx, &cx.caller, asked_before, now.as_millis(), conflict)?;
            if let Some(known) = known {
                return Ok(known);
            }
            if TABLES.get(tx, &table.key())?.is_some() {
                let message = format!("Table already exists: {}", table.name);
                return Err(errors::resource_in_use_exception(message));
            }
            // Settled once the import is done: until then there is nothing to wait for.
            TABLES.put(tx, &table.key(), &table)?;
            IMPORTS.put(tx, &key, &import)?;
            IMPORTING.put(tx, &key, &())?;
            Ok::<_, AwsError>((key.clone(), import.clone()))
        })
        .await?;

    Ok(ImportTableOutput { import_table_description: import.describe(&key) })
}

fn refuse_unknown(input: &ImportTableInput) -> Result<()> {
    let settings = [
        ("InputFormat ION", input.input_format == InputFormat::Ion),
        ("InputCompressionType ZSTD", input.input_compression_type == Some(InputCompressionType::Zstd)),
    ];
    match settings.into_iter().find(|(_, given)| *given) {
        Some((name, _)) => Err(AwsError::parameter_not_implemented("ImportTable", name)),
        None => Ok(()),
    }
}

fn format(input: &ImportTableInput) -> Result<Format> {
    let options = input.input_format_options.as_ref().and_then(|options| options.csv.as_ref());
    match (input.input_format, options) {
        (InputFormat::Csv, options) => Ok(Format::Csv {
            delimiter: options.and_then(|options| options.delimiter.clone()),
            headers: options.and_then(|options| options.header_list.clone()),
        }),
        (_, Some(_)) => {
            Err(value::wrong("InputFormatOptions.Csv can be given only for an InputFormat of CSV"))
        }
        (_, None) => Ok(Format::Json),
    }
}

fn conflict() -> AwsError {
    errors::import_conflict_exception(
        "Duplicate request detected: the ClientToken was used for an import with other parameters",
    )
}
