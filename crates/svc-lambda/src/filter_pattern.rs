//! Filter patterns of event source mappings: whether one is well formed.

use api_lambda::errors;
use aws_wire::Result;
use event_pattern::Pattern;
use serde_json::Value as Json;

/// What EventBridge's patterns have and those of event source mappings have not
/// (docs.aws.amazon.com/lambda/latest/dg/invocation-eventfiltering.html).
const OPERATORS_OF_RULES: [&str; 2] = ["wildcard", "cidr"];

/// # Errors
/// 400 for what is no pattern.
pub(crate) fn check(pattern: &str) -> Result<()> {
    let document = serde_json::from_str::<Json>(pattern).ok();
    match document.filter(|document| Pattern::parse(document).is_ok() && !is_of_rules(document)) {
        Some(_) => Ok(()),
        None => Err(errors::invalid_parameter_value_exception("Invalid filter pattern definition.")),
    }
}

/// Whether a comparison in it is one that only rules have.
fn is_of_rules(pattern: &Json) -> bool {
    match pattern {
        Json::Object(fields) => fields.iter().any(|(name, value)| {
            let compares = !value.is_array() && !value.is_object();
            compares && OPERATORS_OF_RULES.contains(&name.as_str()) || is_of_rules(value)
        }),
        Json::Array(values) => values.iter().any(is_of_rules),
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
