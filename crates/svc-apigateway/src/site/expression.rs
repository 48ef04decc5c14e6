//! Expressions of parameter mappings, such as `method.request.header.Accept`, and what they name.

use execute_api::template::{of_context, query, text};
use http_event::parts;
use serde_json::Value as Json;

use super::Passage;

/// What of a request an expression names: `'text'`, `method.request.…`, `stageVariables.…` or `context.…`.
pub(super) fn of_request(expression: &str, passage: &Passage<'_>) -> Option<String> {
    if let Some(text) = expression.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')) {
        return Some(text.to_owned());
    }
    if let Some(name) = expression.strip_prefix("stageVariables.") {
        return passage.variables.get(name).cloned();
    }
    if let Some(name) = expression.strip_prefix("context.") {
        return of_context(name, &passage.context());
    }
    let what = expression.strip_prefix("method.request.")?;
    if let Some(path) = what.strip_prefix("body") {
        let body: Json = serde_json::from_slice(&passage.request.body).ok()?;
        return if path.is_empty() {
            Some(String::from_utf8_lossy(&passage.request.body).into_owned())
        } else {
            text(&query(&body, &format!("${path}"))?)
        };
    }
    let (place, name) = what.split_once('.')?;
    match place {
        "path" => passage.path_parameters.get(name).cloned(),
        "querystring" => values(parts::parameters(&passage.request.query), name)?.pop(),
        "multivaluequerystring" => Some(values(parts::parameters(&passage.request.query), name)?.join(",")),
        "header" => passage.request.header(&name.to_ascii_lowercase()).map(str::to_owned),
        "multivalueheader" => {
            let all = passage.request.headers.get_all(name.to_ascii_lowercase()).iter();
            let all = all.filter_map(|value| value.to_str().ok()).collect::<Vec<_>>();
            (!all.is_empty()).then(|| all.join(","))
        }
        _ => None,
    }
}

fn values(all: Vec<(String, Vec<String>)>, name: &str) -> Option<Vec<String>> {
    all.into_iter().find(|(known, _)| known == name).map(|(_, values)| values)
}

/// What of a back end's answer an expression names: `'text'`, `integration.response.…` and what is of the request.
pub(super) fn of_answer(
    expression: &str,
    passage: &Passage<'_>,
    headers: &http::HeaderMap,
    body: &[u8],
) -> Option<String> {
    let Some(what) = expression.strip_prefix("integration.response.") else {
        return of_request(expression, passage);
    };
    if let Some(name) = what.strip_prefix("header.") {
        return headers.get(name.to_ascii_lowercase())?.to_str().ok().map(str::to_owned);
    }
    let path = what.strip_prefix("body")?;
    if path.is_empty() {
        return Some(String::from_utf8_lossy(body).into_owned());
    }
    text(&query(&serde_json::from_slice(body).ok()?, &format!("${path}"))?)
}
