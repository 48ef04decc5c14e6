//! Expressions: document paths, `#names` and `:values`, and what the kinds of expression share.

pub(crate) mod condition;
pub(crate) mod key_condition;
pub(crate) mod projection;
mod token;
pub(crate) mod update;

use std::collections::{BTreeMap, BTreeSet};

use aws_wire::{AwsError, Result};

use crate::reserved::is_reserved;
use crate::value::{Attr, Item, WireItem};

use token::{Cursor, Token};

/// Bytes of an expression's text.
const EXPRESSION_BYTES_MAX: usize = 4096;
/// How deep parentheses, NOTs and functions may nest: the expression is a stranger's, and the parser recurs.
const DEPTH_MAX: usize = 64;
/// Steps of a document path.
const STEPS_MAX: usize = 32;

/// One step of a document path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Name(String),
    Index(usize),
}

/// `a.b[0].#n`; the first step is a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Path(pub Vec<Step>);

impl Path {
    pub(crate) fn top(name: &str) -> Self {
        Self(vec![Step::Name(name.to_owned())])
    }

    /// The attribute that the path begins with.
    pub(crate) fn head(&self) -> &str {
        match self.0.first() {
            Some(Step::Name(name)) => name,
            _ => "",
        }
    }

    /// As AWS's error texts have it: `[a, b, [0]]`.
    pub(crate) fn shown(&self) -> String {
        let steps = self.0.iter().map(|step| match step {
            Step::Name(name) => name.clone(),
            Step::Index(index) => format!("[{index}]"),
        });
        format!("[{}]", steps.collect::<Vec<_>>().join(", "))
    }

    pub(crate) fn get<'a>(&self, item: &'a Item) -> Option<&'a Attr> {
        let mut found = item.get(self.head())?;
        for step in &self.0[1..] {
            found = match (step, found) {
                (Step::Name(name), Attr::M(map)) => map.get(name)?,
                (Step::Index(index), Attr::L(list)) => list.get(*index)?,
                _ => return None,
            };
        }
        Some(found)
    }
}

/// Refuses paths of which one lies within another, or that want one place to be a map and a list.
fn check_disjoint(paths: &[&Path]) -> Result<(), String> {
    for (position, second) in paths.iter().enumerate() {
        for first in &paths[..position] {
            let differ = first.0.iter().zip(&second.0).find(|(a, b)| a != b);
            let what = match differ {
                None => "overlap",
                Some((Step::Name(_), Step::Index(_)) | (Step::Index(_), Step::Name(_))) => "conflict",
                Some(_) => continue,
            };
            return Err(format!(
                "Two document paths {what} with each other; must remove or rewrite one of these paths; path one: {}, path two: {}",
                first.shown(),
                second.shown()
            ));
        }
    }
    Ok(())
}

/// A request's `ExpressionAttributeNames` and `ExpressionAttributeValues`, and which of them were used.
#[derive(Debug, Default)]
pub(crate) struct Scope {
    names: BTreeMap<String, String>,
    values: Item,
    used: BTreeSet<String>,
}

impl Scope {
    /// `expressions` are those of the request that may use names, with their parameters' names; those that may not
    /// use values are marked `false`.
    ///
    /// # Errors
    /// `ValidationException` in AWS's words.
    pub(crate) fn new(
        names: Option<BTreeMap<String, String>>,
        values: Option<WireItem>,
        expressions: &[(&str, bool, bool)],
    ) -> Result<Self> {
        let invalid = |text: String| Err(AwsError::validation(text));
        if names.is_some() && !expressions.iter().any(|(_, given, _)| *given) {
            return invalid(
                "ExpressionAttributeNames can only be specified when using expressions".to_owned(),
            );
        }
        let with_values = expressions.iter().filter(|(_, _, takes_values)| *takes_values);
        let with_values = with_values.collect::<Vec<_>>();
        if values.is_some() && !with_values.iter().any(|(_, given, _)| *given) {
            let all = with_values.iter().map(|(name, _, _)| *name).collect::<Vec<_>>();
            let verb = if all.len() > 1 { "are" } else { "is" };
            return invalid(format!(
                "ExpressionAttributeValues can only be specified when using expressions: {} {verb} null",
                all.join(" and ")
            ));
        }
        let named = |key: &str, mark: char| {
            key.strip_prefix(mark).is_some_and(|rest| {
                !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
            })
        };
        if names.as_ref().is_some_and(BTreeMap::is_empty) {
            return invalid("ExpressionAttributeNames must not be empty".to_owned());
        }
        let names = names.unwrap_or_default();
        if let Some(key) = names.keys().find(|key| !named(key, '#')) {
            return invalid(format!(
                "ExpressionAttributeNames contains invalid key: Syntax error; key: \"{key}\""
            ));
        }
        if values.as_ref().is_some_and(BTreeMap::is_empty) {
            return invalid("ExpressionAttributeValues must not be empty".to_owned());
        }
        let given = values.unwrap_or_default();
        if let Some(key) = given.keys().find(|key| !named(key, ':')) {
            return invalid(format!(
                "ExpressionAttributeValues contains invalid key: Syntax error; key: \"{key}\""
            ));
        }
        let mut values = Item::new();
        for (key, value) in given {
            let value = Attr::from_wire(value).map_err(|said| {
                AwsError::validation(format!(
                    "ExpressionAttributeValues contains invalid value: {said} for key {key}"
                ))
            })?;
            values.insert(key, value);
        }
        Ok(Self { names, values, used: BTreeSet::new() })
    }

    fn name(&mut self, key: &str) -> Result<String, String> {
        let found = self.names.get(key).cloned();
        self.used.insert(key.to_owned());
        found.ok_or_else(|| {
            format!(
                "An expression attribute name used in the document path is not defined; attribute name: {key}"
            )
        })
    }

    fn value(&mut self, key: &str) -> Result<Attr, String> {
        let found = self.values.get(key).cloned();
        self.used.insert(key.to_owned());
        found.ok_or_else(|| {
            format!("An expression attribute value used in expression is not defined; attribute value: {key}")
        })
    }

    /// # Errors
    /// `ValidationException`, when a name or a value was never used.
    pub(crate) fn finish(&self) -> Result<()> {
        let unused = |keys: Vec<&String>| {
            let unused = keys.into_iter().filter(|key| !self.used.contains(*key)).cloned();
            unused.collect::<Vec<_>>().join(", ")
        };
        let lists = [
            ("Names", unused(self.names.keys().collect())),
            ("Values", unused(self.values.keys().collect())),
        ];
        for (what, keys) in lists {
            if !keys.is_empty() {
                return Err(AwsError::validation(format!(
                    "Value provided in ExpressionAttribute{what} unused in expressions: keys: {{{keys}}}"
                )));
            }
        }
        Ok(())
    }
}

/// Runs `parse` over all of `text`; refusals name the parameter.
fn parse_all<T>(
    parameter: &str,
    text: &str,
    parse: impl FnOnce(&mut Cursor) -> Result<T, String>,
) -> Result<T> {
    let parsed = if text.trim().is_empty() {
        Err("The expression can not be empty;".to_owned())
    } else if text.len() > EXPRESSION_BYTES_MAX {
        Err(format!("Expression size has exceeded the maximum allowed size; expression size: {}", text.len()))
    } else {
        Cursor::new(text).and_then(|mut cursor| {
            let parsed = parse(&mut cursor)?;
            cursor.expect_end()?;
            Ok(parsed)
        })
    };
    parsed.map_err(|said| AwsError::validation(format!("Invalid {parameter}: {said}")))
}

/// A document path, from its first token on.
fn parse_path(cursor: &mut Cursor, scope: &mut Scope) -> Result<Path, String> {
    let mut steps = vec![Step::Name(parse_name(cursor, scope)?)];
    loop {
        if cursor.take(&Token::Dot) {
            steps.push(Step::Name(parse_name(cursor, scope)?));
        } else if cursor.take(&Token::Open('[')) {
            let Some(Token::Number(digits)) = cursor.peek().cloned() else { return Err(cursor.unexpected()) };
            let index = digits
                .parse()
                .map_err(|_| format!("List index is not within the allowable range; index: [{digits}]"))?;
            cursor.advance();
            cursor.expect(&Token::Close(']'))?;
            steps.push(Step::Index(index));
        } else {
            break;
        }
        if steps.len() > STEPS_MAX {
            return Err("The document path has too many nesting elements; nesting levels: 33".to_owned());
        }
    }
    Ok(Path(steps))
}

fn parse_name(cursor: &mut Cursor, scope: &mut Scope) -> Result<String, String> {
    match cursor.peek().cloned() {
        Some(Token::Word(word)) => {
            if is_reserved(&word) {
                return Err(format!("Attribute name is a reserved keyword; reserved keyword: {word}"));
            }
            cursor.advance();
            Ok(word)
        }
        Some(Token::NameKey(key)) => {
            cursor.advance();
            scope.name(&key)
        }
        _ => Err(cursor.unexpected()),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// An item from DynamoDB's JSON.
    pub(crate) fn item(json: &str) -> Item {
        serde_json::from_str(json).unwrap()
    }

    /// A scope with these names, and these values in DynamoDB's JSON.
    pub(crate) fn scope(names: &[(&str, &str)], values: &str) -> Scope {
        let names = names.iter().map(|(key, name)| ((*key).to_owned(), (*name).to_owned())).collect();
        Scope { names, values: item(values), used: BTreeSet::new() }
    }

    #[test]
    fn what_is_defined_must_be_used() {
        let mut scope = scope(&[("#a", "a"), ("#b", "b")], r#"{":x":{"S":"x"}}"#);
        scope.name("#a").unwrap();
        let said = scope.finish().unwrap_err();
        assert_eq!(
            said.message.as_deref(),
            Some("Value provided in ExpressionAttributeNames unused in expressions: keys: {#b}")
        );
    }
}
