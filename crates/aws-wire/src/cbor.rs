//! Values as CBOR: the bodies of smithy-rpc-v2-cbor, and of the older form that AWS's SDKs for Java speak to Kinesis.

use minicbor::data::{Tag, Type};
use minicbor::{Decoder, Encoder};

use crate::AwsError;
use crate::schema::{Kind, Shape, Structure};
use crate::timestamp;
use crate::value::Value;

/// How deep a body may nest.
const DEPTH_MAX: usize = 64;

/// What a number with the tag of a time counts. RFC 8949 says seconds; the SDKs for Java write and read milliseconds
/// in `application/x-amz-cbor-1.1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Times {
    Seconds,
    Milliseconds,
}

/// # Errors
/// `SerializationException`, when `bytes` is no CBOR or not of the structure's shape.
pub fn decode(bytes: &[u8], structure: &'static Structure, times: Times) -> Result<Value, AwsError> {
    if bytes.is_empty() {
        return Ok(Value::Structure(vec![None; structure.members.len()]));
    }
    let mut decoder = Decoder::new(bytes);
    read_structure(&mut decoder, structure, times, 0).map(Value::Structure)
}

fn malformed(error: minicbor::decode::Error) -> AwsError {
    AwsError::serialization("The CBOR you provided is malformed").because(error)
}

fn wrong_kind(shape: &Shape) -> AwsError {
    AwsError::serialization(format!("A value of another type found where {} was expected", shape.name))
}

/// Calls `each` for every entry of a map of definite or indefinite length.
fn read_entries<'b>(
    decoder: &mut Decoder<'b>,
    mut each: impl FnMut(&mut Decoder<'b>, String) -> Result<(), AwsError>,
) -> Result<(), AwsError> {
    let length = decoder.map().map_err(malformed)?;
    let mut read = 0;
    loop {
        if length.is_some_and(|length| read >= length) {
            return Ok(());
        }
        if length.is_none() && decoder.datatype().map_err(malformed)? == Type::Break {
            return decoder.skip().map_err(malformed);
        }
        let key = read_text(decoder)?;
        each(decoder, key)?;
        read += 1;
    }
}

fn read_text(decoder: &mut Decoder<'_>) -> Result<String, AwsError> {
    let chunks = decoder.str_iter().map_err(malformed)?;
    chunks.collect::<Result<String, _>>().map_err(malformed)
}

fn read_structure(
    decoder: &mut Decoder<'_>,
    structure: &'static Structure,
    times: Times,
    depth: usize,
) -> Result<Vec<Option<Value>>, AwsError> {
    let mut slots = vec![None; structure.members.len()];
    read_entries(decoder, |decoder, key| {
        match structure.members.iter().position(|member| member.name == key) {
            Some(position) => {
                slots[position] = read(decoder, structure.members[position].shape, times, depth + 1)?
            }
            None => decoder.skip().map_err(malformed)?,
        }
        Ok(())
    })?;
    Ok(slots)
}

fn read(
    decoder: &mut Decoder<'_>,
    shape: &'static Shape,
    times: Times,
    depth: usize,
) -> Result<Option<Value>, AwsError> {
    if depth > DEPTH_MAX {
        return Err(AwsError::serialization("The CBOR you provided nests too deep"));
    }
    let found = decoder.datatype().map_err(malformed)?;
    if matches!(found, Type::Null | Type::Undefined) {
        decoder.skip().map_err(malformed)?;
        return Ok(None);
    }
    Ok(Some(match shape.kind {
        Kind::Boolean if found == Type::Bool => Value::Bool(decoder.bool().map_err(malformed)?),
        Kind::Integer => {
            let number = decoder.i32().map_err(|_| wrong_kind(shape))?;
            Value::Integer(number.into())
        }
        Kind::Long => Value::Integer(decoder.i64().map_err(|_| wrong_kind(shape))?),
        Kind::Float | Kind::Double => {
            Value::Float(read_number(decoder, found).map_err(|_| wrong_kind(shape))?)
        }
        Kind::String | Kind::Enum(_) if matches!(found, Type::String | Type::StringIndef) => {
            Value::String(read_text(decoder)?)
        }
        Kind::Blob if matches!(found, Type::Bytes | Type::BytesIndef) => {
            let chunks = decoder.bytes_iter().map_err(malformed)?.collect::<Result<Vec<_>, _>>();
            Value::Blob(chunks.map_err(malformed)?.concat().into())
        }
        Kind::Timestamp(_) if found == Type::Tag => {
            decoder.tag().map_err(malformed)?;
            let found = decoder.datatype().map_err(malformed)?;
            let number = read_number(decoder, found).map_err(|_| wrong_kind(shape))?;
            let seconds = if times == Times::Milliseconds { number / 1000.0 } else { number };
            Value::Timestamp(timestamp::from_epoch_seconds(seconds).ok_or_else(|| wrong_kind(shape))?)
        }
        Kind::List(list) if matches!(found, Type::Array | Type::ArrayIndef) => {
            let length = decoder.array().map_err(malformed)?;
            let mut items = Vec::new();
            while length.is_none_or(|length| (items.len() as u64) < length) {
                if length.is_none() && decoder.datatype().map_err(malformed)? == Type::Break {
                    decoder.skip().map_err(malformed)?;
                    break;
                }
                items.push(read(decoder, list.member, times, depth + 1)?);
            }
            Value::List(items)
        }
        Kind::Map(map) if matches!(found, Type::Map | Type::MapIndef) => {
            let mut entries = Vec::new();
            read_entries(decoder, |decoder, key| {
                entries.push((key, read(decoder, map.value, times, depth + 1)?));
                Ok(())
            })?;
            Value::Map(entries)
        }
        Kind::Structure(structure) if matches!(found, Type::Map | Type::MapIndef) => {
            Value::Structure(read_structure(decoder, structure, times, depth)?)
        }
        _ => return Err(wrong_kind(shape)),
    }))
}

fn read_number(decoder: &mut Decoder<'_>, found: Type) -> Result<f64, minicbor::decode::Error> {
    match found {
        Type::F16 | Type::F32 | Type::F64 => decoder.f64(),
        #[expect(clippy::cast_precision_loss, reason = "an integer where a float is expected")]
        _ => decoder.i64().map(|number| number as f64),
    }
}

pub fn encode(value: &Value, shape: &'static Shape, times: Times) -> Vec<u8> {
    let mut encoder = Encoder::new(Vec::new());
    // Writing to a vector can't fail.
    let _ = write(&mut encoder, value, shape, times);
    encoder.into_writer()
}

type Written = Result<(), minicbor::encode::Error<std::convert::Infallible>>;

fn write(encoder: &mut Encoder<Vec<u8>>, value: &Value, shape: &'static Shape, times: Times) -> Written {
    match (shape.kind, value) {
        (_, Value::Bool(value)) => encoder.bool(*value)?,
        (_, Value::Integer(value)) => encoder.i64(*value)?,
        #[expect(clippy::cast_possible_truncation, reason = "the shape is a 32-bit float")]
        (Kind::Float, Value::Float(value)) => encoder.f32(*value as f32)?,
        (_, Value::Float(value)) => encoder.f64(*value)?,
        (_, Value::String(text)) => encoder.str(text)?,
        (_, Value::Blob(bytes)) => encoder.bytes(bytes)?,
        (_, Value::Timestamp(at)) if times == Times::Milliseconds => {
            encoder.tag(Tag::new(1))?.i64(at.as_millis())?
        }
        (_, Value::Timestamp(at)) => {
            encoder.tag(Tag::new(1))?;
            let seconds = timestamp::epoch_seconds(*at);
            match seconds.as_i64() {
                Some(whole) => encoder.i64(whole)?,
                None => encoder.f64(seconds.as_f64().unwrap_or_default())?,
            }
        }
        (_, Value::Document(document)) => encoder.str(&document.to_string())?,
        (Kind::List(list), Value::List(items)) => {
            encoder.array(items.len() as u64)?;
            for item in items {
                write_slot(encoder, item.as_ref(), list.member, times)?;
            }
            encoder
        }
        (Kind::Map(map), Value::Map(entries)) => {
            encoder.map(entries.len() as u64)?;
            for (key, value) in entries {
                encoder.str(key)?;
                write_slot(encoder, value.as_ref(), map.value, times)?;
            }
            encoder
        }
        (Kind::Structure(structure), Value::Structure(slots)) => {
            encoder.map(slots.iter().flatten().count() as u64)?;
            for (member, slot) in structure.members.iter().zip(slots) {
                if let Some(value) = slot {
                    encoder.str(member.name)?;
                    write(encoder, value, member.shape, times)?;
                }
            }
            encoder
        }
        (kind, value) => unreachable!("a value {value:?} of a shape {kind:?}"),
    };
    Ok(())
}

fn write_slot(
    encoder: &mut Encoder<Vec<u8>>,
    slot: Option<&Value>,
    shape: &'static Shape,
    times: Times,
) -> Written {
    match slot {
        Some(value) => write(encoder, value, shape, times),
        None => encoder.null().map(|_| ()),
    }
}

/// The body of an error: `__type`, `message` and the exception's other members.
pub fn encode_error(error: &AwsError, times: Times) -> Vec<u8> {
    let mut encoder = Encoder::new(Vec::new());
    let fields = error.body_fields().collect::<Vec<_>>();
    let length = 1 + u64::from(error.message.is_some()) + fields.len() as u64;
    let write_all = || -> Written {
        encoder.map(length)?.str("__type")?.str(&error.code)?;
        if let Some(message) = &error.message {
            encoder.str(error.message_name().unwrap_or("message"))?.str(message)?;
        }
        for (name, value, shape) in fields {
            encoder.str(name)?;
            write(&mut encoder, value, shape, times)?;
        }
        Ok(())
    };
    let _ = write_all();
    encoder.into_writer()
}
