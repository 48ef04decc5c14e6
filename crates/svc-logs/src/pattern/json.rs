//! Patterns of events that are JSON objects.

use serde_json::Value as Json;

use super::lexer::{Step, Token};
use super::operand::{Operand, Operator};

#[derive(Debug)]
pub(super) enum Expression {
    All(Vec<Expression>),
    Any(Vec<Expression>),
    Test(Vec<Step>, Test),
}

#[derive(Debug)]
pub(super) enum Test {
    Compare(Operator, Operand),
    IsNull,
    Is(bool),
    Exists,
    Missing,
}

impl Expression {
    /// `None` for what is no expression.
    pub(super) fn parse(mut tokens: Vec<Token>) -> Option<Self> {
        tokens.reverse();
        let expression = any(&mut tokens)?;
        tokens.is_empty().then_some(expression)
    }

    pub(super) fn matches(&self, message: &str) -> bool {
        // Most events are none, and reading them as such would be most of the work.
        if !message.trim_start().starts_with('{') {
            return false;
        }
        serde_json::from_str::<Json>(message).is_ok_and(|document| self.holds(&document))
    }

    fn holds(&self, document: &Json) -> bool {
        match self {
            Self::All(parts) => parts.iter().all(|part| part.holds(document)),
            Self::Any(parts) => parts.iter().any(|part| part.holds(document)),
            Self::Test(steps, test) => {
                let mut found = Vec::new();
                select(document, steps, &mut found);
                match test {
                    Test::Missing => found.is_empty(),
                    test => found.into_iter().any(|value| test.holds(value)),
                }
            }
        }
    }
}

impl Test {
    fn holds(&self, value: &Json) -> bool {
        match (self, value) {
            (Self::IsNull, value) => value.is_null(),
            (Self::Is(wanted), value) => *value == Json::Bool(*wanted),
            (Self::Exists, _) => true,
            (Self::Missing, _) => false,
            (Self::Compare(operator, operand), _) if operand.is_anything() => *operator == Operator::Equal,
            (Self::Compare(operator, operand), Json::String(text)) => operand.compare(*operator, text, None),
            (Self::Compare(operator, operand), Json::Number(number)) => {
                operand.compare(*operator, &number.to_string(), number.as_f64())
            }
            (Self::Compare(..), _) => false,
        }
    }
}

/// The values that a selector leads to: one or none, or several behind a wildcard.
fn select<'j>(value: &'j Json, steps: &[Step], found: &mut Vec<&'j Json>) {
    let Some((step, rest)) = steps.split_first() else { return found.push(value) };
    match (step, value) {
        (Step::Member(name), Json::Object(members)) => {
            members.get(name).into_iter().for_each(|member| select(member, rest, found));
        }
        (Step::Element(index), Json::Array(elements)) => {
            elements.get(*index).into_iter().for_each(|element| select(element, rest, found));
        }
        (Step::Any, Json::Array(elements)) => {
            elements.iter().for_each(|element| select(element, rest, found))
        }
        (Step::Any, Json::Object(members)) => members.values().for_each(|member| select(member, rest, found)),
        _ => {}
    }
}

/// Tokens lie in reverse, so that the next is the last.
fn any(tokens: &mut Vec<Token>) -> Option<Expression> {
    let mut parts = vec![all(tokens)?];
    while matches!(tokens.last(), Some(Token::Or)) {
        tokens.pop();
        parts.push(all(tokens)?);
    }
    Some(Expression::Any(parts))
}

fn all(tokens: &mut Vec<Token>) -> Option<Expression> {
    let mut parts = vec![one(tokens)?];
    while matches!(tokens.last(), Some(Token::And)) {
        tokens.pop();
        parts.push(one(tokens)?);
    }
    Some(Expression::All(parts))
}

fn one(tokens: &mut Vec<Token>) -> Option<Expression> {
    match tokens.pop()? {
        Token::Open => {
            let inside = any(tokens)?;
            matches!(tokens.pop()?, Token::Close).then_some(inside)
        }
        Token::Selector(steps) => Some(Expression::Test(steps, test(tokens)?)),
        _ => None,
    }
}

fn test(tokens: &mut Vec<Token>) -> Option<Test> {
    match (tokens.pop()?, tokens.last()) {
        (Token::Operator(operator), Some(Token::Operand(_))) => {
            let Some(Token::Operand(operand)) = tokens.pop() else { return None };
            operand.fits(operator).then_some(Test::Compare(operator, operand))
        }
        (Token::Operand(Operand::Word(first, _)), second) => {
            let second = match second {
                Some(Token::Operand(Operand::Word(second, _))) => second.as_str(),
                _ => "",
            };
            let (test, both) = match (first.as_str(), second) {
                ("IS", "NULL") => (Test::IsNull, true),
                ("IS", "TRUE") => (Test::Is(true), true),
                ("IS", "FALSE") => (Test::Is(false), true),
                ("NOT", "EXISTS") => (Test::Missing, true),
                ("EXISTS", _) => (Test::Exists, false),
                _ => return None,
            };
            if both {
                tokens.pop();
            }
            Some(test)
        }
        _ => None,
    }
}
