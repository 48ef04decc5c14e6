//! Values as XML: the bodies of restXml, and the answers of the query protocol.

use quick_xml::Reader;
use quick_xml::escape::{escape, partial_escape, resolve_predefined_entity};
use quick_xml::events::{BytesStart, Event};

use crate::AwsError;
use crate::schema::{Kind, Member, Namespace, Place, Shape, Structure, TimestampFormat};
use crate::text;
use crate::value::Value;

/// How deep a body may nest; no API nests deeper than a dozen.
const DEPTH_MAX: usize = 64;

/// One element of a parsed document. Names keep their prefix (`xsi:type`).
#[derive(Debug, Default, PartialEq)]
pub struct Element {
    pub name: String,
    pub attributes: Vec<(String, String)>,
    pub children: Vec<Element>,
    pub text: String,
}

/// # Errors
/// `SerializationException`, when `bytes` is no well-formed document.
pub fn parse(bytes: &[u8]) -> Result<Element, AwsError> {
    let malformed = || AwsError::serialization("The XML you provided was not well-formed");
    let document = std::str::from_utf8(bytes).map_err(|error| malformed().because(error))?;
    let mut reader = Reader::from_str(document);
    let mut open = vec![Element::default()];
    loop {
        match reader.read_event().map_err(|error| malformed().because(error))? {
            Event::Start(start) if open.len() < DEPTH_MAX => open.push(begin(&start)?),
            Event::Start(_) => return Err(malformed()),
            Event::Empty(start) => {
                let element = begin(&start)?;
                open.last_mut().ok_or_else(malformed)?.children.push(element);
            }
            Event::End(_) => {
                let element = open.pop().ok_or_else(malformed)?;
                open.last_mut().ok_or_else(malformed)?.children.push(element);
            }
            Event::Text(chunk) => {
                open.last_mut().ok_or_else(malformed)?.text.push_str(&chunk);
            }
            Event::CData(chunk) => {
                open.last_mut().ok_or_else(malformed)?.text.push_str(&chunk);
            }
            Event::GeneralRef(reference) => {
                let text = &mut open.last_mut().ok_or_else(malformed)?.text;
                if let Ok(Some(letter)) = reference.resolve_char_ref() {
                    text.push(letter);
                } else {
                    text.push_str(resolve_predefined_entity(&reference).ok_or_else(malformed)?);
                }
            }
            Event::Eof => break,
            // Document types are where XML's bombs live; no AWS client sends one.
            Event::DocType(_) => return Err(malformed()),
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
        }
    }
    let mut root = open.pop().filter(|_| open.is_empty()).ok_or_else(malformed)?;
    if root.children.len() == 1 { Ok(root.children.remove(0)) } else { Err(malformed()) }
}

fn begin(start: &BytesStart<'_>) -> Result<Element, AwsError> {
    let malformed = || AwsError::serialization("The XML you provided was not well-formed");
    let mut element = Element { name: start.name().as_ref().to_owned(), ..Element::default() };
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|error| malformed().because(error))?;
        let value =
            quick_xml::escape::unescape(&attribute.value).map_err(|error| malformed().because(error))?;
        element.attributes.push((attribute.key.as_ref().to_owned(), value.into_owned()));
    }
    Ok(element)
}

/// # Errors
/// `SerializationException`, when `element` is not of the shape.
pub fn from_element(
    element: &Element,
    shape: &'static Shape,
    format: Option<TimestampFormat>,
) -> Result<Value, AwsError> {
    Ok(match shape.kind {
        Kind::Structure(structure) => Value::Structure(members_from_element(element, structure)?),
        Kind::List(list) => Value::List(list_items(&element.children, list.element, list.member)?),
        Kind::Map(map) => {
            let entries = element.children.iter().filter(|child| child.name == "entry");
            Value::Map(map_entries(entries, map)?)
        }
        // Only strings keep their white space; numbers in a pretty-printed document have line breaks around them.
        Kind::String | Kind::Enum(_) => Value::String(element.text.clone()),
        _ => text::decode(element.text.trim(), shape, format.unwrap_or(TimestampFormat::Iso8601))?,
    })
}

/// Reads a structure's body members from the children and attributes of `element`.
pub fn members_from_element(
    element: &Element,
    structure: &'static Structure,
) -> Result<Vec<Option<Value>>, AwsError> {
    structure.members.iter().map(|member| member_from_element(element, member)).collect()
}

fn member_from_element(element: &Element, member: &'static Member) -> Result<Option<Value>, AwsError> {
    if member.place != Place::Body {
        return Ok(None);
    }
    if member.xml_attribute {
        let value = element.attributes.iter().find(|(name, _)| name == member.wire_name);
        let format = member.timestamp_format.unwrap_or(TimestampFormat::Iso8601);
        return value.map(|(_, value)| text::decode(value, member.shape, format)).transpose();
    }
    let mut children = element.children.iter().filter(|child| child.name == member.wire_name).peekable();
    if children.peek().is_none() {
        return Ok(None);
    }
    if member.is_flattened() {
        match member.shape.kind {
            Kind::List(list) => {
                let items =
                    children.map(|child| from_element(child, list.member, list.timestamp_format).map(Some));
                return Ok(Some(Value::List(items.collect::<Result<_, _>>()?)));
            }
            Kind::Map(map) => return Ok(Some(Value::Map(map_entries(children, map)?))),
            _ => {}
        }
    }
    children.next().map(|child| from_element(child, member.shape, member.timestamp_format)).transpose()
}

fn list_items(
    children: &[Element],
    name: &str,
    shape: &'static Shape,
) -> Result<Vec<Option<Value>>, AwsError> {
    let items = children.iter().filter(|child| child.name == name);
    items.map(|child| from_element(child, shape, None).map(Some)).collect()
}

type Entries = Vec<(String, Option<Value>)>;

fn map_entries<'a>(
    elements: impl Iterator<Item = &'a Element>,
    map: &'static crate::schema::Map,
) -> Result<Entries, AwsError> {
    elements
        .map(|entry| {
            let find = |name: &str| entry.children.iter().find(|child| child.name == name);
            let key = find(map.key_name).map(|key| key.text.clone()).unwrap_or_default();
            let value = find(map.value_name).map(|value| from_element(value, map.value, None)).transpose()?;
            Ok((key, value))
        })
        .collect()
}

/// Writes `value` as an element called `name`.
pub fn write_element(
    out: &mut String,
    name: &str,
    namespace: Option<Namespace>,
    value: &Value,
    shape: &'static Shape,
    format: Option<TimestampFormat>,
) {
    out.push('<');
    out.push_str(name);
    // Attributes need the prefix that their structure declares, wherever it stands.
    let own = shape.structure().and_then(|structure| structure.xml_namespace);
    write_namespace(out, namespace.or(own.filter(|own| own.prefix.is_some())));
    match (shape.kind, value) {
        (Kind::Structure(structure), Value::Structure(slots)) => {
            write_attributes(out, structure, slots);
            out.push('>');
            write_members(out, structure, slots);
        }
        (Kind::List(list), Value::List(items)) => {
            out.push('>');
            for item in items.iter().flatten() {
                write_element(
                    out,
                    list.element,
                    list.element_namespace,
                    item,
                    list.member,
                    list.timestamp_format,
                );
            }
        }
        (Kind::Map(map), Value::Map(entries)) => {
            out.push('>');
            for (key, value) in entries {
                write_entry(out, "entry", None, map, key, value.as_ref());
            }
        }
        (_, value) => {
            out.push('>');
            write_text(out, value, shape, format);
        }
    }
    out.push_str("</");
    out.push_str(name);
    out.push('>');
}

/// Writes an element that holds nothing but `text`.
pub fn write_text_element(out: &mut String, name: &str, text: &str) {
    out.push_str(&format!("<{name}>{}</{name}>", escape_text(text)));
}

fn write_namespace(out: &mut String, namespace: Option<Namespace>) {
    let Some(Namespace { uri, prefix }) = namespace else { return };
    out.push_str(" xmlns");
    if let Some(prefix) = prefix {
        out.push(':');
        out.push_str(prefix);
    }
    out.push_str("=\"");
    out.push_str(&escape(uri));
    out.push('"');
}

fn write_attributes(out: &mut String, structure: &Structure, slots: &[Option<Value>]) {
    for (member, slot) in structure.members.iter().zip(slots) {
        let Some(value) = slot.as_ref().filter(|_| member.xml_attribute) else { continue };
        let format = member.timestamp_format.unwrap_or(TimestampFormat::Iso8601);
        if let Some(text) = text::encode(value, member.shape, format) {
            out.push(' ');
            out.push_str(member.wire_name);
            out.push_str("=\"");
            out.push_str(&escape(text.as_str()));
            out.push('"');
        }
    }
}

/// Writes a structure's body members, without an element around them.
pub fn write_members(out: &mut String, structure: &'static Structure, slots: &[Option<Value>]) {
    for (member, slot) in structure.members.iter().zip(slots) {
        if !member.place.is_in_answer() || member.xml_attribute {
            continue;
        }
        let Some(value) = slot else { continue };
        match (member.shape.kind, value) {
            (Kind::List(list), Value::List(items)) if member.is_flattened() => {
                // Elements of a list that is flattened everywhere may have a name of their own; one that is flattened
                // here alone has its member's.
                let named = list.flattened && list.element != "member";
                let name = if named { list.element } else { member.wire_name };
                for item in items.iter().flatten() {
                    write_element(
                        out,
                        name,
                        list.element_namespace,
                        item,
                        list.member,
                        list.timestamp_format,
                    );
                }
            }
            (Kind::Map(map), Value::Map(entries)) if member.is_flattened() => {
                let name = map.entry_name.unwrap_or(member.wire_name);
                for (key, value) in entries {
                    write_entry(out, name, member.xml_namespace, map, key, value.as_ref());
                }
            }
            _ => write_element(
                out,
                member.wire_name,
                member.xml_namespace,
                value,
                member.shape,
                member.timestamp_format,
            ),
        }
    }
}

fn write_entry(
    out: &mut String,
    name: &str,
    namespace: Option<Namespace>,
    map: &crate::schema::Map,
    key: &str,
    value: Option<&Value>,
) {
    out.push('<');
    out.push_str(name);
    write_namespace(out, namespace);
    out.push('>');
    let key = Value::String(key.to_owned());
    write_element(out, map.key_name, map.key_namespace, &key, map.key, None);
    if let Some(value) = value {
        write_element(out, map.value_name, map.value_namespace, value, map.value, None);
    }
    out.push_str("</");
    out.push_str(name);
    out.push('>');
}

fn write_text(out: &mut String, value: &Value, shape: &Shape, format: Option<TimestampFormat>) {
    if let Some(text) = text::encode(value, shape, format.unwrap_or(TimestampFormat::Iso8601)) {
        out.push_str(&escape_text(&text));
    }
}

/// Line breaks as references: a reader may fold a bare CR.
fn escape_text(text: &str) -> String {
    partial_escape(text).replace('\r', "&#xD;").replace('\u{85}', "&#x85;").replace('\u{2028}', "&#x2028;")
}
