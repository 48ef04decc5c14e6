//! AWS's published API models, as `botocore` ships them: what a service's operations and shapes are called,
//! where on the wire each member travels, and which values it allows.
//!
//! Read by the generator (`cargo xtask codegen`) and by the protocol tests; never at run time.

use indexmap::IndexMap;
use serde::Deserialize;

/// One service's API (`service-2.json`).
#[derive(Debug, Deserialize)]
pub struct Model {
    pub metadata: Metadata,
    #[serde(default)]
    pub operations: IndexMap<String, Operation>,
    pub shapes: IndexMap<String, Shape>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Metadata {
    pub api_version: String,
    #[serde(default)]
    pub endpoint_prefix: String,
    /// `rest-json`, `rest-xml`, `json`, `query`, `smithy-rpc-v2-cbor`, `ec2`; the preferred one.
    pub protocol: String,
    #[serde(default)]
    pub protocols: Vec<String>,
    pub json_version: Option<String>,
    pub target_prefix: Option<String>,
    pub signing_name: Option<String>,
    #[serde(default)]
    pub service_id: String,
    pub xml_namespace: Option<XmlNamespace>,
    /// Present when error codes of the older query protocol travel in a header.
    pub aws_query_compatible: Option<serde_json::Value>,
}

#[derive(Debug, Deserialize)]
pub struct Operation {
    pub name: String,
    #[serde(default)]
    pub http: Http,
    pub input: Option<MemberRef>,
    pub output: Option<MemberRef>,
    #[serde(default)]
    pub errors: Vec<MemberRef>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Http {
    pub method: String,
    pub request_uri: String,
    pub response_code: u16,
}

impl Default for Http {
    fn default() -> Self {
        Self { method: "POST".into(), request_uri: "/".into(), response_code: 200 }
    }
}

/// A reference to a shape, with the traits of that one place.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MemberRef {
    pub shape: String,
    /// `uri`, `querystring`, `header`, `headers`, `statusCode`; absent: in the body.
    pub location: Option<String>,
    pub location_name: Option<String>,
    pub timestamp_format: Option<String>,
    #[serde(default)]
    pub flattened: bool,
    #[serde(default)]
    pub xml_attribute: bool,
    pub xml_namespace: Option<XmlNamespace>,
    /// A blob that is the body, taken as it comes.
    #[serde(default)]
    pub streaming: bool,
    #[serde(default)]
    pub eventpayload: bool,
    #[serde(default)]
    pub eventheader: bool,
    #[serde(default)]
    pub document: bool,
    pub result_wrapper: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub enum XmlNamespace {
    Uri(String),
    Full { uri: String, prefix: Option<String> },
}

impl XmlNamespace {
    pub fn uri(&self) -> &str {
        match self {
            Self::Uri(uri) | Self::Full { uri, .. } => uri,
        }
    }

    pub fn prefix(&self) -> Option<&str> {
        match self {
            Self::Uri(_) => None,
            Self::Full { prefix, .. } => prefix.as_deref(),
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Shape {
    #[serde(rename = "type")]
    pub kind: String,
    #[serde(default)]
    pub members: IndexMap<String, MemberRef>,
    #[serde(default)]
    pub required: Vec<String>,
    pub member: Option<MemberRef>,
    pub key: Option<MemberRef>,
    pub value: Option<MemberRef>,
    #[serde(rename = "enum", default)]
    pub enum_values: Vec<String>,
    pub min: Option<f64>,
    pub max: Option<f64>,
    pub pattern: Option<String>,
    #[serde(default)]
    pub sensitive: bool,
    #[serde(default)]
    pub flattened: bool,
    pub location_name: Option<String>,
    pub timestamp_format: Option<String>,
    pub payload: Option<String>,
    #[serde(default)]
    pub streaming: bool,
    #[serde(default)]
    pub union: bool,
    #[serde(default)]
    pub document: bool,
    #[serde(default)]
    pub eventstream: bool,
    #[serde(default)]
    pub exception: bool,
    #[serde(default)]
    pub fault: bool,
    pub error: Option<ErrorTrait>,
    pub xml_namespace: Option<XmlNamespace>,
    /// Ours, set by a patch in `models/`: the content type of the payload.
    pub media_type: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ErrorTrait {
    pub code: Option<String>,
    pub http_status_code: Option<u16>,
    pub sender_fault: bool,
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("read an API model")]
    Json(#[from] serde_json::Error),
    #[error("shape {0} is referred to but not defined")]
    UnknownShape(String),
}

impl Model {
    /// # Errors
    /// When `json` is not a model, or one of its references leads nowhere.
    pub fn parse(json: &str) -> Result<Self, Error> {
        let mut model: Self = serde_json::from_str(json)?;
        // CloudFront's models put their date behind each name; SDKs and documents know operations without it.
        for (name, operation) in &mut model.operations {
            operation.name.clone_from(name);
        }
        let operations = model.operations.values();
        let from_operations = operations.flat_map(|o| o.input.iter().chain(&o.output).chain(&o.errors));
        let from_shapes = model
            .shapes
            .values()
            .flat_map(|s| s.members.values().chain(&s.member).chain(&s.key).chain(&s.value));
        if let Some(missing) =
            from_operations.chain(from_shapes).find(|r| !model.shapes.contains_key(&r.shape))
        {
            return Err(Error::UnknownShape(missing.shape.clone()));
        }
        Ok(model)
    }
}

/// Where a member travels, by the name of the schema's `Place`.
pub fn place(member: &MemberRef) -> &'static str {
    match member.location.as_deref() {
        Some("uri") => "Uri",
        Some("querystring") => "Query",
        Some("header") => "Header",
        Some("headers") => "PrefixHeaders",
        Some("statusCode") => "StatusCode",
        _ if member.eventheader => "EventHeader",
        _ if member.eventpayload => "EventPayload",
        _ => "Body",
    }
}

/// The schema's `TimestampFormat` of a model's `timestampFormat`.
pub fn timestamp_format(format: Option<&str>) -> Option<&'static str> {
    match format? {
        "unixTimestamp" => Some("UnixTimestamp"),
        "rfc822" => Some("HttpDate"),
        _ => Some("Iso8601"),
    }
}

/// The schema's `Protocol`s of a model: all that its service's clients may speak, preferred first.
pub fn protocols(metadata: &Metadata) -> Vec<&'static str> {
    let json = if metadata.json_version.as_deref() == Some("1.0") { "AwsJson10" } else { "AwsJson11" };
    let mut protocols = Vec::new();
    for name in std::iter::once(&metadata.protocol).chain(&metadata.protocols) {
        let protocol = match name.as_str() {
            "rest-json" => "RestJson",
            "rest-xml" => "RestXml",
            "query" => "Query",
            "smithy-rpc-v2-cbor" => "RpcCbor",
            "x-amz-cbor-1.1" => "AwsCbor11",
            _ => json,
        };
        if !protocols.contains(&protocol) {
            protocols.push(protocol);
        }
    }
    // A service that moved from the query protocol to JSON still answers clients of before.
    if metadata.aws_query_compatible.is_some() && !protocols.contains(&"Query") {
        protocols.push("Query");
    }
    protocols
}
