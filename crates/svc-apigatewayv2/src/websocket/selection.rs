//! Which route a message takes: what the API's expression finds in it.

use serde_json::Value as Json;

use crate::mapping;

const BODY: &str = "request.body.";

/// Whether an expression is one that messages can be read by: a variable such as `$request.body.action`, or a text
/// with `${request.body.action}` in it.
pub(crate) fn is_expression(expression: &str) -> bool {
    let all_known = std::cell::Cell::new(true);
    let known = |name: &str| {
        let fits = name.strip_prefix(BODY).is_some_and(|path| path.split('.').all(|part| !part.is_empty()));
        all_known.set(all_known.get() && fits);
        fits.then(String::new)
    };
    mapping::value(expression, known);
    !expression.is_empty() && all_known.get()
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
}
