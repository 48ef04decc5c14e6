//! What is written in an environment: pipes of lines and framed records, cut into log records.
//!
//! A frame is what AWS's own runtime clients write to `_LAMBDA_TELEMETRY_LOG_FD`: type, length (4 bytes each),
//! microseconds since the epoch (8), all big-endian, then the record. Its type begins with a byte that no UTF-8
//! text holds, so frames and lines share the pipe and keep their order.

use std::collections::VecDeque;
use std::mem::MaybeUninit;
use std::sync::Arc;

use env::{Env, Timestamp};
use serde_json::json;
use tokio::net::unix::pipe;

use crate::dates::iso8601;
use crate::limits::LOG_TAIL_BYTES;
use crate::logging::{Level, Logging, json_object};
use crate::platform_event::PlatformEvent;
use crate::subscription::Category;
use crate::telemetry::{Event, Telemetry};

/// A line that is longer is cut here: CloudWatch Logs' bound of an event of before 2025.
const LINE_BYTES_MAX: usize = 256 * 1024;
/// A frame that claims more is taken for text.
const FRAME_BYTES_MAX: usize = 1024 * 1024;
const FRAME_MAGIC: [u8; 3] = [0xa5, 0x5a, 0x00];
const FRAME_HEADER_BYTES: usize = 16;

/// One event of a log stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    pub at: Timestamp,
    pub message: String,
    /// The trace of the invocation that it was written in, so that what follows from it goes on in that.
    pub trace: Option<Arc<str>>,
}

/// Where an environment's records go.
#[derive(Debug)]
pub struct LogStream {
    pub account: Arc<str>,
    pub region: Arc<str>,
    pub function_name: String,
    /// The execution role, which needs the right to write.
    pub role: String,
    pub group: String,
    /// `2026/11/23/[$LATEST]` and 32 hexadecimal digits.
    pub name: String,
}

/// Takes records on their way to CloudWatch Logs. Never blocks.
pub trait LogSink: Send + Sync {
    fn write(&self, stream: &Arc<LogStream>, record: Record);
}

/// The log of one environment: its pipes, its telemetry, and the invocation's tail.
pub(crate) struct Output {
    /// None until there is a sandbox.
    sources: Vec<Source>,
    logging: Logging,
    pub(crate) telemetry: Telemetry,
    /// The last of the current invocation's log.
    tail: VecDeque<u8>,
    /// When the invocation, or INIT before it, began.
    began: Timestamp,
    /// Of the current invocation.
    trace: Option<Arc<str>>,
    stream: Arc<LogStream>,
    sink: Arc<dyn LogSink>,
    env: Env,
}

/// One pipe, and who writes to it.
struct Source {
    pipe: Arc<pipe::Receiver>,
    category: Category,
    parser: Parser,
}

impl Output {
    pub(crate) fn new(stream: LogStream, logging: Logging, sink: Arc<dyn LogSink>, env: Env) -> Self {
        let (stream, began) = (Arc::new(stream), env.now());
        let telemetry = Telemetry::default();
        let (sources, tail) = (Vec::new(), VecDeque::new());
        Self { sources, logging, telemetry, tail, began, trace: None, stream, sink, env }
    }

    /// Reads from `pipe` too from now on; the number it is known by.
    pub(crate) fn attach(&mut self, pipe: Arc<pipe::Receiver>, category: Category) -> usize {
        self.sources.push(Source { pipe, category, parser: Parser::default() });
        self.sources.len() - 1
    }

    /// Reads what the pipes hold now, past the reactor: it may not have been told yet.
    pub(crate) fn drain(&mut self) {
        for source in 0..self.sources.len() {
            self.drain_one(source);
        }
    }

    /// `false` once nobody can write to it any more.
    fn drain_one(&mut self, source: usize) -> bool {
        let pipe = Arc::clone(&self.sources[source].pipe);
        // Most reads find little or nothing: clearing so much first would be the dearest part of them.
        let mut buffer = [MaybeUninit::uninit(); 16 * 1024];
        loop {
            match rustix::io::read(&*pipe, &mut buffer) {
                Ok(([], _)) => {
                    self.sources[source].parser.flush();
                    self.emit(source);
                    return false;
                }
                Ok((bytes, _)) => {
                    self.sources[source].parser.push(bytes);
                    self.emit(source);
                }
                Err(rustix::io::Errno::INTR) => {}
                Err(rustix::io::Errno::AGAIN) => return true,
                Err(_) => return false,
            }
        }
    }

    /// Drains one pipe and lets the reactor know that it was empty, so that it tells of the next bytes. `false` once
    /// nobody can write to it any more.
    pub(crate) fn drain_and_wait(&mut self, source: usize) -> bool {
        if !self.drain_one(source) {
            return false;
        }
        let pipe = Arc::clone(&self.sources[source].pipe);
        let mut buffer = [0; 1024];
        match pipe.try_read(&mut buffer) {
            Ok(0) => false,
            Ok(count) => {
                self.sources[source].parser.push(&buffer[..count]);
                self.emit(source);
                true
            }
            Err(error) => error.kind() == std::io::ErrorKind::WouldBlock,
        }
    }

    /// Ends a line that has no line break yet: nothing more of this invocation comes.
    pub(crate) fn flush(&mut self) {
        for source in 0..self.sources.len() {
            self.sources[source].parser.flush();
            self.emit(source);
        }
    }

    fn emit(&mut self, source: usize) {
        let now = self.env.now();
        while let Some((at, level, message)) = self.sources[source].parser.records.pop_front() {
            // A frame's time is the function's word: it counts within the invocation, not before and not ahead.
            let at = at.map_or(now, |at| at.max(self.began).min(now));
            let category = self.sources[source].category;
            if self.telemetry.wants(category) && !message.is_empty() {
                let object = self.logging.is_json().then(|| json_object(&message)).flatten();
                let record = object.unwrap_or_else(|| message.as_str().into());
                let event = Event { category, at, kind: category.name(), record };
                self.telemetry.publish(event, self.env.monotonic());
            }
            if category == Category::Extension || self.logging.keeps(level, &message) {
                self.write(at, message);
            }
        }
    }

    /// Whether anybody would notice an event that a text log has no line for.
    pub(crate) fn notices(&self, level: Level) -> bool {
        let is_logged = matches!(self.logging, Logging::Json { system, .. } if level >= system);
        is_logged || self.telemetry.wants(Category::Platform)
    }

    /// Tells of something that the platform did: to the log as its format and level have it, and to whoever subscribed.
    pub(crate) fn tell(&mut self, event: &PlatformEvent<'_>) {
        let at = self.env.now();
        match self.logging {
            Logging::Text => {
                event.lines().into_iter().for_each(|message| self.write(at, message));
            }
            Logging::Json { system, .. } if event.level() >= system => {
                let whole = json!({ "time": iso8601(at), "type": event.kind(), "record": event.record() });
                self.write(at, whole.to_string());
            }
            Logging::Json { .. } => {}
        }
        let category = Category::Platform;
        if self.telemetry.wants(category) {
            let event = Event { category, at, kind: event.kind(), record: event.record() };
            self.telemetry.publish(event, self.env.monotonic());
        }
    }

    /// Adds a line of the platform's own to a log of text; a JSON log says it in its records.
    pub(crate) fn say(&mut self, message: String) {
        if !self.logging.is_json() {
            self.write(self.env.now(), message);
        }
    }

    fn write(&mut self, at: Timestamp, message: String) {
        let text = message.as_bytes();
        self.tail.extend(&text[text.len().saturating_sub(LOG_TAIL_BYTES)..]);
        self.tail.push_back(b'\n');
        let excess = self.tail.len().saturating_sub(LOG_TAIL_BYTES);
        self.tail.drain(..excess);
        self.sink.write(&self.stream, Record { at, message, trace: self.trace.clone() });
    }

    /// Begins an invocation: forgets the tail of the one before.
    pub(crate) fn begin(&mut self, trace: Option<&str>) {
        self.began = self.env.now();
        self.trace = trace.map(Arc::from);
        self.tail.clear();
    }

    pub(crate) fn tail(&self) -> Vec<u8> {
        self.tail.iter().copied().collect()
    }
}

/// Cuts a stream of bytes into records; pure.
#[derive(Default)]
struct Parser {
    pending: Vec<u8>,
    records: VecDeque<(Option<Timestamp>, Option<Level>, String)>,
}

impl Parser {
    fn push(&mut self, bytes: &[u8]) {
        self.pending.extend_from_slice(bytes);
        let mut at = 0;
        while let Some(used) = self.take(at) {
            at += used;
        }
        self.pending.drain(..at);
    }

    /// Takes one record that begins at `at`; how many bytes it was.
    fn take(&mut self, at: usize) -> Option<usize> {
        let rest = &self.pending[at..];
        if rest.is_empty() {
            return None;
        }
        if let Some(frame) = frame(rest) {
            let (used, micros, level, text) = frame?;
            let record = (Some(Timestamp::from_micros(micros)), level, text);
            self.records.push_back(record);
            return Some(used);
        }
        let line_end = rest.iter().position(|byte| *byte == b'\n');
        // A frame may follow text that has no line break.
        let first = &rest[..line_end.unwrap_or(rest.len())];
        let frame_start = first.get(1..).and_then(find_frame).map(|position| position + 1);
        let (text, used) = match (line_end, frame_start) {
            (_, Some(start)) => (&rest[..start], start),
            (Some(end), None) => (first, end + 1),
            _ if rest.len() >= LINE_BYTES_MAX => (&rest[..LINE_BYTES_MAX], LINE_BYTES_MAX),
            _ => return None,
        };
        let record = (None, None, line(text));
        self.records.push_back(record);
        Some(used)
    }

    fn flush(&mut self) {
        let rest = std::mem::take(&mut self.pending);
        if !rest.is_empty() {
            self.records.push_back((None, None, line(&rest)));
        }
    }
}

fn line(bytes: &[u8]) -> String {
    let bytes = &bytes[..bytes.len().min(LINE_BYTES_MAX)];
    // Runtimes without the framed pipe write a record's line breaks as carriage returns.
    String::from_utf8_lossy(bytes).replace('\r', "\n")
}

type Frame = (usize, i64, Option<Level>, String);

/// The frame that `bytes` begins with: `None` when there is none, `Some(None)` when more must come.
fn frame(bytes: &[u8]) -> Option<Option<Frame>> {
    if !is_frame(bytes) {
        return None;
    }
    let Some((header, rest)) = bytes.split_at_checked(FRAME_HEADER_BYTES) else { return Some(None) };
    let word = |at: usize| u32::from_be_bytes(header[at..at + 4].try_into().expect("four bytes"));
    let length = word(4) as usize;
    if length > FRAME_BYTES_MAX {
        return None;
    }
    let micros = i64::from_be_bytes(header[8..].try_into().expect("eight bytes"));
    let Some(text) = rest.get(..length) else { return Some(None) };
    let text = String::from_utf8_lossy(text).trim_end_matches('\n').to_owned();
    Some(Some((FRAME_HEADER_BYTES + length, micros, frame_level(header[3]), text)))
}

/// The last byte of a frame's type: two bits of format, above them the level.
fn frame_level(kind: u8) -> Option<Level> {
    Some(match kind >> 2 {
        1 => Level::Trace,
        2 => Level::Debug,
        3 => Level::Info,
        4 => Level::Warn,
        5 => Level::Error,
        6 => Level::Fatal,
        _ => return None,
    })
}

fn is_frame(bytes: &[u8]) -> bool {
    bytes.starts_with(&FRAME_MAGIC) && bytes.get(3).is_some_and(|kind| (0x01..=0x1b).contains(kind))
}

fn find_frame(bytes: &[u8]) -> Option<usize> {
    (0..bytes.len()).find(|start| bytes[*start] == FRAME_MAGIC[0] && is_frame(&bytes[*start..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(chunks: &[&[u8]]) -> Vec<String> {
        let mut parser = Parser::default();
        chunks.iter().for_each(|chunk| parser.push(chunk));
        parser.flush();
        parser.records.into_iter().map(|(_, _, text)| text).collect()
    }

    fn framed(text: &str) -> Vec<u8> {
        let length = u32::try_from(text.len()).expect("short").to_be_bytes();
        [&[0xa5, 0x5a, 0x00, 0x17][..], &length, &42i64.to_be_bytes(), text.as_bytes()].concat()
    }

    #[test]
    fn lines_and_frames_keep_their_order() {
        assert_eq!(parse(&[b"a\nb\n"]), ["a", "b"]);
        assert_eq!(parse(&[b"a", b"b\nc"]), ["ab", "c"]);
        assert_eq!(parse(&[b"one\n", &framed("two\nlines"), b"three\n"]), ["one", "two\nlines", "three"]);
        assert_eq!(parse(&[b"no break", &framed("frame")]), ["no break", "frame"]);
        assert_eq!(parse(&[b"old\rstyle\n"]), ["old\nstyle"]);
    }

    #[test]
    fn a_frame_in_pieces_is_whole_again() {
        let bytes = framed("whole");
        for cut in 1..bytes.len() {
            assert_eq!(parse(&[&bytes[..cut], &bytes[cut..], b"next\n"]), ["whole", "next"], "cut at {cut}");
        }
    }

    #[test]
    fn a_frames_type_tells_its_level() {
        for (kind, level) in [
            (0x02, None),
            (0x03, None),
            (0x0a, Some(Level::Debug)),
            (0x0f, Some(Level::Info)),
            (0x12, Some(Level::Warn)),
            (0x17, Some(Level::Error)),
            (0x1b, Some(Level::Fatal)),
        ] {
            assert_eq!(frame_level(kind), level, "{kind:#x}");
        }
    }

    #[test]
    fn a_hostile_length_is_text() {
        let mut bytes = framed("x");
        bytes[4] = 0xff;
        assert_eq!(parse(&[&bytes, b"\n"]).len(), 1);
    }
}
