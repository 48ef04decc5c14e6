//! Writing values as JSON, straight into the bytes of a body.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::Serialize;

use super::{Naming, float_text};
use crate::schema::{Kind, Shape, Structure, TimestampFormat};
use crate::timestamp;
use crate::value::Value;

/// What a short answer needs.
const FIRST_BYTES: usize = 256;

/// The JSON of `value`, without the members that travel elsewhere.
pub fn write(
    value: &Value,
    shape: &'static Shape,
    format: Option<TimestampFormat>,
    naming: Naming,
) -> String {
    let mut out = Writer::default();
    out.value(value, shape, format, naming);
    out.into_text()
}

/// The JSON object of a structure's body members.
pub fn write_members(slots: &[Option<Value>], structure: &'static Structure, naming: Naming) -> String {
    let mut out = Writer::default();
    out.members(slots, structure, naming);
    out.into_text()
}

/// An object that is written member by member.
#[derive(Default)]
pub struct Object(Writer);

impl Object {
    pub fn text(&mut self, name: &str, text: &str) {
        self.0.next(b'{');
        self.0.name(name);
        self.0.serialized(text);
    }

    pub fn value(&mut self, name: &str, value: &Value, shape: &'static Shape, naming: Naming) {
        self.0.next(b'{');
        self.0.name(name);
        self.0.value(value, shape, None, naming);
    }

    pub fn into_text(mut self) -> String {
        self.0.close(b'{', b'}');
        self.0.into_text()
    }
}

struct Writer(Vec<u8>);

impl Default for Writer {
    fn default() -> Self {
        Self(Vec::with_capacity(FIRST_BYTES))
    }
}

impl Writer {
    fn into_text(self) -> String {
        String::from_utf8(self.0).expect("JSON is written as text")
    }

    fn serialized(&mut self, value: &(impl Serialize + ?Sized)) {
        serde_json::to_writer(&mut self.0, value).expect("texts and numbers are JSON, and memory takes them");
    }

    fn value(
        &mut self,
        value: &Value,
        shape: &'static Shape,
        format: Option<TimestampFormat>,
        naming: Naming,
    ) {
        match (shape.kind, value) {
            (_, Value::Bool(value)) => self.serialized(value),
            (_, Value::Integer(value)) => self.serialized(value),
            (_, Value::Float(value)) if value.is_finite() => self.serialized(value),
            (_, Value::Float(value)) => self.serialized(&float_text(*value)),
            (_, Value::String(text)) => self.serialized(text),
            (_, Value::Blob(bytes)) => self.serialized(&BASE64.encode(bytes)),
            (kind, Value::Timestamp(at)) => {
                let own = if let Kind::Timestamp(own) = kind { own } else { None };
                match format.or(own).unwrap_or(TimestampFormat::UnixTimestamp) {
                    TimestampFormat::UnixTimestamp => self.serialized(&timestamp::epoch_seconds(*at)),
                    other => self.serialized(&timestamp::write(*at, other)),
                }
            }
            (_, Value::Document(document)) => self.serialized(document),
            (Kind::List(list), Value::List(items)) => {
                let start = self.0.len();
                for item in items {
                    self.next_after(start, b'[');
                    self.slot(item.as_ref(), list.member, list.timestamp_format, naming);
                }
                self.close_after(start, b'[', b']');
            }
            (Kind::Map(map), Value::Map(entries)) => {
                let start = self.0.len();
                for (key, value) in entries {
                    self.next_after(start, b'{');
                    self.name(key);
                    self.slot(value.as_ref(), map.value, None, naming);
                }
                self.close_after(start, b'{', b'}');
            }
            (Kind::Structure(structure), Value::Structure(slots)) => self.members(slots, structure, naming),
            (kind, value) => unreachable!("a value {value:?} of a shape {kind:?}"),
        }
    }

    fn slot(
        &mut self,
        slot: Option<&Value>,
        shape: &'static Shape,
        format: Option<TimestampFormat>,
        naming: Naming,
    ) {
        match slot {
            Some(value) => self.value(value, shape, format, naming),
            None => self.0.extend_from_slice(b"null"),
        }
    }

    fn members(&mut self, slots: &[Option<Value>], structure: &'static Structure, naming: Naming) {
        let start = self.0.len();
        for (member, slot) in structure.members.iter().zip(slots) {
            let Some(value) = slot else { continue };
            if naming == Naming::AwsJson || member.place.is_in_answer() {
                self.next_after(start, b'{');
                self.name(member.wire_name);
                self.value(value, member.shape, member.timestamp_format, naming);
            }
        }
        self.close_after(start, b'{', b'}');
    }

    fn name(&mut self, name: &str) {
        self.serialized(name);
        self.0.push(b':');
    }

    fn next(&mut self, open: u8) {
        self.next_after(0, open);
    }

    fn close(&mut self, open: u8, close: u8) {
        self.close_after(0, open, close);
    }

    /// What stands before the next element of what begins at `start`.
    fn next_after(&mut self, start: usize, open: u8) {
        self.0.push(if self.0.len() == start { open } else { b',' });
    }

    fn close_after(&mut self, start: usize, open: u8, close: u8) {
        if self.0.len() == start {
            self.0.push(open);
        }
        self.0.push(close);
    }
}
