//! Patterns and events, as data.

use proptest::prelude::{Just, Strategy, any, prop};
use proptest::{prop_assert, prop_assert_eq, prop_assume, prop_oneof, proptest};
use serde_json::{from_str, json};

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

/// Values that patterns and events are made of: few, so that they meet.
fn leaf() -> impl Strategy<Value = Json> {
    prop_oneof![
        "[abAB]{0,3}".prop_map(Json::from),
        (-2..3_i32).prop_map(Json::from),
        any::<bool>().prop_map(Json::from),
        Just(Json::Null),
    ]
}

fn event() -> impl Strategy<Value = Json> {
    let value = leaf().prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Json::from),
            prop::collection::btree_map("[pqr]", inner, 0..3)
                .prop_map(|map| Json::Object(map.into_iter().collect())),
        ]
    });
    prop::collection::btree_map("[pqr]", value, 0..4).prop_map(|map| Json::Object(map.into_iter().collect()))
}

fn rule() -> impl Strategy<Value = Json> {
    let text = || "[abAB]{0,2}";
    prop_oneof![
        4 => leaf(),
        1 => text().prop_map(|text| json!({ "prefix": text })),
        1 => text().prop_map(|text| json!({ "suffix": text })),
        1 => text().prop_map(|text| json!({ "prefix": { "equals-ignore-case": text } })),
        1 => text().prop_map(|text| json!({ "equals-ignore-case": text })),
        1 => any::<bool>().prop_map(|wanted| json!({ "exists": wanted })),
        1 => (-2..3_i32).prop_map(|bound| json!({ "numeric": ["<=", bound] })),
        1 => (-2..2_i32).prop_map(|bound| json!({ "numeric": [">", bound, "<", 2] })),
        1 => prop::collection::vec(text(), 1..3).prop_map(|texts| json!({ "anything-but": texts })),
        1 => prop::collection::vec(-2..3_i32, 1..3).prop_map(|numbers| json!({ "anything-but": numbers })),
        1 => ("(prefix|suffix|equals-ignore-case)", prop::collection::vec("[abAB]{1,2}", 1..3))
            .prop_map(|(how, texts)| json!({ "anything-but": { how: texts } })),
        1 => "\\*?[ab]{0,2}\\*?[ab]?".prop_map(|text| json!({ "anything-but": { "wildcard": text } })),
        1 => "\\*?[ab]{0,2}\\*?[ab]?".prop_map(|text| json!({ "wildcard": text })),
    ]
}

fn pattern() -> impl Strategy<Value = Json> {
    let rules = prop::collection::vec(rule(), 1..4).prop_map(Json::from);
    let fields = rules.prop_recursive(3, 12, 3, |inner| {
        prop::collection::btree_map("[pqr]", inner, 1..3)
            .prop_map(|map| Json::Object(map.into_iter().collect()))
    });
    (
        prop::collection::btree_map("[pqr]", fields.clone(), 0..3),
        prop::option::weighted(
            0.3,
            prop::collection::vec(prop::collection::btree_map("[pqr]", fields, 1..2), 2..3),
        ),
    )
        .prop_map(|(fields, either)| {
            let mut pattern = Json::Object(fields.into_iter().collect());
            if let Some(either) = either {
                pattern["$or"] =
                    either.into_iter().map(|map| Json::Object(map.into_iter().collect())).collect();
            }
            pattern
        })
}

/// The same decision, made from the documents as slowly and plainly as can be.
mod plain {
    use serde_json::Value as Json;

    pub(super) fn matches(pattern: &Json, event: &Json) -> bool {
        let Some(fields) = pattern.as_object() else { return false };
        fields.iter().all(|(name, wanted)| match wanted {
            Json::Array(either) if name == "$or" => either.iter().any(|pattern| matches(pattern, event)),
            Json::Array(rules) => rules.iter().any(|rule| holds(rule, event.get(name))),
            nested => match event.get(name) {
                Some(Json::Array(items)) => in_one_of(nested, items),
                found => matches(nested, found.unwrap_or(&Json::Null)),
            },
        })
    }

    fn in_one_of(pattern: &Json, items: &[Json]) -> bool {
        items.iter().any(|item| match item {
            Json::Array(items) => in_one_of(pattern, items),
            item => matches(pattern, item),
        })
    }

    fn leaves<'a>(value: &'a Json, into: &mut Vec<&'a Json>) {
        match value {
            Json::Array(items) => items.iter().for_each(|item| leaves(item, into)),
            Json::Object(_) => {}
            value => into.push(value),
        }
    }

    fn holds(rule: &Json, value: Option<&Json>) -> bool {
        let mut found = Vec::new();
        if let Some(value) = value {
            leaves(value, &mut found);
        }
        if let Some(wanted) = rule.get("exists") {
            return found.is_empty() != wanted.as_bool().expect("true or false");
        }
        found.iter().any(|value| holds_of(rule, value))
    }

    fn holds_of(rule: &Json, value: &Json) -> bool {
        let Some((operator, operand)) = rule.as_object().and_then(|rule| rule.iter().next()) else {
            return rule == value;
        };
        let of_text = |test: &dyn Fn(&str, &str) -> bool| {
            value.as_str().zip(operand.as_str()).is_some_and(|(text, operand)| test(text, operand))
        };
        match operator.as_str() {
            "prefix" => match operand.get("equals-ignore-case").and_then(Json::as_str) {
                Some(prefix) => {
                    value.as_str().is_some_and(|text| text.to_lowercase().starts_with(&prefix.to_lowercase()))
                }
                None => of_text(&|text, prefix| text.starts_with(prefix)),
            },
            "suffix" => of_text(&|text, suffix| text.ends_with(suffix)),
            "equals-ignore-case" => of_text(&|text, wanted| text.eq_ignore_ascii_case(wanted)),
            "wildcard" => of_text(&wild),
            "numeric" => {
                let pairs = operand.as_array().expect("a list").chunks(2);
                value.as_i64().is_some_and(|number| pairs.into_iter().all(|pair| compares(pair, number)))
            }
            "anything-but" => match operand {
                Json::Array(excluded) => excluded.iter().all(|one| one != value),
                comparison => {
                    let (how, texts) = comparison.as_object().and_then(|one| one.iter().next()).expect("one");
                    let texts = texts.as_array().cloned().unwrap_or_else(|| vec![texts.clone()]);
                    texts.iter().all(|text| !holds_of(&serde_json::json!({ how: text }), value))
                }
            },
            other => panic!("{other}"),
        }
    }

    fn compares(pair: &[Json], number: i64) -> bool {
        let bound = pair[1].as_i64().expect("a number");
        match pair[0].as_str().expect("an operator") {
            "<=" => number <= bound,
            ">" => number > bound,
            "<" => number < bound,
            other => panic!("{other}"),
        }
    }

    fn wild(text: &str, pattern: &str) -> bool {
        match pattern.split_at_checked(1) {
            None => text.is_empty(),
            Some(("*", rest)) => (0..=text.len()).any(|taken| wild(&text[taken..], rest)),
            Some((letter, rest)) => text.strip_prefix(letter).is_some_and(|text| wild(text, rest)),
        }
    }
}

proptest! {
    #[test]
    fn patterns_match_what_their_documents_say(pattern in pattern(), event in event()) {
        let parsed = Pattern::parse(&pattern);
        prop_assume!(parsed.is_ok());
        prop_assert_eq!(parsed.expect("checked").matches(&event), plain::matches(&pattern, &event));
    }

    #[test]
    fn an_index_finds_those_that_match_and_no_others(
        patterns in prop::collection::vec(pattern(), 0..6),
        events in prop::collection::vec(event(), 1..6),
    ) {
        let parsed = patterns.iter().filter_map(|pattern| Pattern::parse(pattern).ok()).collect::<Vec<_>>();
        // As it is, with all of them in the sieve, and with those that share a value.
        for found_max in [usize::MAX, 0, 1] {
            let index = Index::finding(parsed.iter().cloned().zip(0_usize..), found_max);
            for event in &events {
                let wanted = (0..).zip(&parsed).filter(|(_, pattern)| pattern.matches(event));
                let found = index.matching(event).into_iter().copied();
                prop_assert!(found.eq(wanted.map(|(number, _)| number)), "{} {}", found_max, event);
            }
        }
    }

    #[test]
    fn no_document_is_too_strange_to_be_read(document in event(), event in event()) {
        if let Ok(pattern) = Pattern::parse(&document) {
            pattern.matches(&event);
        }
    }
}
