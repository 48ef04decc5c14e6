//! Patterns and events, as data.

use serde_json::from_str;

use super::*;

fn check(pattern: &str, event: &str, expected: bool) {
    let parsed = Pattern::parse(&from_str(pattern).expect("JSON"))
        .unwrap_or_else(|error| panic!("{pattern}: {error}"));
    assert_eq!(parsed.matches(&from_str(event).expect("JSON")), expected, "{pattern} of {event}");
}

#[test]
fn values() {
    check(r#"{"a":["x"]}"#, r#"{"a":"x"}"#, true);
    check(r#"{"a":["x"]}"#, r#"{"a":"y"}"#, false);
    check(r#"{"a":["x"]}"#, r#"{}"#, false);
    check(r#"{"a":["x","y"]}"#, r#"{"a":"y","b":1}"#, true);
    check(r#"{"a":["x"],"b":[1]}"#, r#"{"a":"x","b":1.0}"#, true);
    check(r#"{"a":["x"],"b":[1]}"#, r#"{"a":"x"}"#, false);
    check(r#"{"a":[null]}"#, r#"{"a":null}"#, true);
    check(r#"{"a":[null]}"#, r#"{}"#, false);
    check(r#"{"a":[true]}"#, r#"{"a":"true"}"#, false);
    check(r#"{"a":["1"]}"#, r#"{"a":1}"#, false);
    check(r#"{"a":["x"]}"#, r#"{"a":["y","x"]}"#, true);
    check(r#"{}"#, r#"{"a":1}"#, true);
}

#[test]
fn nesting() {
    check(r#"{"a":{"b":["x"]}}"#, r#"{"a":{"b":"x"}}"#, true);
    check(r#"{"a":{"b":["x"]}}"#, r#"{"a":"x"}"#, false);
    check(r#"{"a":{"b":["x"],"c":[1]}}"#, r#"{"a":[{"b":"x","c":1}]}"#, true);
    check(r#"{"a":{"b":["x"],"c":[1]}}"#, r#"{"a":[{"b":"x","c":2},{"b":"y","c":1}]}"#, false);
    check(r#"{"a":{"b":[{"exists":false}]}}"#, r#"{}"#, true);
    check(r#"{"$or":[{"a":["x"]},{"b":{"c":[1]}}]}"#, r#"{"b":{"c":1}}"#, true);
    check(r#"{"d":[1],"$or":[{"a":["x"]},{"b":["y"]}]}"#, r#"{"d":1,"a":"z"}"#, false);
}

#[test]
fn comparisons() {
    check(r#"{"a":[{"prefix":"ab"}]}"#, r#"{"a":"abc"}"#, true);
    check(r#"{"a":[{"prefix":"ab"}]}"#, r#"{"a":"ABC"}"#, false);
    check(r#"{"a":[{"prefix":{"equals-ignore-case":"Ab"}}]}"#, r#"{"a":"aBC"}"#, true);
    check(r#"{"a":[{"suffix":"bc"}]}"#, r#"{"a":"abc"}"#, true);
    check(r#"{"a":[{"equals-ignore-case":"ABC"}]}"#, r#"{"a":"abc"}"#, true);
    check(r#"{"a":[{"exists":true}]}"#, r#"{"a":null}"#, true);
    check(r#"{"a":[{"exists":true}]}"#, r#"{"b":1}"#, false);
    check(r#"{"a":[{"exists":false}]}"#, r#"{"b":1}"#, true);
    check(r#"{"a":[{"numeric":["=",1]}]}"#, r#"{"a":1.0}"#, true);
    check(r#"{"a":[{"numeric":[">",0,"<=",5]}]}"#, r#"{"a":5}"#, true);
    check(r#"{"a":[{"numeric":[">",0,"<=",5]}]}"#, r#"{"a":0}"#, false);
    check(r#"{"a":[{"numeric":[">",0]}]}"#, r#"{"a":"1"}"#, false);
    check(r#"{"a":[{"cidr":"10.0.0.0/24"}]}"#, r#"{"a":"10.0.0.255"}"#, true);
    check(r#"{"a":[{"cidr":"10.0.0.0/24"}]}"#, r#"{"a":"10.0.1.0"}"#, false);
    check(r#"{"a":[{"cidr":"0.0.0.0/0"}]}"#, r#"{"a":"10.0.1.0"}"#, true);
    check(r#"{"a":[{"cidr":"2001:db8::/32"}]}"#, r#"{"a":"2001:db8::1"}"#, true);
    check(r#"{"a":[{"anything-but":"x"}]}"#, r#"{"a":"y"}"#, true);
    check(r#"{"a":[{"anything-but":"x"}]}"#, r#"{"a":"x"}"#, false);
    check(r#"{"a":[{"anything-but":"x"}]}"#, r#"{}"#, false);
    check(r#"{"a":[{"anything-but":["x",1]}]}"#, r#"{"a":1}"#, false);
    check(r#"{"a":[{"anything-but":{"prefix":"x"}}]}"#, r#"{"a":"xy"}"#, false);
    check(r#"{"a":[{"anything-but":{"suffix":["x","y"]}}]}"#, r#"{"a":"az"}"#, true);
    check(r#"{"a":[{"anything-but":{"wildcard":"*.x"}}]}"#, r#"{"a":"a.x"}"#, false);
}

#[test]
fn wildcards() {
    let star = |pattern: &str, text: &str, expected| {
        check(&format!(r#"{{"a":[{{"wildcard":"{pattern}"}}]}}"#), &format!(r#"{{"a":"{text}"}}"#), expected);
    };
    star("a*c", "abbc", true);
    star("a*c", "ac", true);
    star("a*c", "acd", false);
    star("*", "", true);
    star("*a*b*", "xaxbx", true);
    star("*a*b*", "xbxax", false);
    star("a\\\\*c", "a*c", true);
    star("a\\\\*c", "abc", false);
    let long = "a".repeat(20_000);
    star(&"a*".repeat(40), &(long + "b"), true);
}

#[test]
fn what_is_no_pattern() {
    for bad in [
        "[]",
        "1",
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
        r#"{"a":[{"cidr":"10.0.0.0/33"}]}"#,
        r#"{"a":[{"wildcard":"a**b"}]}"#,
        r#"{"a":[{"anything-but":[]}]}"#,
        r#"{"a":[{"anything-but":{"exists":true}}]}"#,
        r#"{"a":[{"like":"x"}]}"#,
    ] {
        assert!(Pattern::parse(&from_str(bad).expect("JSON")).is_err(), "{bad}");
    }
}

#[test]
fn sizes() {
    let size =
        |pattern: &str| Pattern::parse(&from_str(pattern).expect("JSON")).map(|p| (p.depth(), p.size()));
    assert_eq!(size(r#"{"a":["x","y"],"b":["z"]}"#), Ok((1, (2, 2))));
    // AWS's own example of a nested policy.
    assert_eq!(size(r#"{"k":{"l":{"m":["x","y"]}},"n":["a","b","c"]}"#), Ok((3, (2, 18))));
}
