//! Many patterns asked at once, without asking each.
//!
//! A pattern that wants a value somewhere can only match an event that has it there. Of the fields for which that holds,
//! each pattern is filed under the one that fewest others share; an event then finds its candidates by its own values,
//! and only they are asked. A pattern that names no value, such as one of `exists` alone, is asked every time.

use std::collections::{BTreeSet, HashMap};

use serde_json::{Map, Value as Json};

use crate::rule::Rule;
use crate::{Field, Fields, Pattern};

/// Patterns, each with what it stands for.
#[derive(Debug)]
pub struct Index<T> {
    entries: Vec<(Pattern, T)>,
    root: Node,
    /// Those that are asked every time.
    everywhere: Vec<u32>,
}

/// What an event must have in one place, for a pattern to match.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Key {
    Text(String),
    Number(u64),
    Null,
    Bool(bool),
    IgnoringCase(String),
    Prefix(String),
    Suffix(String),
}

/// A field of events, and the patterns filed under its values.
#[derive(Debug, Default)]
struct Node {
    fields: HashMap<String, Node>,
    texts: HashMap<String, Vec<u32>>,
    ignoring_case: HashMap<String, Vec<u32>>,
    prefixes: HashMap<String, Vec<u32>>,
    suffixes: HashMap<String, Vec<u32>>,
    /// In bytes, of what is filed by its beginning or its end.
    prefix_lengths: BTreeSet<usize>,
    suffix_lengths: BTreeSet<usize>,
    /// Numbers, null, true and false.
    others: HashMap<Key, Vec<u32>>,
}

type Path<'a> = Vec<&'a str>;

impl<T> Index<T> {
    pub fn new(entries: impl IntoIterator<Item = (Pattern, T)>) -> Self {
        let entries = entries.into_iter().collect::<Vec<_>>();
        let (mut root, mut everywhere) = (Node::default(), Vec::new());
        let places = entries.iter().map(|(pattern, _)| places(pattern)).collect::<Vec<_>>();
        let mut shared = HashMap::<(&Path<'_>, &Key), usize>::new();
        for (path, keys) in places.iter().flatten() {
            keys.iter().for_each(|key| *shared.entry((path, key)).or_default() += 1);
        }
        for (number, places) in (0..).zip(&places) {
            // How many are filed beside it, on average over its values: one that all share is no reason against a
            // field whose other values are rare.
            let load = |(path, keys): &&(Path<'_>, Vec<Key>)| {
                keys.iter().map(|key| shared[&(path, key)]).sum::<usize>() / keys.len()
            };
            match places.iter().min_by_key(load) {
                Some((path, keys)) => keys.iter().for_each(|key| root.file(path, key, number)),
                None => everywhere.push(number),
            }
        }
        Self { entries, root, everywhere }
    }

    /// What the patterns that match stand for, in the order they were given.
    pub fn matching(&self, event: &Json) -> Vec<&T> {
        let Json::Object(fields) = event else { return Vec::new() };
        let mut found = self.everywhere.clone();
        self.root.find_in(fields, &mut found);
        found.sort_unstable();
        found.dedup();
        let entries = found.into_iter().map(|number| &self.entries[number as usize]);
        entries.filter(|(pattern, _)| pattern.matches(event)).map(|(_, stands_for)| stands_for).collect()
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

/// Where a pattern could be filed: fields of which one of some keys must be there. Within `$or` nothing must.
fn places(pattern: &Pattern) -> Vec<(Path<'_>, Vec<Key>)> {
    let mut places = Vec::new();
    collect(&pattern.0, &mut Vec::new(), &mut places);
    places
}

fn collect<'a>(fields: &'a Fields, path: &mut Path<'a>, places: &mut Vec<(Path<'a>, Vec<Key>)>) {
    for (name, field) in &fields.fields {
        path.push(name);
        match field {
            Field::Nested(fields) => collect(fields, path, places),
            Field::OneOf(rules) => {
                if let Some(keys) = rules.iter().map(key).collect::<Option<Vec<_>>>() {
                    places.push((path.clone(), keys));
                }
            }
        }
        path.pop();
    }
}

fn key(rule: &Rule) -> Option<Key> {
    Some(match rule {
        Rule::Is(Json::String(text)) => Key::Text(text.clone()),
        Rule::Is(Json::Bool(value)) => Key::Bool(*value),
        Rule::Is(Json::Null) => Key::Null,
        Rule::Number(number) => Key::Number(bits(*number)),
        Rule::IgnoringCase(text) => Key::IgnoringCase(text.clone()),
        Rule::Prefix { text, ignoring_case: false } if !text.is_empty() => Key::Prefix(text.clone()),
        Rule::Suffix { text, ignoring_case: false } if !text.is_empty() => Key::Suffix(text.clone()),
        _ => return None,
    })
}

/// One for each number: zero has two in floating point.
fn bits(number: f64) -> u64 {
    (number + 0.0).to_bits()
}

impl Node {
    fn file(&mut self, path: &[&str], key: &Key, number: u32) {
        let mut node = self;
        for name in path {
            node = node.fields.entry((*name).to_owned()).or_default();
        }
        let filed = match key {
            Key::Text(text) => node.texts.entry(text.clone()).or_default(),
            Key::IgnoringCase(text) => node.ignoring_case.entry(text.clone()).or_default(),
            Key::Prefix(text) => {
                node.prefix_lengths.insert(text.len());
                node.prefixes.entry(text.clone()).or_default()
            }
            Key::Suffix(text) => {
                node.suffix_lengths.insert(text.len());
                node.suffixes.entry(text.clone()).or_default()
            }
            Key::Number(_) | Key::Null | Key::Bool(_) => node.others.entry(key.clone()).or_default(),
        };
        filed.push(number);
    }

    /// Walks whichever has fewer fields, the event or what patterns want.
    fn find_in(&self, event: &Map<String, Json>, found: &mut Vec<u32>) {
        if self.fields.len() <= event.len() {
            for (name, node) in &self.fields {
                event.get(name).into_iter().for_each(|value| node.find(value, found));
            }
        } else {
            for (name, value) in event {
                self.fields.get(name).into_iter().for_each(|node| node.find(value, found));
            }
        }
    }

    fn find(&self, value: &Json, found: &mut Vec<u32>) {
        let other = match value {
            Json::Object(event) => return self.find_in(event, found),
            Json::Array(items) => return items.iter().for_each(|item| self.find(item, found)),
            Json::String(text) => return self.find_text(text, found),
            Json::Number(number) => number.as_f64().map(|number| Key::Number(bits(number))),
            Json::Null => Some(Key::Null),
            Json::Bool(value) => Some(Key::Bool(*value)),
        };
        found.extend(other.and_then(|key| self.others.get(&key)).into_iter().flatten());
    }

    fn find_text(&self, text: &str, found: &mut Vec<u32>) {
        found.extend(self.texts.get(text).into_iter().flatten());
        if !self.ignoring_case.is_empty() {
            found.extend(self.ignoring_case.get(&text.to_lowercase()).into_iter().flatten());
        }
        for length in self.prefix_lengths.range(..=text.len()) {
            let filed = text.get(..*length).and_then(|prefix| self.prefixes.get(prefix));
            found.extend(filed.into_iter().flatten());
        }
        for length in self.suffix_lengths.range(..=text.len()) {
            let filed = text.get(text.len() - length..).and_then(|suffix| self.suffixes.get(suffix));
            found.extend(filed.into_iter().flatten());
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{from_str, json};

    use super::*;

    fn pattern(text: &str) -> Pattern {
        Pattern::parse(&from_str(text).expect("JSON")).expect("a pattern")
    }

    #[test]
    fn an_index_finds_what_each_pattern_alone_would() {
        let patterns = [
            r#"{"a":["x"]}"#,
            r#"{"a":["x","y"],"b":{"c":[1]}}"#,
            r#"{"a":[{"prefix":"x"}]}"#,
            r#"{"a":[{"prefix":"é"},{"suffix":"y"}]}"#,
            r#"{"a":[{"suffix":"xy"}],"b":{"d":[null]}}"#,
            r#"{"a":[{"equals-ignore-case":"X"}]}"#,
            r#"{"a":[{"anything-but":"x"}]}"#,
            r#"{"a":[{"exists":false}]}"#,
            r#"{"$or":[{"a":["x"]},{"b":{"c":[2]}}]}"#,
            r#"{"b":{"c":[0]}}"#,
            r#"{"b":{"c":[{"numeric":[">",0]}],"d":[true,false]}}"#,
            r#"{"b":{"d":["x"]},"a":["x"]}"#,
            r#"{"a":[{"wildcard":"*x*"}]}"#,
            r#"{}"#,
        ];
        let values = [
            json!("x"),
            json!("xy"),
            json!("éy"),
            json!("X"),
            json!(null),
            json!(true),
            json!(-0.0),
            json!(1),
            json!(2.0),
            json!(["x", 1]),
            json!([]),
            json!({}),
        ];
        let index = Index::new(patterns.iter().map(|text| (pattern(text), *text)));
        assert_eq!((index.len(), index.everywhere.len()), (14, 5));
        let mut matched = BTreeSet::new();
        let count = values.len();
        for number in 0..count.pow(3) {
            let [a, c, d] =
                [number / count / count, number / count % count, number % count].map(|at| &values[at]);
            for event in [
                json!({ "a": a, "b": { "c": c, "d": d } }),
                json!({ "a": a, "b": [{ "c": c }, { "d": d }], "e": 1 }),
                json!({ "b": c, "e": 1 }),
            ] {
                let each = patterns.iter().filter(|text| pattern(text).matches(&event)).collect::<Vec<_>>();
                assert_eq!(index.matching(&event), each, "{event}");
                matched.extend(each.into_iter().copied());
            }
        }
        assert_eq!(matched.len(), patterns.len(), "each of them matched something");
    }

    #[test]
    fn patterns_that_share_a_value_are_filed_under_another() {
        let patterns = (0..100).map(|n: i32| (pattern(&format!(r#"{{"s":["same"],"d":["{n}"]}}"#)), n));
        let index = Index::new(patterns);
        let mut found = Vec::new();
        let event = json!({ "s": "same", "d": "7" });
        index.root.find_in(event.as_object().expect("an object"), &mut found);
        assert_eq!(found, [7]);
        assert_eq!(index.matching(&event), [&7]);
    }
}
