//! Templates as trees. What looks like a reference or a directive but is none is text, as in Velocity.

use crate::{DEPTH_MAX, Error};

#[derive(Debug)]
pub(crate) enum Node {
    Text(String),
    Reference(Reference),
    Set(Reference, Expression),
    /// Conditions and their blocks in order, and the block for when none holds.
    If(Vec<(Expression, Vec<Node>)>, Vec<Node>),
    Foreach {
        variable: String,
        list: Expression,
        body: Vec<Node>,
    },
    Break,
    Stop,
}

#[derive(Clone, Debug)]
pub(crate) struct Reference {
    /// As it stands in the template, for when it names nothing.
    pub text: String,
    pub quiet: bool,
    pub name: String,
    pub steps: Vec<Step>,
}

#[derive(Clone, Debug)]
pub(crate) enum Step {
    Property(String),
    Call(String, Vec<Expression>),
    Index(Expression),
}

#[derive(Clone, Debug)]
pub(crate) enum Expression {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Raw(String),
    /// A text with references in it.
    Filled(std::rc::Rc<Vec<Node>>),
    Reference(Reference),
    List(Vec<Expression>),
    Range(Box<(Expression, Expression)>),
    Map(Vec<(Expression, Expression)>),
    Not(Box<Expression>),
    Negative(Box<Expression>),
    Binary(Operator, Box<(Expression, Expression)>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operator {
    Or,
    And,
    Equal,
    Unequal,
    Less,
    Greater,
    LessOrEqual,
    GreaterOrEqual,
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

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

type Result<T> = std::result::Result<T, Error>;

pub(crate) fn nodes(text: &str) -> Result<Vec<Node>> {
    let mut parser = Parser { text, at: 0, depth: 0 };
    let (nodes, end) = parser.block()?;
    match end {
        Close::Text => Ok(nodes),
        Close::End | Close::Else | Close::ElseIf => Err(parser.error("a directive ends what did not begin")),
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

/// What ended a block.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Close {
    Text,
    End,
    Else,
    ElseIf,
}

impl<'a> Parser<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn error(&self, what: &str) -> Error {
        let line = self.text[..self.at.min(self.text.len())].matches('\n').count() + 1;
        Error::Syntax(what.to_owned(), line)
    }

    fn deeper(&mut self) -> Result<()> {
        self.depth += 1;
        if self.depth > DEPTH_MAX { Err(Error::TooMuch("nesting")) } else { Ok(()) }
    }

    /// Nodes up to the directive that ends them, which is read.
    fn block(&mut self) -> Result<(Vec<Node>, Close)> {
        self.deeper()?;
        let (mut nodes, mut plain) = (Vec::new(), String::new());
        let end = loop {
            let rest = self.rest();
            let Some(first) = rest.chars().next() else { break Close::Text };
            match first {
                '\\' if rest[1..].starts_with(['$', '#', '\\']) => {
                    let escaped = rest[1..].chars().next().expect("it begins so");
                    // Velocity keeps the backslash before what would not have meant anything.
                    plain.push(escaped);
                    self.at += 2;
                }
                '$' => match self.reference()? {
                    Some(reference) => {
                        flush(&mut nodes, &mut plain);
                        nodes.push(Node::Reference(reference));
                    }
                    None => self.keep(&mut plain, 1),
                },
                '#' => match self.directive(&mut nodes, &mut plain)? {
                    Some(end) => break end,
                    None => continue,
                },
                other => self.keep(&mut plain, other.len_utf8()),
            }
        };
        flush(&mut nodes, &mut plain);
        self.depth -= 1;
        Ok((nodes, end))
    }

    fn keep(&mut self, plain: &mut String, bytes: usize) {
        plain.push_str(&self.rest()[..bytes]);
        self.at += bytes;
    }

    /// Reads what begins with `#`; says what it ends, if anything.
    fn directive(&mut self, nodes: &mut Vec<Node>, plain: &mut String) -> Result<Option<Close>> {
        let rest = self.rest();
        if rest.starts_with("##") {
            self.at += rest.find('\n').map_or(rest.len(), |end| end + 1);
            return Ok(None);
        }
        for (begin, end, is_text) in [("#*", "*#", false), ("#[[", "]]#", true)] {
            if let Some(inner) = rest.strip_prefix(begin) {
                let length = inner.find(end).ok_or_else(|| self.error("a comment or text does not end"))?;
                if is_text {
                    plain.push_str(&inner[..length]);
                }
                self.at += begin.len() + length + end.len();
                return Ok(None);
            }
        }
        let name = rest[1..].trim_start_matches('{');
        let braced = rest[1..].len() - name.len();
        let length = name.find(|letter: char| !letter.is_ascii_alphabetic()).unwrap_or(name.len());
        let (name, after) = (&name[..length], &name[length..]);
        if braced > 1 || (braced == 1 && !after.starts_with('}')) {
            self.keep(plain, 1);
            return Ok(None);
        }
        let length = 1 + length + 2 * braced;
        let plain_end = match name {
            "end" => Some(Close::End),
            "else" => Some(Close::Else),
            "elseif" => Some(Close::ElseIf),
            _ => None,
        };
        if let Some(end) = plain_end {
            self.at += length;
            if end != Close::ElseIf {
                self.end_of_line();
            }
            return Ok(Some(end));
        }
        if !["set", "if", "foreach", "break", "stop"].contains(&name) {
            self.keep(plain, 1);
            return Ok(None);
        }
        self.at += length;
        flush(nodes, plain);
        nodes.push(match name {
            "set" => self.set()?,
            "if" => self.condition()?,
            "foreach" => self.foreach()?,
            "break" => Node::Break,
            _ => Node::Stop,
        });
        Ok(None)
    }

    /// A directive takes the rest of a line that has nothing else on it.
    fn end_of_line(&mut self) {
        let rest = self.rest();
        let blank = rest.trim_start_matches([' ', '\t', '\r']);
        if blank.starts_with('\n') {
            self.at += rest.len() - blank.len() + 1;
        }
    }

    fn set(&mut self) -> Result<Node> {
        self.expect('(')?;
        self.space();
        let reference = self.reference()?.ok_or_else(|| self.error("#set needs a reference"))?;
        self.expect('=')?;
        let value = self.expression()?;
        self.expect(')')?;
        self.end_of_line();
        Ok(Node::Set(reference, value))
    }

    fn condition(&mut self) -> Result<Node> {
        let mut branches = Vec::new();
        loop {
            self.expect('(')?;
            let condition = self.expression()?;
            self.expect(')')?;
            self.end_of_line();
            let (body, end) = self.block()?;
            branches.push((condition, body));
            match end {
                Close::End => return Ok(Node::If(branches, Vec::new())),
                Close::ElseIf => {}
                Close::Else => {
                    let (otherwise, end) = self.block()?;
                    return match end {
                        Close::End => Ok(Node::If(branches, otherwise)),
                        _ => Err(self.error("#else is not followed by #end")),
                    };
                }
                Close::Text => return Err(self.error("#if has no #end")),
            }
        }
    }

    fn foreach(&mut self) -> Result<Node> {
        self.expect('(')?;
        self.space();
        let reference = self.reference()?.ok_or_else(|| self.error("#foreach needs a reference"))?;
        self.space();
        if !self.word("in") {
            return Err(self.error("#foreach needs `in`"));
        }
        let list = self.expression()?;
        self.expect(')')?;
        self.end_of_line();
        let (body, end) = self.block()?;
        if end != Close::End {
            return Err(self.error("#foreach has no #end"));
        }
        Ok(Node::Foreach { variable: reference.name, list, body })
    }

    /// A reference, if the dollar here begins one.
    fn reference(&mut self) -> Result<Option<Reference>> {
        let start = self.at;
        let Some(mut rest) = self.rest().strip_prefix('$') else { return Ok(None) };
        let quiet = rest.starts_with('!');
        rest = rest.strip_prefix('!').unwrap_or(rest);
        let braced = rest.starts_with('{');
        rest = rest.strip_prefix('{').unwrap_or(rest);
        let Some(name) = identifier(rest) else { return Ok(None) };
        self.at = self.text.len() - rest.len() + name.len();
        let mut steps = Vec::new();
        loop {
            let rest = self.rest();
            if let Some(name) = rest.strip_prefix('.').and_then(identifier) {
                self.at += 1 + name.len();
                if self.rest().starts_with('(') {
                    self.at += 1;
                    steps.push(Step::Call(name.to_owned(), self.list(')')?));
                } else {
                    steps.push(Step::Property(name.to_owned()));
                }
            } else if rest.starts_with('[') {
                // Also the text `$a[` may be followed by what is no index.
                let before = self.at;
                self.at += 1;
                match self.expression().and_then(|index| self.expect(']').map(|()| index)) {
                    Ok(index) => steps.push(Step::Index(index)),
                    Err(_) => {
                        self.at = before;
                        break;
                    }
                }
            } else {
                break;
            }
        }
        if braced {
            if !self.rest().starts_with('}') {
                self.at = start;
                return Ok(None);
            }
            self.at += 1;
        }
        let text = self.text[start..self.at].to_owned();
        Ok(Some(Reference { text, quiet, name: name.to_owned(), steps }))
    }

    fn space(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start().len();
    }

    fn expect(&mut self, wanted: char) -> Result<()> {
        self.space();
        if self.rest().starts_with(wanted) {
            self.at += wanted.len_utf8();
            return Ok(());
        }
        Err(self.error(&format!("expected `{wanted}`")))
    }

    /// Reads an operator or keyword, which no letter may follow where it is one.
    fn word(&mut self, word: &str) -> bool {
        self.space();
        let Some(after) = self.rest().strip_prefix(word) else { return false };
        let is_word = word.as_bytes()[0].is_ascii_alphabetic();
        if is_word && after.starts_with(|letter: char| letter.is_ascii_alphanumeric() || letter == '_') {
            return false;
        }
        self.at += word.len();
        true
    }

    fn expression(&mut self) -> Result<Expression> {
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
    fn list(&mut self, close: char) -> Result<Vec<Expression>> {
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

fn flush(nodes: &mut Vec<Node>, plain: &mut String) {
    if !plain.is_empty() {
        nodes.push(Node::Text(std::mem::take(plain)));
    }
}

/// A name at the beginning of a text.
fn identifier(text: &str) -> Option<&str> {
    let first = text.chars().next()?;
    if !first.is_ascii_alphabetic() && first != '_' {
        return None;
    }
    let fits = |letter: char| letter.is_ascii_alphanumeric() || letter == '_' || letter == '-';
    let length = text.find(|letter: char| !fits(letter)).unwrap_or(text.len());
    Some(&text[..length])
}
