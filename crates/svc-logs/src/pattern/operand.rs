//! What values are compared with: text with asterisks, numbers, regular expressions.

use fancy_regex::Regex;

/// Symbols that AWS documents for regular expressions. Neither groups nor what could look back: time stays linear.
const REGEX_SYMBOLS: &str = "_#=@/;,-: ^$?[]{}|\\*+.";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Equal,
    Unequal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

#[derive(Clone, Debug)]
pub(super) enum Operand {
    /// Its text, and its number if it is one.
    Word(String, Option<f64>),
    Quoted(String),
    Regex(Regex),
}

/// `None` for what AWS takes for no regular expression.
pub(super) fn regex(text: &str) -> Option<Regex> {
    let known = |letter: char| letter.is_ascii_alphanumeric() || REGEX_SYMBOLS.contains(letter);
    if text.is_empty() || !text.chars().all(known) {
        return None;
    }
    Regex::new(text).ok()
}

impl Operand {
    pub(super) fn word(text: String) -> Self {
        let number = text.parse().ok().filter(|number: &f64| number.is_finite());
        Self::Word(text, number)
    }

    /// Whether a comparison makes sense: what is larger or smaller is a number.
    pub(super) fn fits(&self, operator: Operator) -> bool {
        match operator {
            Operator::Equal | Operator::Unequal => true,
            _ => matches!(self, Self::Word(_, Some(_))),
        }
    }

    /// Compares a value that reads so, and is that number if it is one.
    pub(super) fn compare(&self, operator: Operator, text: &str, number: Option<f64>) -> bool {
        match operator {
            Operator::Equal => self.equals(text, number),
            Operator::Unequal => !self.equals(text, number),
            _ => {
                let (Self::Word(_, Some(own)), Some(number)) = (self, number) else { return false };
                match operator {
                    Operator::Less => number < *own,
                    Operator::LessOrEqual => number <= *own,
                    Operator::Greater => number > *own,
                    _ => number >= *own,
                }
            }
        }
    }

    fn equals(&self, text: &str, number: Option<f64>) -> bool {
        match self {
            #[expect(clippy::float_cmp, reason = "equal is what the pattern asks for")]
            Self::Word(own, own_number) => {
                own_number.zip(number).is_some_and(|(own, number)| own == number) || fits(own, text)
            }
            Self::Quoted(own) => fits(own, text),
            Self::Regex(regex) => regex.is_match(text).unwrap_or(false),
        }
    }

    /// Whether everything equals it.
    pub(super) fn is_anything(&self) -> bool {
        matches!(self, Self::Word(text, _) | Self::Quoted(text) if text == "*")
    }
}

/// Whether a text is as a pattern says, in which an asterisk stands for anything.
fn fits(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = text.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let Some(last) = parts.next_back() else { return rest.is_empty() };
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}
