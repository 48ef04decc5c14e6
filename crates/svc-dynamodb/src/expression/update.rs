//! Update expressions: their grammar, and what they make of an item.

use std::collections::BTreeSet;

use aws_wire::{AwsError, Result};

use super::token::{Cursor, Token};
use super::{Path, Scope, Step, check_disjoint, parse_all, parse_path};
use crate::value::{Attr, Item};

/// What an attribute is set to.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Path(Path),
    Literal(Attr),
    IfNotExists(Path, Box<Value>),
    ListAppend(Box<Value>, Box<Value>),
    Plus(Box<Value>, Box<Value>),
    Minus(Box<Value>, Box<Value>),
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Update {
    pub set: Vec<(Path, Value)>,
    pub remove: Vec<Path>,
    pub add: Vec<(Path, Attr)>,
    pub delete: Vec<(Path, Attr)>,
}

impl Update {
    /// # Errors
    /// `ValidationException` in AWS's words.
    pub(crate) fn parse(text: &str, scope: &mut Scope) -> Result<Self> {
        parse_all("UpdateExpression", text, |cursor| {
            let mut parser = Parser { cursor, scope };
            let update = parser.sections()?;
            check_disjoint(&update.paths())?;
            Ok(update)
        })
    }

    /// Whether it takes something away and gives nothing.
    pub(crate) fn only_removes(&self) -> bool {
        let gives = !self.set.is_empty() || !self.add.is_empty();
        let takes = !self.remove.is_empty() || !self.delete.is_empty();
        takes && !gives
    }

    /// The paths that it changes.
    pub(crate) fn paths(&self) -> Vec<&Path> {
        let pairs = self.add.iter().chain(&self.delete).map(|(path, _)| path);
        self.set.iter().map(|(path, _)| path).chain(&self.remove).chain(pairs).collect()
    }

    /// What it makes of `old`. Everything it reads is as it was before.
    ///
    /// # Errors
    /// `ValidationException`, when the item does not have what it needs.
    pub(crate) fn apply(&self, old: &Item) -> Result<Item> {
        let mut new = old.clone();
        let values = self.set.iter().map(|(path, value)| Ok((path, evaluate(value, old)?)));
        let mut values = values.collect::<Result<Vec<_>>>()?;
        // Elements beyond a list's end are appended in the order of their positions.
        values.sort_by(|(a, _), (b, _)| order(a, b));
        for (path, value) in values {
            put(&mut new, path, value)?;
        }
        for (path, value) in &self.add {
            let sum = add(path.get(old), value)?;
            put(&mut new, path, sum)?;
        }
        for (path, value) in &self.delete {
            if let Some(found) = path.get(old) {
                match subtract(found, value)? {
                    Some(rest) => put(&mut new, path, rest)?,
                    None => remove(&mut new, path)?,
                }
            }
        }
        // From a list's end on, so that positions hold.
        let mut removed = self.remove.iter().collect::<Vec<_>>();
        removed.sort_by(|a, b| order(b, a));
        for path in removed {
            remove(&mut new, path)?;
        }
        Ok(new)
    }
}

fn order(a: &Path, b: &Path) -> std::cmp::Ordering {
    let rank = |step: &Step| match step {
        Step::Name(name) => (0, name.clone(), 0),
        Step::Index(index) => (1, String::new(), *index),
    };
    a.0.iter().map(rank).cmp(b.0.iter().map(rank))
}

fn wrong_operand() -> AwsError {
    AwsError::validation("An operand in the update expression has an incorrect data type")
}

fn wrong_path() -> AwsError {
    AwsError::validation("The document path provided in the update expression is invalid for update")
}

fn evaluate(value: &Value, item: &Item) -> Result<Attr> {
    match value {
        Value::Literal(value) => Ok(value.clone()),
        Value::Path(path) => path.get(item).cloned().ok_or_else(|| {
            AwsError::validation(
                "The provided expression refers to an attribute that does not exist in the item",
            )
        }),
        Value::IfNotExists(path, other) => match path.get(item) {
            Some(found) => Ok(found.clone()),
            None => evaluate(other, item),
        },
        Value::ListAppend(left, right) => match (evaluate(left, item)?, evaluate(right, item)?) {
            (Attr::L(mut left), Attr::L(right)) => {
                left.extend(right);
                Ok(Attr::L(left))
            }
            _ => Err(wrong_operand()),
        },
        Value::Plus(left, right) | Value::Minus(left, right) => {
            match (evaluate(left, item)?, evaluate(right, item)?) {
                (Attr::N(left), Attr::N(right)) => {
                    let right = if matches!(value, Value::Minus(..)) { right.negated() } else { right };
                    Ok(Attr::N(left.plus(right).map_err(AwsError::validation)?))
                }
                _ => Err(wrong_operand()),
            }
        }
    }
}

/// A number's sum, a set's union; with the older parameters a list's continuation.
fn add(found: Option<&Attr>, value: &Attr) -> Result<Attr> {
    match (found, value) {
        (None, value) => Ok(value.clone()),
        (Some(Attr::N(a)), Attr::N(b)) => Ok(Attr::N(a.plus(*b).map_err(AwsError::validation)?)),
        (Some(Attr::Ss(a)), Attr::Ss(b)) => Ok(Attr::Ss(a | b)),
        (Some(Attr::Ns(a)), Attr::Ns(b)) => Ok(Attr::Ns(a | b)),
        (Some(Attr::Bs(a)), Attr::Bs(b)) => Ok(Attr::Bs(a | b)),
        (Some(Attr::L(a)), Attr::L(b)) => Ok(Attr::L([&a[..], b].concat())),
        _ => Err(wrong_operand()),
    }
}

/// What is left of a set; nothing when that is empty.
fn subtract(found: &Attr, value: &Attr) -> Result<Option<Attr>> {
    fn rest<T: Ord + Clone>(a: &BTreeSet<T>, b: &BTreeSet<T>) -> Option<BTreeSet<T>> {
        let rest = a - b;
        (!rest.is_empty()).then_some(rest)
    }
    match (found, value) {
        (Attr::Ss(a), Attr::Ss(b)) => Ok(rest(a, b).map(Attr::Ss)),
        (Attr::Ns(a), Attr::Ns(b)) => Ok(rest(a, b).map(Attr::Ns)),
        (Attr::Bs(a), Attr::Bs(b)) => Ok(rest(a, b).map(Attr::Bs)),
        _ => Err(wrong_operand()),
    }
}

/// What holds the path's last step: a map for a name, a list for a position.
fn parent<'a>(item: &'a mut Item, path: &Path) -> Result<&'a mut Attr> {
    let inner = &path.0[1..path.0.len() - 1];
    let mut found = item.get_mut(path.head()).ok_or_else(wrong_path)?;
    for step in inner {
        found = match (step, found) {
            (Step::Name(name), Attr::M(map)) => map.get_mut(name).ok_or_else(wrong_path)?,
            (Step::Index(index), Attr::L(list)) => list.get_mut(*index).ok_or_else(wrong_path)?,
            _ => return Err(wrong_path()),
        };
    }
    Ok(found)
}

fn put(item: &mut Item, path: &Path, value: Attr) -> Result<()> {
    let [.., last] = &path.0[..] else { return Err(wrong_path()) };
    if path.0.len() == 1 {
        item.insert(path.head().to_owned(), value);
        return Ok(());
    }
    match (last, parent(item, path)?) {
        (Step::Name(name), Attr::M(map)) => {
            map.insert(name.clone(), value);
        }
        (Step::Index(index), Attr::L(list)) => match list.get_mut(*index) {
            Some(slot) => *slot = value,
            None => list.push(value),
        },
        _ => return Err(wrong_path()),
    }
    Ok(())
}

fn remove(item: &mut Item, path: &Path) -> Result<()> {
    let [.., last] = &path.0[..] else { return Err(wrong_path()) };
    if path.0.len() == 1 {
        item.remove(path.head());
        return Ok(());
    }
    match (last, parent(item, path)?) {
        (Step::Name(name), Attr::M(map)) => {
            map.remove(name);
        }
        (Step::Index(index), Attr::L(list)) => {
            if *index < list.len() {
                list.remove(*index);
            }
        }
        _ => return Err(wrong_path()),
    }
    Ok(())
}

struct Parser<'c, 't, 's> {
    cursor: &'c mut Cursor<'t>,
    scope: &'s mut Scope,
}

const SECTIONS: [&str; 4] = ["SET", "REMOVE", "ADD", "DELETE"];

impl Parser<'_, '_, '_> {
    fn sections(&mut self) -> Result<Update, String> {
        let mut update = Update::default();
        let mut seen = BTreeSet::new();
        while self.cursor.peek().is_some() {
            let Some(section) = SECTIONS.into_iter().find(|section| self.cursor.at_word(section)) else {
                return Err(self.cursor.unexpected());
            };
            if !seen.insert(section) {
                return Err(format!(
                    "The \"{section}\" section can only be used once in an update expression;"
                ));
            }
            self.cursor.advance();
            loop {
                self.cursor.count()?;
                self.action(section, &mut update)?;
                if !self.cursor.take(&Token::Comma) {
                    break;
                }
            }
        }
        Ok(update)
    }

    fn action(&mut self, section: &str, update: &mut Update) -> Result<(), String> {
        let path = parse_path(self.cursor, self.scope)?;
        match section {
            "SET" => {
                self.cursor.expect(&Token::Compare("="))?;
                let value = self.value()?;
                update.set.push((path, value));
            }
            "REMOVE" => update.remove.push(path),
            _ => {
                let Some(Token::ValueKey(key)) = self.cursor.peek().cloned() else {
                    return Err(self.cursor.unexpected());
                };
                self.cursor.advance();
                let value = self.scope.value(&key)?;
                let is_set = matches!(value, Attr::Ss(_) | Attr::Ns(_) | Attr::Bs(_));
                let is_number = section == "ADD" && matches!(value, Attr::N(_));
                if !is_set && !is_number {
                    return Err(format!(
                        "Incorrect operand type for operator or function; operator: {section}, operand type: {}, typeSet: ALLOWED_FOR_{section}_OPERAND",
                        long_kind(&value)
                    ));
                }
                (if section == "ADD" { &mut update.add } else { &mut update.delete }).push((path, value));
            }
        }
        Ok(())
    }

    fn value(&mut self) -> Result<Value, String> {
        let left = self.operand()?;
        let symbol = match self.cursor.peek() {
            Some(Token::Plus) => "+",
            Some(Token::Minus) => "-",
            _ => return Ok(left),
        };
        self.cursor.count()?;
        self.cursor.advance();
        let right = self.operand()?;
        for operand in [&left, &right] {
            check_operand(symbol, operand, |value| matches!(value, Attr::N(_)))?;
        }
        let (left, right) = (Box::new(left), Box::new(right));
        Ok(if symbol == "+" { Value::Plus(left, right) } else { Value::Minus(left, right) })
    }

    fn operand(&mut self) -> Result<Value, String> {
        match (self.cursor.peek().cloned(), self.cursor.peek_at(1)) {
            (Some(Token::ValueKey(key)), _) => {
                self.cursor.advance();
                Ok(Value::Literal(self.scope.value(&key)?))
            }
            (Some(Token::Open('(')), _) => {
                self.cursor.advance();
                self.cursor.enter()?;
                let value = self.value();
                self.cursor.leave();
                let value = value?;
                self.cursor.expect(&Token::Close(')'))?;
                Ok(value)
            }
            (Some(Token::Word(name)), Some(Token::Open('('))) => self.function(&name),
            _ => Ok(Value::Path(parse_path(self.cursor, self.scope)?)),
        }
    }

    fn function(&mut self, name: &str) -> Result<Value, String> {
        const OF_CONDITIONS: [&str; 6] =
            ["attribute_exists", "attribute_not_exists", "attribute_type", "begins_with", "contains", "size"];
        if OF_CONDITIONS.contains(&name) {
            return Err(format!("The function is not allowed in an update expression; function: {name}"));
        }
        if !["if_not_exists", "list_append"].contains(&name) {
            return Err(format!("Invalid function name; function: {name}"));
        }
        self.cursor.count()?;
        self.cursor.advance();
        self.cursor.expect(&Token::Open('('))?;
        self.cursor.enter()?;
        let mut arguments = vec![self.value()?];
        while self.cursor.take(&Token::Comma) {
            arguments.push(self.value()?);
        }
        self.cursor.leave();
        self.cursor.expect(&Token::Close(')'))?;
        let count = arguments.len();
        let (Some(second), Some(first), true) = (arguments.pop(), arguments.pop(), count == 2) else {
            return Err(format!(
                "Incorrect number of operands for operator or function; operator or function: {name}, number of operands: {count}"
            ));
        };
        if name == "if_not_exists" {
            return match first {
                Value::Path(path) => Ok(Value::IfNotExists(path, Box::new(second))),
                _ => Err(format!(
                    "Operator or function requires a document path; operator or function: {name}"
                )),
            };
        }
        for operand in [&first, &second] {
            check_operand(name, operand, |value| matches!(value, Attr::L(_)))?;
        }
        Ok(Value::ListAppend(Box::new(first), Box::new(second)))
    }
}

fn check_operand(name: &str, operand: &Value, fits: impl Fn(&Attr) -> bool) -> Result<(), String> {
    match operand {
        Value::Literal(value) if !fits(value) => Err(format!(
            "Incorrect operand type for operator or function; operator or function: {name}, operand type: {}",
            value.kind()
        )),
        _ => Ok(()),
    }
}

fn long_kind(value: &Attr) -> &'static str {
    match value {
        Attr::S(_) => "STRING",
        Attr::N(_) => "NUMBER",
        Attr::B(_) => "BINARY",
        Attr::Null(_) => "NULL",
        Attr::Bool(_) => "BOOLEAN",
        Attr::L(_) => "LIST",
        Attr::M(_) => "MAP",
        Attr::Ss(_) | Attr::Ns(_) | Attr::Bs(_) => "SET",
    }
}

#[cfg(test)]
mod tests;
