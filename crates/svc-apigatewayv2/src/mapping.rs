//! Parameter mappings: what of a request to a server, or of an answer, is added, replaced or left out.

use std::collections::BTreeMap;

use aws_wire::Result;

use crate::refusal::bad_request;

/// Headers that are the gateway's own affair.
const RESERVED: [&str; 11] = [
    "authorization",
    "connection",
    "content-encoding",
    "content-length",
    "content-location",
    "forwarded",
    "keep-alive",
    "origin",
    "te",
    "upgrade",
    "via",
];
const RESERVED_BEGINNINGS: [&str; 7] =
    ["access-control-", "apigw-", "proxy-", "trailer", "transfer-encoding", "x-amz", "x-forwarded-"];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Append,
    Overwrite,
    Remove,
}

/// Where a mapping puts its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place<'a> {
    Header(&'a str),
    Query(&'a str),
    Path,
    Status,
}

/// What a mapping's key says.
pub(crate) fn read(key: &str) -> Option<(Action, Place<'_>)> {
    let (action, place) = key.split_once(':')?;
    let action = match action {
        "append" => Action::Append,
        "overwrite" => Action::Overwrite,
        "remove" => Action::Remove,
        _ => return None,
    };
    let place = match (place, place.split_once('.')) {
        ("path", _) if action == Action::Overwrite => Place::Path,
        ("statuscode", _) if action == Action::Overwrite => Place::Status,
        (_, Some(("header", name))) if !name.is_empty() => Place::Header(name),
        (_, Some(("querystring", name))) if !name.is_empty() => Place::Query(name),
        _ => return None,
    };
    Some((action, place))
}

/// # Errors
/// 400 for a key that maps nothing there, and for headers that are the gateway's.
pub(crate) fn check(mappings: &BTreeMap<String, String>, is_answer: bool) -> Result<()> {
    for key in mappings.keys() {
        let fits = match read(key) {
            Some((_, Place::Header(name))) => {
                let name = name.to_ascii_lowercase();
                !RESERVED.contains(&name.as_str())
                    && !RESERVED_BEGINNINGS.iter().any(|beginning| name.starts_with(beginning))
            }
            Some((_, Place::Query(_) | Place::Path)) => !is_answer,
            Some((_, Place::Status)) => is_answer,
            None => false,
        };
        if !fits {
            return Err(bad_request(format!("Invalid mapping expression specified: {key}")));
        }
    }
    Ok(())
}

/// A mapping's value: a text, one variable such as `$request.header.x`, or a text with `${…}` in it. What a variable
/// does not find is empty; a value of nothing but such a variable is none.
pub(crate) fn value(text: &str, variable: impl Fn(&str) -> Option<String>) -> Option<String> {
    if !text.contains("${") {
        return match text.strip_prefix('$') {
            Some(name) => variable(name),
            None => Some(text.to_owned()),
        };
    }
    let (mut filled, mut rest) = (String::new(), text);
    while let Some((before, after)) = rest.split_once("${") {
        filled.push_str(before);
        let Some((name, behind)) = after.split_once('}') else { break };
        filled.push_str(&variable(name).unwrap_or_default());
        rest = behind;
    }
    filled.push_str(rest);
    Some(filled)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_say_what_and_where() {
        let check =
            |key: &str, expected: Option<(Action, Place<'_>)>| assert_eq!(read(key), expected, "{key}");
        check("append:header.x-a", Some((Action::Append, Place::Header("x-a"))));
        check("remove:querystring.q", Some((Action::Remove, Place::Query("q"))));
        check("overwrite:path", Some((Action::Overwrite, Place::Path)));
        check("overwrite:statuscode", Some((Action::Overwrite, Place::Status)));
        for key in [
            "append:path",
            "remove:statuscode",
            "header.x",
            "set:header.x",
            "append:header.",
            "append:body.x",
        ] {
            check(key, None);
        }
    }

    #[test]
    fn values_are_filled_in() {
        let variable = |name: &str| (name == "request.header.a").then(|| "1".to_owned());
        let check =
            |text: &str, expected: Option<&str>| assert_eq!(value(text, variable).as_deref(), expected);
        check("text", Some("text"));
        check("$request.header.a", Some("1"));
        check("$request.header.b", None);
        check("<${request.header.a}${request.header.b}>", Some("<1>"));
    }
}
