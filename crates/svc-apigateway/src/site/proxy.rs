//! Integrations that see the request as it is and answer it themselves.

use aws_wire::Response;
use aws_wire::rest::insert_header;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use execute_api::template::encoded;
use http_event::answer::Head;
use http_event::format_1;
use serde_json::Value as Json;

use super::behind::{self, Outgoing};
use super::refuse::Refusal;
use super::{Ctx, Passage, expression};
use crate::integration::Integration;

pub(super) async fn function(
    cx: &Ctx,
    passage: &Passage<'_>,
    integration: &Integration,
) -> Result<Response, Refusal> {
    let request = passage.request;
    let is_binary = is_binary(passage, request.header("content-type"));
    let event = format_1::event(request, &passage.route(), &passage.arrival, None, is_binary);
    let returned =
        behind::function(cx, passage, integration, http_event::payload(&event).into(), false).await?;
    if returned.failed {
        return Err(Refusal::bad_gateway());
    }
    let mut response = read(passage, &returned.payload).ok_or_else(Refusal::bad_gateway)?;
    insert_header(&mut response.headers, "x-amzn-trace-id", passage.arrival.trace_id);
    Ok(response)
}

/// Whether bodies of this type are binary to the API.
fn is_binary(passage: &Passage<'_>, media_type: Option<&str>) -> bool {
    let media_type = media_type.and_then(|header| header.split([';', ',']).next()).unwrap_or_default().trim();
    let fits = |pattern: &String| {
        pattern == "*/*"
            || pattern.eq_ignore_ascii_case(media_type)
            || pattern.strip_suffix("/*").is_some_and(|kind| {
                media_type.split_once('/').is_some_and(|(own, _)| own.eq_ignore_ascii_case(kind))
            })
    };
    passage.deployment.binary_media_types.iter().any(fits)
}

/// A function's answer as the client's; `None` where it makes no sense.
fn read(passage: &Passage<'_>, payload: &[u8]) -> Option<Response> {
    let Json::Object(object) = serde_json::from_slice(payload).ok()? else { return None };
    let known = ["statusCode", "headers", "multiValueHeaders", "body", "isBase64Encoded"];
    // Others than these are no answer, but an object that was meant to be a body.
    if object.keys().any(|name| !known.contains(&name.as_str()) && name != "cookies") {
        return None;
    }
    let mut head = Head::from_object(&object)?;
    if let Some(multi) = object.get("multiValueHeaders").and_then(Json::as_object) {
        // Where both have a header, its many values count.
        let single = object.get("headers").and_then(Json::as_object).map_or(0, serde_json::Map::len);
        let mut position = 0;
        head.headers.retain(|(name, _)| {
            position += 1;
            position > single || !multi.keys().any(|many| many.eq_ignore_ascii_case(name))
        });
    }
    let text = match object.get("body") {
        None | Some(Json::Null) => "",
        Some(body) => body.as_str()?,
    };
    let content_type = head.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-type"));
    let content_type = content_type.map(|(_, value)| value.as_str());
    let says_binary = object.get("isBase64Encoded") == Some(&Json::Bool(true));
    let wants_binary =
        is_binary(passage, passage.request.header("accept")) || is_binary(passage, content_type);
    let body: Bytes = if says_binary && wants_binary {
        BASE64.decode(text).ok()?.into()
    } else {
        Bytes::from(text.to_owned())
    };
    Some(head.with_body("application/json", body))
}

pub(super) async fn server(
    cx: &Ctx,
    passage: &Passage<'_>,
    integration: &Integration,
) -> Result<Response, Refusal> {
    let request = passage.request;
    let mut outgoing = Outgoing {
        method: match integration.method.as_deref() {
            None | Some("ANY") => request.method.to_string(),
            Some(method) => method.to_owned(),
        },
        uri: execute_api::function::with_variables(
            integration.uri.as_deref().unwrap_or_default(),
            passage.variables,
        ),
        headers: request.headers.clone(),
        body: request.body.clone(),
    };
    if !request.query.is_empty() {
        outgoing.uri.push(if outgoing.uri.contains('?') { '&' } else { '?' });
        outgoing.uri.push_str(&request.query);
    }
    map_parameters(passage, integration, &mut outgoing);
    let answered = behind::server(cx, passage, integration, outgoing).await?;
    let mut response = Response::empty(answered.status().as_u16());
    response.headers = answered.headers().clone();
    response.body = answered.into_body().into();
    Ok(response)
}

/// Puts what a mapping takes of the request where it says.
pub(super) fn map_parameters(passage: &Passage<'_>, integration: &Integration, outgoing: &mut Outgoing) {
    for (target, source) in &integration.parameters {
        let Some(value) = expression::of_request(source, passage) else { continue };
        let Some((place, name)) =
            target.strip_prefix("integration.request.").and_then(|rest| rest.split_once('.'))
        else {
            continue;
        };
        match place {
            "header" => insert_header(&mut outgoing.headers, &name.to_ascii_lowercase(), &value),
            "querystring" => {
                outgoing.uri.push(if outgoing.uri.contains('?') { '&' } else { '?' });
                outgoing.uri.push_str(&format!("{}={}", encoded(name), encoded(&value)));
            }
            // It is encoded as it came.
            "path" => outgoing.uri = outgoing.uri.replace(&format!("{{{name}}}"), &value),
            _ => {}
        }
    }
}
