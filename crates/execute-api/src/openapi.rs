//! OpenAPI documents, as both kinds of API are made of them: JSON or YAML in, and what their readers look for.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};

pub type Object = Map<String, Json>;

/// How the fields of documents begin that say more than OpenAPI has words for.
pub const EXTENSION: &str = "x-amazon-apigateway-";
/// What is behind an operation.
pub const INTEGRATION: &str = "x-amazon-apigateway-integration";
/// Who says who may, of a security scheme.
pub const AUTHORIZER: &str = "x-amazon-apigateway-authorizer";
/// How a security scheme finds out; [`SIGNED`] is by signatures.
pub const AUTHORIZATION: &str = "x-amazon-apigateway-authtype";
pub const SIGNED: &str = "awsSigv4";
/// The operation for whatever method has none of its own.
pub const ANY_METHOD: &str = "x-amazon-apigateway-any-method";
pub const FORMAT_VERSION: &str = "x-amazon-apigateway-importexport-version";
/// The methods that OpenAPI has.
pub const METHODS: [&str; 7] = ["get", "put", "post", "delete", "options", "head", "patch"];

/// A document; `None` where it is neither JSON nor YAML, or no object.
pub fn document(body: &str) -> Option<Object> {
    // JSON first: whoever sends it means it, and YAML takes some of it otherwise.
    let read = serde_json::from_str(body).ok().or_else(|| serde_saphyr::from_str(body).ok());
    match read {
        Some(Json::Object(document)) => Some(document),
        _ => None,
    }
}

/// A document as text.
///
/// # Errors
/// When a value can't be written, which JSON's all can.
pub fn written(document: &Json, yaml: bool) -> Result<String, aws_wire::AwsError> {
    if yaml {
        return serde_saphyr::to_string(document).map_err(aws_wire::AwsError::internal);
    }
    serde_json::to_string_pretty(document).map_err(aws_wire::AwsError::internal)
}

/// The security scheme of signatures, which has no authorizer.
pub fn signature_scheme() -> Json {
    serde_json::json!({ "type": "apiKey", "name": "Authorization", "in": "header", AUTHORIZATION: SIGNED })
}

pub fn is_extension(name: &str) -> bool {
    name.starts_with(EXTENSION)
}

pub fn object(value: Option<&Json>) -> Option<&Object> {
    value?.as_object()
}

/// An object at the end of a path of names.
pub fn at<'a>(document: &'a Object, path: &[&str]) -> Option<&'a Object> {
    path.iter().try_fold(document, |here, name| object(here.get(*name)))
}

/// What a reference such as `#/components/schemas/Pet` leads to.
pub fn referred<'a>(document: &'a Object, reference: &str) -> Option<&'a Object> {
    at(document, &reference.strip_prefix("#/")?.split('/').collect::<Vec<_>>())
}

/// A text, or what YAML took for a number.
pub fn text(object: &Object, name: &str) -> Option<String> {
    match object.get(name)? {
        Json::String(text) => Some(text.clone()),
        Json::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// # Errors
/// In words, where it is no number.
pub fn number(object: &Object, name: &str) -> Result<Option<i32>, String> {
    let Some(value) = object.get(name) else { return Ok(None) };
    let number = value.as_i64().and_then(|number| i32::try_from(number).ok());
    number.map(Some).ok_or_else(|| format!("Invalid value for {name}"))
}

/// A list of texts, or one text with commas.
pub fn list(object: &Object, name: &str) -> Option<Vec<String>> {
    match object.get(name)? {
        Json::Array(list) => Some(list.iter().filter_map(Json::as_str).map(str::to_owned).collect()),
        Json::String(text) => Some(text.split(',').map(|one| one.trim().to_owned()).collect()),
        _ => None,
    }
}

/// The members that are texts.
pub fn texts(object: &Object) -> BTreeMap<String, String> {
    object.iter().filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect()
}

/// The path that a document's server has: of version 3 that of its first one, with its variables' defaults.
pub fn base_path(document: &Object) -> String {
    let server = document.get("servers").and_then(|servers| object(servers.get(0)));
    let mut url = text(document, "basePath").unwrap_or_default();
    if let Some(server) = server {
        url = text(server, "url").unwrap_or_default();
        for (name, variable) in object(server.get("variables")).into_iter().flatten() {
            let default = variable.get("default").and_then(Json::as_str).unwrap_or_default();
            url = url.replace(&format!("{{{name}}}"), default);
        }
    }
    let path = match url.split_once("://") {
        Some((_, rest)) => rest.split_once('/').map(|(_, path)| path).unwrap_or_default(),
        None => url.as_str(),
    };
    match path.trim_matches('/') {
        "" => String::new(),
        path => format!("/{path}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_json_or_yaml() {
        for body in [r#"{"a":{"b":["1"]}}"#, "a: {b: ['1']}", "a:\n  b:\n    - \"1\"\n"] {
            let document = document(body).expect("a document");
            let inner = at(&document, &["a"]).expect("it is there");
            assert_eq!(list(inner, "b"), Some(vec!["1".to_owned()]), "{body}");
            assert_eq!(referred(&document, "#/a"), Some(inner), "{body}");
        }
        for body in ["", "[]", "text", "a: b: c"] {
            assert_eq!(document(body), None, "{body}");
        }
    }

    #[test]
    fn servers_have_paths() {
        let check = |body: &str, expected: &str| {
            assert_eq!(base_path(&document(body).expect("a document")), expected, "{body}");
        };
        check("{basePath: /v1/}", "/v1");
        check("{servers: [{url: 'https://a/{b}', variables: {b: {default: c/d}}}]}", "/c/d");
        check("{servers: [{url: /x}]}", "/x");
        check("{servers: [{url: 'https://a'}]}", "");
        check("{a: 1}", "");
    }
}
