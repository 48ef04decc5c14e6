//! The one error that a client can see, and what the log keeps of its cause.

use std::borrow::Cow;
use std::fmt;

use crate::schema::{ErrorShape, Fault, Kind, Member, Shape, UNIT};
use crate::value::Value;

/// What an operation answers when it fails.
///
/// `message` and `fields` are for the client and say nothing of our inside; `cause` is for the log.
#[derive(Debug)]
pub struct AwsError {
    pub code: Cow<'static, str>,
    /// The code of the older query protocol, where it differs.
    pub query_code: Option<&'static str>,
    pub status: u16,
    pub fault: Fault,
    pub message: Option<String>,
    /// The exception's other members, by their API names.
    pub fields: Vec<(&'static str, Value)>,
    /// Headers of the answer beside those of the model.
    pub headers: Vec<(&'static str, String)>,
    /// The exception in the model; `Unit` for those that AWS's front door answers and no model lists.
    pub shape: &'static Shape,
    pub cause: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl AwsError {
    /// An exception of a service's model.
    pub fn modelled(error: &'static ErrorShape, message: impl Into<String>) -> Self {
        Self {
            code: Cow::Borrowed(error.code),
            query_code: error.query_code,
            status: error.status,
            fault: error.fault,
            message: Some(message.into()),
            fields: Vec::new(),
            headers: Vec::new(),
            shape: error.shape,
            cause: None,
        }
    }

    /// An error that AWS's front door answers for every service, such as `ValidationException`.
    pub fn common(code: &'static str, status: u16, message: impl Into<String>) -> Self {
        Self {
            code: Cow::Borrowed(code),
            query_code: None,
            status,
            fault: if status >= 500 { Fault::Server } else { Fault::Client },
            message: Some(message.into()),
            fields: Vec::new(),
            headers: Vec::new(),
            shape: &UNIT,
            cause: None,
        }
    }

    /// 400: values outside the model's constraints.
    pub fn validation(message: impl Into<String>) -> Self {
        Self::common("ValidationException", 400, message)
    }

    /// 400: a body that can't be read as its protocol has it.
    pub fn serialization(message: impl Into<String>) -> Self {
        Self::common("SerializationException", 400, message)
    }

    /// 404: no such operation in this service, or none that listens at this path.
    pub fn unknown_operation() -> Self {
        Self::common("UnknownOperationException", 404, "The requested operation is not recognized.")
    }

    /// 501: an operation that AWS has and Lambent has not yet.
    pub fn not_implemented(service: &str, operation: &str) -> Self {
        let message =
            format!("Lambent does not serve {service}:{operation} yet; docs/coverage.md lists what it does.");
        Self::common("NotImplementedException", 501, message)
    }

    /// 501: a parameter of a served operation that Lambent can't honour yet.
    pub fn parameter_not_implemented(operation: &str, parameter: &str) -> Self {
        let message = format!("Lambent's {operation} does not honour {parameter} yet, so it refuses it.");
        Self::common("NotImplementedException", 501, message)
    }

    /// 500: a failure of ours. The client learns nothing but that.
    pub fn internal(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        let mut error = Self::common("ServiceException", 500, "An internal error occurred.");
        error.cause = Some(cause.into());
        error
    }

    /// Sets another member of the exception, by its API name.
    #[must_use]
    pub fn with(mut self, field: &'static str, value: impl Into<Value>) -> Self {
        self.fields.push((field, value.into()));
        self
    }

    /// Sets a header of the answer.
    #[must_use]
    pub fn with_header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// The exception's members in the model; none for those of AWS's front door.
    pub(crate) fn members(&self) -> &'static [Member] {
        self.shape.structure().map_or(&[], |structure| structure.members)
    }

    /// The name on the wire of the member that holds the message: some models capitalise it.
    pub(crate) fn message_name(&self) -> Option<&'static str> {
        self.members().iter().map(|member| member.wire_name).find(|name| name.eq_ignore_ascii_case("message"))
    }

    /// The fields that travel in the body: name on the wire, value, and the value's shape.
    pub(crate) fn body_fields(&self) -> impl Iterator<Item = (&'static str, &Value, &'static Shape)> {
        self.fields.iter().filter_map(|(name, value)| {
            match self.members().iter().find(|member| member.name == *name) {
                Some(member) => {
                    member.place.is_in_answer().then_some((member.wire_name, value, member.shape))
                }
                None => Some((*name, value, &TEXT)),
            }
        })
    }

    /// Keeps `cause` for the log.
    #[must_use]
    pub fn because(mut self, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.cause = Some(cause.into());
        self
    }
}

/// The shape of a field that no model knows.
static TEXT: Shape = Shape::plain("String", Kind::String);

impl fmt::Display for AwsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message.as_deref().unwrap_or("no message"))
    }
}

impl std::error::Error for AwsError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.cause.as_deref().map(|cause| cause as _)
    }
}

/// A failure of the store: nothing the client did. Contention is worth another try, and SDKs give a 503 one.
impl From<kv::Error> for AwsError {
    fn from(error: kv::Error) -> Self {
        match error {
            kv::Error::Contention { .. } => Self::common(
                "ServiceUnavailableException",
                503,
                "Too many requests change this at once; try again.",
            )
            .because(error),
            error => Self::internal(error),
        }
    }
}
