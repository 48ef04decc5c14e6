//! Reading JSON straight into values, without a tree of it in between.
//!
//! This reads only what is right; whatever it refuses, the slower way by the tree refuses in AWS's words, or takes.

use std::collections::HashSet;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::Deserialize as _;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Number;

use super::{Naming, integer, special_float};
use crate::schema::{Kind, Place, Shape, Structure, TimestampFormat};
use crate::timestamp;
use crate::value::Value;

/// The body members of a structure; `None` for what is no JSON or not of the shape.
pub(super) fn members(
    bytes: &[u8],
    structure: &'static Structure,
    naming: Naming,
) -> Option<Vec<Option<Value>>> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let slots = reader.deserialize_map(Members { structure, naming }).ok()?;
    reader.end().ok()?;
    Some(slots)
}

/// Says nothing: whoever hears it asks the slower reader.
fn refused<E: Error>() -> E {
    E::custom("")
}

struct Members {
    structure: &'static Structure,
    naming: Naming,
}

impl<'de> Visitor<'de> for Members {
    type Value = Vec<Option<Value>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut slots = vec![None; self.structure.members.len()];
        while let Some(at) = map.next_key_seed(Name { structure: self.structure, naming: self.naming })? {
            let Some(at) = at else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            let member = &self.structure.members[at];
            let format = member.timestamp_format;
            slots[at] = map.next_value_seed(Of { shape: member.shape, format, naming: self.naming })?;
        }
        if self.structure.union && slots.iter().flatten().count() > 1 {
            return Err(refused());
        }
        Ok(slots)
    }
}

/// A member's name, read as its place in the structure.
struct Name {
    structure: &'static Structure,
    naming: Naming,
}

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Self::Value, D::Error> {
        reader.deserialize_str(self)
    }
}

impl Visitor<'_> for Name {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Self::Value, E> {
        let in_body = |place| self.naming == Naming::AwsJson || place == Place::Body;
        let mut members = self.structure.members.iter();
        Ok(members.position(|member| member.wire_name == name && in_body(member.place)))
    }
}

/// A value of a shape; `None` for null.
#[derive(Clone, Copy)]
struct Of {
    shape: &'static Shape,
    format: Option<TimestampFormat>,
    naming: Naming,
}

impl Of {
    fn number(self, number: Number) -> Option<Value> {
        match self.shape.kind {
            Kind::Integer | Kind::Long => integer(&number, self.shape).ok().map(Value::Integer),
            Kind::Float | Kind::Double => Some(Value::Float(number.as_f64().unwrap_or(f64::NAN))),
            Kind::Timestamp(_) => {
                number.as_f64().and_then(timestamp::from_epoch_seconds).map(Value::Timestamp)
            }
            _ => None,
        }
    }

    fn text(self, text: &str) -> Option<Value> {
        match self.shape.kind {
            Kind::String | Kind::Enum(_) => Some(Value::String(text.to_owned())),
            Kind::Blob => BASE64.decode(text).ok().map(|bytes| Value::Blob(bytes.into())),
            Kind::Float | Kind::Double => special_float(text).ok().map(Value::Float),
            Kind::Timestamp(own) => {
                let format = self.format.or(own).unwrap_or(TimestampFormat::UnixTimestamp);
                timestamp::parse(text, format).map(Value::Timestamp)
            }
            _ => None,
        }
    }
}

impl<'de> DeserializeSeed<'de> for Of {
    type Value = Option<Value>;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Self::Value, D::Error> {
        if let Kind::Document = self.shape.kind {
            return Ok(Some(Value::Document(serde_json::Value::deserialize(reader)?)));
        }
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Of {
    type Value = Option<Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value of the shape")
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Self::Value, E> {
        match self.shape.kind {
            Kind::Boolean => Ok(Some(Value::Bool(value))),
            _ => Err(refused()),
        }
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Self::Value, E> {
        self.number(value.into()).map(Some).ok_or_else(refused)
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Self::Value, E> {
        self.number(value.into()).map(Some).ok_or_else(refused)
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Self::Value, E> {
        Number::from_f64(value).and_then(|number| self.number(number)).map(Some).ok_or_else(refused)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        self.text(text).map(Some).ok_or_else(refused)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Self::Value, A::Error> {
        let Kind::List(list) = self.shape.kind else { return Err(refused()) };
        let of = Of { shape: list.member, format: list.timestamp_format, naming: self.naming };
        let mut items = Vec::new();
        while let Some(item) = sequence.next_element_seed(of)? {
            items.push(item);
        }
        Ok(Some(Value::List(items)))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        match self.shape.kind {
            Kind::Structure(structure) => {
                let slots = Members { structure, naming: self.naming }.visit_map(map)?;
                Ok(Some(Value::Structure(slots)))
            }
            Kind::Map(kind) => {
                let of = Of { shape: kind.value, format: None, naming: self.naming };
                let mut entries = Vec::<(String, Option<Value>)>::new();
                while let Some(key) = map.next_key()? {
                    entries.push((key, map.next_value_seed(of)?));
                }
                // Of a key that comes twice the last counts.
                if has_twins(&entries) {
                    return Err(refused());
                }
                Ok(Some(Value::Map(entries)))
            }
            _ => Err(refused()),
        }
    }
}

fn has_twins(entries: &[(String, Option<Value>)]) -> bool {
    let few = entries.len() < 16;
    if few {
        let mut rest = entries.iter().enumerate();
        return rest.any(|(at, (key, _))| entries[..at].iter().any(|(earlier, _)| earlier == key));
    }
    let mut seen = HashSet::with_capacity(entries.len());
    !entries.iter().all(|(key, _)| seen.insert(key))
}
