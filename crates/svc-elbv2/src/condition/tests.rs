//! Conditions: which requests they are for, what is none, and what is shown of them.

use aws_wire::Request;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};

use super::*;

fn request(method: Method, query: &str, headers: &[(&str, &str)]) -> Request {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        let name = HeaderName::try_from(*name).expect("a name");
        map.append(name, HeaderValue::try_from(*value).expect("a value"));
    }
    Request { method, path: "/a/b".to_owned(), query: query.to_owned(), headers: map, body: Bytes::new() }
}

fn check(condition: &Condition, expected: bool) {
    let headers = [("host", "www.Example.com:8080"), ("x-a", "one"), ("x-a", "Two")];
    let request = request(Method::PUT, "version=V1&flag&plain=x%20y", &headers);
    let host = host(&request);
    let sight =
        Sight { request: &request, path: "/a/b", host, peer: "10.1.2.3".parse().expect("an address") };
    assert_eq!(condition.matches(&sight), expected, "{condition:?}");
}

fn texts(values: &[&str]) -> Vec<String> {
    values.iter().map(|value| (*value).to_owned()).collect()
}

#[test]
fn one_of_the_values_has_to_fit() {
    check(&Condition::Host(texts(&["other", "*.example.COM"])), true);
    check(&Condition::Host(texts(&["example.com"])), false);
    check(&Condition::Path(texts(&["/x", "/a/?"])), true);
    check(&Condition::Path(texts(&["/A/*"])), false);
    check(&Condition::Method(texts(&["GET", "PUT"])), true);
    check(&Condition::Method(texts(&["GET"])), false);
    check(&Condition::Source(texts(&["10.0.0.0/8"])), true);
    check(&Condition::Source(texts(&["10.1.2.4/32", "::/0"])), false);
    let header =
        |name: &str, value: &str| Condition::Header { name: name.to_owned(), values: texts(&[value]) };
    check(&header("X-A", "t*"), true);
    check(&header("X-A", "three"), false);
    check(&header("x-b", "*"), false);
    let query =
        |key: Option<&str>, value: &str| Condition::Query(vec![(key.map(str::to_owned), value.to_owned())]);
    check(&query(Some("VERSION"), "v1"), true);
    check(&query(Some("version"), "v2"), false);
    check(&query(None, "v?"), true);
    check(&query(Some("flag"), "*"), true);
    check(&query(None, "x y"), false);
}

fn field(name: &str, values: &[&str]) -> RuleCondition {
    let mut condition = Condition::Path(Vec::new()).show();
    condition.field = Some(name.to_owned());
    condition.path_pattern_config = None;
    condition.values = Some(texts(values));
    condition
}

#[test]
fn what_is_no_condition_is_refused() {
    let refused = |given: Vec<RuleCondition>, expected: &str| {
        let error = read("CreateRule", given).expect_err(expected);
        let message = error.message.unwrap_or_default();
        assert!(message.contains(expected), "{expected} in {message}");
    };
    refused(vec![], "must be specified");
    refused(vec![field("color", &["x"])], "'color' must be one of");
    refused(vec![field("path-pattern", &[])], "must have a value");
    refused(vec![field("path-pattern", &[""])], "cannot be empty");
    refused(
        vec![field("path-pattern", &["/a"]), field("path-pattern", &["/b"])],
        "Multiple condition fields",
    );
    refused(vec![field("path-pattern", &["/1", "/2", "/3", "/4", "/5", "/6"])], "only have '5'");
    refused(vec![field("path-pattern", &[&"x".repeat(129)])], "too many characters");
    let mut regular = field("path-pattern", &[]);
    regular.regex_values = Some(texts(&["^a"]));
    assert_eq!(read("CreateRule", vec![regular]).expect_err("a refusal").status, 501);
}

#[test]
fn what_is_shown_is_read() {
    let all = vec![
        Condition::Host(texts(&["a.com"])),
        Condition::Path(texts(&["/a"])),
        Condition::Header { name: "x-a".to_owned(), values: texts(&["1"]) },
        Condition::Query(vec![(Some("k".to_owned()), "v".to_owned())]),
        Condition::Source(texts(&["10.0.0.0/8"])),
    ];
    let shown = all.iter().map(Condition::show).collect();
    assert_eq!(read("CreateRule", shown).expect("conditions"), all);
    let method = vec![Condition::Method(texts(&["M-SEARCH"]))];
    assert_eq!(read("CreateRule", method.iter().map(Condition::show).collect()).expect("one"), method);
}
