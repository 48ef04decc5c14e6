//! Projection expressions, and picking what they name out of an item.

use std::collections::BTreeMap;

use aws_wire::Result;

use super::token::Token;
use super::{Path, Scope, Step, check_disjoint, parse_all, parse_path};
use crate::value::{Attr, Item};

/// The paths that an answer is to hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Projection(pub Vec<Path>);

impl Projection {
    /// # Errors
    /// `ValidationException` in AWS's words.
    pub(crate) fn parse(text: &str, scope: &mut Scope) -> Result<Self> {
        parse_all("ProjectionExpression", text, |cursor| {
            let mut paths = vec![parse_path(cursor, scope)?];
            while cursor.take(&Token::Comma) {
                paths.push(parse_path(cursor, scope)?);
            }
            check_disjoint(&paths.iter().collect::<Vec<_>>())?;
            Ok(Self(paths))
        })
    }

    /// Of whole attributes.
    pub(crate) fn of(names: &[String]) -> Self {
        Self(names.iter().map(|name| Path::top(name)).collect())
    }

    /// What the paths name in `item`. Elements of lists close up, in their order.
    pub(crate) fn apply(&self, item: &Item) -> Item {
        let mut picked = BTreeMap::new();
        for path in &self.0 {
            if path.get(item).is_some() {
                pick(&mut picked, &path.0, item);
            }
        }
        picked.into_iter().map(|(name, part)| (name, part.into_attr())).collect()
    }
}

/// A part of an item while it is put together.
enum Part {
    Whole(Attr),
    Map(BTreeMap<String, Part>),
    List(BTreeMap<usize, Part>),
}

impl Part {
    fn into_attr(self) -> Attr {
        match self {
            Self::Whole(value) => value,
            Self::Map(map) => Attr::M(map.into_iter().map(|(name, part)| (name, part.into_attr())).collect()),
            Self::List(list) => Attr::L(list.into_values().map(Self::into_attr).collect()),
        }
    }
}

/// Adds what the path, which is known to exist, names in `item`.
fn pick(into: &mut BTreeMap<String, Part>, steps: &[Step], item: &Item) {
    let [Step::Name(name), rest @ ..] = steps else { return };
    let Some(value) = item.get(name) else { return };
    match rest {
        [] => {
            into.insert(name.clone(), Part::Whole(value.clone()));
        }
        [next, ..] => {
            let part = into.entry(name.clone()).or_insert_with(|| empty(next));
            pick_inside(part, rest, value);
        }
    }
}

fn empty(next: &Step) -> Part {
    match next {
        Step::Name(_) => Part::Map(BTreeMap::new()),
        Step::Index(_) => Part::List(BTreeMap::new()),
    }
}

fn pick_inside(part: &mut Part, steps: &[Step], value: &Attr) {
    match (part, steps, value) {
        (Part::Map(into), [Step::Name(_), ..], Attr::M(map)) => pick(into, steps, map),
        (Part::List(into), [Step::Index(index), rest @ ..], Attr::L(list)) => {
            let Some(value) = list.get(*index) else { return };
            match rest {
                [] => {
                    into.insert(*index, Part::Whole(value.clone()));
                }
                [next, ..] => pick_inside(into.entry(*index).or_insert_with(|| empty(next)), rest, value),
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{item, scope};
    use super::*;

    #[test]
    fn what_is_named_is_picked() {
        let whole = item(
            r#"{"a":{"M":{"b":{"L":[{"S":"0"},{"S":"1"},{"M":{"c":{"S":"x"},"d":{"S":"y"}}}]},"e":{"S":"z"}}},"f":{"S":"f"}}"#,
        );
        for (text, picked) in [
            ("f", r#"{"f":{"S":"f"}}"#),
            ("a.e, f", r#"{"a":{"M":{"e":{"S":"z"}}},"f":{"S":"f"}}"#),
            ("a.b[2].d, a.b[0]", r#"{"a":{"M":{"b":{"L":[{"S":"0"},{"M":{"d":{"S":"y"}}}]}}}}"#),
            ("#n.b[9], g", "{}"),
        ] {
            let mut scope = scope(&[("#n", "a")], "{}");
            let projection = Projection::parse(text, &mut scope).unwrap();
            assert_eq!(projection.apply(&whole), item(picked), "{text}");
        }
    }

    #[test]
    fn bad_ones_are_refused_in_awss_words() {
        for (text, said) in [
            ("", "The expression can not be empty;"),
            ("a,", r#"Syntax error; token: "<EOF>", near: ",""#),
            ("a b", r#"Syntax error; token: "b", near: "a b""#),
            ("name", "Attribute name is a reserved keyword; reserved keyword: name"),
            (
                "#x",
                "An expression attribute name used in the document path is not defined; attribute name: #x",
            ),
            (
                "a, a.b",
                "Two document paths overlap with each other; must remove or rewrite one of these paths; path one: [a], path two: [a, b]",
            ),
            (
                "a.b, a[1]",
                "Two document paths conflict with each other; must remove or rewrite one of these paths; path one: [a, b], path two: [a, [1]]",
            ),
        ] {
            let error = Projection::parse(text, &mut Scope::default()).unwrap_err();
            assert_eq!(error.message.unwrap(), format!("Invalid ProjectionExpression: {said}"), "{text}");
        }
    }
}
