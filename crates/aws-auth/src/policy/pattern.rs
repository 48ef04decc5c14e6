//! Texts of a policy with wildcards and variables in them.

use super::Keys;

/// One character of a pattern, or what stands for some.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token {
    Character(char),
    /// `?`
    One,
    /// `*`
    Any,
}

/// A text with `*` and `?` in it.
#[derive(Clone, Debug)]
pub(super) struct Pattern(Vec<Token>);

impl Pattern {
    /// Without variables.
    pub(super) fn literal(text: &str) -> Self {
        Self(text.chars().map(wildcard).collect())
    }

    /// With `${key}`, `${key, 'default'}`, `${*}`, `${?}` and `${$}` replaced. What a variable stands for has no
    /// wildcards. `None` when a key has no value: then nothing matches.
    pub(super) fn expanded(text: &str, keys: &Keys) -> Option<Self> {
        let (mut tokens, mut rest) = (Vec::new(), text);
        while let Some((before, after)) = rest.split_once("${") {
            let Some((variable, after)) = after.split_once('}') else { break };
            tokens.extend(before.chars().map(wildcard));
            let (key, default) = match variable.split_once(',') {
                Some((key, default)) => (key.trim(), Some(default.trim().trim_matches('\''))),
                None => (variable.trim(), None),
            };
            let value = match key {
                "*" | "?" | "$" => Some(key),
                _ => match keys.get(key) {
                    Some([value]) => Some(value.as_str()),
                    // Several values are no text.
                    Some(_) => None,
                    None => default,
                },
            };
            tokens.extend(value?.chars().map(Token::Character));
            rest = after;
        }
        tokens.extend(rest.chars().map(wildcard));
        Some(Self(tokens))
    }

    pub(super) fn matches(&self, text: &str) -> bool {
        let (tokens, text) = (&self.0, text.chars().collect::<Vec<_>>());
        let (mut at, mut token) = (0, 0);
        // Where to go on when a later part does not match: the last star, and how far it reached.
        let mut star = None;
        while at < text.len() {
            match tokens.get(token) {
                Some(Token::Any) => {
                    star = Some((token, at));
                    token += 1;
                    continue;
                }
                Some(Token::One) => {}
                Some(Token::Character(character)) if *character == text[at] => {}
                _ => {
                    let Some((before, reached)) = star else { return false };
                    star = Some((before, reached + 1));
                    (token, at) = (before + 1, reached + 1);
                    continue;
                }
            }
            at += 1;
            token += 1;
        }
        tokens[token..].iter().all(|token| *token == Token::Any)
    }

    /// As plain text, its wildcards being characters like others.
    pub(super) fn text(&self) -> String {
        let character = |token: &Token| match token {
            Token::Character(character) => *character,
            Token::One => '?',
            Token::Any => '*',
        };
        self.0.iter().map(character).collect()
    }

    fn is_star(&self) -> bool {
        self.0 == [Token::Any]
    }

    /// The six parts of an ARN's pattern; the last keeps its colons.
    fn parts(self) -> Vec<Self> {
        self.0.splitn(6, |token| *token == Token::Character(':')).map(|part| Self(part.to_vec())).collect()
    }
}

fn wildcard(character: char) -> Token {
    match character {
        '*' => Token::Any,
        '?' => Token::One,
        character => Token::Character(character),
    }
}

/// Whether an ARN is one of those that `pattern` names. A star does not reach beyond its part, but one alone is any ARN.
pub(super) fn arn_matches(pattern: &str, arn: &str, keys: Option<&Keys>) -> bool {
    let pattern = match keys {
        Some(keys) => Pattern::expanded(pattern, keys),
        None => Some(Pattern::literal(pattern)),
    };
    let Some(pattern) = pattern else { return false };
    if pattern.is_star() {
        return true;
    }
    let (patterns, parts) = (pattern.parts(), arn.splitn(6, ':').collect::<Vec<_>>());
    patterns.len() == 6
        && parts.len() == 6
        && patterns.iter().zip(parts).all(|(pattern, part)| pattern.matches(part))
}
