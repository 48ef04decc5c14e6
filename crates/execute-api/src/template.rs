//! Mapping templates: what of a request or an answer they see, and what they make of it.

use std::collections::BTreeMap;
use std::rc::Rc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http_event::parts;
use serde_json::{Value as Json, json};
use serde_json_path::JsonPath;
use vtl::{Error, Object, Scope, Template, Value};

/// What a template sees.
pub struct Sight<'a> {
    pub body: String,
    /// `$input.params()`: `path`, `querystring` and `header`, each an object of texts.
    pub parameters: Json,
    /// `$context`
    pub context: Json,
    /// `$stageVariables`
    pub variables: &'a BTreeMap<String, String>,
}

/// What a template makes of what it sees, and the status that it sets by `$context.responseOverride.status`.
///
/// # Errors
/// Where it is no template, or calls what is not there.
pub fn render(template: &str, sight: Sight<'_>) -> Result<(String, Option<u16>), Error> {
    let Sight { body, parameters, mut context, variables } = sight;
    context["responseOverride"] = json!({ "header": {} });
    context["requestOverride"] = json!({ "header": {}, "querystring": {}, "path": {} });
    let context = Value::from_json(&context);
    let mut scope = Scope::default()
        .with("input", Value::Object(Rc::new(Input { body, parameters })))
        .with("util", Value::Object(Rc::new(Util)))
        .with("context", context.clone())
        .with("stageVariables", Value::from_json(&json!(variables)));
    let text = Template::parse(template)?.render(&mut scope)?;
    let status = context.to_json()["responseOverride"]["status"].clone();
    let status = status.as_u64().or_else(|| status.as_str()?.parse().ok());
    let status = status.and_then(|status| u16::try_from(status).ok());
    Ok((text, status.filter(|status| (200..600).contains(status))))
}

/// What a path of JSONPath finds: a value where it can find but one, else the list of all.
pub fn query(document: &Json, path: &str) -> Option<Json> {
    let path = path.trim();
    let parsed = JsonPath::parse(path).ok()?;
    let found = parsed.query(document).all();
    let is_definite = !["..", "*", "?", ":", ","].iter().any(|sign| path.contains(sign));
    if is_definite {
        found.first().map(|value| (*value).clone())
    } else {
        Some(found.into_iter().cloned().collect())
    }
}

/// A member of the context, such as `identity.sourceIp`.
pub fn of_context(path: &str, context: &Json) -> Option<String> {
    text(path.split('.').try_fold(context, |at, name| at.get(name))?)
}

/// A text as it is, anything else as JSON; null is nothing.
pub fn text(value: &Json) -> Option<String> {
    match value {
        Json::Null => None,
        Json::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

/// Percent-encoded, but for letters, digits and `-._~`.
pub fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

/// `$input`
struct Input {
    body: String,
    parameters: Json,
}

impl Input {
    fn document(&self) -> Json {
        serde_json::from_str(&self.body).unwrap_or_else(|_| {
            // What is no JSON is a text.
            if self.body.is_empty() { json!({}) } else { self.body.as_str().into() }
        })
    }
}

impl Object for Input {
    fn property(&self, name: &str) -> Value {
        match name {
            "body" => self.body.as_str().into(),
            _ => Value::Null,
        }
    }

    fn call(&self, method: &str, arguments: &[Value]) -> Result<Value, String> {
        let texts = arguments.iter().map(Value::text).collect::<Result<Vec<_>, _>>();
        let texts = texts.map_err(|error| error.to_string())?;
        match (method, &texts[..]) {
            ("json", [path]) => {
                let found = query(&self.document(), path);
                Ok(found.map_or_else(|| "\"\"".to_owned(), |found| found.to_string()).into())
            }
            ("path", [path]) => {
                let found = query(&self.document(), path);
                Ok(found.map_or(Value::Null, |found| Value::from_json(&found)))
            }
            ("params", []) => Ok(Value::from_json(&self.parameters)),
            ("params", [name]) => {
                let find = |(place, any_case): (&str, bool)| {
                    let all = self.parameters[place].as_object()?;
                    let same =
                        |known: &String| known == name || (any_case && known.eq_ignore_ascii_case(name));
                    all.iter().find(|(known, _)| same(known)).map(|(_, value)| Value::from_json(value))
                };
                let places = [("path", false), ("querystring", false), ("header", true)];
                Ok(places.into_iter().find_map(find).unwrap_or_else(|| "".into()))
            }
            _ => Err(format!("$input has no method {method} of {} arguments", arguments.len())),
        }
    }
}

/// `$util`
struct Util;

impl Object for Util {
    fn property(&self, _name: &str) -> Value {
        Value::Null
    }

    fn call(&self, method: &str, arguments: &[Value]) -> Result<Value, String> {
        let [argument] = arguments else { return Err(format!("$util.{method} takes one argument")) };
        let text = argument.text().map_err(|error| error.to_string())?;
        Ok(match method {
            "escapeJavaScript" => escaped(&text).into(),
            "urlEncode" => encoded(&text).replace("%20", "+").into(),
            "urlDecode" => parts::decoded(&text.replace('+', " ")).into(),
            "base64Encode" => BASE64.encode(text).into(),
            "base64Decode" => {
                let bytes = BASE64.decode(text).map_err(|error| error.to_string())?;
                String::from_utf8_lossy(&bytes).into_owned().into()
            }
            "parseJson" => {
                let json: Json = serde_json::from_str(&text).map_err(|error| error.to_string())?;
                Value::from_json(&json)
            }
            _ => return Err(format!("$util has no method {method}")),
        })
    }
}

/// As Java's library escapes texts for JavaScript, single quotes too.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '"' | '\'' | '\\' | '/' => escaped.extend(['\\', letter]),
            '\n' => escaped.push_str("\\n"),
            '\r' => escaped.push_str("\\r"),
            '\t' => escaped.push_str("\\t"),
            letter if letter.is_control() || !letter.is_ascii() => {
                for unit in letter.encode_utf16(&mut [0; 2]) {
                    escaped.push_str(&format!("\\u{unit:04X}"));
                }
            }
            letter => escaped.push(letter),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_escaped_for_javascript() {
        assert_eq!(escaped("a\"b'c/\\\n\té"), "a\\\"b\\'c\\/\\\\\\n\\t\\u00E9");
    }
}
