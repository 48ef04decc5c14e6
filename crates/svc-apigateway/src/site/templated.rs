//! Integrations that see what a template makes of the request, and whose answers become the method's by another:
//! functions, HTTP servers, and mocks, which are nothing but templates.

use std::collections::BTreeMap;

use api_apigateway::GatewayResponseType as Kind;
use aws_wire::Response;
use aws_wire::rest::insert_header;
use bytes::Bytes;
use execute_api::template::{self, Sight};
use http::HeaderMap;
use http_event::parts;
use serde_json::{Value as Json, json};

use super::behind::{self, Outgoing};
use super::refuse::Refusal;
use super::{Ctx, Passage, expression, proxy, validation};
use crate::integration::{Integration, IntegrationResponse};

/// What is behind a method answered, before it is the method's answer.
struct Answered {
    /// What patterns are held to: a status, or what a function failed with; none of one that did not fail.
    text: Option<String>,
    headers: HeaderMap,
    body: Bytes,
}

pub(super) async fn ask(
    cx: &Ctx,
    passage: &Passage<'_>,
    integration: &Integration,
) -> Result<Response, Refusal> {
    let body = request_body(passage, integration)?;
    let answered = match integration.kind.as_str() {
        "MOCK" => mock(&body)?,
        "HTTP" => server(cx, passage, integration, body).await?,
        _ => function(cx, passage, integration, body).await?,
    };
    let chosen = choose(&integration.responses, answered.text.as_deref());
    let (status, response) = chosen.ok_or_else(|| Refusal::of(Kind::ApiConfigurationError))?;
    finish(passage, status, response, &answered)
}

/// The body that goes to the integration.
fn request_body(passage: &Passage<'_>, integration: &Integration) -> Result<Bytes, Refusal> {
    let content_type = validation::media_type(passage.request.header("content-type"));
    if let Some(template) = integration.templates.get(&content_type) {
        let body = String::from_utf8_lossy(&passage.request.body).into_owned();
        return render(template, passage, body).map(|(text, _)| text.into());
    }
    let passes = match integration.passthrough.as_str() {
        "NEVER" => false,
        "WHEN_NO_TEMPLATES" => integration.templates.is_empty(),
        _ => true,
    };
    if passes { Ok(passage.request.body.clone()) } else { Err(Refusal::of(Kind::UnsupportedMediaType)) }
}

/// A mock's answer: the status that its template says.
fn mock(body: &[u8]) -> Result<Answered, Refusal> {
    let said: Json = serde_json::from_slice(body).unwrap_or_default();
    let status = match &said["statusCode"] {
        Json::Number(number) => number.to_string(),
        Json::String(text) => text.clone(),
        _ => return Err(Refusal::of(Kind::ApiConfigurationError)),
    };
    Ok(Answered { text: Some(status), headers: HeaderMap::new(), body: Bytes::new() })
}

async fn function(
    cx: &Ctx,
    passage: &Passage<'_>,
    integration: &Integration,
    body: Bytes,
) -> Result<Answered, Refusal> {
    let kind = integration.parameters.get("integration.request.header.X-Amz-Invocation-Type");
    let kind = kind.and_then(|source| expression::of_request(source, passage));
    let is_event = kind.as_deref() == Some("Event");
    let payload = if body.is_empty() { Bytes::from_static(b"{}") } else { body };
    let returned = behind::function(cx, passage, integration, payload, is_event).await?;
    let said: Json = serde_json::from_slice(&returned.payload).unwrap_or_default();
    let text = said["errorMessage"].as_str().map(str::to_owned).or_else(|| returned.failed.then(String::new));
    Ok(Answered { text, headers: HeaderMap::new(), body: returned.payload })
}

async fn server(
    cx: &Ctx,
    passage: &Passage<'_>,
    integration: &Integration,
    body: Bytes,
) -> Result<Answered, Refusal> {
    let mut outgoing = Outgoing {
        method: match integration.method.as_deref() {
            None | Some("ANY") => passage.request.method.to_string(),
            Some(method) => method.to_owned(),
        },
        uri: execute_api::function::with_variables(
            integration.uri.as_deref().unwrap_or_default(),
            passage.variables,
        ),
        headers: HeaderMap::new(),
        body,
    };
    let content_type = validation::media_type(passage.request.header("content-type"));
    insert_header(&mut outgoing.headers, "content-type", &content_type);
    for name in ["accept", "user-agent"] {
        if let Some(value) = passage.request.header(name) {
            insert_header(&mut outgoing.headers, name, value);
        }
    }
    proxy::map_parameters(passage, integration, &mut outgoing);
    let answered = behind::server(cx, passage, integration, outgoing).await?;
    Ok(Answered {
        text: Some(answered.status().as_u16().to_string()),
        headers: answered.headers().clone(),
        body: answered.into_body(),
    })
}

/// The response whose pattern fits, else the one without.
fn choose<'a>(
    responses: &'a BTreeMap<String, IntegrationResponse>,
    text: Option<&str>,
) -> Option<(&'a str, &'a IntegrationResponse)> {
    let pattern =
        |response: &'a IntegrationResponse| response.pattern.as_deref().filter(|pattern| !pattern.is_empty());
    let fits = |response: &'a IntegrationResponse| {
        let whole = fancy_regex::Regex::new(&format!("(?s)^(?:{})$", pattern(response)?)).ok()?;
        whole.is_match(text?).ok()
    };
    let fitting = responses.iter().find(|(_, response)| fits(response) == Some(true));
    let chosen = fitting.or_else(|| responses.iter().find(|(_, response)| pattern(response).is_none()));
    chosen.map(|(status, response)| (status.as_str(), response))
}

fn finish(
    passage: &Passage<'_>,
    status: &str,
    response: &IntegrationResponse,
    answered: &Answered,
) -> Result<Response, Refusal> {
    let status = status.parse().map_err(|_| Refusal::of(Kind::ApiConfigurationError))?;
    let mut finished = Response::empty(status);
    let templates = &response.templates;
    let template = templates.get_key_value("application/json").or_else(|| templates.iter().next());
    let content_type = template.map_or("application/json", |(kind, _)| kind);
    insert_header(&mut finished.headers, "content-type", content_type);
    let mut overridden = None;
    let body = match template {
        Some((_, template)) => {
            let body = String::from_utf8_lossy(&answered.body).into_owned();
            let (text, status) = render(template, passage, body)?;
            overridden = status;
            Bytes::from(text)
        }
        None => answered.body.clone(),
    };
    for (target, source) in &response.parameters {
        let Some(name) = target.strip_prefix("method.response.header.") else { continue };
        if let Some(value) = expression::of_answer(source, passage, &answered.headers, &answered.body) {
            insert_header(&mut finished.headers, &name.to_ascii_lowercase(), &value);
        }
    }
    finished.status = overridden.unwrap_or(status);
    if !matches!(finished.status, 204 | 304) {
        finished.body = body.into();
    }
    Ok(finished)
}

/// What a template makes of a body, and the status that it sets by `$context.responseOverride.status`.
fn render(template: &str, passage: &Passage<'_>, body: String) -> Result<(String, Option<u16>), Refusal> {
    let sight = Sight {
        body,
        parameters: parameters(passage),
        context: passage.context(),
        variables: passage.variables,
    };
    template::render(template, sight).map_err(|error| {
        tracing::debug!(%error, "a template failed");
        Refusal::of(Kind::ApiConfigurationError)
    })
}

/// `$input.params()`: of the path, the query and the headers.
fn parameters(passage: &Passage<'_>) -> Json {
    let last = |values: Vec<(String, Vec<String>)>| {
        let last = values.into_iter().filter_map(|(name, mut values)| Some((name, values.pop()?)));
        last.collect::<BTreeMap<_, _>>()
    };
    let headers = parts::headers(passage.request, &passage.arrival).into_iter();
    let headers = headers.map(|(name, values)| (parts::title_case(&name), values)).collect();
    json!({
        "path": passage.path_parameters,
        "querystring": last(parts::parameters(&passage.request.query)),
        "header": last(headers),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn responses_are_chosen_by_pattern() {
        let response = |pattern: Option<&str>| IntegrationResponse {
            pattern: pattern.map(str::to_owned),
            ..IntegrationResponse::default()
        };
        let responses = BTreeMap::from([
            ("200".to_owned(), response(None)),
            ("400".to_owned(), response(Some("Bad.*"))),
            ("500".to_owned(), response(Some("5\\d{2}"))),
        ]);
        let check = |text: Option<&str>, expected: &str| {
            assert_eq!(choose(&responses, text).map(|chosen| chosen.0), Some(expected), "{text:?}");
        };
        check(None, "200");
        check(Some("Bad\ninput"), "400");
        check(Some("is Bad"), "200");
        check(Some("503"), "500");
        assert_eq!(choose(&BTreeMap::new(), None).map(|chosen| chosen.0), None);
    }
}
