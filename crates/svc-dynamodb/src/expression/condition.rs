//! Condition and filter expressions: their grammar, and whether an item meets one.

use std::cmp::Ordering;

use aws_wire::Result;

use super::token::{Cursor, Token};
use super::{Path, Scope, parse_all, parse_path};
use crate::number::Number;
use crate::value::{Attr, Item};

/// Values of an IN.
const IN_MAX: usize = 100;

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Operand {
    Path(Path),
    Value(Attr),
    Size(Box<Operand>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Comparison {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
}

impl Comparison {
    fn of(symbol: &str) -> Self {
        match symbol {
            "=" => Self::Eq,
            "<>" => Self::Ne,
            "<" => Self::Lt,
            "<=" => Self::Le,
            ">" => Self::Gt,
            _ => Self::Ge,
        }
    }

    pub(crate) const fn symbol(self) -> &'static str {
        match self {
            Self::Eq => "=",
            Self::Ne => "<>",
            Self::Lt => "<",
            Self::Le => "<=",
            Self::Gt => ">",
            Self::Ge => ">=",
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Condition {
    All(Vec<Condition>),
    Any(Vec<Condition>),
    Not(Box<Condition>),
    Compare(Comparison, Operand, Operand),
    Between(Operand, Operand, Operand),
    In(Operand, Vec<Operand>),
    Exists(Path),
    NotExists(Path),
    HasType(Operand, String),
    BeginsWith(Operand, Operand),
    Contains(Operand, Operand),
}

impl Condition {
    /// # Errors
    /// `ValidationException` in AWS's words, which name the `parameter`.
    pub(crate) fn parse(parameter: &str, text: &str, scope: &mut Scope) -> Result<Self> {
        parse_all(parameter, text, |cursor| {
            let mut parser = Parser { cursor, scope };
            parser.any()
        })
    }

    /// Whether `item` meets it.
    pub(crate) fn holds(&self, item: &Item) -> bool {
        match self {
            Self::All(all) => all.iter().all(|condition| condition.holds(item)),
            Self::Any(any) => any.iter().any(|condition| condition.holds(item)),
            Self::Not(condition) => !condition.holds(item),
            Self::Compare(comparison, left, right) => compare(*comparison, left.get(item), right.get(item)),
            Self::Between(value, low, high) => {
                let value = value.get(item);
                compare(Comparison::Ge, value.clone(), low.get(item))
                    && compare(Comparison::Le, value, high.get(item))
            }
            Self::In(value, list) => {
                let value = value.get(item);
                value.is_some() && list.iter().any(|other| other.get(item) == value)
            }
            Self::Exists(path) => path.get(item).is_some(),
            Self::NotExists(path) => path.get(item).is_none(),
            Self::HasType(value, kind) => value.get(item).is_some_and(|value| value.kind() == kind),
            Self::BeginsWith(value, prefix) => match (value.get(item), prefix.get(item)) {
                (Some(Attr::S(value)), Some(Attr::S(prefix))) => value.starts_with(&prefix),
                (Some(Attr::B(value)), Some(Attr::B(prefix))) => value.0.starts_with(&prefix.0),
                _ => false,
            },
            Self::Contains(value, part) => match (value.get(item), part.get(item)) {
                (Some(value), Some(part)) => contains(&value, &part),
                _ => false,
            },
        }
    }

    /// Every path in it.
    pub(crate) fn paths<'a>(&'a self, into: &mut Vec<&'a Path>) {
        let mut operands: Vec<&Operand> = Vec::new();
        match self {
            Self::All(all) | Self::Any(all) => all.iter().for_each(|condition| condition.paths(into)),
            Self::Not(condition) => condition.paths(into),
            Self::Exists(path) | Self::NotExists(path) => into.push(path),
            Self::Compare(_, left, right) | Self::BeginsWith(left, right) | Self::Contains(left, right) => {
                operands.extend([left, right]);
            }
            Self::Between(value, low, high) => operands.extend([value, low, high]),
            Self::In(value, list) => operands.extend(std::iter::once(value).chain(list)),
            Self::HasType(value, _) => operands.push(value),
        }
        for operand in operands {
            let mut operand = operand;
            while let Operand::Size(inside) = operand {
                operand = inside;
            }
            if let Operand::Path(path) = operand {
                into.push(path);
            }
        }
    }
}

impl Operand {
    fn get(&self, item: &Item) -> Option<Attr> {
        match self {
            Self::Path(path) => path.get(item).cloned(),
            Self::Value(value) => Some(value.clone()),
            Self::Size(inside) => {
                let size = match inside.get(item)? {
                    Attr::S(text) => text.chars().count(),
                    Attr::B(bytes) => bytes.0.len(),
                    Attr::Ss(set) => set.len(),
                    Attr::Ns(set) => set.len(),
                    Attr::Bs(set) => set.len(),
                    Attr::M(map) => map.len(),
                    Attr::L(list) => list.len(),
                    Attr::N(_) | Attr::Bool(_) | Attr::Null(_) => return None,
                };
                Some(Attr::N(Number::whole(i64::try_from(size).ok()?)))
            }
        }
    }
}

/// An absent side equals nothing and compares with nothing; it differs from everything.
fn compare(comparison: Comparison, left: Option<Attr>, right: Option<Attr>) -> bool {
    match comparison {
        Comparison::Eq => left.is_some() && left == right,
        Comparison::Ne => left.is_none() || left != right,
        _ => {
            let (Some(left), Some(right)) = (left, right) else { return false };
            let Some(order) = left.compare(&right) else { return false };
            match comparison {
                Comparison::Lt => order == Ordering::Less,
                Comparison::Le => order != Ordering::Greater,
                Comparison::Gt => order == Ordering::Greater,
                _ => order != Ordering::Less,
            }
        }
    }
}

fn contains(value: &Attr, part: &Attr) -> bool {
    match (value, part) {
        (Attr::S(text), Attr::S(part)) => text.contains(part),
        (Attr::B(bytes), Attr::B(part)) => {
            part.0.is_empty() || bytes.0.windows(part.0.len()).any(|window| window == part.0)
        }
        (Attr::Ss(set), Attr::S(part)) => set.contains(part),
        (Attr::Ns(set), Attr::N(part)) => set.contains(part),
        (Attr::Bs(set), Attr::B(part)) => set.contains(part),
        (Attr::L(list), part) => list.contains(part),
        _ => false,
    }
}

struct Parser<'c, 't, 's> {
    cursor: &'c mut Cursor<'t>,
    scope: &'s mut Scope,
}

impl Parser<'_, '_, '_> {
    fn any(&mut self) -> Result<Condition, String> {
        let mut parts = vec![self.all()?];
        while self.cursor.take_word("OR") {
            self.cursor.count()?;
            parts.push(self.all()?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Condition::Any(parts) })
    }

    fn all(&mut self) -> Result<Condition, String> {
        let mut parts = vec![self.not()?];
        while self.cursor.take_word("AND") {
            self.cursor.count()?;
            parts.push(self.not()?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Condition::All(parts) })
    }

    fn not(&mut self) -> Result<Condition, String> {
        if !self.cursor.take_word("NOT") {
            return self.primary();
        }
        self.cursor.count()?;
        let inside = self.nested(Self::not)?;
        Ok(Condition::Not(Box::new(inside)))
    }

    /// `parse`, one level deeper.
    fn nested<T>(&mut self, parse: impl FnOnce(&mut Self) -> Result<T, String>) -> Result<T, String> {
        self.cursor.enter()?;
        let parsed = parse(self);
        self.cursor.leave();
        parsed
    }

    fn primary(&mut self) -> Result<Condition, String> {
        let position = self.cursor.position();
        if self.cursor.take(&Token::Open('(')) {
            let doubled = self.cursor.peek() == Some(&Token::Open('('));
            let inner = self.nested(|parser| {
                let inner = parser.any()?;
                let end = parser.cursor.position();
                parser.cursor.expect(&Token::Close(')'))?;
                Ok((inner, end))
            });
            return match inner {
                Ok((inner, end)) => {
                    // `((a))`: the inner pair ends where the outer one does.
                    if doubled && self.cursor.closing_of(position + 1) == Some(end - 1) {
                        return Err("The expression has redundant parentheses;".to_owned());
                    }
                    Ok(inner)
                }
                Err(said) => Err(said),
            };
        }
        if let (Some(Token::Word(name)), Some(Token::Open('('))) =
            (self.cursor.peek(), self.cursor.peek_at(1))
            && !name.eq_ignore_ascii_case("size")
        {
            let name = name.clone();
            return self.function(&name);
        }
        let start = self.cursor.position();
        let left = self.operand()?;
        let is_size = matches!(left, Operand::Size(_));
        self.comparison(left).map_err(|said| {
            // A size that is compared with nothing.
            if is_size && self.cursor.position() > start && said.is_empty() {
                return "The function is not allowed to be used this way in an expression; function: size"
                    .to_owned();
            }
            if said.is_empty() { self.cursor.unexpected() } else { said }
        })
    }

    /// What follows a first operand; an empty error when nothing does.
    fn comparison(&mut self, left: Operand) -> Result<Condition, String> {
        if let Some(Token::Compare(symbol)) = self.cursor.peek() {
            let comparison = Comparison::of(symbol);
            self.cursor.count()?;
            self.cursor.advance();
            let right = self.operand()?;
            check_distinct(comparison.symbol(), &left, &right)?;
            if !matches!(comparison, Comparison::Eq | Comparison::Ne) {
                for operand in [&left, &right] {
                    check_ordered(comparison.symbol(), operand)?;
                }
            }
            return Ok(Condition::Compare(comparison, left, right));
        }
        if self.cursor.take_word("BETWEEN") {
            self.cursor.count()?;
            let low = self.operand()?;
            self.cursor.expect_word("AND")?;
            let high = self.operand()?;
            for operand in [&left, &low, &high] {
                check_ordered("BETWEEN", operand)?;
            }
            check_bounds(&low, &high)?;
            return Ok(Condition::Between(left, low, high));
        }
        if self.cursor.take_word("IN") {
            self.cursor.count()?;
            self.cursor.expect(&Token::Open('('))?;
            let mut list = vec![self.operand()?];
            while self.cursor.take(&Token::Comma) {
                list.push(self.operand()?);
            }
            self.cursor.expect(&Token::Close(')'))?;
            if list.len() > IN_MAX {
                return Err(format!(
                    "Incorrect number of operands for operator or function; operator or function: IN, number of operands: {}",
                    list.len() + 1
                ));
            }
            return Ok(Condition::In(left, list));
        }
        Err(String::new())
    }

    fn arguments(&mut self) -> Result<Vec<Operand>, String> {
        self.cursor.advance();
        self.cursor.expect(&Token::Open('('))?;
        let mut arguments = vec![self.operand()?];
        while self.cursor.take(&Token::Comma) {
            arguments.push(self.operand()?);
        }
        self.cursor.expect(&Token::Close(')'))?;
        Ok(arguments)
    }

    fn function(&mut self, name: &str) -> Result<Condition, String> {
        self.cursor.count()?;
        let wanted = match name {
            "attribute_exists" | "attribute_not_exists" => 1,
            "attribute_type" | "begins_with" | "contains" => 2,
            "if_not_exists" | "list_append" => {
                return Err(format!(
                    "The function is not allowed in a condition expression; function: {name}"
                ));
            }
            _ => return Err(format!("Invalid function name; function: {name}")),
        };
        let mut arguments = self.nested(Self::arguments)?;
        if arguments.len() != wanted {
            return Err(wrong_count(name, arguments.len()));
        }
        if matches!(self.cursor.peek(), Some(Token::Compare(_))) {
            return Err(format!(
                "The function is not allowed to be used this way in an expression; function: {name}"
            ));
        }
        let first = arguments.remove(0);
        let Some(second) = arguments.pop() else {
            let Operand::Path(path) = first else {
                return Err(format!(
                    "Operator or function requires a document path; operator or function: {name}"
                ));
            };
            return Ok(match name {
                "attribute_exists" => Condition::Exists(path),
                _ => Condition::NotExists(path),
            });
        };
        check_distinct(name, &first, &second)?;
        match name {
            "attribute_type" => has_type(first, &second),
            "begins_with" => {
                for operand in [&first, &second] {
                    if let Operand::Value(value) = operand
                        && !matches!(value, Attr::S(_) | Attr::B(_))
                    {
                        return Err(wrong_type(name, value.kind()));
                    }
                }
                Ok(Condition::BeginsWith(first, second))
            }
            _ => Ok(Condition::Contains(first, second)),
        }
    }

    fn operand(&mut self) -> Result<Operand, String> {
        match (self.cursor.peek().cloned(), self.cursor.peek_at(1)) {
            (Some(Token::ValueKey(key)), _) => {
                self.cursor.advance();
                Ok(Operand::Value(self.scope.value(&key)?))
            }
            (Some(Token::Word(name)), Some(Token::Open('('))) => {
                if name != "size" {
                    let known = [
                        "attribute_exists",
                        "attribute_not_exists",
                        "attribute_type",
                        "begins_with",
                        "contains",
                    ];
                    return Err(if known.contains(&name.as_str()) {
                        format!(
                            "The function is not allowed to be used this way in an expression; function: {name}"
                        )
                    } else {
                        format!("Invalid function name; function: {name}")
                    });
                }
                self.cursor.count()?;
                let mut arguments = self.nested(Self::arguments)?;
                if arguments.len() != 1 {
                    return Err(wrong_count("size", arguments.len()));
                }
                let inside = arguments.remove(0);
                match &inside {
                    Operand::Value(value @ (Attr::N(_) | Attr::Bool(_) | Attr::Null(_))) => {
                        Err(wrong_type("size", value.kind()))
                    }
                    Operand::Size(_) => Err(
                        "The function is not allowed to be used this way in an expression; function: size"
                            .to_owned(),
                    ),
                    _ => Ok(Operand::Size(Box::new(inside))),
                }
            }
            _ => Ok(Operand::Path(parse_path(self.cursor, self.scope)?)),
        }
    }
}

fn wrong_count(name: &str, count: usize) -> String {
    format!(
        "Incorrect number of operands for operator or function; operator or function: {name}, number of operands: {count}"
    )
}

fn wrong_type(name: &str, kind: &str) -> String {
    format!(
        "Incorrect operand type for operator or function; operator or function: {name}, operand type: {kind}"
    )
}

fn check_ordered(name: &str, operand: &Operand) -> Result<(), String> {
    match operand {
        Operand::Value(Attr::S(_) | Attr::N(_) | Attr::B(_)) | Operand::Path(_) | Operand::Size(_) => Ok(()),
        Operand::Value(value) => Err(wrong_type(name, value.kind())),
    }
}

fn check_distinct(name: &str, left: &Operand, right: &Operand) -> Result<(), String> {
    match (left, right) {
        (Operand::Path(first), Operand::Path(second)) if first == second => Err(format!(
            "The first operand must be distinct from the remaining operands for this operator or function; operator: {name}, first operand: {}",
            first.shown()
        )),
        _ => Ok(()),
    }
}

fn check_bounds(low: &Operand, high: &Operand) -> Result<(), String> {
    let (Operand::Value(low), Operand::Value(high)) = (low, high) else { return Ok(()) };
    let what = match low.compare(high) {
        None => "same data type for lower and upper bounds",
        Some(Ordering::Greater) => "upper bound to be greater than or equal to lower bound",
        Some(_) => return Ok(()),
    };
    Err(format!(
        "The BETWEEN operator requires {what}; lower bound operand: AttributeValue: {}, upper bound operand: AttributeValue: {}",
        low.shown(),
        high.shown()
    ))
}

fn has_type(value: Operand, kind: &Operand) -> Result<Condition, String> {
    const KINDS: [&str; 10] = ["S", "SS", "N", "NS", "B", "BS", "BOOL", "NULL", "L", "M"];
    match kind {
        Operand::Value(Attr::S(kind)) if KINDS.contains(&kind.as_str()) => {
            Ok(Condition::HasType(value, kind.clone()))
        }
        Operand::Value(Attr::S(kind)) => Err(format!(
            "Invalid attribute type name found; type: {kind}, valid types: {{B,NULL,SS,BOOL,L,BS,N,NS,S,M}}"
        )),
        Operand::Value(other) => Err(wrong_type("attribute_type", other.kind())),
        _ => Err(wrong_type("attribute_type", "{NS,SS,L,BS,N,M,B,BOOL,NULL,S}")),
    }
}

#[cfg(test)]
mod tests;
