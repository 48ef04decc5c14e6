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
    check(r#"{"a":[{"exists":true}]}"#, r#"{"a":[]}"#, false);
    check(r#"{"a":[{"exists":false}]}"#, r#"{"a":[[]]}"#, true);
    check(r#"{"a":[{"prefix":""}]}"#, r#"{"a":"x"}"#, true);
    check(r#"{"a":[{"exactly":"x"}]}"#, r#"{"a":"x"}"#, true);
    check(r#"{"a":[{"suffix":{"equals-ignore-case":"BC"}}]}"#, r#"{"a":"aBc"}"#, true);
    check(r#"{"a":[{"anything-but":{"equals-ignore-case":["x","y"]}}]}"#, r#"{"a":"Y"}"#, false);
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
    check(r#"{"a":[{"anything-but":["x","y"]}]}"#, r#"{"a":1}"#, true);
    check(r#"{"a":[{"anything-but":[1,2]}]}"#, r#"{"a":1}"#, false);
    check(r#"{"a":[{"anything-but":"x"}]}"#, r#"{"a":null}"#, true);
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

/// Recorded answers of EventBridge, but for those of event-ruler alone, whose words EventBridge passes on.
#[test]
fn what_is_no_pattern() {
    for (bad, reason) in [
        ("[]", "Filter is not an object"),
        ("1", "Filter is not an object"),
        (r#"{"a":"x"}"#, "\"a\" must be an object or an array"),
        (r#"{"a":[]}"#, "Empty arrays are not allowed"),
        (r#"{"a":{}}"#, "Empty objects are not allowed"),
        (r#"{"a":[["x"]]}"#, "Match value must be String, number, true, false, or null"),
        (r#"{"a":[{}]}"#, "Match expression name not found"),
        (r#"{"a":[{"exactly":1}]}"#, "exact match pattern must be a string"),
        (r#"{"a":[{"prefix":1}]}"#, "prefix match pattern must be a string"),
        (r#"{"a":[{"suffix":[".png"]}]}"#, "suffix match pattern must be a string"),
        (r#"{"a":[{"prefix":"x","suffix":"y"}]}"#, "Only one key allowed in match expression"),
        (r#"{"a":[{"equals-ignore-case":["x"]}]}"#, "equals-ignore-case match pattern must be a string"),
        (r#"{"a":[{"exists":"true"}]}"#, "exists match pattern must be either true or false."),
        (r#"{"a":[{"EXISTS":true}]}"#, "Unrecognized match type EXISTS"),
        (r#"{"a":[{"numeric":5}]}"#, "Value of numeric must be an array."),
        (r#"{"a":[{"numeric":[5]}]}"#, "Invalid member in numeric match: 5"),
        (r#"{"a":[{"numeric":["=","x"]}]}"#, "Value of equals must be numeric"),
        (r#"{"a":[{"numeric":[">"]}]}"#, "Value of > must be numeric"),
        (r#"{"a":[{"numeric":["~",1]}]}"#, "Unrecognized numeric range operator: ~"),
        (r#"{"a":[{"numeric":[">",0,">",0]}]}"#, "Bad numeric range operator: >"),
        (r#"{"a":[{"numeric":[">",0,"<"]}]}"#, "Value of < must be numeric"),
        (r#"{"a":[{"numeric":["<",0,">",9]}]}"#, "Too many elements in numeric expression"),
        (r#"{"a":[{"numeric":[">",0,"<",1,2]}]}"#, "Too many terms in numeric range expression"),
        (r#"{"a":[{"numeric":[">",5,"<",1]}]}"#, "Bottom must be less than top"),
        (r#"{"a":[{"numeric":[">",5000000001]}]}"#, "Value must be between -5.0E9 and 5.0E9, inclusive"),
        (r#"{"a":[{"cidr":["x"]}]}"#, "prefix match pattern must be a string"),
        (r#"{"a":[{"cidr":"bad"}]}"#, "Malformed CIDR, one '/' required"),
        (r#"{"a":[{"cidr":"10.0.0.0/x"}]}"#, "Malformed CIDR, mask bits must be an integer"),
        (r#"{"a":[{"cidr":"xx.11.xx/8"}]}"#, "Nonstandard IP address: xx.11.xx"),
        (r#"{"a":[{"cidr":"10.0.0.0/33"}]}"#, "IPv4 mask bits must be < 32"),
        (r#"{"a":[{"wildcard":1}]}"#, "wildcard match pattern must be a string"),
        (r#"{"a":[{"wildcard":"ab**"}]}"#, "Consecutive wildcard characters at pos 3"),
        (r#"{"a":[{"wildcard":"a\\b"}]}"#, "Invalid escape character at pos 2"),
        (
            r#"{"a":[{"anything-but":[]}]}"#,
            "Inside anything but list, either all values are number or string, mixed type is not supported",
        ),
        (
            r#"{"a":[{"anything-but":["x",1]}]}"#,
            "Inside anything but list, either all values are number or string, mixed type is not supported",
        ),
        (
            r#"{"a":[{"anything-but":[null]}]}"#,
            "Inside anything but list, start|null|boolean is not supported.",
        ),
        (r#"{"a":[{"anything-but":{"exists":true}}]}"#, "Unsupported anything-but pattern: exists"),
        (r#"{"a":[{"anything-but":{"prefix":1}}]}"#, "prefix/suffix match pattern must be a string"),
        (r#"{"a":[{"anything-but":{"suffix":""}}]}"#, "Null prefix/suffix not allowed"),
        (
            r#"{"a":[{"anything-but":{"prefix":{"equals-ignore-case":"x"}}}]}"#,
            "Value of anything-but must be an array or single string/number value.",
        ),
        (
            r#"{"a":[{"anything-but":{"equals-ignore-case":[1]}}]}"#,
            "Inside anything-but/equals-ignore-case list, number|start|null|boolean is not supported.",
        ),
    ] {
        let found = Pattern::parse(&from_str(bad).expect("JSON")).map_err(|error| error.0);
        assert_eq!(found, Err(reason.to_owned()), "{bad}");
    }
}

#[test]
fn or_is_a_field_where_it_does_not_list_patterns() {
    check(r#"{"$or":["x"]}"#, r#"{"$or":"x"}"#, true);
    check(r#"{"$or":[{"prefix":"x"},{"suffix":"y"}]}"#, r#"{"$or":"xz"}"#, true);
}

#[test]
fn sizes() {
    let size =
        |pattern: &str| Pattern::parse(&from_str(pattern).expect("JSON")).map(|p| (p.depth(), p.size()));
    assert_eq!(size(r#"{"a":["x","y"],"b":["z"]}"#), Ok((1, (2, 2))));
    // AWS's own example of a nested policy.
    assert_eq!(size(r#"{"k":{"l":{"m":["x","y"]}},"n":["a","b","c"]}"#), Ok((3, (2, 18))));
}

#[test]
fn alternatives() {
    let count = |pattern: &str| Pattern::parse(&from_str(pattern).expect("JSON")).map(|p| p.alternatives());
    assert_eq!(count(r#"{"a":["x","y"]}"#), Ok(1));
    let or = r#""$or":[{"a":["x"]},{"b":["y"]},{"$or":[{"c":[1]},{"d":[2]}]}]"#;
    assert_eq!(count(&format!("{{{or}}}")), Ok(4));
    assert_eq!(count(&format!(r#"{{{or},"e":{{{or}}}}}"#)), Ok(16));
}
