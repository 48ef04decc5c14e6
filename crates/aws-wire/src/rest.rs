//! The HTTP bindings of restJson and restXml: which member is in the path, the query string, a header, the body.

use bytes::Bytes;
use futures_util::StreamExt as _;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue};
use percent_encoding::percent_decode_str;

use crate::AwsError;
use crate::body::Body;
use crate::event_stream::encode_event;
use crate::json::{self, Naming};
use crate::protocol::{EVENT_STREAM, Request, Response};
use crate::schema::{Kind, Member, Operation, Place, Protocol, Service, Shape, Structure, TimestampFormat};
use crate::text;
use crate::value::Value;
use crate::xml;

/// The values of a URI pattern's labels, by label.
pub type Labels = Vec<(&'static str, String)>;

/// Finds the operation whose URI pattern fits best: the one with most literal parts.
pub fn route(service: &Service, request: &Request) -> Option<(&'static Operation, Labels)> {
    let candidates = service
        .candidates(request.method.as_str(), &request.path)
        .filter(|operation| may_match(operation.uri, &request.path));
    let mut best = None::<((usize, usize), &'static Operation, Labels)>;
    for operation in candidates {
        let Some((labels, literals)) = match_uri(operation.uri, request) else { continue };
        let fitness = (literals, fit(operation, request));
        if best.as_ref().is_some_and(|(known, ..)| *known > fitness) {
            continue;
        }
        // Only of what may be it: most of an API's patterns fit a short path.
        let labels = labels.into_iter().map(|(name, text)| Some((name, decode_component(text)?)));
        if let Some(labels) = labels.collect::<Option<Labels>>() {
            best = Some((fitness, operation, labels));
        }
    }
    best.map(|(_, operation, labels)| (operation, labels))
}

/// How much of a request's path is a literal part of the pattern that it matches: what names the service by itself.
pub fn is_named(service: &Service, request: &Request) -> bool {
    route(service, request).is_some_and(|(operation, _)| names_service(operation))
}

/// Whether an operation's pattern has a literal part, so that no other service's fits the same paths.
pub fn names_service(operation: &Operation) -> bool {
    let path = operation.uri.split('?').next().unwrap_or_default();
    path.split('/').any(|part| !part.is_empty() && !part.starts_with('{'))
}

/// S3 has several operations at one address, told apart by the parameters and headers that they demand: an upload
/// with a part's number is `UploadPart`, one with a source is `CopyObject`. The one that demands most, and has it all.
fn fit(operation: &Operation, request: &Request) -> usize {
    let Some(structure) = operation.io.and_then(|io| io.input.structure()) else { return 0 };
    let mut demanded =
        structure.members.iter().filter(|member| member.required).map(|member| match member.place {
            Place::Query => Some(query_fields(&request.query).any(|(name, _)| name == member.wire_name)),
            Place::Header => Some(request.headers.contains_key(member.wire_name)),
            _ => None,
        });
    let met = demanded.try_fold(0, |met, there| match there {
        Some(true) => Some(met + 1),
        Some(false) => None,
        None => Some(met),
    });
    met.map_or(1, |met| met + 2)
}

/// Whether a path begins and ends as a pattern does, as far as that is literal: most of the
/// patterns with one first part end otherwise.
fn may_match(pattern: &str, path: &str) -> bool {
    let path = path.as_bytes();
    let (mut last, mut is_prefix, mut at) = (0, true, 0);
    for &byte in pattern.as_bytes() {
        match byte {
            b'?' => break,
            b'{' => is_prefix = false,
            b'/' => last = at + 1,
            _ => {}
        }
        // A path that ends here may still be the pattern without its slash.
        if is_prefix && path.get(at).is_some_and(|own| *own != byte) {
            return false;
        }
        at += 1;
    }
    let end = &pattern.as_bytes()[last..at];
    end.starts_with(b"{") || path.strip_suffix(b"/").unwrap_or(path).ends_with(end)
}

/// Matches a pattern such as `/a/{Label}/{Greedy+}?literal=x`; counts its literal parts. Labels are as they came.
fn match_uri<'a>(
    pattern: &'static str,
    request: &'a Request,
) -> Option<(Vec<(&'static str, &'a str)>, usize)> {
    let (path_pattern, query_pattern) = pattern.split_once('?').unwrap_or((pattern, ""));
    let mut labels = Vec::new();
    let mut literals = 0;
    let mut rest = request.path.strip_prefix('/')?;
    let mut parts = path_pattern.strip_prefix('/')?.split('/').filter(|part| !part.is_empty()).peekable();
    while let Some(part) = parts.next() {
        if let Some(greedy) = part.strip_prefix('{').and_then(|part| part.strip_suffix("+}")) {
            let tail = parts.map(|part| format!("/{part}")).collect::<String>();
            let value = rest.strip_suffix(tail.as_str()).filter(|value| !value.is_empty())?;
            labels.push((greedy, value));
            rest = "";
            break;
        }
        let (segment, after) = rest.split_once('/').unwrap_or((rest, ""));
        if let Some(label) = part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) {
            if segment.is_empty() {
                return None;
            }
            labels.push((label, segment));
        } else if part == segment {
            literals += 2;
        } else {
            return None;
        }
        rest = after;
    }
    // Older SDKs end some collections' paths with a slash; `rest` is empty then too.
    if !rest.is_empty() {
        return None;
    }
    for literal in query_pattern.split('&').filter(|literal| !literal.is_empty()) {
        let (name, value) = literal.split_once('=').unwrap_or((literal, ""));
        let found = query_fields(&request.query).find(|(field, _)| field == name)?;
        if !value.is_empty() && found.1 != value {
            return None;
        }
        literals += 1;
    }
    Some((labels, literals))
}

fn decode_component(text: &str) -> Option<String> {
    percent_decode_str(text).decode_utf8().ok().map(std::borrow::Cow::into_owned)
}

fn query_fields(query: &str) -> impl Iterator<Item = (String, String)> {
    query.split('&').filter(|field| !field.is_empty()).map(|field| {
        let (name, value) = field.split_once('=').unwrap_or((field, ""));
        let decode =
            |text: &str| percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned();
        (decode(name), decode(value))
    })
}

/// # Errors
/// `SerializationException`, when a part of the request is not of its member's shape.
pub fn decode(
    protocol: Protocol,
    structure: &'static Structure,
    request: &Request,
    labels: &Labels,
) -> Result<Value, AwsError> {
    let mut slots = match structure.payload {
        Some(position) => {
            let mut slots = vec![None; structure.members.len()];
            slots[position] = decode_payload(protocol, &structure.members[position], &request.body)?;
            slots
        }
        None if !structure.members.iter().any(|member| member.place == Place::Body) => {
            vec![None; structure.members.len()]
        }
        None if protocol == Protocol::RestXml => decode_xml_members(structure, &request.body)?,
        None => json::decode_members(&request.body, structure, Naming::Rest)?,
    };
    let fields = query_fields(&request.query).collect::<Vec<_>>();
    for (member, slot) in structure.members.iter().zip(&mut slots) {
        let format = |default| member.timestamp_format.unwrap_or(default);
        *slot = match member.place {
            Place::Uri => {
                let label = labels.iter().find(|(label, _)| *label == member.wire_name);
                let label = label
                    .map(|(_, value)| text::decode(value, member.shape, format(TimestampFormat::Iso8601)));
                label.transpose()?
            }
            Place::Query => decode_query_member(member, &fields)?,
            Place::Header => decode_header(member, &request.headers)?,
            Place::PrefixHeaders => decode_prefix_headers(member, &request.headers),
            Place::Body
            | Place::StatusCode
            | Place::EventHeader
            | Place::EventPayload
            | Place::EventException => continue,
        };
    }
    Ok(Value::Structure(slots))
}

fn decode_xml_members(structure: &'static Structure, body: &[u8]) -> Result<Vec<Option<Value>>, AwsError> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(vec![None; structure.members.len()]);
    }
    xml::members_from_element(&xml::parse(body)?, structure)
}

fn decode_payload(
    protocol: Protocol,
    member: &'static Member,
    body: &Bytes,
) -> Result<Option<Value>, AwsError> {
    if body.is_empty() {
        return Ok(None);
    }
    match member.shape.kind {
        Kind::Blob => Ok(Some(Value::Blob(body.clone()))),
        Kind::Stream => Ok(Some(Value::Stream(body.clone().into()))),
        Kind::String | Kind::Enum(_) => {
            let text =
                std::str::from_utf8(body).map_err(|_| AwsError::serialization("The body is not UTF-8"))?;
            Ok(Some(Value::String(text.to_owned())))
        }
        _ if protocol == Protocol::RestXml => {
            xml::from_element(&xml::parse(body)?, member.shape, member.timestamp_format).map(Some)
        }
        _ => json::decode(body, member.shape, Naming::Rest),
    }
}

fn decode_query_member(
    member: &'static Member,
    fields: &[(String, String)],
) -> Result<Option<Value>, AwsError> {
    let format = member.timestamp_format.unwrap_or(TimestampFormat::Iso8601);
    let values = |name: &str| {
        fields
            .iter()
            .filter(move |(field, _)| field == name)
            .map(|(_, value)| value.clone())
            .collect::<Vec<_>>()
    };
    match member.shape.kind {
        Kind::Map(map) => {
            // A map here takes every parameter, also those that other members are bound to.
            let mut entries = Vec::<(String, Option<Value>)>::new();
            for (name, value) in fields {
                if entries.iter().any(|(seen, _)| seen == name) {
                    continue;
                }
                let value = match map.value.kind {
                    Kind::List(list) => decode_texts(values(name), list.member, format)?,
                    _ => text::decode(value, map.value, format)?,
                };
                entries.push((name.clone(), Some(value)));
            }
            Ok((!entries.is_empty()).then_some(Value::Map(entries)))
        }
        Kind::List(list) => {
            let texts = values(member.wire_name);
            if texts.is_empty() { Ok(None) } else { decode_texts(texts, list.member, format).map(Some) }
        }
        _ => {
            let first = fields.iter().find(|(name, _)| name == member.wire_name);
            first.map(|(_, value)| text::decode(value, member.shape, format)).transpose()
        }
    }
}

fn decode_texts(
    texts: Vec<String>,
    shape: &'static Shape,
    format: TimestampFormat,
) -> Result<Value, AwsError> {
    let items = texts.iter().map(|text| text::decode(text, shape, format).map(Some));
    Ok(Value::List(items.collect::<Result<_, _>>()?))
}

fn decode_header(member: &'static Member, headers: &HeaderMap) -> Result<Option<Value>, AwsError> {
    let all = headers.get_all(member.wire_name);
    let texts = all.iter().filter_map(|value| std::str::from_utf8(value.as_bytes()).ok()).collect::<Vec<_>>();
    let Some(first) = texts.first() else { return Ok(None) };
    let format = member.timestamp_format.unwrap_or(TimestampFormat::HttpDate);
    let Kind::List(list) = member.shape.kind else {
        return text::decode(first.trim(), member.shape, format).map(Some);
    };
    // A date has a comma of its own.
    let commas = if matches!(list.member.kind, Kind::Timestamp(_)) && format == TimestampFormat::HttpDate {
        2
    } else {
        1
    };
    let texts = texts.iter().filter(|text| !text.trim().is_empty());
    let items = texts.flat_map(|text| split_header(text, commas)).collect();
    decode_texts(items, list.member, format).map(Some)
}

/// Splits a header's list at every `nth` comma outside quotes, and takes the quotes off.
fn split_header(text: &str, nth: usize) -> Vec<String> {
    let (mut items, mut item, mut quoted, mut commas) = (Vec::new(), String::new(), false, 0);
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' if quoted => item.extend(letters.next()),
            '"' => quoted = !quoted,
            ',' if !quoted => {
                commas += 1;
                if commas % nth == 0 {
                    items.push(std::mem::take(&mut item));
                } else {
                    item.push(letter);
                }
            }
            _ => item.push(letter),
        }
    }
    items.push(item);
    items.into_iter().map(|item| item.trim().to_owned()).collect()
}

fn decode_prefix_headers(member: &'static Member, headers: &HeaderMap) -> Option<Value> {
    let prefix = member.wire_name.to_ascii_lowercase();
    let entries = headers.iter().filter_map(|(name, value)| {
        let key = name.as_str().strip_prefix(prefix.as_str())?;
        let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
        Some((key.to_owned(), Some(Value::String(value))))
    });
    let entries = entries.collect::<Vec<_>>();
    (!entries.is_empty()).then_some(Value::Map(entries))
}

/// Writes `output` with the bindings of its shape.
pub fn encode(protocol: Protocol, operation: &Operation, shape: &'static Shape, output: Value) -> Response {
    let mut response = Response::empty(operation.status);
    let (Some(structure), Value::Structure(mut slots)) = (shape.structure(), output) else { return response };
    bind_headers(structure, &slots, &mut response);
    if let Some(position) = structure.payload {
        let member = &structure.members[position];
        if let Some(value) = slots[position].take() {
            encode_payload(protocol, member, value, &mut response);
            if let Some(media_type) = structure.media_type {
                response.headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
            }
        }
        return response;
    }
    let has_body = structure.members.iter().any(|member| member.place.is_in_answer());
    // AWS's restJson answers an empty object where the output has no body member, but nothing with a 204.
    if protocol == Protocol::RestXml {
        if has_body {
            let name = structure.xml_name.unwrap_or(shape.name);
            let mut out = String::new();
            let body = Value::Structure(slots);
            xml::write_element(&mut out, name, structure.xml_namespace, &body, shape, None);
            set_body(&mut response, "application/xml", out.into());
        }
    } else if response.status != 204 {
        let json = json::write_members(&slots, structure, Naming::Rest);
        set_body(&mut response, "application/json", json.into());
    }
    response
}

fn bind_headers(structure: &Structure, slots: &[Option<Value>], response: &mut Response) {
    for (member, slot) in structure.members.iter().zip(slots) {
        let Some(value) = slot else { continue };
        match (member.place, value) {
            (Place::StatusCode, Value::Integer(status)) => {
                response.status = u16::try_from(*status).unwrap_or(response.status);
            }
            (Place::Header, value) => {
                if let Some(text) = header_text(member, value) {
                    insert_header(&mut response.headers, member.wire_name, &text);
                }
            }
            (Place::PrefixHeaders, Value::Map(entries)) => {
                for (key, value) in entries {
                    if let Some(Value::String(text)) = value {
                        insert_header(&mut response.headers, &format!("{}{key}", member.wire_name), text);
                    }
                }
            }
            _ => {}
        }
    }
}

/// Sets a header, unless its value can't be one: a client must not be able to break our answer apart.
pub fn insert_header(headers: &mut HeaderMap, name: &str, value: &str) {
    if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
        headers.insert(name, value);
    }
}

pub(crate) fn header_text(member: &Member, value: &Value) -> Option<String> {
    let format = member.timestamp_format.unwrap_or(TimestampFormat::HttpDate);
    let (Kind::List(list), Value::List(items)) = (member.shape.kind, value) else {
        return text::encode(value, member.shape, format);
    };
    let items = items.iter().flatten().filter_map(|item| {
        let text = text::encode(item, list.member, format)?;
        let needs_quotes = matches!(list.member.kind, Kind::String) && text.contains([',', '"']);
        Some(if needs_quotes {
            format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
        } else {
            text
        })
    });
    Some(items.collect::<Vec<_>>().join(", "))
}

fn encode_payload(protocol: Protocol, member: &'static Member, value: Value, response: &mut Response) {
    match value {
        Value::Blob(bytes) => set_body(response, "application/octet-stream", bytes),
        Value::String(text) => set_body(response, "text/plain", text.into()),
        Value::Stream(stream) => {
            response
                .headers
                .entry(CONTENT_TYPE)
                .or_insert(HeaderValue::from_static("application/octet-stream"));
            if let Some(source) = stream.take() {
                response.body = Body::Pieces(source.pieces);
            }
        }
        Value::Events(events) => {
            let structure = member.shape.structure().expect("an event stream is a structure");
            let frames = events.take().map(move |event| Ok(encode_event(protocol, structure, event)));
            // Over what an output's own member may say: that is of what the events carry.
            let content_type = HeaderValue::from_static(EVENT_STREAM);
            response.headers.insert(CONTENT_TYPE, content_type);
            response.body = Body::pieces(frames);
        }
        value if protocol == Protocol::RestXml => {
            let structure = member.shape.structure();
            let name = structure.and_then(|structure| structure.xml_name).unwrap_or(member.shape.name);
            // The member's own name wins where the model gives it one.
            let name = if member.wire_name == member.name { name } else { member.wire_name };
            let namespace = member.xml_namespace.or(structure.and_then(|structure| structure.xml_namespace));
            let mut out = String::new();
            xml::write_element(&mut out, name, namespace, &value, member.shape, member.timestamp_format);
            set_body(response, "application/xml", out.into());
        }
        value => {
            let json = json::write(&value, member.shape, member.timestamp_format, Naming::Rest);
            set_body(response, "application/json", json.into());
        }
    }
}

fn set_body(response: &mut Response, content_type: &'static str, body: Bytes) {
    response.headers.entry(CONTENT_TYPE).or_insert(HeaderValue::from_static(content_type));
    response.body = Body::Whole(body);
}
