//! Whether two values, or two documents, say the same.

use std::collections::BTreeMap;

use aws_wire::Value;
use aws_wire::xml::{self, Element};
use minicbor::Decoder;
use minicbor::data::Type;
use serde_json::Value as Json;

/// Compares values; the order of a map's entries means nothing, and NaN is NaN.
pub fn same_value(ours: &Value, expected: &Value) -> Result<(), String> {
    let (ours, expected) = (format!("{:?}", ordered(ours)), format!("{:?}", ordered(expected)));
    if ours == expected { Ok(()) } else { Err(format!("\n     ours {ours}\n expected {expected}")) }
}

fn ordered(value: &Value) -> Value {
    let slot = |slot: &Option<Value>| slot.as_ref().map(ordered);
    match value {
        Value::List(items) => Value::List(items.iter().map(slot).collect()),
        Value::Structure(slots) => Value::Structure(slots.iter().map(slot).collect()),
        Value::Map(entries) => {
            let mut entries =
                entries.iter().map(|(key, value)| (key.clone(), slot(value))).collect::<Vec<_>>();
            entries.sort_by(|a, b| a.0.cmp(&b.0));
            Value::Map(entries)
        }
        other => other.clone(),
    }
}

/// Compares bodies as documents of their type.
pub fn same_body(content_type: &str, ours: &[u8], expected: &[u8], named_root: bool) -> Result<(), String> {
    let texts = || (String::from_utf8_lossy(ours), String::from_utf8_lossy(expected));
    if ours.is_empty() || expected.is_empty() {
        return if ours == expected { Ok(()) } else { Err(format!("bodies differ: {:?}", texts())) };
    }
    let same = if content_type.contains("json") {
        let read = |bytes| serde_json::from_slice::<Json>(bytes).map(|json| plain_json(&json));
        read(ours).map_err(|error| error.to_string())? == read(expected).map_err(|error| error.to_string())?
    } else if content_type.contains("xml") {
        let read = |bytes| xml::parse(bytes).map(|root| plain_xml(root, named_root));
        read(ours).map_err(|error| error.to_string())? == read(expected).map_err(|error| error.to_string())?
    } else if content_type.contains("cbor") {
        let (ours, expected) = (read_cbor(ours)?, read_cbor(expected)?);
        return if ours == expected {
            Ok(())
        } else {
            Err(format!("\n     ours {ours:?}\n expected {expected:?}"))
        };
    } else {
        ours == expected
    };
    let (ours, expected) = texts();
    if same { Ok(()) } else { Err(format!("\n     ours {ours}\n expected {expected}")) }
}

/// Numbers by their value, members in order, and an error's code without the namespace that clients drop.
fn plain_json(json: &Json) -> Json {
    match json {
        Json::Number(number) => number.as_f64().map_or(Json::Null, Json::from),
        Json::Array(items) => items.iter().map(plain_json).collect(),
        Json::Object(members) => {
            let members = members.iter().map(|(name, value)| match (name.as_str(), value) {
                ("__type", Json::String(code)) => (name.clone(), without_namespace(code).into()),
                _ => (name.clone(), plain_json(value)),
            });
            members.collect::<BTreeMap<_, _>>().into_iter().collect()
        }
        other => other.clone(),
    }
}

fn without_namespace(code: &str) -> &str {
    code.rsplit_once('#').map_or(code, |(_, code)| code)
}

/// Elements of a structure may come in any order, those of one name in theirs. White space between elements and what
/// the protocol itself adds say nothing.
fn plain_xml(mut root: Element, named_root: bool) -> Element {
    if !named_root {
        root.name = "any".to_owned();
    }
    // The namespace of the root is the service's, which the suites of errors leave out.
    root.attributes.retain(|(name, value)| !(name == "xmlns" && value == "https://example.com/"));
    root.children.retain(|child| !matches!(child.name.as_str(), "ResponseMetadata" | "RequestId"));
    order(&mut root, None);
    root
}

fn order(element: &mut Element, namespace: Option<&str>) {
    if !element.children.is_empty() || (element.text.contains('\n') && element.text.trim().is_empty()) {
        element.text.clear();
    }
    // Naming the namespace that holds anyway says nothing.
    element.attributes.retain(|(name, value)| !(name == "xmlns" && Some(value.as_str()) == namespace));
    element.attributes.sort();
    let own = element.attributes.iter().find(|(name, _)| name == "xmlns").map(|(_, value)| value.clone());
    let namespace = own.as_deref().or(namespace);
    element.children.iter_mut().for_each(|child| order(child, namespace));
    element.children.sort_by(|a, b| a.name.cmp(&b.name));
}

#[derive(Debug, PartialEq)]
enum Cbor {
    Null,
    Bool(bool),
    /// By its value: how wide a number is written is free, and a tagged moment may be whole or not. NaN is one text.
    Number(String),
    Text(String),
    Bytes(Vec<u8>),
    Moment(String),
    List(Vec<Cbor>),
    Map(BTreeMap<String, Cbor>),
}

fn read_cbor(bytes: &[u8]) -> Result<Cbor, String> {
    let mut decoder = Decoder::new(bytes);
    let value = read_cbor_value(&mut decoder).map_err(|error| error.to_string())?;
    if decoder.position() == bytes.len() { Ok(value) } else { Err("bytes after the CBOR".to_owned()) }
}

fn read_cbor_value(decoder: &mut Decoder<'_>) -> Result<Cbor, minicbor::decode::Error> {
    let kind = decoder.datatype()?;
    Ok(match kind {
        Type::Null | Type::Undefined => {
            decoder.skip()?;
            Cbor::Null
        }
        Type::Bool => Cbor::Bool(decoder.bool()?),
        Type::F16 | Type::F32 | Type::F64 => Cbor::Number(decoder.f64()?.to_string()),
        Type::String | Type::StringIndef => Cbor::Text(decoder.str_iter()?.collect::<Result<_, _>>()?),
        Type::Bytes | Type::BytesIndef => {
            Cbor::Bytes(decoder.bytes_iter()?.collect::<Result<Vec<_>, _>>()?.concat())
        }
        Type::Tag => {
            decoder.tag()?;
            match read_cbor_value(decoder)? {
                Cbor::Number(seconds) => Cbor::Moment(seconds),
                other => panic!("a tag on {other:?}"),
            }
        }
        Type::Array | Type::ArrayIndef => {
            let length = decoder.array()?;
            let mut items = Vec::new();
            while length.is_none_or(|length| (items.len() as u64) < length) && !at_break(decoder, length)? {
                items.push(read_cbor_value(decoder)?);
            }
            Cbor::List(items)
        }
        Type::Map | Type::MapIndef => {
            let length = decoder.map()?;
            let mut entries = BTreeMap::new();
            while length.is_none_or(|length| (entries.len() as u64) < length) && !at_break(decoder, length)? {
                let key = decoder.str()?.to_owned();
                let value = match read_cbor_value(decoder)? {
                    Cbor::Text(code) if key == "__type" => Cbor::Text(without_namespace(&code).to_owned()),
                    value => value,
                };
                assert!(entries.insert(key, value).is_none(), "a key stands twice");
            }
            Cbor::Map(entries)
        }
        _ => Cbor::Number(decoder.int()?.to_string()),
    })
}

/// Whether a list or map of no stated length ends here; takes the break.
fn at_break(decoder: &mut Decoder<'_>, length: Option<u64>) -> Result<bool, minicbor::decode::Error> {
    if length.is_some() || decoder.datatype()? != Type::Break {
        return Ok(false);
    }
    decoder.skip()?;
    Ok(true)
}
