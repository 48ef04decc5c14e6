//! `UpdateTable`: billing and units, indexes, the stream, protection, class.

use api_dynamodb::{
    BillingMode, CreateGlobalSecondaryIndexAction, GlobalSecondaryIndexUpdate, UpdateTableInput,
    UpdateTableOutput, errors,
};
use aws_wire::{AwsError, Result};
use env::Timestamp;
use kv::Tx;

use crate::Ctx;
use crate::keys::{Id, PENDING, TABLES};
use crate::table::{self, Sizes, Status, TableRecord, units};
use crate::value::wrong;
use crate::{schema, stream};

pub(crate) async fn update_table(cx: Ctx, input: UpdateTableInput) -> Result<UpdateTableOutput> {
    refuse_unknown(&input)?;
    let key = table::key(&cx.caller, &input.table_name)?;
    let (now, stream_id) = (cx.env.now(), cx.env.uuid().into_bytes());
    let current = table::find(&cx.kv.snapshot().await?, &key)?;
    let last = match current.writes_to() {
        Some(setting) => cx.state.sequences.last(&cx, setting.id).await?,
        None => 0,
    };

    let table = cx
        .kv
        .transact(|tx| {
            let mut table = table::find(tx, &key)?;
            check_idle(&table)?;
            change(tx, &mut table, &input, (now, stream_id, last))?;
            table.version += 1;
            table.status = Status::Updating;
            TABLES.put(tx, &key, &table)?;
            PENDING.put(tx, &key, &())?;
            Ok::<_, AwsError>(table)
        })
        .await?;

    Ok(UpdateTableOutput { table_description: Some(table::describe(&table, &Sizes::default())) })
}

fn check_idle(table: &TableRecord) -> Result<()> {
    let doing = match table.status {
        Status::Active => return Ok(()),
        Status::Creating => "created",
        Status::Updating => "updated",
        Status::Deleting => "deleted",
    };
    Err(errors::resource_in_use_exception(format!(
        "Attempt to change a resource which is still in use: Table is being {doing}: {}",
        table.name
    )))
}

fn refuse_unknown(input: &UpdateTableInput) -> Result<()> {
    let encrypted = input.sse_specification.as_ref().is_some_and(|sse| sse.enabled == Some(true));
    let settings = [
        ("SSESpecification Enabled", encrypted),
        ("ReplicaUpdates", input.replica_updates.is_some()),
        ("MultiRegionConsistency", input.multi_region_consistency.is_some()),
        ("GlobalTableWitnessUpdates", input.global_table_witness_updates.is_some()),
        ("OnDemandThroughput", input.on_demand_throughput.is_some()),
        ("WarmThroughput", input.warm_throughput.is_some()),
        ("GlobalTableSettingsReplicationMode", input.global_table_settings_replication_mode.is_some()),
        ("DisassociationProtectionEnabled", input.disassociation_protection_enabled.is_some()),
        ("VectorIndexUpdates", input.vector_index_updates.is_some()),
    ];
    if let Some((name, _)) = settings.into_iter().find(|(_, given)| *given) {
        return Err(AwsError::parameter_not_implemented("UpdateTable", name));
    }
    let nothing = input.billing_mode.is_none()
        && input.provisioned_throughput.is_none()
        && input.global_secondary_index_updates.as_ref().is_none_or(Vec::is_empty)
        && input.stream_specification.is_none()
        && input.sse_specification.is_none()
        && input.table_class.is_none()
        && input.deletion_protection_enabled.is_none();
    if nothing {
        return Err(AwsError::validation(
            "At least one of ProvisionedThroughput, BillingMode, UpdateStreamEnabled, GlobalSecondaryIndexUpdates or SSESpecification or ReplicaUpdates is required",
        ));
    }
    Ok(())
}

fn change(
    tx: &mut Tx,
    table: &mut TableRecord,
    input: &UpdateTableInput,
    (now, stream_id, last): (Timestamp, Id, u64),
) -> Result<()> {
    rebill(table, input, now)?;
    if let Some(definitions) = &input.attribute_definitions {
        for part in schema::attributes(definitions)? {
            match table.attributes.iter().find(|known| known.name == part.name) {
                Some(known) if known.kind != part.kind => {
                    return Err(wrong(format!("Cannot change the type of the key attribute {}", part.name)));
                }
                Some(_) => {}
                None => table.attributes.push(part),
            }
        }
    }
    for update in input.global_secondary_index_updates.as_deref().unwrap_or_default() {
        change_index(table, input.billing_mode, update)?;
    }
    let used = |name: &str, table: &TableRecord| {
        table.schema.has(name) || table.visible().any(|index| index.schema.has(name))
    };
    let kept = table.attributes.iter().filter(|part| used(&part.name, table)).cloned().collect();
    table.attributes = kept;
    if let Some(specification) = &input.stream_specification {
        match (stream::check(specification)?, table.writes_to().is_some()) {
            (Some(_), true) => {
                return Err(AwsError::validation(
                    "Table already has an enabled stream: TableName: ".to_owned() + &table.name,
                ));
            }
            (Some(view), false) => stream::begin(tx, table, &view, now, stream_id)?,
            (None, true) => stream::end(tx, table, now, last)?,
            (None, false) => {
                return Err(AwsError::validation(
                    "Table stream is already disabled: TableName: ".to_owned() + &table.name,
                ));
            }
        }
    }
    if let Some(class) = input.table_class {
        table.class = Some(class.as_str().to_owned());
    }
    if let Some(protected) = input.deletion_protection_enabled {
        table.deletion_protection = protected;
    }
    Ok(())
}

fn rebill(table: &mut TableRecord, input: &UpdateTableInput, now: Timestamp) -> Result<()> {
    match (input.billing_mode, &input.provisioned_throughput) {
        (None, None) => {}
        (None, Some(_)) if table.throughput.is_none() => {
            return Err(wrong(
                "Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST",
            ));
        }
        (mode, given) => {
            let wanted = schema::throughput(mode, given.as_ref())?;
            if mode.is_none() && wanted == table.throughput {
                let (reads, writes) = table.throughput.unwrap_or_default();
                return Err(AwsError::validation(format!(
                    "The provisioned throughput for the table will not change. The requested value equals the current value. Current ReadCapacityUnits provisioned for the table: {reads}. Requested ReadCapacityUnits: {reads}. Current WriteCapacityUnits provisioned for the table: {writes}. Requested WriteCapacityUnits: {writes}. Refer to the Amazon DynamoDB Developer Guide for current limits and how to request higher limits."
                )));
            }
            let (old, new) = (table.throughput.unwrap_or_default(), wanted.unwrap_or_default());
            if new.0 > old.0 || new.1 > old.1 {
                table.increased_ms = Some(now.as_millis());
            }
            if new.0 < old.0 || new.1 < old.1 {
                table.decreased_ms = Some(now.as_millis());
            }
            if mode == Some(BillingMode::PayPerRequest) && table.throughput.is_some() {
                table.on_demand_since_ms = Some(now.as_millis());
                table.indexes.iter_mut().for_each(|index| index.throughput = None);
            }
            table.throughput = wanted;
        }
    }
    Ok(())
}

fn change_index(
    table: &mut TableRecord,
    mode: Option<BillingMode>,
    update: &GlobalSecondaryIndexUpdate,
) -> Result<()> {
    match (&update.create, &update.update, &update.delete) {
        (Some(create), None, None) => create_index(table, mode, create),
        (None, Some(update), None) => {
            if update.on_demand_throughput.is_some() || update.warm_throughput.is_some() {
                return Err(AwsError::parameter_not_implemented(
                    "UpdateTable",
                    "GlobalSecondaryIndexUpdates with OnDemandThroughput or WarmThroughput",
                ));
            }
            let index = find(table, &update.index_name)?;
            index.throughput = update.provisioned_throughput.as_ref().map(units);
            index.status = Status::Updating;
            Ok(())
        }
        (None, None, Some(delete)) => {
            find(table, &delete.index_name)?.status = Status::Deleting;
            Ok(())
        }
        _ => Err(wrong(
            "One of GlobalSecondaryIndexUpdate.Update, GlobalSecondaryIndexUpdate.Create, GlobalSecondaryIndexUpdate.Delete must not be null",
        )),
    }
}

fn find<'a>(table: &'a mut TableRecord, name: &str) -> Result<&'a mut table::Index> {
    let found = table.indexes.iter_mut().find(|index| index.name == name && index.global);
    found.ok_or_else(|| {
        errors::resource_not_found_exception(format!("Requested resource not found: Index: {name} not found"))
    })
}

fn create_index(
    table: &mut TableRecord,
    mode: Option<BillingMode>,
    create: &CreateGlobalSecondaryIndexAction,
) -> Result<()> {
    if create.on_demand_throughput.is_some() || create.warm_throughput.is_some() {
        return Err(AwsError::parameter_not_implemented(
            "UpdateTable",
            "GlobalSecondaryIndexUpdates with OnDemandThroughput or WarmThroughput",
        ));
    }
    if table.indexes.iter().any(|index| index.name == create.index_name) {
        return Err(AwsError::validation(format!(
            "Attempting to create an index which already exists: {}",
            create.index_name
        )));
    }
    if table.visible().any(|index| matches!(index.status, Status::Creating | Status::Deleting)) {
        return Err(errors::limit_exceeded_exception(
            "Subscriber limit exceeded: Only 1 online index can be created or deleted simultaneously per table",
        ));
    }
    let mode = mode.or(table.throughput.is_none().then_some(BillingMode::PayPerRequest));
    let mut index = schema::global_index(
        "UpdateTable",
        &table.attributes,
        mode,
        (&create.index_name, &create.key_schema, &create.projection),
        create.provisioned_throughput.as_ref(),
    )?;
    index.number = table.next_index;
    index.status = Status::Creating;
    table.next_index += 1;
    table.indexes.push(index);
    schema::check_counts(&table.indexes)
}
