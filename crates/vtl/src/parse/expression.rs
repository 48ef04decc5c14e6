//! Expressions: operators by how they bind, references, texts, lists and maps.

use super::{Close, Expression, Operator, Parser, Result};

/// Operators by how weakly they bind, each with its ways to be written.
const LEVELS: [&[(&str, Operator)]; 6] = [
    &[("||", Operator::Or), ("or", Operator::Or)],
    &[("&&", Operator::And), ("and", Operator::And)],
    &[("==", Operator::Equal), ("!=", Operator::Unequal), ("eq", Operator::Equal), ("ne", Operator::Unequal)],
    &[
        ("<=", Operator::LessOrEqual),
        (">=", Operator::GreaterOrEqual),
        ("<", Operator::Less),
        (">", Operator::Greater),
        ("le", Operator::LessOrEqual),
        ("ge", Operator::GreaterOrEqual),
        ("lt", Operator::Less),
        ("gt", Operator::Greater),
    ],
    &[("+", Operator::Add), ("-", Operator::Subtract)],
    &[("*", Operator::Multiply), ("/", Operator::Divide), ("%", Operator::Remainder)],
];

impl Parser<'_> {
    pub(super) fn expression(&mut self) -> Result<Expression> {
        self.deeper()?;
        let expression = self.level(0)?;
        self.depth -= 1;
        Ok(expression)
    }

    fn level(&mut self, level: usize) -> Result<Expression> {
        let Some(operators) = LEVELS.get(level) else { return self.unary() };
        let mut left = self.level(level + 1)?;
        while let Some((_, operator)) = operators.iter().find(|(word, _)| self.word(word)) {
            let right = self.level(level + 1)?;
            left = Expression::Binary(*operator, Box::new((left, right)));
        }
        Ok(left)
    }

    fn unary(&mut self) -> Result<Expression> {
        self.deeper()?;
        self.space();
        let expression = if self.word("not") || (self.rest().starts_with('!') && self.word("!")) {
            Expression::Not(Box::new(self.unary()?))
        } else if self.rest().starts_with('-')
            && !self.rest()[1..].starts_with(|next: char| next.is_ascii_digit())
        {
            self.at += 1;
            Expression::Negative(Box::new(self.unary()?))
        } else {
            self.primary()?
        };
        self.depth -= 1;
        Ok(expression)
    }

    fn primary(&mut self) -> Result<Expression> {
        for (word, expression) in
            [("true", Expression::Bool(true)), ("false", Expression::Bool(false)), ("null", Expression::Null)]
        {
            if self.word(word) {
                return Ok(expression);
            }
        }
        let Some(first) = self.rest().chars().next() else {
            return Err(self.error("an expression is missing"));
        };
        match first {
            '$' => {
                let reference = self.reference()?;
                Ok(Expression::Reference(reference.ok_or_else(|| self.error("a reference is missing"))?))
            }
            '(' => {
                self.at += 1;
                let inner = self.expression()?;
                self.expect(')')?;
                Ok(inner)
            }
            '"' | '\'' => self.quoted(first),
            '[' => self.list_or_range(),
            '{' => self.map(),
            '-' | '0'..='9' => self.number(),
            _ => Err(self.error("an expression is missing")),
        }
    }

    fn number(&mut self) -> Result<Expression> {
        let rest = self.rest();
        let digits = |text: &str| text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
        let sign = usize::from(rest.starts_with('-'));
        let mut length = sign + digits(&rest[sign..]);
        let fraction = rest[length..]
            .strip_prefix('.')
            .filter(|after| after.starts_with(|next: char| next.is_ascii_digit()));
        if let Some(after) = fraction {
            length += 1 + digits(after);
        }
        self.at += length;
        let text = &rest[..length];
        let number = match fraction {
            Some(_) => text.parse().ok().map(Expression::Float),
            None => text.parse().ok().map(Expression::Int),
        };
        number.ok_or_else(|| self.error("a number is too large"))
    }

    fn quoted(&mut self, quote: char) -> Result<Expression> {
        let inner = &self.rest()[1..];
        let (mut text, mut letters) = (String::new(), inner.char_indices().peekable());
        loop {
            let Some((position, letter)) = letters.next() else {
                return Err(self.error("a text does not end"));
            };
            match letter {
                // A quote twice is one.
                letter if letter == quote => {
                    if letters.next_if(|(_, next)| *next == quote).is_none() {
                        self.at += 1 + position + 1;
                        break;
                    }
                    text.push(quote);
                }
                '\\' if quote == '"' && letters.peek().is_some_and(|(_, next)| *next == '"') => {
                    letters.next();
                    text.push('"');
                }
                letter => text.push(letter),
            }
        }
        if quote == '\'' || !text.contains(['$', '#']) {
            return Ok(Expression::Raw(text));
        }
        let mut inner = Parser { text: &text, at: 0, depth: self.depth };
        let (nodes, end) = inner.block()?;
        if end != Close::Text {
            return Err(self.error("a directive ends what did not begin"));
        }
        Ok(Expression::Filled(nodes.into()))
    }

    /// Expressions between commas, up to what closes them.
    pub(super) fn list(&mut self, close: char) -> Result<Vec<Expression>> {
        let mut list = Vec::new();
        self.space();
        while !self.rest().starts_with(close) {
            if !list.is_empty() {
                self.expect(',')?;
            }
            list.push(self.expression()?);
            self.space();
        }
        self.at += close.len_utf8();
        Ok(list)
    }

    fn list_or_range(&mut self) -> Result<Expression> {
        self.at += 1;
        self.space();
        if self.rest().starts_with(']') {
            self.at += 1;
            return Ok(Expression::List(Vec::new()));
        }
        let first = self.expression()?;
        if self.word("..") {
            let last = self.expression()?;
            self.expect(']')?;
            return Ok(Expression::Range(Box::new((first, last))));
        }
        let mut list = vec![first];
        self.space();
        if self.rest().starts_with(',') {
            self.at += 1;
            list.extend(self.list(']')?);
        } else {
            self.expect(']')?;
        }
        Ok(Expression::List(list))
    }

    fn map(&mut self) -> Result<Expression> {
        self.at += 1;
        let mut entries = Vec::new();
        self.space();
        while !self.rest().starts_with('}') {
            if !entries.is_empty() {
                self.expect(',')?;
            }
            let key = self.expression()?;
            self.expect(':')?;
            entries.push((key, self.expression()?));
            self.space();
        }
        self.at += 1;
        Ok(Expression::Map(entries))
    }
}
