//! The gateway's own answers, as the API changes them.

use std::collections::BTreeMap;

use api_apigateway::GatewayResponseType as Kind;
use aws_wire::Response;
use aws_wire::rest::insert_header;
use serde_json::Value as Json;
use vtl::{Scope, Template, Value};

use crate::gateway_response::{GatewayResponse, TEMPLATE, TEMPLATE_TYPE, TYPES};

/// Why a request is answered by the gateway itself.
#[derive(Debug)]
pub(crate) struct Refusal {
    kind: Kind,
    message: String,
    /// Where the usual status or words are others than those of its kind.
    status: Option<u16>,
    body: Option<&'static str>,
}

impl Refusal {
    pub(crate) fn of(kind: Kind) -> Self {
        let words = TYPES.iter().find(|(known, ..)| *known == kind).map_or("", |(_, _, words, _)| words);
        Self { kind, message: words.to_owned(), status: None, body: None }
    }

    pub(crate) fn saying(kind: Kind, message: impl Into<String>) -> Self {
        Self { message: message.into(), ..Self::of(kind) }
    }

    /// A failure of what is behind a method: other than by name, 502 where it answers nonsense.
    pub(crate) fn bad_gateway() -> Self {
        Self { status: Some(502), ..Self::of(Kind::IntegrationFailure) }
    }

    /// Who may not: AWS begins this message alone with a capital.
    pub(crate) fn denied(explicitly: bool) -> Self {
        let (message, body) = if explicitly {
            (
                "User is not authorized to access this resource with an explicit deny",
                r#"{"Message":"User is not authorized to access this resource with an explicit deny"}"#,
            )
        } else {
            (
                "User is not authorized to access this resource",
                r#"{"Message":"User is not authorized to access this resource"}"#,
            )
        };
        Self { body: Some(body), ..Self::saying(Kind::AccessDenied, message) }
    }

    /// An authorizer that failed or made no sense.
    pub(crate) fn authorizer(kind: Kind) -> Self {
        Self { body: Some(r#"{"message":null}"#), ..Self::of(kind) }
    }

    /// The answer; `context` is `$context` of the request's.
    pub(crate) fn answer(&self, own: &BTreeMap<String, GatewayResponse>, context: &Json) -> Response {
        let (_, status, _, error_type) =
            TYPES.iter().find(|(known, ..)| *known == self.kind).expect("every type is listed");
        let usual = self.status.or(*status).unwrap_or(500);
        let general = if usual < 500 { Kind::Default4xx } else { Kind::Default5xx };
        let configured = own.get(self.kind.as_str()).or_else(|| own.get(general.as_str()));
        let status =
            configured.and_then(|configured| configured.status.as_ref()?.parse().ok()).unwrap_or(usual);
        let mut response = Response::empty(status);
        insert_header(&mut response.headers, "content-type", TEMPLATE_TYPE);
        insert_header(&mut response.headers, "x-amzn-errortype", error_type);
        let mut scope = self.scope(context);
        for (name, value) in configured.iter().flat_map(|configured| &configured.parameters) {
            let name = name.trim_start_matches("gatewayresponse.header.");
            if let Some(value) = header(value, context) {
                insert_header(&mut response.headers, &name.to_ascii_lowercase(), &value);
            }
        }
        let template = configured.and_then(|configured| {
            let (kind, template) = configured.templates.get_key_value(TEMPLATE_TYPE).or_else(|| {
                // Whatever there is, then.
                configured.templates.iter().next()
            })?;
            insert_header(&mut response.headers, "content-type", kind);
            Some(template.as_str())
        });
        let body = match (template, self.body) {
            (None, Some(body)) => body.to_owned(),
            (template, _) => {
                let template = Template::parse(template.unwrap_or(TEMPLATE));
                template.and_then(|template| template.render(&mut scope)).unwrap_or_default()
            }
        };
        response.body = body.into();
        response
    }

    fn scope(&self, context: &Json) -> Scope {
        let mut context = context.clone();
        if let Json::Object(context) = &mut context {
            let error = serde_json::json!({
                "message": self.message,
                "messageString": Json::from(self.message.as_str()).to_string(),
                "responseType": self.kind.as_str(),
                "validationErrorString": self.message,
            });
            context.insert("error".to_owned(), error);
        }
        Scope::default().with("context", Value::from_json(&context))
    }
}

/// A header's value: `'text'` or something of the context.
fn header(value: &str, context: &Json) -> Option<String> {
    if let Some(text) = value.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')) {
        return Some(text.to_owned());
    }
    execute_api::template::of_context(value.strip_prefix("context.")?, context)
}
