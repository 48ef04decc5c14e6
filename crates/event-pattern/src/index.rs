//! Many patterns asked at once, without asking each.
//!
//! A pattern that wants a value somewhere can only match an event that has it there. Of the fields for which that holds,
//! each pattern is filed under the one that fewest others share; an event then finds its candidates by its own values,
//! and only they are asked. A pattern that names no value, and one whose values many share, goes through the sieve.

use std::collections::HashMap;

use serde_json::{Map, Value as Json};

use crate::rule::Rule;
use crate::sieve::Sieve;
use crate::values::{Key, Values};
use crate::{Field, Fields, Pattern};

/// Patterns that most values of a list may find before the sieve is faster than asking each.
const FOUND_MAX: usize = 16;

/// Patterns, each with what it stands for.
#[derive(Debug)]
pub struct Index<T> {
    entries: Vec<(Pattern, T)>,
    root: Node,
    sieve: Sieve,
    /// The patterns in the sieve.
    sieved: Vec<u32>,
}

/// A field of events, and the patterns filed under its values.
#[derive(Debug, Default)]
struct Node {
    fields: HashMap<String, Node>,
    values: Values,
}

type Path<'a> = Vec<&'a str>;

impl<T> Index<T> {
    pub fn new(entries: impl IntoIterator<Item = (Pattern, T)>) -> Self {
        Self::finding(entries, FOUND_MAX)
    }

    /// With at most so many found by most values of a pattern.
    pub(crate) fn finding(entries: impl IntoIterator<Item = (Pattern, T)>, found_max: usize) -> Self {
        let entries = entries.into_iter().collect::<Vec<_>>();
        let (mut root, mut sieved) = (Node::default(), Vec::new());
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
            let crowded = |(path, keys): &(Path<'_>, Vec<Key>)| {
                keys.iter().filter(|key| shared[&(path, *key)] > found_max).count() * 2 > keys.len()
            };
            match places.iter().min_by_key(load).filter(|place| !crowded(place)) {
                Some((path, keys)) => keys.iter().for_each(|key| root.file(path, key, number)),
                None => sieved.push(number),
            }
        }
        let sieve = Sieve::new(sieved.iter().map(|number| &entries[*number as usize].0));
        Self { entries, root, sieve, sieved }
    }

    /// What the patterns that match stand for, in the order they were given.
    pub fn matching(&self, event: &Json) -> Vec<&T> {
        let Json::Object(fields) = event else { return Vec::new() };
        let matches = |number: &u32| self.entries[*number as usize].0.matches(event);
        let mut candidates = Vec::new();
        self.root.find_in(fields, &mut candidates);
        candidates.sort_unstable();
        candidates.dedup();
        candidates.retain(matches);
        let mut found = Vec::new();
        self.sieve.pass(fields, |place, unsure| {
            let number = self.sieved[place as usize];
            if !unsure || matches(&number) {
                found.push(number);
            }
        });
        if !candidates.is_empty() {
            found.append(&mut candidates);
            found.sort_unstable();
        }
        found.into_iter().map(|number| &self.entries[number as usize].1).collect()
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

/// What a value must be like for a rule to hold.
fn key(rule: &Rule) -> Option<Key> {
    match rule {
        Rule::Wildcard(wildcard) => Key::of_end(wildcard),
        rule => Key::of(rule),
    }
}

impl Node {
    fn file(&mut self, path: &[&str], key: &Key, number: u32) {
        let mut node = self;
        for name in path {
            node = node.fields.entry((*name).to_owned()).or_default();
        }
        node.values.file(key, number);
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
        match value {
            Json::Object(event) => self.find_in(event, found),
            Json::Array(items) => items.iter().for_each(|item| self.find(item, found)),
            value => self.values.find(value, &mut |number| found.push(number)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

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
        assert_eq!((index.len(), index.sieved.len()), (14, 5));
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
