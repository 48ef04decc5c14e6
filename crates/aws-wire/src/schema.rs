//! What the wire needs to know of an API: shapes, members and operations, as static data that the generator writes.

use std::sync::OnceLock;

use fancy_regex::Regex;

use crate::patterns::Patterns;

/// A service's API.
#[derive(Debug)]
pub struct Service {
    /// The name in a credential scope and in `models/`: `lambda`, `sts`, `logs`.
    pub name: &'static str,
    /// The name in an error text or a console: `Lambda`. No two services share it, as some share `name`.
    pub id: &'static str,
    pub api_version: &'static str,
    /// First the one that AWS prefers.
    pub protocols: &'static [Protocol],
    /// What `X-Amz-Target` begins with, up to the dot.
    pub target_prefix: Option<&'static str>,
    pub xml_namespace: Option<&'static str>,
    /// Whether error codes of the older query protocol travel in `x-amzn-query-error`.
    pub query_compatible: bool,
    pub operations: &'static [&'static Operation],
    pub patterns: Patterns,
}

impl Service {
    /// Operations whose URI patterns may fit a request of this method and path; all that do are among them.
    pub(crate) fn candidates<'a>(
        &'a self,
        method: &'a str,
        path: &'a str,
    ) -> impl Iterator<Item = &'static Operation> + 'a {
        self.patterns.of(self.operations).candidates(method, path)
    }

    pub fn operation(&self, name: &str) -> Option<&'static Operation> {
        self.operations.iter().find(|operation| operation.name == name).copied()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    AwsJson10,
    AwsJson11,
    RestJson,
    RestXml,
    Query,
    RpcCbor,
    /// awsJson 1.1 with CBOR in place of JSON: what the SDKs for Java speak to Kinesis. No model names it.
    AwsCbor11,
}

#[derive(Debug)]
pub struct Operation {
    pub name: &'static str,
    pub method: &'static str,
    /// The URI pattern of the REST protocols, such as `/2015-03-31/functions/{FunctionName}`.
    pub uri: &'static str,
    /// The HTTP status of an answer, unless the output says another.
    pub status: u16,
    /// Absent when the operation is in AWS's model but its types are not generated: it answers 501.
    pub io: Option<Io>,
}

#[derive(Clone, Copy, Debug)]
pub struct Io {
    pub input: &'static Shape,
    pub output: &'static Shape,
    /// The element around a query protocol's result; AWS's is the operation's name and `Result`.
    pub result_wrapper: Option<&'static str>,
    pub errors: &'static [&'static ErrorShape],
}

impl Io {
    /// Whether the model gives the operation no output at all, rather than an empty one.
    pub fn has_no_output(&self) -> bool {
        std::ptr::eq(self.output, &raw const UNIT)
    }
}

/// An exception of the model.
#[derive(Debug)]
pub struct ErrorShape {
    /// What a client matches on, such as `ResourceNotFoundException`.
    pub code: &'static str,
    /// The code of the older query protocol, where it differs.
    pub query_code: Option<&'static str>,
    pub status: u16,
    pub fault: Fault,
    pub shape: &'static Shape,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    Client,
    Server,
}

#[derive(Debug)]
pub struct Shape {
    pub name: &'static str,
    pub kind: Kind,
    /// Least length, or least value of a number.
    pub min: Option<i64>,
    /// Greatest length, or greatest value of a number.
    pub max: Option<i64>,
    pub pattern: Option<&'static Pattern>,
    /// Its value appears in no message and no log.
    pub sensitive: bool,
}

impl Shape {
    /// A shape without constraints.
    pub const fn plain(name: &'static str, kind: Kind) -> Self {
        Self { name, kind, min: None, max: None, pattern: None, sensitive: false }
    }

    /// The structure's description, where the shape is one.
    pub fn structure(&self) -> Option<&'static Structure> {
        match self.kind {
            Kind::Structure(structure) => Some(structure),
            _ => None,
        }
    }
}

/// The output of an operation that has none.
pub static UNIT: Shape = Shape::plain("Unit", Kind::Structure(&Structure::of(&[])));

#[derive(Clone, Copy, Debug)]
pub enum Kind {
    Boolean,
    Integer,
    Long,
    Float,
    Double,
    String,
    Enum(&'static [&'static str]),
    Blob,
    /// Bytes that are a body of their own, read and written as they come.
    Stream,
    Timestamp(Option<TimestampFormat>),
    Document,
    List(&'static List),
    Map(&'static Map),
    Structure(&'static Structure),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimestampFormat {
    /// Seconds since the epoch, with a fraction.
    UnixTimestamp,
    /// `2026-11-23T10:11:12.345Z`
    Iso8601,
    /// `Mon, 23 Nov 2026 10:11:12 GMT`
    HttpDate,
}

#[derive(Debug)]
pub struct List {
    pub member: &'static Shape,
    /// The name of one element in XML and in a query; `member` where the model says nothing.
    pub element: &'static str,
    pub element_namespace: Option<Namespace>,
    pub timestamp_format: Option<TimestampFormat>,
    pub flattened: bool,
}

#[derive(Debug)]
pub struct Map {
    pub key: &'static Shape,
    pub value: &'static Shape,
    pub key_name: &'static str,
    pub value_name: &'static str,
    pub key_namespace: Option<Namespace>,
    pub value_namespace: Option<Namespace>,
    /// What a flattened map's entries are called in forms and XML, where that is not the member's name.
    pub entry_name: Option<&'static str>,
    pub flattened: bool,
}

#[derive(Debug)]
pub struct Structure {
    pub members: &'static [Member],
    pub union: bool,
    /// Which member is the whole body in the REST protocols.
    pub payload: Option<usize>,
    pub event_stream: bool,
    /// The content type of a payload that AWS gives another than its kind's.
    pub media_type: Option<&'static str>,
    /// The root element in XML, where it is not the shape's name.
    pub xml_name: Option<&'static str>,
    pub xml_namespace: Option<Namespace>,
}

impl Structure {
    /// A structure of `members` and nothing special.
    pub const fn of(members: &'static [Member]) -> Self {
        Self {
            members,
            union: false,
            payload: None,
            event_stream: false,
            media_type: None,
            xml_name: None,
            xml_namespace: None,
        }
    }
}

#[derive(Clone, Copy, Debug)]
pub struct Namespace {
    pub uri: &'static str,
    pub prefix: Option<&'static str>,
}

#[derive(Debug)]
pub struct Member {
    /// The API's name.
    pub name: &'static str,
    /// The name on the wire; the same but for headers, query parameters and some XML.
    pub wire_name: &'static str,
    pub shape: &'static Shape,
    pub required: bool,
    pub place: Place,
    pub timestamp_format: Option<TimestampFormat>,
    pub flattened: bool,
    pub xml_attribute: bool,
    pub xml_namespace: Option<Namespace>,
}

impl Member {
    /// A member of the body without special traits.
    pub const fn body(name: &'static str, shape: &'static Shape) -> Self {
        Self {
            name,
            wire_name: name,
            shape,
            required: false,
            place: Place::Body,
            timestamp_format: None,
            flattened: false,
            xml_attribute: false,
            xml_namespace: None,
        }
    }

    /// Whether a list or map here has no element of its own around it.
    pub fn is_flattened(&self) -> bool {
        self.flattened
            || match self.shape.kind {
                Kind::List(list) => list.flattened,
                Kind::Map(map) => map.flattened,
                _ => false,
            }
    }
}

/// Where in an HTTP message of the REST protocols a member travels. The other protocols have all in the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Body,
    Uri,
    Query,
    Header,
    /// A map whose entries are headers that begin with the wire name.
    PrefixHeaders,
    StatusCode,
    EventHeader,
    EventPayload,
    /// A member of a stream of events that ends it with an exception.
    EventException,
}

impl Place {
    /// Whether a member so placed is in the body of an answer. Labels and parameters of the URI are a request's
    /// alone; where an output has such members, they are in its body.
    pub fn is_in_answer(self) -> bool {
        matches!(self, Self::Body | Self::Uri | Self::Query)
    }
}

/// A regular expression of the model, compiled when first needed.
#[derive(Debug)]
pub struct Pattern {
    text: &'static str,
    compiled: OnceLock<Option<Regex>>,
}

impl Pattern {
    pub const fn new(text: &'static str) -> Self {
        Self { text, compiled: OnceLock::new() }
    }

    pub fn text(&self) -> &'static str {
        self.text
    }

    /// Whether the whole of `value` matches, as Java's `matches` has it.
    ///
    /// A pattern that Rust's engine can't compile lets everything pass; a test in each `api-*` crate's
    /// generator demands that there is none.
    pub fn matches(&self, value: &str) -> bool {
        self.regex().is_none_or(|regex| regex.is_match(value).unwrap_or(false))
    }

    /// Whether the pattern compiles.
    pub fn is_valid(&self) -> bool {
        self.regex().is_some()
    }

    fn regex(&self) -> Option<&Regex> {
        self.compiled.get_or_init(|| Regex::new(&format!(r"\A(?:{})\z", self.text)).ok()).as_ref()
    }
}
