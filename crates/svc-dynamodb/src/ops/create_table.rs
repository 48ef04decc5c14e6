//! `CreateTable`: a table, which is open once it was settled.

use std::collections::BTreeMap;

use api_dynamodb::{CreateTableInput, CreateTableOutput, Tag, errors};
use aws_wire::{AwsError, Result};
use kv::{Direction, Span};

use crate::Ctx;
use crate::keys::{PENDING, TABLES};
use crate::table::{self, FORMAT, Sizes, Status, TableRecord};
use crate::value::wrong;
use crate::{schema, stream};

/// Tables of an account and region.
const TABLES_MAX: usize = 2500;

pub(crate) async fn create_table(cx: Ctx, input: CreateTableInput) -> Result<CreateTableOutput> {
    let (table, view) = check(&cx, input)?;
    let (now, stream_id) = (cx.env.now(), cx.env.uuid().into_bytes());

    let table = cx
        .kv
        .transact(|tx| {
            let mut table = table.clone();
            let key = table.key();
            if TABLES.get(tx, &key)?.is_some() {
                return Err(errors::resource_in_use_exception(format!(
                    "Table already exists: {}",
                    table.name
                )));
            }
            let known =
                TABLES.scan(tx, &Span::prefix(&(&*key.0, &*key.1)), TABLES_MAX, Direction::Forward)?;
            if known.len() == TABLES_MAX {
                return Err(errors::limit_exceeded_exception(
                    "Subscriber limit exceeded: There is a limit of 2500 tables per subscriber",
                ));
            }
            if let Some(view) = &view {
                stream::begin(tx, &mut table, view, now, stream_id)?;
            }
            TABLES.put(tx, &key, &table)?;
            PENDING.put(tx, &key, &())?;
            Ok(table)
        })
        .await?;

    Ok(CreateTableOutput { table_description: Some(table::describe(&table, &Sizes::default())) })
}

fn refuse_unknown(input: &CreateTableInput) -> Result<()> {
    let encrypted = input.sse_specification.as_ref().is_some_and(|sse| sse.enabled == Some(true));
    let globals = input.global_secondary_indexes.as_deref().unwrap_or_default();
    let settings = [
        ("SSESpecification Enabled", encrypted),
        (
            "WarmThroughput",
            input.warm_throughput.is_some() || globals.iter().any(|index| index.warm_throughput.is_some()),
        ),
        (
            "OnDemandThroughput",
            input.on_demand_throughput.is_some()
                || globals.iter().any(|index| index.on_demand_throughput.is_some()),
        ),
        ("ResourcePolicy", input.resource_policy.is_some()),
        ("GlobalTableSourceArn", input.global_table_source_arn.is_some()),
        ("GlobalTableSettingsReplicationMode", input.global_table_settings_replication_mode.is_some()),
        ("VectorIndexes", input.vector_indexes.is_some()),
    ];
    match settings.into_iter().find(|(_, given)| *given) {
        Some((name, _)) => Err(AwsError::parameter_not_implemented("CreateTable", name)),
        None => Ok(()),
    }
}

/// The table that is asked for, and its stream's view.
///
/// # Errors
/// `ValidationException` in AWS's words; 501 for what tables can't have here.
pub(crate) fn check(cx: &Ctx, input: CreateTableInput) -> Result<(TableRecord, Option<String>)> {
    refuse_unknown(&input)?;
    let key = table::key(&cx.caller, &input.table_name)?;
    let throughput = schema::throughput(input.billing_mode, input.provisioned_throughput.as_ref())?;
    let missing = |name: &str| {
        AwsError::validation(format!(
            "1 validation error detected: Value null at '{name}' failed to satisfy constraint: Member must not be null"
        ))
    };
    let definitions = input.attribute_definitions.ok_or_else(|| missing("attributeDefinitions"))?;
    let attributes = schema::attributes(&definitions)?;
    let elements = input.key_schema.ok_or_else(|| missing("keySchema"))?;
    let keys = schema::keys("CreateTable", &elements, &attributes)?;
    let mut indexes = schema::indexes(
        &keys,
        &attributes,
        input.billing_mode,
        input.local_secondary_indexes.as_deref(),
        input.global_secondary_indexes.as_deref(),
    )?;
    schema::check_used(&keys, &indexes, &attributes)?;
    for index in &mut indexes {
        index.status = Status::Creating;
    }
    let view = input.stream_specification.as_ref().map(stream::check).transpose()?.flatten();
    let now_ms = cx.env.now().as_millis();
    let table = TableRecord {
        format: FORMAT,
        id: cx.env.uuid().into_bytes(),
        version: 0,
        account: key.0,
        region: key.1,
        name: key.2,
        created_ms: now_ms,
        status: Status::Creating,
        attributes,
        schema: keys,
        next_index: u16::try_from(indexes.len()).unwrap_or(u16::MAX) + 1,
        indexes,
        on_demand_since_ms: throughput.is_none().then_some(now_ms),
        throughput,
        increased_ms: None,
        decreased_ms: None,
        deletion_protection: input.deletion_protection_enabled == Some(true),
        class: input.table_class.map(|class| class.as_str().to_owned()),
        stream: None,
        time_to_live: None,
        tags: tags(input.tags.unwrap_or_default())?,
        destinations: Vec::new(),
        keeps_past: false,
        recovery: None,
        restored: None,
        import: None,
    };
    Ok((table, view))
}

/// Tags as a table keeps them.
///
/// # Errors
/// `ValidationException`, when a key is AWS's own or there are too many.
pub(crate) fn tags(list: Vec<Tag>) -> Result<BTreeMap<String, String>> {
    if list.len() > 50 {
        return Err(wrong("Too many tags"));
    }
    if list.iter().any(|tag| tag.key.starts_with("aws:")) {
        return Err(wrong("Tag keys may not begin with aws:"));
    }
    let count = list.len();
    let tags = list.into_iter().map(|tag| (tag.key, tag.value)).collect::<BTreeMap<_, _>>();
    if tags.len() < count {
        return Err(wrong("Duplicate tag keys"));
    }
    Ok(tags)
}
