//! Values as JSON: the bodies of awsJson 1.0/1.1 and restJson.

mod read;
mod write;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Map, Number, Value as Json};

use crate::AwsError;
use crate::schema::{Kind, Shape, Structure, TimestampFormat};
use crate::timestamp;
use crate::value::Value;

pub use write::{Object, write, write_members};

/// Which members a structure's JSON object holds, and under which names.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Naming {
    /// restJson: wire names, members of the body only.
    Rest,
    /// awsJson: every member.
    AwsJson,
}

/// # Errors
/// `SerializationException`, when `bytes` is no JSON or not of the shape.
pub fn decode(bytes: &[u8], shape: &'static Shape, naming: Naming) -> Result<Option<Value>, AwsError> {
    let json = parse(bytes)?;
    from_json(json, shape, None, naming)
}

/// # Errors
/// `SerializationException`, when `bytes` is no JSON.
pub fn parse(bytes: &[u8]) -> Result<Json, AwsError> {
    serde_json::from_slice(bytes)
        .map_err(|error| AwsError::serialization(format!("Could not parse request body into json: {error}")))
}

/// Reads the body members of a structure from a JSON object; an empty body is an empty object.
pub fn decode_members(
    bytes: &[u8],
    structure: &'static Structure,
    naming: Naming,
) -> Result<Vec<Option<Value>>, AwsError> {
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Ok(vec![None; structure.members.len()]);
    }
    if let Some(slots) = read::members(bytes, structure, naming) {
        return Ok(slots);
    }
    match parse(bytes)? {
        Json::Object(object) => members_from_json(object, structure, naming),
        other => Err(wrong_kind(&other, "a Structure")),
    }
}

fn members_from_json(
    mut object: Map<String, Json>,
    structure: &'static Structure,
    naming: Naming,
) -> Result<Vec<Option<Value>>, AwsError> {
    let mut slots = Vec::with_capacity(structure.members.len());
    for member in structure.members {
        let in_body = naming == Naming::AwsJson || member.place == crate::schema::Place::Body;
        let json = if in_body { object.swap_remove(member.wire_name) } else { None };
        let value = match json {
            Some(json) => from_json(json, member.shape, member.timestamp_format, naming)?,
            None => None,
        };
        slots.push(value);
    }
    Ok(slots)
}

fn from_json(
    json: Json,
    shape: &'static Shape,
    format: Option<TimestampFormat>,
    naming: Naming,
) -> Result<Option<Value>, AwsError> {
    let value = match (shape.kind, json) {
        (Kind::Document, json) => Value::Document(json),
        (_, Json::Null) => return Ok(None),
        (Kind::Boolean, Json::Bool(value)) => Value::Bool(value),
        (Kind::Integer | Kind::Long, Json::Number(number)) => Value::Integer(integer(&number, shape)?),
        (Kind::Float | Kind::Double, Json::Number(number)) => {
            Value::Float(number.as_f64().unwrap_or(f64::NAN))
        }
        (Kind::Float | Kind::Double, Json::String(text)) => Value::Float(special_float(&text)?),
        (Kind::String | Kind::Enum(_), Json::String(text)) => Value::String(text),
        (Kind::Blob, Json::String(text)) => {
            let bytes = BASE64.decode(text.as_bytes());
            Value::Blob(bytes.map_err(|_| AwsError::serialization("Invalid base64 encoding"))?.into())
        }
        (Kind::Timestamp(own), json) => {
            let format = format.or(own).unwrap_or(TimestampFormat::UnixTimestamp);
            let at = match json {
                Json::Number(number) => number.as_f64().and_then(timestamp::from_epoch_seconds),
                Json::String(text) => timestamp::parse(&text, format),
                other => return Err(wrong_kind(&other, "a Timestamp")),
            };
            Value::Timestamp(at.ok_or_else(|| AwsError::serialization("Unparseable timestamp"))?)
        }
        (Kind::List(list), Json::Array(items)) => {
            let items =
                items.into_iter().map(|item| from_json(item, list.member, list.timestamp_format, naming));
            Value::List(items.collect::<Result<_, _>>()?)
        }
        (Kind::Map(map), Json::Object(entries)) => {
            let entries =
                entries.into_iter().map(|(key, value)| Ok((key, from_json(value, map.value, None, naming)?)));
            Value::Map(entries.collect::<Result<_, AwsError>>()?)
        }
        (Kind::Structure(structure), Json::Object(object)) => {
            let slots = members_from_json(object, structure, naming)?;
            if structure.union && slots.iter().flatten().count() > 1 {
                return Err(AwsError::serialization("A union must have exactly one member"));
            }
            Value::Structure(slots)
        }
        (kind, json) => return Err(wrong_kind(&json, kind_name(kind))),
    };
    Ok(Some(value))
}

fn integer(number: &Number, shape: &Shape) -> Result<i64, AwsError> {
    // Clients may write 3.0 for 3; Jackson, which AWS reads with, accepts that.
    let whole = number.as_i64().or_else(|| {
        #[expect(clippy::cast_possible_truncation, reason = "only whole numbers within range pass")]
        number.as_f64().filter(|n| n.fract() == 0.0 && n.abs() < 9e15).map(|n| n as i64)
    });
    let narrow = matches!(shape.kind, Kind::Integer);
    whole.filter(|n| !narrow || i32::try_from(*n).is_ok()).ok_or_else(|| {
        AwsError::serialization(format!("NUMBER_VALUE can not be converted to {}", kind_name(shape.kind)))
    })
}

/// `NaN` and the infinities, which JSON has no number for.
pub fn special_float(text: &str) -> Result<f64, AwsError> {
    match text {
        "NaN" => Ok(f64::NAN),
        "Infinity" => Ok(f64::INFINITY),
        "-Infinity" => Ok(f64::NEG_INFINITY),
        _ => Err(AwsError::serialization("STRING_VALUE can not be converted to a Float")),
    }
}

/// The text of a floating number, where the wire has text.
pub fn float_text(value: f64) -> String {
    if value.is_nan() {
        "NaN".to_owned()
    } else if value.is_infinite() {
        if value > 0.0 { "Infinity" } else { "-Infinity" }.to_owned()
    } else {
        value.to_string()
    }
}

fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Boolean => "a Boolean",
        Kind::Integer => "an Integer",
        Kind::Long => "a Long",
        Kind::Float | Kind::Double => "a Float",
        Kind::String | Kind::Enum(_) => "a String",
        Kind::Blob | Kind::Stream => "a Blob",
        Kind::Timestamp(_) => "a Timestamp",
        Kind::Document => "a Document",
        Kind::List(_) => "a List",
        Kind::Map(_) => "a Map",
        Kind::Structure(_) => "a Structure",
    }
}

/// The words of AWS's JSON reader for a token where another kind belongs.
fn wrong_kind(found: &Json, wanted: &str) -> AwsError {
    let message = match found {
        Json::Null => format!("NULL_VALUE can not be converted to {wanted}"),
        Json::Bool(true) => format!("TRUE_VALUE can not be converted to {wanted}"),
        Json::Bool(false) => format!("FALSE_VALUE can not be converted to {wanted}"),
        Json::Number(_) => format!("NUMBER_VALUE can not be converted to {wanted}"),
        Json::String(_) => format!("STRING_VALUE can not be converted to {wanted}"),
        Json::Array(_) => "Start of list found where not expected".to_owned(),
        Json::Object(_) => "Start of structure or map found where not expected".to_owned(),
    };
    AwsError::serialization(message)
}

/// As [`write`], for whoever goes on with it.
pub fn to_json(
    value: &Value,
    shape: &'static Shape,
    format: Option<TimestampFormat>,
    naming: Naming,
) -> Json {
    let text = write(value, shape, format, naming);
    serde_json::from_str(&text).expect("what is written is JSON")
}

#[cfg(test)]
mod tests;
