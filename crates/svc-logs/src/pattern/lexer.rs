//! The words of JSON and space-delimited patterns.

use super::operand::{self, Operand, Operator};

#[derive(Clone, Debug)]
pub(super) enum Token {
    Operand(Operand),
    Operator(Operator),
    Selector(Vec<Step>),
    And,
    Or,
    Open,
    Close,
    Comma,
}

/// One step into a JSON document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Member(String),
    Element(usize),
    /// Any member or element.
    Any,
}

pub(super) fn regexes(tokens: &[Token]) -> usize {
    tokens.iter().filter(|token| matches!(token, Token::Operand(Operand::Regex(_)))).count()
}

/// `None` for what is no pattern.
pub(super) fn tokens(text: &str) -> Option<Vec<Token>> {
    const FIXED: &[(&str, Token)] = &[
        ("&&", Token::And),
        ("||", Token::Or),
        ("(", Token::Open),
        (")", Token::Close),
        (",", Token::Comma),
        ("!=", Token::Operator(Operator::Unequal)),
        ("<=", Token::Operator(Operator::LessOrEqual)),
        (">=", Token::Operator(Operator::GreaterOrEqual)),
        ("<", Token::Operator(Operator::Less)),
        (">", Token::Operator(Operator::Greater)),
        ("=", Token::Operator(Operator::Equal)),
    ];
    let (mut rest, mut tokens) = (text.trim_start(), Vec::new());
    while !rest.is_empty() {
        let fixed = FIXED.iter().find_map(|(sign, token)| Some((rest.strip_prefix(sign)?, token.clone())));
        let (after, token) = match (fixed, rest.as_bytes()[0]) {
            (Some(found), _) => found,
            (None, b'"') => {
                let (text, after) = quoted(&rest[1..])?;
                (after, Token::Operand(Operand::Quoted(text)))
            }
            (None, b'%') => {
                let (text, after) = rest[1..].split_once('%')?;
                (after, Token::Operand(Operand::Regex(operand::regex(text)?)))
            }
            (None, b'$') => {
                let (steps, after) = selector(&rest[1..])?;
                (after, Token::Selector(steps))
            }
            (None, _) => {
                let (word, after) = word(rest)?;
                (after, Token::Operand(Operand::word(word.to_owned())))
            }
        };
        tokens.push(token);
        rest = after.trim_start();
    }
    Some(tokens)
}

/// What stands before the closing quote, in which a backslash takes the next letter as it is; and what follows.
fn quoted(text: &str) -> Option<(String, &str)> {
    let (mut read, mut letters) = (String::new(), text.char_indices());
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return Some((read, &text[at + 1..])),
            '\\' => read.push(letters.next()?.1),
            letter => read.push(letter),
        }
    }
    None
}

fn word(text: &str) -> Option<(&str, &str)> {
    let ends = |(at, letter): (usize, char)| {
        letter.is_whitespace()
            || "()[]{},=<>!\"%".contains(letter)
            || text[at..].starts_with("&&")
            || text[at..].starts_with("||")
    };
    let end = text.char_indices().find(|found| ends(*found)).map_or(text.len(), |(at, _)| at);
    (end > 0).then(|| text.split_at(end))
}

/// The steps behind a dollar sign: `.name`, `[0]`, `[*]`, `.*`, `['any name']`.
fn selector(mut rest: &str) -> Option<(Vec<Step>, &str)> {
    let mut steps = Vec::new();
    loop {
        if let Some(inside) = rest.strip_prefix('[').or_else(|| rest.strip_prefix(".[")) {
            let (step, after) = match inside.as_bytes().first()? {
                quote @ (b'\'' | b'"') => {
                    let (name, after) = inside[1..].split_once(char::from(*quote))?;
                    (Step::Member(name.to_owned()), after.strip_prefix(']')?)
                }
                _ => {
                    let (index, after) = inside.split_once(']')?;
                    let step = match index.trim() {
                        "*" => Step::Any,
                        index => Step::Element(index.parse().ok()?),
                    };
                    (step, after)
                }
            };
            steps.push(step);
            rest = after;
        } else if let Some(named) = rest.strip_prefix('.') {
            if let Some(after) = named.strip_prefix('*') {
                steps.push(Step::Any);
                rest = after;
                continue;
            }
            let is_letter =
                |letter: char| letter.is_alphanumeric() || matches!(letter, '_' | '-' | '@' | '/');
            let end = named.find(|letter| !is_letter(letter)).unwrap_or(named.len());
            if end == 0 {
                return None;
            }
            steps.push(Step::Member(named[..end].to_owned()));
            rest = &named[end..];
        } else {
            // One wildcard in a selector: AWS's bound.
            let wildcards = steps.iter().filter(|step| **step == Step::Any).count();
            return (!steps.is_empty() && wildcards < 2).then_some((steps, rest));
        }
    }
}
