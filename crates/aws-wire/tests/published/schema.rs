//! Schemas made at run time from a suite's shapes, as the generator would write them; and values of them.

use std::collections::HashMap;

use aws_model::{MemberRef, Model, Operation, XmlNamespace};
use aws_wire::Value;
use aws_wire::schema::{
    ErrorShape, Fault, Io, Kind, List, Map, Member, Namespace, Operation as WireOperation, Place, Protocol,
    Service, Shape, Structure, TimestampFormat, UNIT,
};
use env::Timestamp;
use serde_json::Value as Json;

/// Shapes refer to themselves in some suites. A schema is static data and could too, but one made here can't:
/// it is unrolled this deep, and deeper than any case.
const DEPTH_MAX: usize = 14;

static TOO_DEEP: Shape = Shape::plain("TooDeep", Kind::Boolean);

pub struct Schemas<'a> {
    model: &'a Model,
    shapes: HashMap<(String, usize), &'static Shape>,
}

/// Tests end before anyone misses the memory.
pub fn leak(text: &str) -> &'static str {
    Box::leak(text.to_owned().into_boxed_str())
}

fn leaked<T>(value: T) -> &'static T {
    Box::leak(Box::new(value))
}

impl<'a> Schemas<'a> {
    pub fn new(model: &'a Model) -> Self {
        Self { model, shapes: HashMap::new() }
    }

    /// A service of this one operation; at `uri` instead of its own, if given.
    pub fn service(&mut self, given: &Operation, uri: Option<&'static str>) -> &'static Service {
        let mut shape = |member: &Option<MemberRef>| {
            member.as_ref().map_or(&UNIT, |member| self.shape(&member.shape, DEPTH_MAX))
        };
        let wrapper = given.output.as_ref().and_then(|output| output.result_wrapper.as_deref());
        let io = Io {
            input: shape(&given.input),
            output: shape(&given.output),
            result_wrapper: wrapper.map(leak),
            errors: &[],
        };
        let http = &given.http;
        let operation: &'static WireOperation = leaked(WireOperation {
            name: leak(&given.name),
            method: leak(&http.method),
            uri: uri.unwrap_or(leak(&http.request_uri)),
            status: if http.response_code == 0 { 200 } else { http.response_code },
            io: Some(io),
        });
        let metadata = &self.model.metadata;
        let protocols = aws_model::protocols(metadata).into_iter().map(protocol).collect::<Vec<_>>();
        leaked(Service {
            name: "cases",
            id: "Cases",
            api_version: leak(&metadata.api_version),
            protocols: protocols.leak(),
            target_prefix: metadata.target_prefix.as_deref().map(leak),
            // The suites don't say; their bodies are all of this one.
            xml_namespace: Some("https://example.com/"),
            query_compatible: metadata.aws_query_compatible.is_some(),
            operations: vec![operation].leak(),
            patterns: aws_wire::Patterns::new(),
        })
    }

    pub fn error(&mut self, name: &str) -> &'static ErrorShape {
        let shape = &self.model.shapes[name];
        let error = shape.error.as_ref();
        let status =
            error.and_then(|error| error.http_status_code).unwrap_or(if shape.fault { 500 } else { 400 });
        let query_code = error.and_then(|error| error.code.as_deref()).filter(|code| *code != name);
        leaked(ErrorShape {
            code: leak(name),
            query_code: query_code.map(leak),
            status,
            fault: if shape.fault || status >= 500 { Fault::Server } else { Fault::Client },
            shape: self.shape(name, DEPTH_MAX),
        })
    }

    fn shape(&mut self, name: &str, depth: usize) -> &'static Shape {
        if depth == 0 {
            return &TOO_DEEP;
        }
        if let Some(shape) = self.shapes.get(&(name.to_owned(), depth)) {
            return shape;
        }
        let shape = leaked(Shape::plain(leak(name), self.kind(name, depth - 1)));
        self.shapes.insert((name.to_owned(), depth), shape);
        shape
    }

    fn kind(&mut self, name: &str, depth: usize) -> Kind {
        let shape = &self.model.shapes[name];
        match shape.kind.as_str() {
            "boolean" => Kind::Boolean,
            "integer" => Kind::Integer,
            "long" => Kind::Long,
            "float" => Kind::Float,
            "double" => Kind::Double,
            "blob" => Kind::Blob,
            "timestamp" => Kind::Timestamp(timestamp_format(shape.timestamp_format.as_deref())),
            // The generator makes enumerations of these, whose constraint is no matter of the wire.
            "string" => Kind::String,
            "list" => {
                let member = shape.member.as_ref().expect("a list has a member");
                Kind::List(leaked(List {
                    member: self.shape(&member.shape, depth),
                    element: member.location_name.as_deref().map_or("member", leak),
                    element_namespace: namespace(member.xml_namespace.as_ref()),
                    timestamp_format: timestamp_format(member.timestamp_format.as_deref()),
                    flattened: shape.flattened,
                }))
            }
            "map" => {
                let (key, value) = (shape.key.as_ref().expect("keys"), shape.value.as_ref().expect("values"));
                Kind::Map(leaked(Map {
                    key: self.shape(&key.shape, depth),
                    value: self.shape(&value.shape, depth),
                    key_name: key.location_name.as_deref().map_or("key", leak),
                    value_name: value.location_name.as_deref().map_or("value", leak),
                    key_namespace: namespace(key.xml_namespace.as_ref()),
                    value_namespace: namespace(value.xml_namespace.as_ref()),
                    entry_name: None,
                    flattened: shape.flattened,
                }))
            }
            "structure" if shape.document => Kind::Document,
            "structure" => Kind::Structure(self.structure(name, depth)),
            other => panic!("{name} is a {other}, which the generator does not know"),
        }
    }

    fn structure(&mut self, name: &str, depth: usize) -> &'static Structure {
        let shape = &self.model.shapes[name];
        let members = shape.members.iter().map(|(name, member)| Member {
            required: shape.required.contains(name),
            wire_name: member.location_name.as_deref().map_or(leak(name), leak),
            place: place(member),
            timestamp_format: timestamp_format(member.timestamp_format.as_deref()),
            flattened: member.flattened,
            xml_attribute: member.xml_attribute,
            xml_namespace: namespace(member.xml_namespace.as_ref()),
            ..Member::body(leak(name), self.shape(&member.shape, depth))
        });
        let members = members.collect::<Vec<_>>();
        let payload = shape.payload.as_ref().and_then(|payload| shape.members.get_index_of(payload));
        leaked(Structure {
            union: shape.union,
            payload,
            event_stream: shape.eventstream,
            xml_name: shape.location_name.as_deref().map(leak),
            xml_namespace: namespace(shape.xml_namespace.as_ref()),
            ..Structure::of(members.leak())
        })
    }
}

fn namespace(namespace: Option<&XmlNamespace>) -> Option<Namespace> {
    let namespace = namespace?;
    Some(Namespace { uri: leak(namespace.uri()), prefix: namespace.prefix().map(leak) })
}

fn protocol(name: &str) -> Protocol {
    match name {
        "AwsJson10" => Protocol::AwsJson10,
        "AwsJson11" => Protocol::AwsJson11,
        "RestJson" => Protocol::RestJson,
        "RestXml" => Protocol::RestXml,
        "Query" => Protocol::Query,
        "RpcCbor" => Protocol::RpcCbor,
        other => panic!("{other} is no protocol of ours"),
    }
}

fn place(member: &MemberRef) -> Place {
    match aws_model::place(member) {
        "Uri" => Place::Uri,
        "Query" => Place::Query,
        "Header" => Place::Header,
        "PrefixHeaders" => Place::PrefixHeaders,
        "StatusCode" => Place::StatusCode,
        "EventHeader" => Place::EventHeader,
        "EventPayload" => Place::EventPayload,
        _ => Place::Body,
    }
}

fn timestamp_format(format: Option<&str>) -> Option<TimestampFormat> {
    Some(match aws_model::timestamp_format(format)? {
        "UnixTimestamp" => TimestampFormat::UnixTimestamp,
        "HttpDate" => TimestampFormat::HttpDate,
        _ => TimestampFormat::Iso8601,
    })
}

/// The value of a shape that a case writes as JSON: seconds for a moment, text for bytes, words for NaN.
pub fn value(shape: &'static Shape, json: &Json) -> Result<Value, String> {
    let wrong = || format!("the case has {json} for {:?}", shape.kind);
    Ok(match shape.kind {
        Kind::Boolean => Value::Bool(json.as_bool().ok_or_else(wrong)?),
        Kind::Integer | Kind::Long => Value::Integer(json.as_i64().ok_or_else(wrong)?),
        Kind::Float | Kind::Double => Value::Float(match json.as_str() {
            Some(text) => text.parse().map_err(|_| wrong())?,
            None => json.as_f64().ok_or_else(wrong)?,
        }),
        Kind::String | Kind::Enum(_) => Value::String(json.as_str().ok_or_else(wrong)?.to_owned()),
        Kind::Blob | Kind::Stream => Value::Blob(json.as_str().ok_or_else(wrong)?.to_owned().into()),
        Kind::Timestamp(_) => {
            let seconds = json.as_f64().ok_or_else(wrong)?;
            #[expect(clippy::cast_possible_truncation, reason = "the cases are of our time")]
            Value::Timestamp(Timestamp::from_millis((seconds * 1000.0).round() as i64))
        }
        Kind::Document => Value::Document(json.clone()),
        Kind::List(list) => {
            let items = json.as_array().ok_or_else(wrong)?;
            Value::List(items.iter().map(|item| slot(list.member, item)).collect::<Result<_, _>>()?)
        }
        Kind::Map(map) => {
            let entries = json.as_object().ok_or_else(wrong)?;
            let entries = entries.iter().map(|(key, item)| Ok((key.clone(), slot(map.value, item)?)));
            Value::Map(entries.collect::<Result<_, String>>()?)
        }
        Kind::Structure(structure) => {
            let members = structure.members.iter();
            let slots =
                members.map(|member| slot(member.shape, json.get(member.name).unwrap_or(&Json::Null)));
            Value::Structure(slots.collect::<Result<_, _>>()?)
        }
    })
}

fn slot(shape: &'static Shape, json: &Json) -> Result<Option<Value>, String> {
    if json.is_null() { Ok(None) } else { value(shape, json).map(Some) }
}
