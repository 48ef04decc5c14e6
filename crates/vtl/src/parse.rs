//! Templates as trees. What looks like a reference or a directive but is none is text, as in Velocity.

mod expression;

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
