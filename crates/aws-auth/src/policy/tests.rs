//! Policies as data: what is asked of a document, and what it answers.

use serde_json::{Value as Json, json};

use super::*;

const FUNCTION: &str = "arn:aws:lambda:us-east-1:000000000000:function:f";

fn policy(statements: Json) -> Json {
    json!({ "Version": "2012-10-17", "Statement": statements })
}

/// A statement that allows everybody everything, with `more` in its place.
fn statement(more: Json) -> Json {
    let mut statement = json!({ "Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*" });
    for (name, value) in more.as_object().expect("an object") {
        if let Some(plain) = name.strip_prefix("Not") {
            statement.as_object_mut().expect("an object").remove(plain);
        }
        statement[name] = value.clone();
    }
    statement
}

fn root(account: &str) -> Asker {
    Asker::Aws { account: account.to_owned(), arn: format!("arn:aws:iam::{account}:root") }
}

fn session(account: &str, role: &str) -> Asker {
    Asker::Aws {
        account: account.to_owned(),
        arn: format!("arn:aws:sts::{account}:assumed-role/{role}/name"),
    }
}

fn service(name: &str) -> Asker {
    Asker::Service(name.to_owned())
}

#[track_caller]
fn ask(document: &Json, asker: &Asker, action: &str, resource: &str, keys: &Keys) -> Decision {
    let policy = Policy::parse(document).unwrap_or_else(|error| panic!("{error}: {document}"));
    policy.decide(Question { asker, action, resource, keys })
}

#[test]
fn principals() {
    let check = |principal: Json, asker: &Asker, applies: bool| {
        let document = policy(json!([statement(json!({ "Principal": principal }))]));
        let decision = ask(&document, asker, "lambda:InvokeFunction", FUNCTION, &Keys::default());
        assert_eq!(decision == Decision::Allowed, applies, "{document} {asker:?}");
        let document =
            policy(json!([statement(json!({ "NotPrincipal": document["Statement"][0]["Principal"] }))]));
        let decision = ask(&document, asker, "lambda:InvokeFunction", FUNCTION, &Keys::default());
        assert_eq!(decision == Decision::Allowed, !applies, "{document} {asker:?}");
    };
    let (one, two) = ("111111111111", "222222222222");
    check(json!("*"), &root(one), true);
    check(json!("*"), &Asker::Anonymous, true);
    check(json!({ "AWS": "*" }), &service("s3.amazonaws.com"), true);
    check(json!({ "AWS": one }), &root(one), true);
    check(json!({ "AWS": one }), &session(one, "r"), true);
    check(json!({ "AWS": one }), &root(two), false);
    check(json!({ "AWS": one }), &Asker::Anonymous, false);
    check(json!({ "AWS": [two, one] }), &root(one), true);
    check(json!({ "AWS": format!("arn:aws:iam::{one}:root") }), &session(one, "r"), true);
    check(json!({ "AWS": format!("arn:aws:iam::{one}:role/r") }), &session(one, "r"), true);
    check(json!({ "AWS": format!("arn:aws:iam::{one}:role/a/path/r") }), &session(one, "r"), true);
    check(json!({ "AWS": format!("arn:aws:iam::{one}:role/r") }), &session(one, "rr"), false);
    check(json!({ "AWS": format!("arn:aws:iam::{one}:role/r") }), &session(two, "r"), false);
    check(json!({ "AWS": format!("arn:aws:iam::{one}:role/r") }), &root(one), false);
    check(json!({ "AWS": format!("arn:aws:sts::{one}:assumed-role/r/name") }), &session(one, "r"), true);
    check(json!({ "AWS": format!("arn:aws:sts::{one}:assumed-role/r/other") }), &session(one, "r"), false);
    check(json!({ "Service": "s3.amazonaws.com" }), &service("s3.amazonaws.com"), true);
    check(json!({ "Service": "s3.amazonaws.com" }), &service("sns.amazonaws.com"), false);
    check(json!({ "Service": "s3.amazonaws.com" }), &root(one), false);
    check(json!({ "Service": "s3.amazonaws.com", "AWS": one }), &root(one), true);
    check(json!({ "Federated": "accounts.example" }), &root(one), false);
}

#[test]
fn actions_and_resources() {
    let check = |name: &str, pattern: &str, value: &str, applies: bool| {
        for (name, expected) in [(name.to_owned(), applies), (format!("Not{name}"), !applies)] {
            let mut more = json!({});
            more[&name] = json!(pattern);
            let document = policy(json!([statement(more)]));
            let (action, resource) =
                if name.ends_with("Action") { (value, FUNCTION) } else { ("lambda:GetPolicy", value) };
            let decision = ask(&document, &root("111111111111"), action, resource, &Keys::default());
            assert_eq!(decision == Decision::Allowed, expected, "{document} {value}");
        }
    };
    check("Action", "lambda:InvokeFunction", "lambda:InvokeFunction", true);
    check("Action", "LAMBDA:invokefunction", "lambda:InvokeFunction", true);
    check("Action", "lambda:Invoke*", "lambda:InvokeFunctionUrl", true);
    check("Action", "lambda:Get?olicy", "lambda:GetPolicy", true);
    check("Action", "lambda:Get", "lambda:GetPolicy", false);
    check("Action", "sqs:*", "lambda:GetPolicy", false);
    check("Resource", FUNCTION, FUNCTION, true);
    check("Resource", FUNCTION, &format!("{FUNCTION}:1"), false);
    check("Resource", &format!("{FUNCTION}:*"), &format!("{FUNCTION}:1"), true);
    check("Resource", &format!("{FUNCTION}:*"), FUNCTION, false);
    check("Resource", "arn:aws:lambda:*:*:function:f", FUNCTION, true);
    check("Resource", "arn:aws:lambda:*:function:f:*", FUNCTION, false);
    check("Resource", "arn:aws:s3:::*", FUNCTION, false);
    check("Resource", "*", FUNCTION, true);
}

#[test]
fn an_explicit_deny_wins_wherever_it_stands() {
    let allow = statement(json!({}));
    let deny = statement(json!({ "Effect": "Deny", "Action": "lambda:Invoke*" }));
    for statements in [json!([allow, deny]), json!([deny, allow])] {
        let document = policy(statements);
        let asked = |action| ask(&document, &root("111111111111"), action, FUNCTION, &Keys::default());
        assert_eq!(asked("lambda:InvokeFunction"), Decision::Denied);
        assert_eq!(asked("lambda:GetPolicy"), Decision::Allowed);
    }
    let only = policy(json!(statement(json!({ "Action": "lambda:GetPolicy" }))));
    let decision = ask(&only, &root("111111111111"), "lambda:InvokeFunction", FUNCTION, &Keys::default());
    assert_eq!(decision, Decision::NotMentioned);
}

/// Whether the condition holds for a key `k` of these values.
#[track_caller]
fn holds(operator: &str, against: &Json, values: &[&str]) -> bool {
    let mut condition = json!({});
    condition[operator] = json!({ "aws:K": against });
    let document = policy(json!([statement(json!({ "Condition": condition }))]));
    let keys = values.iter().fold(Keys::default(), |keys, value| keys.with("AWS:k", *value));
    let keys = keys.with("aws:PrincipalAccount", "111111111111").with("aws:star", "a*b");
    ask(&document, &root("111111111111"), "a:b", FUNCTION, &keys) == Decision::Allowed
}

#[test]
fn operators() {
    // Operator, what the policy holds, what the request has, whether it holds; `Not…` is the contrary.
    let cases = [
        ("StringEquals", json!("a"), "a", true),
        ("StringEquals", json!(["b", "a"]), "a", true),
        ("StringEquals", json!("A"), "a", false),
        ("StringEquals", json!("a*"), "ab", false),
        ("StringEquals", json!(12), "12", true),
        ("StringEqualsIgnoreCase", json!("A"), "a", true),
        ("StringLike", json!("a*c?"), "abbcd", true),
        ("StringLike", json!("*ab"), "aaab", true),
        ("StringLike", json!("a*b*c"), "abc", true),
        ("StringLike", json!("a*b*c"), "acb", false),
        ("StringLike", json!("**"), "", true),
        ("StringLike", json!("?"), "", false),
        ("StringLike", json!("x-${aws:PrincipalAccount}-*"), "x-111111111111-y", true),
        ("StringLike", json!("${aws:Missing, 'd'}"), "d", true),
        ("StringLike", json!("${aws:Missing}"), "", false),
        ("StringLike", json!("a${*}b"), "a*b", true),
        ("StringLike", json!("a${*}b"), "axb", false),
        ("StringLike", json!("${aws:star}"), "axb", false),
        ("StringLike", json!("${aws:star}"), "a*b", true),
        ("StringEquals", json!("${aws:PrincipalAccount}"), "111111111111", true),
        ("ArnLike", json!("arn:aws:s3:::b*"), "arn:aws:s3:::bucket", true),
        ("ArnLike", json!("arn:aws:events:*:1:rule/*"), "arn:aws:events:us-east-1:1:rule/r", true),
        ("ArnLike", json!("arn:aws:sns:*"), "arn:aws:sns:us-east-1:1:t", false),
        ("ArnLike", json!("arn:*:t"), "arn:aws:sns:us-east-1:1:t", false),
        ("ArnEquals", json!("arn:aws:s3:::*"), "arn:aws:s3:::bucket", true),
        ("ArnEquals", json!("arn:aws:s3:::b"), "arn:aws:s3:::bucket", false),
        ("NumericEquals", json!("10"), "10.0", true),
        ("NumericEquals", json!(10), "11", false),
        ("DateEquals", json!("2026-11-23T10:00:00Z"), "2026-11-23T12:00:00+02:00", true),
        ("DateEquals", json!("2026-11-23"), "2026-11-23T00:00:01Z", false),
        ("IpAddress", json!("10.1.0.0/16"), "10.1.200.3", true),
        ("IpAddress", json!("10.1.0.0/16"), "10.2.0.1", false),
        ("IpAddress", json!(["192.0.2.1", "10.0.0.0/8"]), "192.0.2.1", true),
        ("IpAddress", json!("0.0.0.0/0"), "203.0.113.9", true),
        ("IpAddress", json!("0.0.0.0/0"), "2001:db8::1", false),
        ("IpAddress", json!("2001:db8::/32"), "2001:db8:1::1", true),
        ("IpAddress", json!("::/0"), "2001:db8:1::1", true),
    ];
    for (operator, against, value, expected) in cases {
        assert_eq!(holds(operator, &against, &[value]), expected, "{operator} {against} {value}");
        let negated = match operator {
            "IpAddress" => "NotIpAddress".to_owned(),
            _ => ["String", "Arn", "Numeric", "Date"]
                .iter()
                .find_map(|kind| Some(format!("{kind}Not{}", operator.strip_prefix(kind)?)))
                .expect("every operator here has a contrary"),
        };
        assert_eq!(holds(&negated, &against, &[value]), !expected, "{negated} {against} {value}");
    }
    for (operator, against, value, expected) in [
        ("NumericLessThan", "5", "4.9", true),
        ("NumericLessThan", "5", "5", false),
        ("NumericLessThanEquals", "5", "5", true),
        ("NumericGreaterThan", "5", "5", false),
        ("NumericGreaterThan", "5", "10", true),
        ("NumericGreaterThanEquals", "5", "5", true),
        ("NumericGreaterThan", "5", "many", false),
        ("DateLessThan", "2026-11-23T10:00:00Z", "2026-11-23T09:59:59.999Z", true),
        ("DateLessThan", "2026-11-23T10:00:00Z", "1800000000", false),
        ("DateLessThanEquals", "2026-11-23T10:00:00Z", "2026-11-23T10:00:00Z", true),
        ("DateGreaterThan", "1700000000", "2026-11-23T10:00:00Z", true),
        ("DateGreaterThanEquals", "2026-11-23T10:00:00Z", "2026-11-23T09:00:00Z", false),
        ("Bool", "true", "True", true),
        ("Bool", "true", "false", false),
        ("BinaryEquals", "QUI=", "QUI", true),
        ("BinaryEquals", "QUI=", "qui=", false),
    ] {
        assert_eq!(holds(operator, &json!(against), &[value]), expected, "{operator} {against} {value}");
    }
    assert!(holds("Bool", &json!(true), &["true"]));
}

#[test]
fn keys_that_are_absent_and_keys_of_several_values() {
    for (operator, against, values, expected) in [
        ("StringEquals", json!("a"), vec![], false),
        ("StringNotEquals", json!("a"), vec![], true),
        ("NumericLessThan", json!("1"), vec![], false),
        ("StringEqualsIfExists", json!("a"), vec![], true),
        ("StringEqualsIfExists", json!("a"), vec!["b"], false),
        ("BoolIfExists", json!("true"), vec![], true),
        ("Null", json!("true"), vec![], true),
        ("Null", json!("true"), vec!["a"], false),
        ("Null", json!(false), vec!["a"], true),
        ("ForAllValues:StringEquals", json!(["a", "b"]), vec!["a", "b", "a"], true),
        ("ForAllValues:StringEquals", json!(["a", "b"]), vec!["a", "c"], false),
        ("ForAllValues:StringEquals", json!("a"), vec![], true),
        ("ForAnyValue:StringEquals", json!(["a", "b"]), vec!["c", "b"], true),
        ("ForAnyValue:StringEquals", json!(["a", "b"]), vec!["c"], false),
        ("ForAnyValue:StringEquals", json!("a"), vec![], false),
        ("ForAnyValue:StringEqualsIfExists", json!("a"), vec![], true),
        ("ForAnyValue:StringNotLike", json!("a*"), vec!["ab", "c"], true),
        ("ForAnyValue:StringNotLike", json!("a*"), vec![], false),
        ("ForAllValues:StringNotLike", json!("a*"), vec!["ab", "c"], false),
        ("ForAllValues:ArnLike", json!("arn:aws:s3:::*"), vec!["arn:aws:s3:::a", "arn:aws:s3:::b"], true),
    ] {
        assert_eq!(holds(operator, &against, &values), expected, "{operator} {against} {values:?}");
    }
}

#[test]
fn every_condition_must_hold() {
    let both = json!({ "StringEquals": { "aws:a": "1" }, "Bool": { "aws:b": "true", "aws:c": "true" } });
    let document = policy(json!([statement(json!({ "Condition": both }))]));
    let asked = |keys: &Keys| ask(&document, &root("111111111111"), "a:b", FUNCTION, keys);
    let keys = Keys::default().with("aws:a", "1").with("aws:b", "true");
    assert_eq!(asked(&keys), Decision::NotMentioned);
    assert_eq!(asked(&keys.with("aws:c", "true")), Decision::Allowed);
}

#[test]
fn variables_are_plain_text_in_old_policies() {
    let condition = json!({ "StringEquals": { "aws:a": "${aws:b}" } });
    for (version, expected) in [("2012-10-17", Decision::Allowed), ("2008-10-17", Decision::NotMentioned)] {
        let mut document = policy(json!([statement(json!({ "Condition": condition }))]));
        document["Version"] = json!(version);
        let keys = Keys::default().with("aws:a", "x").with("aws:b", "x");
        assert_eq!(ask(&document, &root("111111111111"), "a:b", FUNCTION, &keys), expected, "{version}");
    }
}

#[test]
fn what_is_no_policy_is_refused() {
    let check = |document: Json, message: &str| {
        let refused = Policy::parse(&document).map(|_| ()).map_err(|error| error.0);
        assert_eq!(refused, Err(message.to_owned()), "{document}");
    };
    let syntax = "Syntax errors in policy.";
    check(json!([]), syntax);
    check(json!({ "Version": "2012-10-17" }), syntax);
    check(policy(json!([])), syntax);
    check(policy(json!("x")), syntax);
    check(policy(json!([statement(json!({ "Extra": 1 }))])), syntax);
    check(policy(json!([statement(json!({ "Action": [] }))])), syntax);
    check(policy(json!([statement(json!({ "Action": [1] }))])), syntax);
    check(policy(json!([statement(json!({ "Sid": 1 }))])), syntax);
    check(
        json!({ "Version": "2020-01-01", "Statement": [] }),
        "The policy must contain a valid version string",
    );
    let mut both = statement(json!({}));
    both["NotAction"] = json!("a:b");
    check(policy(json!([both])), syntax);
    let without = |name: &str| {
        let mut statement = statement(json!({}));
        statement.as_object_mut().expect("an object").remove(name);
        policy(json!([statement]))
    };
    check(without("Effect"), "Missing required field Effect");
    check(without("Principal"), "Missing required field Principal");
    check(without("Action"), "Policy statement must contain actions.");
    check(without("Resource"), "Policy statement must contain resources.");
    check(policy(json!([statement(json!({ "Effect": "allow" }))])), "Invalid effect: allow");
    check(policy(json!([statement(json!({ "Principal": "me" }))])), "Invalid principal in policy");
    for (kind, name) in [("AWS", "me"), ("AWS", "arn:aws:iam::1:root"), ("Service", "s3"), ("Other", "x")] {
        let message = format!("Invalid principal in policy: \"{kind}\":\"{name}\"");
        let mut principal = json!({});
        principal[kind] = json!(name);
        check(policy(json!([statement(json!({ "Principal": principal }))])), &message);
    }
    let message = "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.";
    check(policy(json!([statement(json!({ "Action": "Invoke" }))])), message);
    let message = "Resource f must be in ARN format or \"*\".";
    check(policy(json!([statement(json!({ "Resource": "f" }))])), message);
    for name in ["Equals", "NullIfExists", "ForAnyValue:Null", "ForSome:StringEquals", "stringequals"] {
        let mut condition = json!({});
        condition[name] = json!({ "aws:a": "true" });
        let message = format!("Invalid Condition type : {name}.");
        check(policy(json!([statement(json!({ "Condition": condition }))])), &message);
    }
    for (name, value) in
        [("NumericEquals", "x"), ("IpAddress", "10.0.0.0/33"), ("DateEquals", "now"), ("Bool", "1")]
    {
        let mut condition = json!({});
        condition[name] = json!({ "aws:a": value });
        let message = format!("Value {value} is not allowed for type {name}");
        check(policy(json!([statement(json!({ "Condition": condition }))])), &message);
    }
    let twice = statement(json!({ "Sid": "a" }));
    check(policy(json!([twice, twice])), "Statement IDs (SID) in a single policy must be unique.");
}
