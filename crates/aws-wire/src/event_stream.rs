//! `application/vnd.amazon.eventstream`: the frames of answers that go on, such as `InvokeWithResponseStream`'s.
//!
//! A frame is, all big-endian: total length (4 bytes), length of headers (4), CRC-32 of those eight bytes (4),
//! headers, payload, CRC-32 of all before (4). A header is its name's length (1), name, type (1), value.

use bytes::{BufMut as _, Bytes, BytesMut};

use crate::cbor::{self, Times};
use crate::json::{self, Naming};
use crate::schema::{Kind, Place, Protocol, Shape, Structure};
use crate::value::Value;
use crate::{AwsError, text};

const STRING: u8 = 7;
/// Lengths, their checksum, and the frame's.
const OVERHEAD: usize = 16;
/// AWS's bound of one frame.
pub const FRAME_BYTES_MAX: usize = 16 * 1024 * 1024;

/// A frame taken apart. Headers whose value is no string are left out: AWS's services send none.
#[derive(Debug, PartialEq)]
pub struct Frame {
    pub headers: Vec<(String, String)>,
    pub payload: Bytes,
}

#[derive(Debug, thiserror::Error, PartialEq)]
pub enum Error {
    #[error("the frame's lengths contradict each other")]
    Lengths,
    #[error("the checksum of the frame's {0} is wrong")]
    Checksum(&'static str),
    #[error("a header of the frame is malformed")]
    Header,
}

pub fn write_frame(headers: &[(&str, &str)], payload: &[u8]) -> Bytes {
    let headers_length: usize =
        headers.iter().map(|(name, value)| 1 + name.len() + 1 + 2 + value.len()).sum();
    let total = OVERHEAD + headers_length + payload.len();
    let mut out = BytesMut::with_capacity(total);
    out.put_u32(u32::try_from(total).expect("a frame is bounded"));
    out.put_u32(u32::try_from(headers_length).expect("a frame is bounded"));
    out.put_u32(crc32fast::hash(&out));
    for (name, value) in headers {
        out.put_u8(u8::try_from(name.len()).expect("a header's name is short"));
        out.put_slice(name.as_bytes());
        out.put_u8(STRING);
        out.put_u16(u16::try_from(value.len()).expect("a header's value is short"));
        out.put_slice(value.as_bytes());
    }
    out.put_slice(payload);
    out.put_u32(crc32fast::hash(&out));
    out.freeze()
}

/// Takes the first whole frame off `buffer`; `None` when it has not all arrived.
///
/// # Errors
/// When the frame contradicts its own lengths or checksums; the stream is of no use from there on.
pub fn read_frame(buffer: &mut BytesMut) -> Result<Option<Frame>, Error> {
    let word = |bytes: &[u8], at: usize| -> u32 {
        u32::from_be_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
    };
    if buffer.len() < OVERHEAD - 4 {
        return Ok(None);
    }
    let (total, headers_length) = (word(buffer, 0) as usize, word(buffer, 4) as usize);
    if crc32fast::hash(&buffer[..8]) != word(buffer, 8) {
        return Err(Error::Checksum("prelude"));
    }
    if total > FRAME_BYTES_MAX || total < OVERHEAD + headers_length {
        return Err(Error::Lengths);
    }
    if buffer.len() < total {
        return Ok(None);
    }
    let frame = buffer.split_to(total).freeze();
    if crc32fast::hash(&frame[..total - 4]) != word(&frame, total - 4) {
        return Err(Error::Checksum("message"));
    }
    let headers = read_headers(&frame[12..12 + headers_length]).ok_or(Error::Header)?;
    Ok(Some(Frame { headers, payload: frame.slice(12 + headers_length..total - 4) }))
}

fn read_headers(mut bytes: &[u8]) -> Option<Vec<(String, String)>> {
    let mut headers = Vec::new();
    while let Some((&name_length, rest)) = bytes.split_first() {
        let (name, rest) = rest.split_at_checked(name_length.into())?;
        let (&kind, rest) = rest.split_first()?;
        let width = match kind {
            0 | 1 => 0,
            2 => 1,
            3 => 2,
            4 => 4,
            5 | 8 => 8,
            9 => 16,
            6 | STRING => {
                let (length, _) = rest.split_at_checked(2)?;
                2 + usize::from(u16::from_be_bytes(length.try_into().ok()?))
            }
            _ => return None,
        };
        let (value, rest) = rest.split_at_checked(width)?;
        if kind == STRING {
            headers
                .push((String::from_utf8(name.to_vec()).ok()?, String::from_utf8(value[2..].to_vec()).ok()?));
        }
        bytes = rest;
    }
    Some(headers)
}

/// The frame of one event: a structure of the stream's shape in which one member is set.
///
/// # Panics
/// When `event` has no member set, or is of another shape.
pub fn encode_event(protocol: Protocol, stream: &'static Structure, event: Value) -> Bytes {
    let Value::Structure(slots) = event else { panic!("an event is a structure") };
    let (member, value) =
        stream.members.iter().zip(slots).find_map(|(m, v)| Some((m, v?))).expect("an event is set");
    let kind = if member.place == Place::EventException { "exception" } else { "event" };
    let mut headers = vec![
        (":message-type".to_owned(), kind.to_owned()),
        (format!(":{kind}-type"), member.name.to_owned()),
    ];
    let (content_type, payload) = encode_event_body(protocol, member.shape, value, &mut headers);
    headers.push((":content-type".to_owned(), content_type.to_owned()));
    let headers = headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect::<Vec<_>>();
    write_frame(&headers, &payload)
}

/// The frame that begins the events of the protocols without REST: the output's other members.
pub(crate) fn encode_initial_response(content_type: &str, payload: &[u8]) -> Bytes {
    let headers =
        [(":message-type", "event"), (":event-type", "initial-response"), (":content-type", content_type)];
    write_frame(&headers, payload)
}

fn encode_event_body(
    protocol: Protocol,
    shape: &'static Shape,
    value: Value,
    headers: &mut Vec<(String, String)>,
) -> (&'static str, Bytes) {
    let (Kind::Structure(structure), Value::Structure(mut slots)) = (shape.kind, value) else {
        panic!("an event's member is a structure")
    };
    let mut payload = None;
    for (member, slot) in structure.members.iter().zip(&mut slots) {
        match member.place {
            Place::EventHeader => {
                let text = slot.take().and_then(|value| {
                    text::encode(&value, member.shape, crate::schema::TimestampFormat::Iso8601)
                });
                headers.extend(text.map(|text| (member.wire_name.to_owned(), text)));
            }
            Place::EventPayload => payload = slot.take().map(|value| (member, value)),
            _ => {}
        }
    }
    match payload {
        Some((_, Value::Blob(bytes))) => ("application/octet-stream", bytes),
        Some((_, Value::String(text))) => ("text/plain", text.into()),
        Some((member, value)) => {
            ("application/json", json::write(&value, member.shape, None, Naming::Rest).into())
        }
        None if protocol == Protocol::RestXml => {
            let mut out = String::new();
            crate::xml::write_element(&mut out, shape.name, None, &Value::Structure(slots), shape, None);
            ("application/xml", out.into())
        }
        None if protocol == Protocol::RpcCbor => {
            let body = cbor::encode(&Value::Structure(slots), shape, Times::Seconds);
            ("application/cbor", body.into())
        }
        None if protocol == Protocol::AwsCbor11 => {
            let body = cbor::encode(&Value::Structure(slots), shape, Times::Milliseconds);
            ("application/x-amz-cbor-1.1", body.into())
        }
        None => ("application/json", json::write_members(&slots, structure, Naming::AwsJson).into()),
    }
}

/// The frame of an error after the answer's headers are sent.
pub fn encode_exception(error: &AwsError) -> Bytes {
    let message = serde_json::json!({ "message": error.message }).to_string();
    let headers = [
        (":message-type", "exception"),
        (":exception-type", &error.code),
        (":content-type", "application/json"),
    ];
    write_frame(&headers, message.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::Member;

    static BLOB: Shape = Shape::plain("Blob", Kind::Blob);
    static CHUNK: Shape = Shape::plain(
        "InvokeResponseStreamUpdate",
        Kind::Structure(&Structure::of(&[Member {
            place: Place::EventPayload,
            ..Member::body("Payload", &BLOB)
        }])),
    );
    static STREAM: Structure = Structure::of(&[Member::body("PayloadChunk", &CHUNK)]);

    #[test]
    fn an_event_comes_back_as_it_went() {
        let chunk = Value::Structure(vec![Some(Value::Blob("hello".into()))]);
        let frame = encode_event(Protocol::RestJson, &STREAM, Value::Structure(vec![Some(chunk)]));
        let mut buffer = BytesMut::from(&frame[..frame.len() - 1]);
        assert_eq!(read_frame(&mut buffer), Ok(None));
        buffer.put_u8(frame[frame.len() - 1]);
        let read = read_frame(&mut buffer).expect("whole").expect("arrived");
        assert_eq!(read.payload, "hello");
        let header = |name: &str| read.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str());
        assert_eq!(header(":event-type"), Some("PayloadChunk"));
        assert_eq!(header(":content-type"), Some("application/octet-stream"));
        assert!(buffer.is_empty());
    }

    #[test]
    fn a_flipped_bit_is_noticed() {
        let frame = write_frame(&[("a", "b")], b"payload");
        for position in 0..frame.len() {
            let mut bytes = BytesMut::from(&frame[..]);
            bytes[position] ^= 1;
            assert!(read_frame(&mut bytes).is_err(), "bit {position}");
        }
    }
}
