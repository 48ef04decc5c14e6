//! Filter patterns of event source mappings: whether one is well formed.

use api_lambda::errors;
use aws_wire::Result;
use serde_json::Value as Json;

/// # Errors
/// 400 for what is no pattern.
pub(crate) fn check(pattern: &str) -> Result<()> {
    let parsed = serde_json::from_str::<Json>(pattern).ok();
    if parsed.as_ref().is_some_and(|pattern| pattern.is_object() && is_pattern(pattern)) {
        return Ok(());
    }
    Err(errors::invalid_parameter_value_exception("Invalid filter pattern definition."))
}

/// An object of fields, each with a list of what may be there, or with an object for its own fields.
fn is_pattern(pattern: &Json) -> bool {
    let Json::Object(fields) = pattern else { return false };
    fields.iter().all(|(name, value)| match value {
        Json::Array(either) if name == "$or" => either.len() >= 2 && either.iter().all(is_pattern),
        Json::Array(values) => !values.is_empty() && values.iter().all(is_value),
        Json::Object(fields) => !fields.is_empty() && is_pattern(value),
        _ => false,
    })
}

/// A plain value, or one comparison.
fn is_value(value: &Json) -> bool {
    let Json::Object(comparison) = value else { return !value.is_array() };
    let Some((operator, operand)) = comparison.iter().next().filter(|_| comparison.len() == 1) else {
        return false;
    };
    match operator.as_str() {
        "prefix" | "suffix" => operand.is_string() || is_ignoring_case(operand),
        "equals-ignore-case" => operand.is_string(),
        "exists" => operand.is_boolean(),
        "numeric" => is_numeric(operand),
        "anything-but" => match operand {
            Json::Array(values) => {
                !values.is_empty()
                    && (values.iter().all(Json::is_string) || values.iter().all(Json::is_number))
            }
            Json::Object(comparison) => {
                let inner = comparison.iter().next().filter(|_| comparison.len() == 1);
                inner.is_some_and(|(operator, operand)| {
                    matches!(operator.as_str(), "prefix" | "suffix" | "equals-ignore-case")
                        && (operand.is_string() || operator == "equals-ignore-case" && is_texts(operand))
                })
            }
            _ => operand.is_string() || operand.is_number(),
        },
        _ => false,
    }
}

fn is_ignoring_case(operand: &Json) -> bool {
    operand.as_object().is_some_and(|fields| fields.len() == 1 && operand["equals-ignore-case"].is_string())
}

fn is_texts(operand: &Json) -> bool {
    operand.as_array().is_some_and(|values| !values.is_empty() && values.iter().all(Json::is_string))
}

/// One comparison, or a lower and an upper bound.
fn is_numeric(operand: &Json) -> bool {
    let Json::Array(parts) = operand else { return false };
    let pair = |operators: &[&str], at: usize| {
        parts[at].as_str().is_some_and(|operator| operators.contains(&operator)) && parts[at + 1].is_number()
    };
    match parts.len() {
        2 => pair(&["=", "<", "<=", ">", ">="], 0),
        4 => pair(&[">", ">="], 0) && pair(&["<", "<="], 2) && parts[1].as_f64() < parts[3].as_f64(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        for good in [
            r#"{}"#,
            r#"{"body":{"a":["x",1,null,true,""]}}"#,
            r#"{"body":["plain"]}"#,
            r#"{"a":[{"prefix":"x"},{"suffix":"y"},{"exists":false}]}"#,
            r#"{"a":[{"equals-ignore-case":"x"},{"prefix":{"equals-ignore-case":"x"}}]}"#,
            r#"{"a":[{"numeric":["=",1]}],"b":[{"numeric":[">",0,"<=",5]}]}"#,
            r#"{"a":[{"anything-but":"x"},{"anything-but":["x","y"]},{"anything-but":{"prefix":"x"}}]}"#,
            r#"{"$or":[{"a":[1]},{"b":{"c":[2]}}]}"#,
        ] {
            assert!(check(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "x",
            "[]",
            "null",
            r#"{"a":"x"}"#,
            r#"{"a":[]}"#,
            r#"{"a":{}}"#,
            r#"{"a":[["x"]]}"#,
            r#"{"a":[{}]}"#,
            r#"{"a":[{"prefix":1}]}"#,
            r#"{"a":[{"prefix":"x","suffix":"y"}]}"#,
            r#"{"a":[{"exists":"true"}]}"#,
            r#"{"a":[{"numeric":[">"]}]}"#,
            r#"{"a":[{"numeric":["~",1]}]}"#,
            r#"{"a":[{"numeric":[">",5,"<",1]}]}"#,
            r#"{"a":[{"anything-but":["x",1]}]}"#,
            r#"{"a":[{"wildcard":"x"}]}"#,
            r#"{"$or":[{"a":[1]}]}"#,
        ] {
            assert!(check(bad).is_err(), "{bad}");
        }
    }
}
