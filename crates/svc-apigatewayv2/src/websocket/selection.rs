//! Expressions: which route a message takes, which template it is given to, which response an answer gets, and what
//! parameters are mapped.

use std::collections::BTreeMap;

use execute_api::template::{of_context, query, text};
use fancy_regex::Regex;
use http::HeaderMap;
use serde_json::Value as Json;

use crate::mapping;
use crate::route::DEFAULT;

const BODY: &str = "request.body.";

/// Whether an expression is one that messages can be read by: a variable such as `$request.body.action`, or a text
/// with `${request.body.action}` in it.
pub(crate) fn is_expression(expression: &str) -> bool {
    reads_only(expression, |name| is_path(name, BODY))
}

fn is_path(name: &str, beginning: &str) -> bool {
    name.strip_prefix(beginning).is_some_and(|path| path.split('.').all(|part| !part.is_empty()))
}

/// Whether an expression names nothing but what `fits`.
fn reads_only(expression: &str, fits: impl Fn(&str) -> bool) -> bool {
    let all_known = std::cell::Cell::new(true);
    let known = |name: &str| {
        all_known.set(all_known.get() && fits(name));
        Some(String::new())
    };
    mapping::value(expression, known);
    !expression.is_empty() && all_known.get()
}

/// Whether an expression can choose a request's template.
pub(crate) fn is_request_expression(expression: &str) -> bool {
    is_literal(expression) || reads_only(expression, is_of_request)
}

/// Whether an expression can choose a response's template.
pub(crate) fn is_response_expression(expression: &str) -> bool {
    is_literal(expression) || reads_only(expression, |name| is_of_response(name) || is_of_request(name))
}

/// `\$default`, which means the key `$default`.
fn is_literal(expression: &str) -> bool {
    expression.starts_with('\\') || expression == DEFAULT
}

fn is_of_request(name: &str) -> bool {
    let name = name.strip_prefix("route.").unwrap_or(name);
    ["request.body.", "request.header.", "request.querystring.", "context.", "stageVariables."]
        .iter()
        .any(|beginning| is_path(name, beginning))
        || name == "request.body"
}

fn is_of_response(name: &str) -> bool {
    let name = name.strip_prefix("integration.response.").unwrap_or_default();
    matches!(name, "statuscode" | "body") || is_path(name, "header.") || is_path(name, "body.")
}

/// Whether a parameter can be mapped from it: `'text'`, or what a request, the context or the stage has.
pub(crate) fn is_source(source: &str) -> bool {
    is_text(source) || (!source.starts_with("request.") && is_of_request(source))
}

/// Whether a parameter of a response can be mapped from it.
pub(crate) fn is_response_source(source: &str) -> bool {
    is_of_response(source)
}

fn is_text(source: &str) -> bool {
    source.len() > 1 && source.starts_with('\'') && source.ends_with('\'')
}

/// Whether responses can have this key: `$default`, a text, or a regular expression between slashes.
pub(crate) fn is_response_key(key: &str) -> bool {
    match pattern(key) {
        Some(pattern) => Regex::new(pattern).is_ok(),
        None => key == DEFAULT || !(key.is_empty() || key.starts_with('$')),
    }
}

fn pattern(key: &str) -> Option<&str> {
    key.strip_prefix('/')?.strip_suffix('/').filter(|pattern| !pattern.is_empty())
}

/// Which of the keys an answer is for: its own text, a pattern that fits it wholly, else `$default`.
pub(crate) fn response_key<'a>(
    keys: impl Iterator<Item = &'a str> + Clone,
    found: Option<&str>,
) -> Option<&'a str> {
    let fits = |key: &&str| {
        let whole = Regex::new(&format!("(?s)^(?:{})$", pattern(key)?)).ok()?;
        whole.is_match(found?).ok()
    };
    let own = keys.clone().find(|key| Some(*key) == found);
    own.or_else(|| keys.clone().find(|key| fits(key) == Some(true)))
        .or_else(|| keys.clone().find(|key| *key == DEFAULT))
}

/// What expressions can read.
pub(crate) struct Sight<'a> {
    /// A message; empty where there is none.
    pub body: &'a str,
    /// Of a handshake: `header` and `querystring`, each an object of texts.
    pub parameters: &'a Json,
    pub context: &'a Json,
    pub variables: &'a BTreeMap<String, String>,
    pub answer: Option<Answer<'a>>,
}

/// What was answered.
#[derive(Clone, Copy)]
pub(crate) struct Answer<'a> {
    pub status: u16,
    pub headers: &'a HeaderMap,
    pub body: &'a [u8],
}

impl Sight<'_> {
    /// The key that a template selection finds; without one, `$default`.
    pub(crate) fn key(&self, expression: Option<&str>) -> Option<String> {
        match expression {
            None | Some(DEFAULT) => Some(DEFAULT.to_owned()),
            Some(expression) => match expression.strip_prefix('\\') {
                Some(literal) => Some(literal.to_owned()),
                None => mapping::value(expression, |name| self.variable(name)),
            },
        }
    }

    /// What a parameter is mapped from.
    pub(crate) fn source(&self, source: &str) -> Option<String> {
        if is_text(source) {
            return Some(source[1..source.len() - 1].to_owned());
        }
        self.variable(source)
    }

    fn variable(&self, name: &str) -> Option<String> {
        if let Some(name) = name.strip_prefix("integration.response.") {
            return self.answered(name);
        }
        let name = name.strip_prefix("route.").unwrap_or(name);
        if let Some(name) = name.strip_prefix("stageVariables.") {
            return self.variables.get(name).cloned();
        }
        if let Some(path) = name.strip_prefix("context.") {
            return of_context(path, self.context);
        }
        let (place, path) = name.strip_prefix("request.")?.split_once('.').unwrap_or(("body", ""));
        match place {
            "body" => in_body(self.body.as_bytes(), path),
            "header" => {
                let all = self.parameters["header"].as_object()?;
                let (_, value) = all.iter().find(|(known, _)| known.eq_ignore_ascii_case(path))?;
                text(value)
            }
            place => text(self.parameters.get(place)?.get(path)?),
        }
    }

    fn answered(&self, name: &str) -> Option<String> {
        let answer = self.answer?;
        match name.split_once('.').unwrap_or((name, "")) {
            ("statuscode", "") => Some(answer.status.to_string()),
            ("header", name) => {
                answer.headers.get(name.to_ascii_lowercase())?.to_str().ok().map(str::to_owned)
            }
            ("body", path) => in_body(answer.body, path),
            _ => None,
        }
    }
}

fn in_body(body: &[u8], path: &str) -> Option<String> {
    if path.is_empty() {
        return Some(String::from_utf8_lossy(body).into_owned());
    }
    text(&query(&serde_json::from_slice(body).ok()?, &format!("$.{path}"))?)
}

/// The key that a message names; `None` where it names none, such as a message that is no JSON.
pub(crate) fn key(expression: &str, message: &str) -> Option<String> {
    let message = serde_json::from_str::<Json>(message).ok()?;
    let key = mapping::value(expression, |name| {
        let found = name.strip_prefix(BODY)?.split('.').try_fold(&message, |at, part| match at {
            Json::Array(list) => list.get(part.parse::<usize>().ok()?),
            at => at.get(part),
        });
        match found? {
            Json::String(text) => Some(text.clone()),
            number @ (Json::Number(_) | Json::Bool(_)) => Some(number.to_string()),
            Json::Null | Json::Array(_) | Json::Object(_) => None,
        }
    });
    key.filter(|key| !key.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_names_its_route() {
        let check = |expression: &str, message: &str, expected: Option<&str>| {
            assert_eq!(key(expression, message).as_deref(), expected, "{expression} {message}");
        };
        check("$request.body.action", r#"{"action":"join"}"#, Some("join"));
        check("$request.body.a.b", r#"{"a":{"b":7}}"#, Some("7"));
        check("$request.body.a.1", r#"{"a":["x","y"]}"#, Some("y"));
        check("${request.body.a}/${request.body.b}", r#"{"a":"x","b":"y"}"#, Some("x/y"));
        check("$request.body.action", r#"{"other":1}"#, None);
        check("$request.body.action", r#"{"action":{}}"#, None);
        check("$request.body.action", "no json", None);
        check("$request.body.action", "7", None);
    }

    #[test]
    fn expressions_read_the_body_alone() {
        for (expression, expected) in [
            ("$request.body.action", true),
            ("${request.body.a}-${request.body.b}", true),
            ("fixed", true),
            ("$request.header.x", false),
            ("$request.body.", false),
            ("$request.method $request.path", false),
            ("", false),
        ] {
            assert_eq!(is_expression(expression), expected, "{expression}");
        }
    }

    #[test]
    fn answers_find_their_responses() {
        let check = |keys: &[&str], found: Option<&str>, expected: Option<&str>| {
            assert_eq!(response_key(keys.iter().copied(), found), expected, "{keys:?} {found:?}");
        };
        let keys = ["$default", "/2\\d\\d/", "404"];
        check(&keys, Some("204"), Some("/2\\d\\d/"));
        check(&keys, Some("404"), Some("404"));
        check(&keys, Some("1204"), Some("$default"));
        check(&keys, None, Some("$default"));
        check(&["/.*/"], None, None);
        check(&["/2../"], Some("500"), None);
    }

    #[test]
    fn expressions_find_keys_and_values() {
        let (parameters, context) =
            (serde_json::json!({ "header": { "X-A": "1" }, "querystring": { "q": "2" } }), Json::Null);
        let variables = BTreeMap::from([("v".to_owned(), "3".to_owned())]);
        let headers = HeaderMap::from_iter([(http::header::ETAG, "e".parse().expect("a value"))]);
        let sight = Sight {
            body: r#"{"a":{"b":"c"}}"#,
            parameters: &parameters,
            context: &context,
            variables: &variables,
            answer: Some(Answer { status: 201, headers: &headers, body: br#"{"x":[5]}"# }),
        };
        let check = |expression: &str, expected: Option<&str>| {
            assert_eq!(sight.key(Some(expression)).as_deref(), expected, "{expression}");
        };
        check("\\$default", Some("$default"));
        check("$default", Some("$default"));
        check("${request.body.a.b}", Some("c"));
        check("$request.header.x-a", Some("1"));
        check("${integration.response.statuscode}-${integration.response.header.ETag}", Some("201-e"));
        check("$request.body.none", None);
        assert_eq!(sight.key(None).as_deref(), Some("$default"));
        let sources = [
            ("'text'", Some("text")),
            ("route.request.querystring.q", Some("2")),
            ("route.request.body.a", Some(r#"{"b":"c"}"#)),
            ("stageVariables.v", Some("3")),
            ("context.connectionId", None),
            ("integration.response.body.x[0]", Some("5")),
        ];
        for (source, expected) in sources {
            assert_eq!(sight.source(source).as_deref(), expected, "{source}");
        }
        assert!(is_source("route.request.header.x") && is_source("''") && is_source("context.connectionId"));
        assert!(!is_source("request.header.x") && !is_source("'") && !is_source("body"));
        assert!(is_response_source("integration.response.header.x") && !is_response_source("header.x"));
        assert!(is_response_key("/4../") && !is_response_key("/(/") && !is_response_key("$other"));
    }
}
