//! An expression's tokens, and a cursor over them that knows where an error is.

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// A name or a keyword.
    Word(String),
    /// `#name`, with its mark.
    NameKey(String),
    /// `:value`, with its mark.
    ValueKey(String),
    /// Digits.
    Number(String),
    /// `=`, `<>`, `<`, `<=`, `>`, `>=`
    Compare(&'static str),
    /// `(` or `[`
    Open(char),
    /// `)` or `]`
    Close(char),
    Comma,
    Dot,
    Plus,
    Minus,
}

/// Actions, operators and functions in one expression.
const OPERATORS_MAX: usize = 300;

/// Tokens with where each begins and ends in the text.
pub(super) struct Cursor<'a> {
    text: &'a str,
    tokens: Vec<(Token, usize, usize)>,
    at: usize,
    depth: usize,
    operators: usize,
}

impl<'a> Cursor<'a> {
    /// # Errors
    /// For a character that belongs to no token.
    pub(super) fn new(text: &'a str) -> Result<Self, String> {
        let mut tokens: Vec<(Token, usize, usize)> = Vec::new();
        let mut start = 0;
        while let Some(first) = text[start..].chars().next() {
            if first.is_whitespace() {
                start += first.len_utf8();
                continue;
            }
            let Some((token, length)) = read(&text[start..]) else {
                let end = start + first.len_utf8();
                let before = tokens.last().map_or(start, |(_, begin, _)| *begin);
                let after = text[end..].find(char::is_whitespace).map_or(text.len(), |at| end + at);
                return Err(format!("Syntax error; token: \"{first}\", near: \"{}\"", &text[before..after]));
            };
            tokens.push((token, start, start + length));
            start += length;
        }
        Ok(Self { text, tokens, at: 0, depth: 0, operators: 0 })
    }

    pub(super) fn peek(&self) -> Option<&Token> {
        self.peek_at(0)
    }

    pub(super) fn peek_at(&self, ahead: usize) -> Option<&Token> {
        self.tokens.get(self.at + ahead).map(|(token, _, _)| token)
    }

    pub(super) fn advance(&mut self) {
        self.at += 1;
    }

    /// The next token's number.
    pub(super) fn position(&self) -> usize {
        self.at
    }

    /// Steps over `token`, if it is next.
    pub(super) fn take(&mut self, token: &Token) -> bool {
        let next = self.peek() == Some(token);
        self.at += usize::from(next);
        next
    }

    /// Whether the next token is this keyword, however it is written.
    pub(super) fn at_word(&self, keyword: &str) -> bool {
        matches!(self.peek(), Some(Token::Word(word)) if word.eq_ignore_ascii_case(keyword))
    }

    pub(super) fn take_word(&mut self, keyword: &str) -> bool {
        let next = self.at_word(keyword);
        self.at += usize::from(next);
        next
    }

    pub(super) fn expect(&mut self, token: &Token) -> Result<(), String> {
        if self.take(token) { Ok(()) } else { Err(self.unexpected()) }
    }

    pub(super) fn expect_word(&mut self, keyword: &str) -> Result<(), String> {
        if self.take_word(keyword) { Ok(()) } else { Err(self.unexpected()) }
    }

    pub(super) fn expect_end(&self) -> Result<(), String> {
        if self.at == self.tokens.len() { Ok(()) } else { Err(self.unexpected()) }
    }

    /// Goes one level deeper.
    pub(super) fn enter(&mut self) -> Result<(), String> {
        if self.depth == super::DEPTH_MAX {
            return Err("The expression contains too many nested operators or functions".to_owned());
        }
        self.depth += 1;
        Ok(())
    }

    pub(super) fn leave(&mut self) {
        self.depth -= 1;
    }

    /// Counts one more operator.
    ///
    /// # Errors
    /// When there are too many.
    pub(super) fn count(&mut self) -> Result<(), String> {
        self.operators += 1;
        if self.operators > OPERATORS_MAX {
            return Err(format!(
                "The expression contains too many operators; operator count: {}",
                self.operators
            ));
        }
        Ok(())
    }

    /// Where the parenthesis closes that opens at `position`.
    pub(super) fn closing_of(&self, position: usize) -> Option<usize> {
        let mut open = 0usize;
        for (at, (token, _, _)) in self.tokens.iter().enumerate().skip(position) {
            match token {
                Token::Open('(') => open += 1,
                Token::Close(')') if open == 1 => return Some(at),
                Token::Close(')') => open = open.saturating_sub(1),
                _ => {}
            }
        }
        None
    }

    /// The error that the next token does not belong here: it, and its neighbours.
    pub(super) fn unexpected(&self) -> String {
        let before = self.at.saturating_sub(1).min(self.tokens.len().saturating_sub(1));
        let begin = self.tokens.get(before).map_or(0, |(_, begin, _)| *begin);
        let (token, end) = match self.tokens.get(self.at) {
            Some((_, begin, end)) => {
                (&self.text[*begin..*end], self.tokens.get(self.at + 1).map_or(*end, |next| next.2))
            }
            None => ("<EOF>", self.text.len()),
        };
        format!("Syntax error; token: \"{token}\", near: \"{}\"", self.text[begin..end].trim_end())
    }
}

/// The first token of `text` and its length.
fn read(text: &str) -> Option<(Token, usize)> {
    let first = text.chars().next()?;
    let word_end = |from: usize| {
        let rest = &text[from..];
        from + rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len())
    };
    let token = match first {
        '(' | '[' => (Token::Open(first), 1),
        ')' | ']' => (Token::Close(first), 1),
        ',' => (Token::Comma, 1),
        '.' => (Token::Dot, 1),
        '+' => (Token::Plus, 1),
        '-' => (Token::Minus, 1),
        '=' => (Token::Compare("="), 1),
        '<' if text.starts_with("<>") => (Token::Compare("<>"), 2),
        '<' if text.starts_with("<=") => (Token::Compare("<="), 2),
        '<' => (Token::Compare("<"), 1),
        '>' if text.starts_with(">=") => (Token::Compare(">="), 2),
        '>' => (Token::Compare(">"), 1),
        '#' | ':' => {
            let end = word_end(1);
            if end == 1 {
                return None;
            }
            let key = text[..end].to_owned();
            (if first == '#' { Token::NameKey(key) } else { Token::ValueKey(key) }, end)
        }
        '0'..='9' => {
            let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
            (Token::Number(text[..end].to_owned()), end)
        }
        'a'..='z' | 'A'..='Z' | '_' => {
            let end = word_end(0);
            (Token::Word(text[..end].to_owned()), end)
        }
        _ => return None,
    };
    Some(token)
}
