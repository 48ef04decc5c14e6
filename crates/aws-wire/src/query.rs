//! The query protocol (STS, SNS, IAM, SES, older SQS and CloudWatch): a form in, XML out.

use bytes::Bytes;
use percent_encoding::percent_decode_str;

use crate::AwsError;
use crate::schema::{Fault, Io, Kind, Operation, Service, Shape, Structure, TimestampFormat};
use crate::text;
use crate::value::Value;
use crate::xml;

/// How many elements one list may have in a form; no API takes more.
const ELEMENTS_MAX: usize = 10_000;

/// A form's fields in the order given.
pub struct Form(Vec<(String, String)>);

impl Form {
    pub fn parse(text: &str) -> Self {
        let fields = text.split('&').filter(|field| !field.is_empty()).map(|field| {
            let (name, value) = field.split_once('=').unwrap_or((field, ""));
            (decode_component(name), decode_component(value))
        });
        Self(fields.collect())
    }

    /// With a field that the form itself has not.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl FnOnce() -> String) -> Self {
        if self.get(name).is_none() {
            self.0.push((name.to_owned(), value()));
        }
        self
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str())
    }

    fn has_under(&self, prefix: &str) -> bool {
        self.0.iter().any(|(field, _)| field.strip_prefix(prefix).is_some_and(|rest| rest.starts_with('.')))
    }
}

fn decode_component(text: &str) -> String {
    percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned()
}

/// # Errors
/// `SerializationException` or `MalformedInput`, when a field is not of its shape.
pub fn decode(form: &Form, structure: &'static Structure) -> Result<Value, AwsError> {
    Ok(Value::Structure(decode_members(form, structure, "")?))
}

fn decode_members(
    form: &Form,
    structure: &'static Structure,
    prefix: &str,
) -> Result<Vec<Option<Value>>, AwsError> {
    let members = structure.members.iter().map(|member| {
        let name = format!("{prefix}{}", member.wire_name);
        decode_value(form, member.shape, &name, member.is_flattened(), member.timestamp_format)
    });
    members.collect()
}

fn decode_value(
    form: &Form,
    shape: &'static Shape,
    name: &str,
    flattened: bool,
    format: Option<TimestampFormat>,
) -> Result<Option<Value>, AwsError> {
    match shape.kind {
        Kind::Structure(structure) => {
            if !form.has_under(name) {
                return Ok(None);
            }
            Ok(Some(Value::Structure(decode_members(form, structure, &format!("{name}."))?)))
        }
        Kind::List(list) => {
            // A flattened list's elements are called like the list; or, in models where only they have a name of
            // their own, by that instead of the last part of the list's.
            let base = if !flattened {
                format!("{name}.{}", list.element)
            } else if list.element == "member" || form.has_under(name) {
                name.to_owned()
            } else {
                beside(name, list.element)
            };
            let mut items = Vec::new();
            for position in 1..=ELEMENTS_MAX {
                let name = format!("{base}.{position}");
                match decode_value(form, list.member, &name, false, list.timestamp_format)? {
                    Some(item) => items.push(Some(item)),
                    None => break,
                }
            }
            // `Name=` alone is an empty list.
            Ok((!items.is_empty() || form.get(name) == Some("")).then_some(Value::List(items)))
        }
        Kind::Map(map) => {
            let base = match map.entry_name {
                Some(entry) if flattened => beside(name, entry),
                _ if flattened => name.to_owned(),
                _ => format!("{name}.entry"),
            };
            let mut entries = Vec::new();
            for position in 1..=ELEMENTS_MAX {
                let Some(key) = form.get(&format!("{base}.{position}.{}", map.key_name)) else { break };
                let value_name = format!("{base}.{position}.{}", map.value_name);
                entries.push((key.to_owned(), decode_value(form, map.value, &value_name, false, None)?));
            }
            Ok((!entries.is_empty()).then_some(Value::Map(entries)))
        }
        _ => {
            let Some(text) = form.get(name) else { return Ok(None) };
            text::decode(text, shape, format.unwrap_or(TimestampFormat::Iso8601)).map(Some)
        }
    }
}

/// `last` in place of the last part of `name`.
fn beside(name: &str, last: &str) -> String {
    name.rsplit_once('.').map_or_else(|| last.to_owned(), |(parent, _)| format!("{parent}.{last}"))
}

/// `<OpResponse><OpResult>…</OpResult><ResponseMetadata>…</OpResponse>`
pub fn encode(service: &Service, operation: &Operation, io: Io, output: &Value, request_id: &str) -> Bytes {
    let name = operation.name;
    let mut out = format!("<{name}Response xmlns=\"{}\">", service.xml_namespace.unwrap_or_default());
    // An output without members has its element too, which clients look for.
    if let (Some(structure), Value::Structure(slots)) = (io.output.structure(), output)
        && !io.has_no_output()
    {
        let default_wrapper = format!("{name}Result");
        let wrapper = io.result_wrapper.unwrap_or(&default_wrapper);
        out.push_str(&format!("<{wrapper}>"));
        xml::write_members(&mut out, structure, slots);
        out.push_str(&format!("</{wrapper}>"));
    }
    out.push_str(&format!(
        "<ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata></{name}Response>"
    ));
    out.into()
}

/// `<ErrorResponse><Error><Type>Sender</Type>…`
pub fn encode_error(service: &Service, error: &AwsError, request_id: &str) -> Bytes {
    let fault = match error.fault {
        Fault::Client => "Sender",
        Fault::Server => "Receiver",
    };
    let code = error.query_code.unwrap_or(&error.code);
    let escape = |text: &str| quick_xml::escape::partial_escape(text).into_owned();
    let mut out = format!("<ErrorResponse xmlns=\"{}\"><Error>", service.xml_namespace.unwrap_or_default());
    out.push_str(&format!("<Type>{fault}</Type><Code>{}</Code>", escape(code)));
    if let Some(message) = &error.message {
        out.push_str(&format!("<Message>{}</Message>", escape(message)));
    }
    for (name, value, shape) in error.body_fields() {
        xml::write_element(&mut out, name, None, value, shape, None);
    }
    out.push_str(&format!("</Error><RequestId>{request_id}</RequestId></ErrorResponse>"));
    out.into()
}
