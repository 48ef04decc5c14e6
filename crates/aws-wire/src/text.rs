//! Scalars as text: in URIs, headers, query strings, forms and XML.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::AwsError;
use crate::json::{float_text, special_float};
use crate::schema::{Kind, Shape, TimestampFormat};
use crate::timestamp;
use crate::value::Value;

/// # Errors
/// `SerializationException`, when `text` is none of the shape's values.
pub fn decode(text: &str, shape: &Shape, format: TimestampFormat) -> Result<Value, AwsError> {
    let wrong = |kind: &str| AwsError::serialization(format!("'{text}' can not be converted to {kind}"));
    Ok(match shape.kind {
        Kind::Boolean => Value::Bool(match text {
            "true" => true,
            "false" => false,
            _ => return Err(wrong("a Boolean")),
        }),
        Kind::Integer => Value::Integer(text.parse::<i32>().map_err(|_| wrong("an Integer"))?.into()),
        Kind::Long => Value::Integer(text.parse().map_err(|_| wrong("a Long"))?),
        Kind::Float | Kind::Double => Value::Float(match text.parse::<f64>() {
            Ok(value) if value.is_finite() => value,
            _ => special_float(text)?,
        }),
        Kind::Timestamp(own) => {
            let at = timestamp::parse(text, own.unwrap_or(format));
            Value::Timestamp(at.ok_or_else(|| wrong("a Timestamp"))?)
        }
        Kind::Blob => Value::Blob(BASE64.decode(text).map_err(|_| wrong("a Blob"))?.into()),
        Kind::String | Kind::Enum(_) => Value::String(text.to_owned()),
        Kind::Document => Value::Document(crate::json::parse(text.as_bytes())?),
        Kind::List(_) | Kind::Map(_) | Kind::Structure(_) => return Err(wrong("a scalar")),
    })
}

/// The text of a scalar; `None` for what has no single text.
pub fn encode(value: &Value, shape: &Shape, format: TimestampFormat) -> Option<String> {
    Some(match value {
        Value::Bool(value) => value.to_string(),
        Value::Integer(value) => value.to_string(),
        Value::Float(value) => float_text(*value),
        Value::String(text) => text.clone(),
        Value::Blob(bytes) => BASE64.encode(bytes),
        Value::Timestamp(at) => {
            let own = if let Kind::Timestamp(own) = shape.kind { own } else { None };
            timestamp::write(*at, own.unwrap_or(format))
        }
        Value::Document(document) => document.to_string(),
        Value::List(_) | Value::Map(_) | Value::Structure(_) | Value::Events(_) => return None,
    })
}
