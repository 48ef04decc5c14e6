//! Patterns that no single value finds, because most events pass them: `anything-but`, `exists`, ranges, and values that
//! many patterns share. All of them are in the sieve at first, and each field takes out those that it does not satisfy.
//! So what costs time is what fails, and a pattern that stays need not be asked.
//!
//! Two things a field alone does not decide: `$or`, and which element of an array of objects satisfies several fields.
//! Patterns that have met one of those are to be asked themselves.

use std::collections::HashMap;

use serde_json::{Map, Value as Json};

use crate::bits::Bits;
use crate::numeric::Range;
use crate::rule::Rule;
use crate::values::{Key, Values};
use crate::wildcard::{self, Wildcard};
use crate::{Field, Fields, Pattern};

#[derive(Debug)]
pub(crate) struct Sieve {
    length: usize,
    root: Node,
    /// Those that have `$or` somewhere.
    divided: Bits,
}

/// A field of events.
#[derive(Debug, Default)]
struct Node {
    fields: HashMap<String, Node>,
    lists: Option<Lists>,
    /// Patterns that want something of its fields.
    within: Vec<u32>,
    /// Fields without which patterns don't match, and those patterns.
    wanted: Vec<(String, Vec<u32>)>,
}

/// What patterns want of a field: lists, of which one rule has to hold. Numbers in it are places in `patterns`.
#[derive(Debug, Default)]
struct Lists {
    patterns: Vec<u32>,
    any_of: Values,
    ranges: Vec<(Range, u32)>,
    /// `anything-but`: what holds for every value that is not found among `excluded`.
    but: Vec<u32>,
    excluded: Values,
    wildcards: Wildcards,
    excluded_wildcards: Wildcards,
    if_there: Vec<u32>,
    if_missing: Vec<u32>,
    /// Rules of other kinds, which are asked one by one.
    asked: Vec<(u32, Rule)>,
}

/// Wildcards by the letters before their first star or behind their last.
#[derive(Debug, Default)]
struct Wildcards {
    by_end: Values,
    endless: Vec<u32>,
    all: Vec<(u32, Wildcard)>,
}

/// What is left of the patterns, and which of those are to be asked.
struct Passing {
    left: Bits,
    unsure: Bits,
}

impl Sieve {
    pub(crate) fn new<'a>(patterns: impl ExactSizeIterator<Item = &'a Pattern>) -> Self {
        let length = patterns.len();
        let mut sieve = Self { length, root: Node::default(), divided: Bits::none(length) };
        for (number, pattern) in (0..).zip(patterns) {
            if sieve.root.add(&pattern.0, number) {
                sieve.divided.add(number);
            }
        }
        sieve.root.close();
        sieve
    }

    /// Gives the patterns that match or may match, in order, and whether they are to be asked.
    pub(crate) fn pass(&self, event: &Map<String, Json>, mut found: impl FnMut(u32, bool)) {
        if self.length == 0 {
            return;
        }
        let mut passing = Passing { left: Bits::all(self.length), unsure: self.divided.clone() };
        self.root.pass(event, &mut passing);
        passing.left.each(|number| found(number, passing.unsure.has(number)));
    }
}

impl Node {
    /// Whether the pattern has `$or`.
    fn add(&mut self, fields: &Fields, number: u32) -> bool {
        let mut divided = !fields.either.is_empty();
        for (name, field) in &fields.fields {
            let node = self.fields.entry(name.clone()).or_default();
            match field {
                Field::OneOf(rules) => node.lists.get_or_insert_default().add(rules, number),
                Field::Nested(fields) => {
                    node.within.push(number);
                    divided |= node.add(fields, number);
                }
            }
        }
        divided
    }

    /// What is missing where the whole field is: told once, when all patterns are in.
    fn close(&mut self) {
        for (name, node) in &mut self.fields {
            node.close();
            let mut lost = node.lists.iter().flat_map(Lists::lost).collect::<Vec<_>>();
            lost.extend(node.wanted.iter().flat_map(|(_, lost)| lost));
            lost.sort_unstable();
            lost.dedup();
            if !lost.is_empty() {
                self.wanted.push((name.clone(), lost));
            }
        }
    }

    fn pass(&self, event: &Map<String, Json>, passing: &mut Passing) {
        if self.fields.len() <= event.len() {
            for (name, node) in &self.fields {
                event.get(name).into_iter().for_each(|value| node.meet(value, passing));
            }
        } else {
            for (name, value) in event {
                self.fields.get(name).into_iter().for_each(|node| node.meet(value, passing));
            }
        }
        let missing = self.wanted.iter().filter(|(name, _)| !event.contains_key(name));
        missing.for_each(|(_, lost)| passing.lose(lost));
    }

    fn meet(&self, value: &Json, passing: &mut Passing) {
        if let Some(lists) = &self.lists {
            lists.take_out(value, &mut passing.left);
        }
        match value {
            _ if self.within.is_empty() => {}
            Json::Object(fields) => self.pass(fields, passing),
            Json::Array(_) => self.within.iter().for_each(|number| passing.unsure.add(*number)),
            // It has no fields.
            _ => self.wanted.iter().for_each(|(_, lost)| passing.lose(lost)),
        }
    }
}

impl Passing {
    fn lose(&mut self, patterns: &[u32]) {
        patterns.iter().for_each(|number| self.left.remove(*number));
    }
}

impl Lists {
    fn add(&mut self, rules: &[Rule], pattern: u32) {
        let place = u32::try_from(self.patterns.len()).expect("there are fewer patterns");
        self.patterns.push(pattern);
        let mut excludes = false;
        for rule in rules {
            match rule {
                Rule::Exists(true) => self.if_there.push(place),
                Rule::Exists(false) => self.if_missing.push(place),
                Rule::Numeric(bounds) => self.ranges.push((Range::of(bounds), place)),
                Rule::Wildcard(wildcard) => self.wildcards.add(wildcard, place),
                // A second one of the same list would take out what the first lets through.
                Rule::AnythingBut(others) if !excludes && others.iter().all(is_filed) => {
                    excludes = true;
                    self.but.push(place);
                    for other in others {
                        match (Key::of(other), other) {
                            (Some(key), _) => self.excluded.file(&key, place),
                            (None, Rule::Wildcard(wildcard)) => self.excluded_wildcards.add(wildcard, place),
                            (None, _) => unreachable!("it is filed"),
                        }
                    }
                }
                rule => match Key::of(rule) {
                    Some(key) => self.any_of.file(&key, place),
                    None => self.asked.push((place, rule.clone())),
                },
            }
        }
    }

    /// The patterns whose lists do not hold where nothing is.
    fn lost(&self) -> impl Iterator<Item = u32> {
        let mut held = Bits::none(self.patterns.len());
        self.if_missing.iter().for_each(|place| held.add(*place));
        let places = (0..).zip(&self.patterns);
        places.filter(move |(place, _)| !held.has(*place)).map(|(_, pattern)| *pattern)
    }

    /// Takes the patterns whose lists do not hold out of those that are left.
    fn take_out(&self, value: &Json, left: &mut Bits) {
        let mut held = Bits::none(self.patterns.len());
        let present = if self.hold(value, &mut held) { &self.if_there } else { &self.if_missing };
        present.iter().for_each(|place| held.add(*place));
        held.each_missing(|place| left.remove(self.patterns[place as usize]));
    }

    /// Adds the lists that hold for a value, or for an element of it; whether there is any.
    fn hold(&self, value: &Json, held: &mut Bits) -> bool {
        match value {
            Json::Object(_) => return false,
            Json::Array(items) => {
                let mut is_there = false;
                items.iter().for_each(|item| is_there |= self.hold(item, held));
                return is_there;
            }
            _ => {}
        }
        if !self.but.is_empty() {
            let mut excluded = Bits::none(self.patterns.len());
            self.excluded.find(value, &mut |place| excluded.add(place));
            self.excluded_wildcards.find(value, |place| excluded.add(place));
            self.but.iter().filter(|place| !excluded.has(**place)).for_each(|place| held.add(*place));
        }
        self.any_of.find(value, &mut |place| held.add(place));
        self.wildcards.find(value, |place| held.add(place));
        if let Some(number) = value.as_f64() {
            let inside = self.ranges.iter().filter(|(range, _)| range.has(number));
            inside.for_each(|(_, place)| held.add(*place));
        }
        for (place, rule) in &self.asked {
            if !held.has(*place) && rule.matches(Some(value)) {
                held.add(*place);
            }
        }
        true
    }
}

/// Whether what `anything-but` excludes can be found by a value.
fn is_filed(rule: &Rule) -> bool {
    matches!(rule, Rule::Wildcard(_)) || Key::of(rule).is_some()
}

impl Wildcards {
    fn add(&mut self, wildcard: &Wildcard, place: u32) {
        let number = u32::try_from(self.all.len()).expect("there are fewer patterns");
        self.all.push((place, wildcard.clone()));
        match Key::of_end(wildcard) {
            Some(key) => self.by_end.file(&key, number),
            None => self.endless.push(number),
        }
    }

    fn find(&self, value: &Json, mut found: impl FnMut(u32)) {
        let Json::String(text) = value else { return };
        let mut ask = |number: u32| {
            let (place, wildcard) = &self.all[number as usize];
            if wildcard::matches(wildcard, text) {
                found(*place);
            }
        };
        self.by_end.find(value, &mut ask);
        self.endless.iter().copied().for_each(ask);
    }
}
