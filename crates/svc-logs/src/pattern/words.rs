//! Patterns of events whose words stand between spaces. What is in quotes or brackets is one word.

use super::lexer::Token;
use super::operand::{Operand, Operator};

/// Conditions of one word: some of which all hold.
type Word = Vec<Vec<(Operator, Operand)>>;

#[derive(Debug)]
pub(super) struct Words {
    first: Vec<Word>,
    /// Behind an ellipsis, counted from the end; without one, the last of `first` takes the rest of the line.
    last: Option<Vec<Word>>,
}

impl Words {
    /// `None` for what is no such pattern.
    pub(super) fn parse(tokens: Vec<Token>) -> Option<Self> {
        let (mut first, mut last) = (Vec::new(), None::<Vec<Word>>);
        if tokens.is_empty() {
            return Some(Self { first, last: Some(Vec::new()) });
        }
        for part in tokens.split(|token| matches!(token, Token::Comma)) {
            if matches!(part, [Token::Operand(Operand::Word(text, _))] if text == "...") {
                if last.is_some() {
                    return None;
                }
                last = Some(Vec::new());
                continue;
            }
            last.as_mut().unwrap_or(&mut first).push(word(part)?);
        }
        Some(Self { first, last })
    }

    pub(super) fn matches(&self, message: &str) -> bool {
        let words = match &self.last {
            Some(_) => split(message, usize::MAX),
            None => split(message, self.first.len()),
        };
        let last = self.last.as_deref().unwrap_or_default();
        if words.len() < self.first.len() + last.len() {
            return false;
        }
        let ends = &words[words.len() - last.len()..];
        self.first.iter().zip(&words).chain(last.iter().zip(ends)).all(|(word, text)| holds(word, text))
    }
}

/// `None` for what is no word: it has a name, and conditions that begin with the name.
fn word(tokens: &[Token]) -> Option<Word> {
    if let [Token::Operand(Operand::Word(..))] = tokens {
        return Some(vec![Vec::new()]);
    }
    let (mut names, mut any) = (Vec::new(), Vec::new());
    for alternative in tokens.split(|token| matches!(token, Token::Or)) {
        let mut all = Vec::new();
        for condition in alternative.split(|token| matches!(token, Token::And)) {
            let [Token::Operand(Operand::Word(name, _)), Token::Operator(operator), Token::Operand(operand)] =
                condition
            else {
                return None;
            };
            if !operand.fits(*operator) {
                return None;
            }
            names.push(name);
            all.push((*operator, operand.clone()));
        }
        any.push(all);
    }
    names.windows(2).all(|pair| pair[0] == pair[1]).then_some(any)
}

fn holds(word: &Word, text: &str) -> bool {
    let number = text.parse().ok();
    word.iter().any(|all| all.iter().all(|(operator, operand)| operand.compare(*operator, text, number)))
}

/// The words of a line, at most so many; the last takes all that is left.
fn split(message: &str, most: usize) -> Vec<&str> {
    let (mut rest, mut words) = (message.trim(), Vec::new());
    while !rest.is_empty() {
        let is_last = words.len() + 1 == most;
        let (word, after) = match enclosed(rest) {
            Some((word, after)) if !is_last || after.trim().is_empty() => (word, after),
            _ if is_last => (rest, ""),
            _ => rest.split_once(char::is_whitespace).unwrap_or((rest, "")),
        };
        words.push(word);
        rest = after.trim_start();
    }
    words
}

/// A word in quotes or brackets, without them, and what follows.
fn enclosed(text: &str) -> Option<(&str, &str)> {
    let close = match text.as_bytes().first()? {
        b'"' => '"',
        b'[' => ']',
        _ => return None,
    };
    let (word, after) = text[1..].split_once(close)?;
    (after.is_empty() || after.starts_with(char::is_whitespace)).then_some((word, after))
}
