//! Values of conditions: `*` stands for any letters or none, `?` for one, and `\` takes either's meaning away.

/// Whether all of `text` is as `pattern` says.
pub(crate) fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (tokens(pattern), text.chars().collect::<Vec<_>>());
    let (mut at, mut position) = (0, 0);
    // Where the last star stands, and how far it reaches: it takes another letter when the rest does not fit.
    let mut star = None;
    while position < text.len() {
        match pattern.get(at) {
            Some(Token::Any) => {
                star = Some((at, position));
                at += 1;
            }
            Some(token) if token.takes(text[position]) => {
                at += 1;
                position += 1;
            }
            _ => {
                let Some((star_at, reached)) = star else { return false };
                star = Some((star_at, reached + 1));
                at = star_at + 1;
                position = reached + 1;
            }
        }
    }
    pattern[at..].iter().all(|token| *token == Token::Any)
}

/// As [`matches`], where case does not count.
pub(crate) fn matches_any_case(pattern: &str, text: &str) -> bool {
    matches(&pattern.to_lowercase(), &text.to_lowercase())
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Token {
    Any,
    One,
    Letter(char),
}

impl Token {
    fn takes(self, letter: char) -> bool {
        match self {
            Self::Any => false,
            Self::One => true,
            Self::Letter(own) => own == letter,
        }
    }
}

fn tokens(pattern: &str) -> Vec<Token> {
    let mut letters = pattern.chars().peekable();
    let mut tokens = Vec::new();
    while let Some(letter) = letters.next() {
        tokens.push(match letter {
            '*' => Token::Any,
            '?' => Token::One,
            '\\' => match letters.next_if(|next| matches!(next, '*' | '?' | '\\')) {
                Some(next) => Token::Letter(next),
                None => Token::Letter('\\'),
            },
            letter => Token::Letter(letter),
        });
    }
    tokens
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_and_question_marks_stand_for_letters() {
        let check = |pattern: &str, text: &str, expected: bool| {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        };
        check("/img/*", "/img/a/b", true);
        check("/img/*", "/img/", true);
        check("/img/*", "/img", false);
        check("/img/*/pics", "/img/a/b/pics", true);
        check("/img/*/pics", "/img/pics", false);
        check("/IMG", "/img", false);
        check("a?c", "abc", true);
        check("a?c", "ac", false);
        check("*", "", true);
        check("a*b*c", "aXbYbZc", true);
        check("a*b*c", "aXbYbZ", false);
        check(r"a\*", "a*", true);
        check(r"a\*", "ab", false);
        check(r"a\b", r"a\b", true);
        assert!(matches_any_case("*.Example.COM", "www.example.com"));
    }
}
