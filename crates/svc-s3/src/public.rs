//! Whether a bucket's policy makes it public, as Block Public Access means it.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html>: a statement that allows
//! everybody something is public, unless a condition holds it to fixed values of one of some keys.

use serde_json::Value as Json;

/// Keys whose fixed values name somebody; in lower case.
const NAMING: &[&str] = &[
    "aws:principalaccount",
    "aws:principalarn",
    "aws:principalorgid",
    "aws:principalorgpaths",
    "aws:sourceaccount",
    "aws:sourcearn",
    "aws:sourceip",
    "aws:sourceorgid",
    "aws:sourceorgpaths",
    "aws:sourceowner",
    "aws:sourcevpc",
    "aws:sourcevpce",
    "aws:userid",
    "aws:vpcsourceip",
    "s3:dataaccesspointaccount",
    "s3:dataaccesspointarn",
    "s3:x-amz-server-side-encryption-aws-kms-key-id",
];

/// Whether a statement allows everybody something.
pub(crate) fn is_public(policy: &Json) -> bool {
    let anybody = |principal: &Json| match principal {
        Json::Object(kinds) => kinds.get("AWS").is_some_and(|aws| all(aws).any(|one| one == "*")),
        one => one == "*",
    };
    all(&policy["Statement"]).any(|statement| {
        statement["Effect"] == "Allow"
            && (anybody(&statement["Principal"]) || !statement["NotPrincipal"].is_null())
            && !names_somebody(&statement["Condition"])
    })
}

fn names_somebody(condition: &Json) -> bool {
    let Json::Object(operators) = condition else { return false };
    let positive = operators.iter().filter(|(operator, _)| {
        let operator = operator.to_ascii_lowercase();
        !operator.contains("not") && !operator.starts_with("null") && !operator.ends_with("ifexists")
    });
    positive
        .filter_map(|(_, keys)| keys.as_object())
        .flatten()
        .any(|(key, values)| NAMING.contains(&key.to_ascii_lowercase().as_str()) && all(values).all(is_fixed))
}

/// Without wildcards and variables; and no range of addresses that are anybody's.
fn is_fixed(value: &Json) -> bool {
    value
        .as_str()
        .is_some_and(|text| !text.contains(['*', '?']) && !text.contains("${") && !text.ends_with("/0"))
}

/// One, or each of a list.
fn all(value: &Json) -> impl Iterator<Item = &Json> {
    match value {
        Json::Array(values) => values.as_slice(),
        one => std::slice::from_ref(one),
    }
    .iter()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_that_names_somebody_is_not_public() {
        for (principal, condition, expected) in [
            (r#""*""#, "{}", true),
            (r#"{"AWS":["111111111111","*"]}"#, "{}", true),
            (r#"{"AWS":"111111111111"}"#, "{}", false),
            (r#"{"Service":"sns.amazonaws.com"}"#, "{}", false),
            (r#""*""#, r#"{"StringEquals":{"aws:SourceAccount":"111111111111"}}"#, false),
            (r#""*""#, r#"{"ArnLike":{"AWS:SourceArn":"arn:aws:sns:*:111111111111:t"}}"#, true),
            (r#""*""#, r#"{"StringNotEquals":{"aws:SourceVpce":"vpce-1"}}"#, true),
            (r#""*""#, r#"{"IpAddress":{"aws:SourceIp":["192.0.2.0/24","198.51.100.1"]}}"#, false),
            (r#""*""#, r#"{"IpAddress":{"aws:SourceIp":["192.0.2.0/24","0.0.0.0/0"]}}"#, true),
            (r#""*""#, r#"{"StringLike":{"aws:Referer":"https://example.com/"}}"#, true),
        ] {
            let policy = format!(
                r#"{{"Statement":[{{"Effect":"Allow","Principal":{principal},"Condition":{condition}}}]}}"#
            );
            let policy = serde_json::from_str(&policy).expect("JSON");
            assert_eq!(is_public(&policy), expected, "{principal} {condition}");
        }
    }
}
