//! The checks of a table's or an index's keys, and of what `CreateTable` and `UpdateTable` say of them.

use std::collections::BTreeSet;

use api_dynamodb::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, LocalSecondaryIndex,
    Projection, ProjectionType, ProvisionedThroughput,
};
use aws_wire::{AwsError, Result};

use crate::table::{Index, KeyPart, Kind, Projected, Schema, Status, units};
use crate::value::wrong;

const LOCALS_MAX: usize = 5;
const GLOBALS_MAX: usize = 20;
/// Attributes that a table's indexes may include in all.
const INCLUDED_MAX: usize = 100;

/// The attributes that keys may have.
pub(crate) fn attributes(definitions: &[AttributeDefinition]) -> Result<Vec<KeyPart>> {
    let mut parts: Vec<KeyPart> = Vec::new();
    for AttributeDefinition { attribute_name, attribute_type } in definitions {
        let part = KeyPart { name: attribute_name.clone(), kind: Kind::of(*attribute_type) };
        if parts.iter().any(|known| known.name == part.name) {
            return Err(wrong(format!("Duplicate AttributeName: {}", part.name)));
        }
        parts.push(part);
    }
    Ok(parts)
}

/// # Errors
/// `ValidationException` in AWS's words; 501 for keys of more than two attributes.
pub(crate) fn keys(operation: &str, elements: &[KeySchemaElement], attributes: &[KeyPart]) -> Result<Schema> {
    let names =
        |list: Vec<&String>| format!("[{}]", list.into_iter().cloned().collect::<Vec<_>>().join(", "));
    let part = |element: &KeySchemaElement| {
        attributes.iter().find(|part| part.name == element.attribute_name).cloned().ok_or_else(|| {
            wrong(format!(
                "Some index key attributes are not defined in AttributeDefinitions. Keys: {}, AttributeDefinitions: {}",
                names(elements.iter().map(|element| &element.attribute_name).collect()),
                names(attributes.iter().map(|part| &part.name).collect())
            ))
        })
    };
    if elements.len() > 2 {
        return Err(AwsError::parameter_not_implemented(operation, "KeySchema of more than two attributes"));
    }
    let Some(first) = elements.first() else {
        return Err(AwsError::validation(
            "1 validation error detected: Value '[]' at 'keySchema' failed to satisfy constraint: Member must have length greater than or equal to 1",
        ));
    };
    let hash = part(first)?;
    let range = elements.get(1).map(part).transpose()?;
    if range.as_ref().is_some_and(|range| range.name == hash.name) {
        return Err(AwsError::validation(
            "Both the Hash Key and the Range Key element in the KeySchema have the same name",
        ));
    }
    if first.key_type != KeyType::Hash {
        return Err(AwsError::validation(
            "Invalid KeySchema: The first KeySchemaElement is not a HASH key type",
        ));
    }
    match elements.get(1).map(|element| element.key_type) {
        Some(KeyType::Hash) if operation != "CreateTable" => {
            Err(AwsError::parameter_not_implemented(operation, "KeySchema of two partition keys"))
        }
        Some(KeyType::Hash) => Err(AwsError::validation(
            "Invalid KeySchema: The second KeySchemaElement is not a RANGE key type",
        )),
        _ => Ok(Schema { hash, range }),
    }
}

fn projected(projection: &Projection) -> Result<Projected> {
    let kind = projection.projection_type.ok_or_else(|| wrong("Unknown ProjectionType: null"))?;
    let names = projection.non_key_attributes.clone();
    if names.is_some() && kind != ProjectionType::Include {
        return Err(wrong(format!("ProjectionType is {}, but NonKeyAttributes is specified", kind.as_str())));
    }
    match kind {
        ProjectionType::All => Ok(Projected::All),
        ProjectionType::KeysOnly => Ok(Projected::Keys),
        ProjectionType::Include => names
            .map(Projected::Include)
            .ok_or_else(|| wrong("ProjectionType is INCLUDE, but NonKeyAttributes is not specified")),
    }
}

/// A table's units, as its billing mode has them.
///
/// # Errors
/// `ValidationException` in AWS's words.
pub(crate) fn throughput(
    mode: Option<BillingMode>,
    given: Option<&ProvisionedThroughput>,
) -> Result<Option<(i64, i64)>> {
    match (mode, given) {
        (Some(BillingMode::PayPerRequest), Some(_)) => Err(wrong(
            "Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST",
        )),
        (Some(BillingMode::PayPerRequest), None) => Ok(None),
        (_, Some(given)) => Ok(Some(units(given))),
        (_, None) => Err(wrong(
            "ReadCapacityUnits and WriteCapacityUnits must both be specified when BillingMode is PROVISIONED",
        )),
    }
}

/// The indexes of a new table.
///
/// # Errors
/// `ValidationException` in AWS's words.
pub(crate) fn indexes(
    schema: &Schema,
    attributes: &[KeyPart],
    mode: Option<BillingMode>,
    locals: Option<&[LocalSecondaryIndex]>,
    globals: Option<&[GlobalSecondaryIndex]>,
) -> Result<Vec<Index>> {
    let mut indexes = Vec::new();
    for (list, empty) in [
        ("LocalSecondaryIndexes", locals.map(<[_]>::len)),
        ("GlobalSecondaryIndexes", globals.map(<[_]>::len)),
    ] {
        if empty == Some(0) {
            return Err(wrong(format!("List of {list} is empty")));
        }
    }
    if locals.is_some() && schema.range.is_none() {
        return Err(wrong(
            "Table KeySchema does not have a range key, which is required when specifying a LocalSecondaryIndex",
        ));
    }
    for local in locals.unwrap_or_default() {
        indexes.push(local_index(schema, attributes, local)?);
    }
    for global in globals.unwrap_or_default() {
        indexes.push(global_index(
            "CreateTable",
            attributes,
            mode,
            (&global.index_name, &global.key_schema, &global.projection),
            global.provisioned_throughput.as_ref(),
        )?);
    }
    check_counts(&indexes)?;
    for (number, index) in (1..).zip(&mut indexes) {
        index.number = number;
    }
    Ok(indexes)
}

/// # Errors
/// `ValidationException`, when there are too many or two of one name.
pub(crate) fn check_counts(indexes: &[Index]) -> Result<()> {
    let mut names = BTreeSet::new();
    if let Some(twice) = indexes.iter().find(|index| !names.insert(&index.name)) {
        return Err(wrong(format!("Duplicate index name: {}", twice.name)));
    }
    let globals = indexes.iter().filter(|index| index.global).count();
    if indexes.len() - globals > LOCALS_MAX {
        return Err(wrong("Number of LocalSecondaryIndexes exceeds per-table limit of 5"));
    }
    if globals > GLOBALS_MAX {
        return Err(wrong("GlobalSecondaryIndex count exceeds the per-table limit of 20"));
    }
    let included = indexes.iter().map(|index| match &index.projected {
        Projected::Include(names) => names.len(),
        _ => 0,
    });
    if included.sum::<usize>() > INCLUDED_MAX {
        return Err(wrong("Total number of NonKeyAttributes exceeds the per-table limit of 100"));
    }
    Ok(())
}

/// # Errors
/// `ValidationException` in AWS's words.
pub(crate) fn local_index(
    schema: &Schema,
    attributes: &[KeyPart],
    local: &LocalSecondaryIndex,
) -> Result<Index> {
    let own = keys("CreateTable", &local.key_schema, attributes)?;
    if own.range.is_none() {
        return Err(wrong(format!(
            "Index KeySchema does not have a range key for index: {}",
            local.index_name
        )));
    }
    if own.hash != schema.hash {
        return Err(wrong(format!(
            "Index KeySchema does not have the same leading hash key as table KeySchema for index: {}. index hash key: {}, table hash key: {}",
            local.index_name, own.hash.name, schema.hash.name
        )));
    }
    Ok(Index {
        name: local.index_name.clone(),
        number: 0,
        global: false,
        expiry: false,
        schema: own,
        projected: projected(&local.projection)?,
        status: Status::Active,
        throughput: None,
    })
}

/// # Errors
/// `ValidationException` in AWS's words.
pub(crate) fn global_index(
    operation: &str,
    attributes: &[KeyPart],
    mode: Option<BillingMode>,
    (name, key_schema, projection): (&str, &[KeySchemaElement], &Projection),
    given: Option<&ProvisionedThroughput>,
) -> Result<Index> {
    let schema = keys(operation, key_schema, attributes)?;
    let throughput = match (mode, given) {
        (Some(BillingMode::PayPerRequest), Some(_)) => {
            return Err(wrong(format!(
                "ProvisionedThroughput should not be specified for index: {name} when BillingMode is PAY_PER_REQUEST"
            )));
        }
        (Some(BillingMode::PayPerRequest), None) => None,
        (_, Some(given)) => Some(units(given)),
        (_, None) => {
            return Err(wrong(format!("ProvisionedThroughput must be specified for index: {name}")));
        }
    };
    Ok(Index {
        name: name.to_owned(),
        number: 0,
        global: true,
        expiry: false,
        schema,
        projected: projected(projection)?,
        status: Status::Active,
        throughput,
    })
}

/// Refuses definitions of attributes that no key has.
///
/// # Errors
/// `ValidationException` in AWS's words.
pub(crate) fn check_used(schema: &Schema, indexes: &[Index], attributes: &[KeyPart]) -> Result<()> {
    let mut parts = schema.parts().chain(indexes.iter().flat_map(|index| index.schema.parts()));
    let all = parts.by_ref().map(|part| part.name.as_str()).collect::<BTreeSet<_>>();
    if attributes.iter().all(|part| all.contains(part.name.as_str())) {
        return Ok(());
    }
    if indexes.is_empty() {
        return Err(wrong(
            "Number of attributes in KeySchema does not exactly match number of attributes defined in AttributeDefinitions",
        ));
    }
    let list = |names: Vec<&str>| names.join(", ");
    Err(wrong(format!(
        "Some AttributeDefinitions are not used. AttributeDefinitions: [{}], keys used: [{}]",
        list(attributes.iter().map(|part| part.name.as_str()).collect()),
        list(all.into_iter().collect())
    )))
}
