//! The grammar of statements, as far as DynamoDB has it.

use std::collections::BTreeMap;

use super::token::{Token, tokens};
use super::{Returning, Select, Statement};
use crate::expression::condition::{Comparison, Condition, Operand};
use crate::expression::update::{Update, Value};
use crate::expression::{Path, Step};
use crate::number::Number;
use crate::value::{Attr, Item};

/// How deep parentheses and literals may nest.
const DEPTH_MAX: usize = 32;

type Parsed<T> = Result<T, String>;

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
    parameters: std::vec::IntoIter<Attr>,
}

/// # Errors
/// What is wrong with the statement.
pub(super) fn statement(text: &str, parameters: Vec<Attr>) -> Parsed<Statement> {
    let mut parser = Parser { tokens: tokens(text)?, at: 0, depth: 0, parameters: parameters.into_iter() };
    let statement = parser.statement()?;
    if parser.peek().is_some() {
        return Err(parser.unexpected());
    }
    if parser.parameters.next().is_some() {
        return Err("Number of parameters in request and statement don't match.".to_owned());
    }
    Ok(statement)
}

impl Parser {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn unexpected(&self) -> String {
        match self.peek() {
            Some(token) => format!("Unexpected token: {token:?}"),
            None => "Unexpected end of the statement".to_owned(),
        }
    }

    fn at_word(&self, keyword: &str) -> bool {
        matches!(self.peek(), Some(Token::Word(word)) if word.eq_ignore_ascii_case(keyword))
    }

    fn take_word(&mut self, keyword: &str) -> bool {
        let next = self.at_word(keyword);
        self.at += usize::from(next);
        next
    }

    fn take(&mut self, symbol: &'static str) -> bool {
        let next = self.peek() == Some(&Token::Symbol(symbol));
        self.at += usize::from(next);
        next
    }

    fn words(&mut self, keywords: &[&str]) -> Parsed<()> {
        for keyword in keywords {
            if !self.take_word(keyword) {
                return Err(self.unexpected());
            }
        }
        Ok(())
    }

    fn expect(&mut self, symbol: &'static str) -> Parsed<()> {
        if self.take(symbol) { Ok(()) } else { Err(self.unexpected()) }
    }

    fn deeper<T>(&mut self, parse: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.depth == DEPTH_MAX {
            return Err("The statement nests too deeply".to_owned());
        }
        self.depth += 1;
        let parsed = parse(self);
        self.depth -= 1;
        parsed
    }

    fn statement(&mut self) -> Parsed<Statement> {
        if self.take_word("EXISTS") {
            self.expect("(")?;
            let select = self.select()?;
            self.expect(")")?;
            return Ok(Statement::Exists(select));
        }
        if self.at_word("SELECT") {
            return self.select().map(Statement::Select);
        }
        if self.take_word("INSERT") {
            self.words(&["INTO"])?;
            let table = self.name()?;
            self.words(&["VALUE"])?;
            return match self.literal()? {
                Attr::M(item) => Ok(Statement::Insert { table, item }),
                _ => Err("The value of an INSERT must be a tuple".to_owned()),
            };
        }
        if self.take_word("UPDATE") {
            return self.update();
        }
        self.words(&["DELETE", "FROM"])?;
        let table = self.name()?;
        self.words(&["WHERE"])?;
        let condition = self.any()?;
        Ok(Statement::Delete { table, condition, returning: self.returning()? })
    }

    fn select(&mut self) -> Parsed<Select> {
        self.words(&["SELECT"])?;
        let paths = if self.take("*") {
            None
        } else {
            let mut paths = vec![self.path()?];
            while self.take(",") {
                paths.push(self.path()?);
            }
            Some(paths)
        };
        self.words(&["FROM"])?;
        let table = self.name()?;
        let index = if self.take(".") { Some(self.name()?) } else { None };
        let condition = if self.take_word("WHERE") { Some(self.any()?) } else { None };
        let mut order = None;
        if self.take_word("ORDER") {
            self.words(&["BY"])?;
            let name = self.name()?;
            let down = self.take_word("DESC");
            if !down {
                self.take_word("ASC");
            }
            order = Some((name, !down));
        }
        Ok(Select { table, index, paths, condition, order })
    }

    fn update(&mut self) -> Parsed<Statement> {
        let table = self.name()?;
        let mut update = Update::default();
        loop {
            if self.take_word("SET") {
                loop {
                    let path = self.path()?;
                    self.expect("=")?;
                    self.assign(path, &mut update)?;
                    if !self.take(",") {
                        break;
                    }
                }
            } else if self.take_word("REMOVE") {
                update.remove.push(self.path()?);
                while self.take(",") {
                    update.remove.push(self.path()?);
                }
            } else {
                break;
            }
        }
        if update == Update::default() {
            return Err(self.unexpected());
        }
        self.words(&["WHERE"])?;
        let condition = self.any()?;
        Ok(Statement::Update { table, update, condition, returning: self.returning()? })
    }

    /// What follows `SET path =`; functions of sets become additions and deletions.
    fn assign(&mut self, path: Path, update: &mut Update) -> Parsed<()> {
        for (function, add) in [("set_add", true), ("set_delete", false)] {
            if self.take_word(function) {
                self.expect("(")?;
                if self.path()? != path {
                    return Err(format!("{function} must be of the attribute that it is assigned to"));
                }
                self.expect(",")?;
                let value = self.literal()?;
                self.expect(")")?;
                (if add { &mut update.add } else { &mut update.delete }).push((path, value));
                return Ok(());
            }
        }
        let value = self.value()?;
        update.set.push((path, value));
        Ok(())
    }

    fn value(&mut self) -> Parsed<Value> {
        let left = self.value_operand()?;
        if self.take("+") {
            return Ok(Value::Plus(Box::new(left), Box::new(self.value_operand()?)));
        }
        if self.take("-") {
            return Ok(Value::Minus(Box::new(left), Box::new(self.value_operand()?)));
        }
        Ok(left)
    }

    fn value_operand(&mut self) -> Parsed<Value> {
        for function in ["list_append", "if_not_exists"] {
            if !self.take_word(function) {
                continue;
            }
            self.expect("(")?;
            let first = self.deeper(Self::value)?;
            self.expect(",")?;
            let second = Box::new(self.deeper(Self::value)?);
            self.expect(")")?;
            return match (function, first) {
                ("list_append", first) => Ok(Value::ListAppend(Box::new(first), second)),
                (_, Value::Path(path)) => Ok(Value::IfNotExists(path, second)),
                _ => Err("if_not_exists must be of an attribute".to_owned()),
            };
        }
        Ok(match self.operand()? {
            Operand::Path(path) => Value::Path(path),
            Operand::Value(value) => Value::Literal(value),
            Operand::Size(_) => return Err("size is not allowed here".to_owned()),
        })
    }

    fn returning(&mut self) -> Parsed<Option<Returning>> {
        if !self.take_word("RETURNING") {
            return Ok(None);
        }
        let all = self.take_word("ALL");
        if !all {
            self.words(&["MODIFIED"])?;
        }
        let old = self.take_word("OLD");
        if !old {
            self.words(&["NEW"])?;
        }
        self.expect("*")?;
        Ok(Some(match (all, old) {
            (true, true) => Returning::AllOld,
            (false, true) => Returning::ModifiedOld,
            (true, false) => Returning::AllNew,
            (false, false) => Returning::ModifiedNew,
        }))
    }

    fn any(&mut self) -> Parsed<Condition> {
        let mut parts = vec![self.all()?];
        while self.take_word("OR") {
            parts.push(self.all()?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Condition::Any(parts) })
    }

    fn all(&mut self) -> Parsed<Condition> {
        let mut parts = vec![self.not()?];
        while self.take_word("AND") {
            parts.push(self.not()?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Condition::All(parts) })
    }

    fn not(&mut self) -> Parsed<Condition> {
        if self.take_word("NOT") {
            return Ok(Condition::Not(Box::new(self.deeper(Self::not)?)));
        }
        if self.take("(") {
            let inner = self.deeper(Self::any)?;
            self.expect(")")?;
            return Ok(inner);
        }
        self.primary()
    }

    fn primary(&mut self) -> Parsed<Condition> {
        for function in ["begins_with", "contains", "attribute_type"] {
            if self.take_word(function) {
                self.expect("(")?;
                let first = self.operand()?;
                self.expect(",")?;
                let second = self.operand()?;
                self.expect(")")?;
                return match (function, second) {
                    ("begins_with", second) => Ok(Condition::BeginsWith(first, second)),
                    ("contains", second) => Ok(Condition::Contains(first, second)),
                    (_, Operand::Value(Attr::S(kind))) => Ok(Condition::HasType(first, kind)),
                    _ => Err("attribute_type takes a text".to_owned()),
                };
            }
        }
        let left = self.operand()?;
        if self.take_word("IS") {
            return self.is(left);
        }
        let turned = self.at_word("NOT");
        self.at += usize::from(turned);
        let condition = if self.take_word("BETWEEN") {
            let low = self.operand()?;
            self.words(&["AND"])?;
            Condition::Between(left, low, self.operand()?)
        } else if self.take_word("IN") {
            Condition::In(left, self.list_of_operands()?)
        } else if turned {
            return Err(self.unexpected());
        } else {
            const COMPARISONS: [(&str, Comparison); 7] = [
                ("=", Comparison::Eq),
                ("<>", Comparison::Ne),
                ("!=", Comparison::Ne),
                ("<=", Comparison::Le),
                (">=", Comparison::Ge),
                ("<", Comparison::Lt),
                (">", Comparison::Gt),
            ];
            let Some((_, comparison)) = COMPARISONS.into_iter().find(|(symbol, _)| self.take(symbol)) else {
                return Err(self.unexpected());
            };
            Condition::Compare(comparison, left, self.operand()?)
        };
        Ok(if turned { Condition::Not(Box::new(condition)) } else { condition })
    }

    fn is(&mut self, left: Operand) -> Parsed<Condition> {
        let turned = self.take_word("NOT");
        let condition = if self.take_word("MISSING") {
            let Operand::Path(path) = left else {
                return Err("IS MISSING must be of an attribute".to_owned());
            };
            Condition::NotExists(path)
        } else {
            self.words(&["NULL"])?;
            Condition::HasType(left, "NULL".to_owned())
        };
        Ok(if turned { Condition::Not(Box::new(condition)) } else { condition })
    }

    fn list_of_operands(&mut self) -> Parsed<Vec<Operand>> {
        let end = if self.take("[") {
            "]"
        } else {
            self.expect("(")?;
            ")"
        };
        let mut list = vec![self.operand()?];
        while self.take(",") {
            list.push(self.operand()?);
        }
        self.expect(end)?;
        Ok(list)
    }

    fn operand(&mut self) -> Parsed<Operand> {
        if self.at_word("size") && self.tokens.get(self.at + 1) == Some(&Token::Symbol("(")) {
            self.at += 2;
            let path = self.path()?;
            self.expect(")")?;
            return Ok(Operand::Size(Box::new(Operand::Path(path))));
        }
        match self.peek() {
            Some(Token::Quoted(_)) => self.path().map(Operand::Path),
            Some(Token::Word(word))
                if !["true", "false", "null"].contains(&word.to_ascii_lowercase().as_str()) =>
            {
                self.path().map(Operand::Path)
            }
            _ => self.literal().map(Operand::Value),
        }
    }

    fn name(&mut self) -> Parsed<String> {
        let Some(Token::Word(name) | Token::Quoted(name)) = self.peek() else {
            return Err(self.unexpected());
        };
        let name = name.clone();
        self.at += 1;
        Ok(name)
    }

    fn path(&mut self) -> Parsed<Path> {
        let mut steps = vec![Step::Name(self.name()?)];
        loop {
            if self.take(".") {
                steps.push(Step::Name(self.name()?));
            } else if self.take("[") {
                let Some(Token::Number(digits)) = self.peek() else { return Err(self.unexpected()) };
                steps.push(Step::Index(
                    digits.parse().map_err(|_| "A list's index must be a number".to_owned())?,
                ));
                self.at += 1;
                self.expect("]")?;
            } else {
                return Ok(Path(steps));
            }
        }
    }

    fn literal(&mut self) -> Parsed<Attr> {
        let minus = self.take("-");
        let token = self.peek().cloned().ok_or_else(|| self.unexpected())?;
        if let Token::Number(digits) = token {
            self.at += 1;
            let number = Number::parse(&digits)?;
            return Ok(Attr::N(if minus { number.negated() } else { number }));
        }
        if minus {
            return Err(self.unexpected());
        }
        match token {
            Token::Text(text) => {
                self.at += 1;
                Ok(Attr::S(text))
            }
            Token::Word(word) => {
                let value = match word.to_ascii_lowercase().as_str() {
                    "true" => Attr::Bool(true),
                    "false" => Attr::Bool(false),
                    "null" => Attr::Null(true),
                    _ => return Err(self.unexpected()),
                };
                self.at += 1;
                Ok(value)
            }
            Token::Symbol("?") => {
                self.at += 1;
                let next = self.parameters.next();
                next.ok_or_else(|| "Number of parameters in request and statement don't match.".to_owned())
            }
            Token::Symbol("[") => self.elements("[", "]").map(Attr::L),
            Token::Symbol("<<") => set(self.elements("<<", ">>")?),
            Token::Symbol("{") => self.tuple().map(Attr::M),
            _ => Err(self.unexpected()),
        }
    }

    fn elements(&mut self, begin: &'static str, end: &'static str) -> Parsed<Vec<Attr>> {
        self.expect(begin)?;
        let mut elements = Vec::new();
        if self.take(end) {
            return Ok(elements);
        }
        loop {
            elements.push(self.deeper(Self::literal)?);
            if !self.take(",") {
                break;
            }
        }
        self.expect(end)?;
        Ok(elements)
    }

    fn tuple(&mut self) -> Parsed<Item> {
        self.expect("{")?;
        let mut members = BTreeMap::new();
        if self.take("}") {
            return Ok(members);
        }
        loop {
            let Some(Token::Text(name)) = self.peek().cloned() else { return Err(self.unexpected()) };
            self.at += 1;
            self.expect(":")?;
            let value = self.deeper(Self::literal)?;
            if members.insert(name, value).is_some() {
                return Err("A tuple names an attribute twice".to_owned());
            }
            if !self.take(",") {
                break;
            }
        }
        self.expect("}")?;
        Ok(members)
    }
}

/// `<< … >>`: a set of texts, of numbers or of bytes.
fn set(elements: Vec<Attr>) -> Parsed<Attr> {
    let mixed = || "A bag must hold texts, numbers or bytes, all of one kind".to_owned();
    match elements.first().ok_or_else(mixed)? {
        Attr::S(_) => {
            let all =
                elements.into_iter().map(|one| if let Attr::S(text) = one { Ok(text) } else { Err(mixed()) });
            all.collect::<Parsed<_>>().map(Attr::Ss)
        }
        Attr::N(_) => {
            let all = elements
                .into_iter()
                .map(|one| if let Attr::N(number) = one { Ok(number) } else { Err(mixed()) });
            all.collect::<Parsed<_>>().map(Attr::Ns)
        }
        Attr::B(_) => {
            let all = elements
                .into_iter()
                .map(|one| if let Attr::B(bytes) = one { Ok(bytes) } else { Err(mixed()) });
            all.collect::<Parsed<_>>().map(Attr::Bs)
        }
        _ => Err(mixed()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_is_a_panic() {
        let text = r#"SELECT a.b[0], "c" FROM "t"."i" WHERE h = 'x''y' AND (r BETWEEN -1 AND 2e3 OR NOT n IN [1, ?]) AND q IS NOT MISSING ORDER BY r DESC"#;
        assert!(statement(text, vec![Attr::Bool(true)]).is_ok());
        for end in 0..text.len() {
            let _ = statement(&text[..end], Vec::new());
            for other in ["(", "'", "\"", "[", "]", "{", "<<", "é", "?", "-", " "] {
                let _ = statement(&format!("{}{other}{}", &text[..end], &text[end + 1..]), Vec::new());
            }
        }
        assert!(statement(&format!("INSERT INTO t VALUE {}", "[".repeat(4000)), Vec::new()).is_err());
    }
}
