//! One request's way through the wire: which protocol it speaks, which operation it wants, what it says; and back.

use std::io;

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Method};

use crate::AwsError;
use crate::body::Body;
use crate::cbor::{self, Times};
use crate::constraints;
use crate::event_stream::{encode_event, encode_initial_response};
use crate::events::Events;
use crate::json::{self, Naming};
use crate::query::{self, Form};
use crate::rest::{self, Labels};
use crate::schema::{Fault, Io, Kind, Operation, Place, Protocol, Service, Structure};
use crate::value::Value;
use crate::xml;

/// The content type of an answer that goes on.
pub(crate) const EVENT_STREAM: &str = "application/vnd.amazon.eventstream";

/// An HTTP request with its body read.
#[derive(Debug)]
pub struct Request {
    pub method: Method,
    /// As it came, percent-encoded.
    pub path: String,
    /// As it came, without the question mark.
    pub query: String,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Request {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

#[derive(Debug)]
pub struct Response {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Body,
}

impl Response {
    pub fn empty(status: u16) -> Self {
        Self { status, headers: HeaderMap::new(), body: Body::Whole(Bytes::new()) }
    }
}

/// The operation that a request wants, and in which protocol.
#[derive(Debug)]
pub struct Routed {
    pub protocol: Protocol,
    pub operation: &'static Operation,
    labels: Labels,
}

/// The protocol that `request` speaks to `service`. A client chooses freely among those the service has.
pub fn detect(service: &Service, request: &Request) -> Protocol {
    let content_type = request.header("content-type").unwrap_or_default();
    let wanted = if request.header("smithy-protocol") == Some("rpc-v2-cbor") {
        Protocol::RpcCbor
    } else if content_type.starts_with("application/x-amz-json-1.0") {
        Protocol::AwsJson10
    } else if content_type.starts_with("application/x-amz-json-1.1") {
        Protocol::AwsJson11
    } else if content_type.starts_with("application/x-amz-cbor-1.1") {
        Protocol::AwsCbor11
    } else if content_type.starts_with("application/x-www-form-urlencoded") || has_action(&request.query) {
        Protocol::Query
    } else {
        service.protocols[0]
    };
    // awsJson 1.0 and 1.1 differ in nothing but the content type, and AWS takes either.
    let speaks = |protocol| match protocol {
        Protocol::AwsJson10 | Protocol::AwsJson11 => {
            service.protocols.iter().any(|p| matches!(p, Protocol::AwsJson10 | Protocol::AwsJson11))
        }
        other => service.protocols.contains(&other),
    };
    if speaks(wanted) { wanted } else { service.protocols[0] }
}

fn has_action(query: &str) -> bool {
    query.split('&').any(|field| field.starts_with("Action="))
}

/// # Errors
/// `UnknownOperationException`, when the service has no such operation.
pub fn route(service: &Service, request: &Request) -> Result<Routed, AwsError> {
    let protocol = detect(service, request);
    let named = |name: &str| service.operation(name);
    let operation = match protocol {
        Protocol::AwsJson10 | Protocol::AwsJson11 | Protocol::AwsCbor11 => {
            let target = request.header("x-amz-target").and_then(|target| target.rsplit_once('.'));
            target.and_then(|(_, name)| named(name))
        }
        Protocol::RpcCbor => request.path.rsplit_once("/operation/").and_then(|(_, name)| named(name)),
        Protocol::Query => form(request).get("Action").and_then(named),
        Protocol::RestJson | Protocol::RestXml => {
            let (operation, labels) =
                rest::route(service, request).ok_or_else(AwsError::unknown_operation)?;
            return Ok(Routed { protocol, operation, labels });
        }
    };
    let operation = operation.ok_or_else(AwsError::unknown_operation)?;
    Ok(Routed { protocol, operation, labels: Labels::new() })
}

/// The form of a query-protocol request: in the body, or in the URL of a GET.
fn form(request: &Request) -> Form {
    let body = std::str::from_utf8(&request.body).unwrap_or_default();
    Form::parse(if body.is_empty() { &request.query } else { body })
}

impl Routed {
    /// Which member of the input is a body that is taken as it comes.
    pub fn streamed(&self) -> Option<usize> {
        let structure = self.operation.io?.input.structure()?;
        let is_rest = matches!(self.protocol, Protocol::RestJson | Protocol::RestXml);
        structure.payload.filter(|at| is_rest && matches!(structure.members[*at].shape.kind, Kind::Stream))
    }

    /// Reads the operation's input and checks it against the model's constraints.
    ///
    /// # Errors
    /// `SerializationException` for what can't be read, `ValidationException` for what the model refuses.
    pub fn decode(&self, io: Io, request: &Request) -> Result<Value, AwsError> {
        let structure = io.input.structure().expect("an operation's input is a structure");
        let input = match self.protocol {
            Protocol::AwsJson10 | Protocol::AwsJson11 => {
                Value::Structure(json::decode_members(&request.body, structure, Naming::AwsJson)?)
            }
            Protocol::RpcCbor => cbor::decode(&request.body, structure, Times::Seconds)?,
            Protocol::AwsCbor11 => cbor::decode(&request.body, structure, Times::Milliseconds)?,
            // SQS: a queue's URL is an address of its own, and a form sent there need not name the queue again.
            Protocol::Query if request.path.len() > 1 => {
                query::decode(&form(request).with("QueueUrl", || request.path.clone()), structure)?
            }
            Protocol::Query => query::decode(&form(request), structure)?,
            Protocol::RestJson | Protocol::RestXml => {
                rest::decode(self.protocol, structure, request, &self.labels)?
            }
        };
        constraints::check(structure, &input)?;
        Ok(input)
    }

    /// Writes the operation's output.
    pub fn encode(&self, service: &Service, io: Io, output: Value, request_id: &str) -> Response {
        let mut response = match (self.protocol, output) {
            (
                Protocol::AwsJson10 | Protocol::AwsJson11 | Protocol::AwsCbor11,
                Value::Structure(mut slots),
            ) => {
                // An operation without an output answers `{}` too, as Smithy's cases have it.
                let structure = io.output.structure().expect("an operation's output is a structure");
                let events = take_events(structure, &mut slots);
                let body: Bytes = if self.protocol == Protocol::AwsCbor11 {
                    cbor::encode(&Value::Structure(slots), io.output, Times::Milliseconds).into()
                } else {
                    json::write_members(&slots, structure, Naming::AwsJson).into()
                };
                let content_type = content_type(self.protocol);
                match events {
                    None => with_body(200, content_type, body),
                    Some((stream, events)) => {
                        let first = encode_initial_response(content_type, &body);
                        let mut response = with_body(200, EVENT_STREAM, Bytes::new());
                        response.body = Body::pieces(frames(self.protocol, stream, first, events));
                        response
                    }
                }
            }
            (Protocol::RpcCbor, _) if io.has_no_output() => Response::empty(200),
            (Protocol::RpcCbor, output) => with_body(
                200,
                content_type(self.protocol),
                cbor::encode(&output, io.output, Times::Seconds).into(),
            ),
            (Protocol::Query, output) => {
                let body = query::encode(service, self.operation, io, &output, request_id);
                with_body(200, content_type(self.protocol), body)
            }
            (_, _) if io.has_no_output() => Response::empty(self.operation.status),
            (protocol, output) => rest::encode(protocol, self.operation, io.output, output),
        };
        finish(self.protocol, &mut response, request_id);
        response
    }
}

/// Takes the events that an output goes on with, and their shape.
fn take_events(
    structure: &'static Structure,
    slots: &mut [Option<Value>],
) -> Option<(&'static Structure, Events)> {
    let mut members = structure.members.iter().zip(slots);
    members.find_map(|(member, slot)| {
        let stream = member.shape.structure().filter(|stream| stream.event_stream)?;
        match slot.take()? {
            Value::Events(events) => Some((stream, events)),
            _ => None,
        }
    })
}

fn frames(
    protocol: Protocol,
    stream: &'static Structure,
    first: Bytes,
    events: Events,
) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
    let events = events.take().map(move |event| encode_event(protocol, stream, event));
    futures_util::stream::iter([first]).chain(events).map(Ok)
}

/// Writes `error` as `protocol` has it.
pub fn encode_error(protocol: Protocol, service: &Service, error: &AwsError, request_id: &str) -> Response {
    let body: Bytes = match protocol {
        Protocol::Query => query::encode_error(service, error, request_id),
        Protocol::RestXml => rest_xml_error(error, request_id),
        Protocol::RpcCbor => cbor::encode_error(error, Times::Seconds).into(),
        Protocol::AwsCbor11 => cbor::encode_error(error, Times::Milliseconds).into(),
        Protocol::AwsJson10 | Protocol::AwsJson11 | Protocol::RestJson => json_error(protocol, error).into(),
    };
    let mut response = with_body(error.status, content_type(protocol), body);
    if protocol == Protocol::RestJson {
        rest::insert_header(&mut response.headers, "x-amzn-errortype", &error.code);
    }
    if service.query_compatible && protocol != Protocol::Query {
        let fault = if error.fault == Fault::Client { "Sender" } else { "Receiver" };
        let code = error.query_code.unwrap_or(&error.code);
        rest::insert_header(&mut response.headers, "x-amzn-query-error", &format!("{code};{fault}"));
    }
    for member in error.members().iter().filter(|member| member.place == Place::Header) {
        let field = error.fields.iter().find(|(name, _)| *name == member.name);
        if let Some(text) = field.and_then(|(_, value)| rest::header_text(member, value)) {
            rest::insert_header(&mut response.headers, member.wire_name, &text);
        }
    }
    for (name, value) in &error.headers {
        rest::insert_header(&mut response.headers, name, value);
    }
    finish(protocol, &mut response, request_id);
    response
}

fn json_error(protocol: Protocol, error: &AwsError) -> String {
    let mut body = json::Object::default();
    let naming = if protocol == Protocol::RestJson { Naming::Rest } else { Naming::AwsJson };
    // A field that the error was given itself stands in the place of what is said of every error.
    let given = |name: &str| error.body_fields().any(|(field, ..)| field == name);
    if protocol != Protocol::RestJson {
        body.text("__type", &error.code);
    } else if error.members().iter().any(|member| member.name == "Type") && !given("Type") {
        // Lambda's exceptions say whose fault they are.
        body.text("Type", if error.fault == Fault::Client { "User" } else { "Service" });
    }
    let name = error.message_name().unwrap_or("message");
    if let Some(message) = error.message.as_ref().filter(|_| !given(name)) {
        body.text(name, message);
    }
    for (name, value, shape) in error.body_fields() {
        body.value(name, value, shape, naming);
    }
    body.into_text()
}

fn rest_xml_error(error: &AwsError, request_id: &str) -> Bytes {
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error>");
    xml::write_text_element(&mut out, "Code", &error.code);
    if let Some(message) = &error.message {
        xml::write_text_element(&mut out, "Message", message);
    }
    for (name, value, shape) in error.body_fields() {
        xml::write_element(&mut out, name, None, value, shape, None);
    }
    xml::write_text_element(&mut out, "RequestId", request_id);
    out.push_str("</Error>");
    out.into()
}

fn content_type(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::AwsJson10 => "application/x-amz-json-1.0",
        Protocol::AwsJson11 => "application/x-amz-json-1.1",
        Protocol::RestJson => "application/json",
        Protocol::RestXml => "application/xml",
        Protocol::Query => "text/xml",
        Protocol::RpcCbor => "application/cbor",
        Protocol::AwsCbor11 => "application/x-amz-cbor-1.1",
    }
}

fn with_body(status: u16, content_type: &'static str, body: Bytes) -> Response {
    let mut response = Response::empty(status);
    response.headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response.body = Body::Whole(body);
    response
}

fn finish(protocol: Protocol, response: &mut Response, request_id: &str) {
    let name = if protocol == Protocol::RestXml { "x-amz-request-id" } else { "x-amzn-requestid" };
    rest::insert_header(&mut response.headers, name, request_id);
    if protocol == Protocol::RpcCbor {
        rest::insert_header(&mut response.headers, "smithy-protocol", "rpc-v2-cbor");
    }
}
