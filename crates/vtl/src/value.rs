//! What variables hold: JSON's kinds, which templates may change in place, and objects of whoever renders.

use std::cell::RefCell;
use std::ops::Deref;
use std::rc::Rc;

use indexmap::IndexMap;
use serde_json::{Number, Value as Json};

use crate::{DEPTH_MAX, Error, OUTPUT_BYTES_MAX};

/// Of the parts of a value, to compare or to copy it: parts that are shared may seem to be endlessly many.
const VISITS_MAX: usize = 1_000_000;

/// A value. Lists and maps are shared: a change through one variable is seen through another, as in Java.
#[derive(Clone, Default)]
pub enum Value {
    #[default]
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    String(Rc<str>),
    List(Rc<Shared<Vec<Value>>>),
    Map(Rc<Shared<IndexMap<String, Value>>>),
    Object(Rc<dyn Object>),
}

/// What several variables may hold at once. A loop can nest one in the next a hundred thousand times, which must not
/// come down by recursion.
pub struct Shared<C: Parts>(RefCell<C>);

/// What a value is made of.
pub trait Parts: Default {
    fn into_parts(self) -> impl Iterator<Item = Value>;
}

impl Parts for Vec<Value> {
    fn into_parts(self) -> impl Iterator<Item = Value> {
        self.into_iter()
    }
}

impl Parts for IndexMap<String, Value> {
    fn into_parts(self) -> impl Iterator<Item = Value> {
        self.into_values()
    }
}

impl<C: Parts> Deref for Shared<C> {
    type Target = RefCell<C>;

    fn deref(&self) -> &RefCell<C> {
        &self.0
    }
}

impl<C: Parts> Drop for Shared<C> {
    fn drop(&mut self) {
        let mut left = self.0.take().into_parts().collect::<Vec<_>>();
        while let Some(value) = left.pop() {
            match value {
                Value::List(list) => {
                    left.extend(Rc::into_inner(list).into_iter().flat_map(|list| list.take()))
                }
                Value::Map(map) => {
                    left.extend(Rc::into_inner(map).into_iter().flat_map(|map| map.take().into_values()));
                }
                _ => {}
            }
        }
    }
}

/// Something that templates ask by properties and methods, such as `$input`.
pub trait Object {
    fn property(&self, name: &str) -> Value;

    /// # Errors
    /// In words, when it has no such method or can't do what is asked.
    fn call(&self, method: &str, arguments: &[Value]) -> Result<Value, String>;
}

impl Value {
    pub fn list(values: Vec<Self>) -> Self {
        Self::List(Rc::new(Shared(RefCell::new(values))))
    }

    pub fn map(entries: impl IntoIterator<Item = (String, Self)>) -> Self {
        Self::Map(Rc::new(Shared(RefCell::new(entries.into_iter().collect()))))
    }

    pub fn from_json(json: &Json) -> Self {
        match json {
            Json::Null => Self::Null,
            Json::Bool(value) => Self::Bool(*value),
            Json::Number(number) => match number.as_i64() {
                Some(number) => Self::Int(number),
                None => Self::Float(number.as_f64().unwrap_or_default()),
            },
            Json::String(text) => Self::from(text.as_str()),
            Json::Array(values) => Self::list(values.iter().map(Self::from_json).collect()),
            Json::Object(members) => {
                Self::map(members.iter().map(|(name, value)| (name.clone(), Self::from_json(value))))
            }
        }
    }

    /// As JSON; what nests too deep, or holds itself, is cut off.
    pub fn to_json(&self) -> Json {
        self.json(0, &mut { VISITS_MAX })
    }

    fn json(&self, depth: usize, visits: &mut usize) -> Json {
        *visits = visits.saturating_sub(1);
        if depth > DEPTH_MAX || *visits == 0 {
            return Json::Null;
        }
        match self {
            Self::Null | Self::Object(_) => Json::Null,
            Self::Bool(value) => Json::Bool(*value),
            Self::Int(number) => Json::from(*number),
            Self::Float(number) => Number::from_f64(*number).map_or(Json::Null, Json::Number),
            Self::String(text) => Json::from(&**text),
            Self::List(values) => {
                Json::Array(values.borrow().iter().map(|value| value.json(depth + 1, visits)).collect())
            }
            Self::Map(entries) => {
                let entries = entries.borrow();
                let entries =
                    entries.iter().map(|(name, value)| (name.clone(), value.json(depth + 1, visits)));
                Json::Object(entries.collect())
            }
        }
    }

    /// As Java writes it: `{a=1, b=[x, y]}`.
    ///
    /// # Errors
    /// When it is too long, as what holds itself would be.
    pub fn text(&self) -> Result<String, Error> {
        let mut text = String::new();
        self.write(&mut text, 0)?;
        Ok(text)
    }

    fn write(&self, text: &mut String, depth: usize) -> Result<(), Error> {
        if depth > DEPTH_MAX || text.len() > OUTPUT_BYTES_MAX {
            return Err(Error::TooMuch("a text"));
        }
        match self {
            Self::Null => text.push_str("null"),
            Self::Bool(value) => text.push_str(if *value { "true" } else { "false" }),
            Self::Int(number) => text.push_str(&number.to_string()),
            Self::Float(number) if number.fract() == 0.0 && number.abs() < 1e7 => {
                text.push_str(&format!("{number:.1}"));
            }
            Self::Float(number) => text.push_str(&number.to_string()),
            Self::String(own) => text.push_str(own),
            Self::List(values) => {
                text.push('[');
                for (position, value) in values.borrow().iter().enumerate() {
                    text.push_str(if position == 0 { "" } else { ", " });
                    value.write(text, depth + 1)?;
                }
                text.push(']');
            }
            Self::Map(entries) => {
                text.push('{');
                for (position, (name, value)) in entries.borrow().iter().enumerate() {
                    text.push_str(if position == 0 { "" } else { ", " });
                    text.push_str(name);
                    text.push('=');
                    value.write(text, depth + 1)?;
                }
                text.push('}');
            }
            Self::Object(_) => text.push_str("object"),
        }
        Ok(())
    }

    /// Whether a condition holds: false and null do not, nor do an empty text, list or map.
    pub(crate) fn holds(&self) -> bool {
        match self {
            Self::Null => false,
            Self::Bool(value) => *value,
            Self::Int(number) => *number != 0,
            Self::Float(number) => *number != 0.0,
            Self::String(text) => !text.is_empty(),
            Self::List(values) => !values.borrow().is_empty(),
            Self::Map(entries) => !entries.borrow().is_empty(),
            Self::Object(_) => true,
        }
    }

    pub(crate) fn number(&self) -> Option<f64> {
        match self {
            Self::Int(number) => Some(*number as f64),
            Self::Float(number) => Some(*number),
            _ => None,
        }
    }

    pub(crate) fn equals(&self, other: &Self) -> bool {
        self.same(other, 0, &mut { VISITS_MAX })
    }

    fn same(&self, other: &Self, depth: usize, visits: &mut usize) -> bool {
        *visits = visits.saturating_sub(1);
        if depth > DEPTH_MAX || *visits == 0 {
            return false;
        }
        match (self, other) {
            (Self::Null, Self::Null) => true,
            (Self::Null, _) | (_, Self::Null) => false,
            (Self::Bool(a), Self::Bool(b)) => a == b,
            (Self::List(a), Self::List(b)) => {
                let (a, b) = (a.borrow(), b.borrow());
                a.len() == b.len() && a.iter().zip(b.iter()).all(|(a, b)| a.same(b, depth + 1, visits))
            }
            (Self::Map(a), Self::Map(b)) => {
                let (a, b) = (a.borrow(), b.borrow());
                let mut pairs = a.iter().map(|(name, a)| (a, b.get(name)));
                a.len() == b.len() && pairs.all(|(a, b)| b.is_some_and(|b| a.same(b, depth + 1, visits)))
            }
            _ => match (self.number(), other.number()) {
                (Some(a), Some(b)) => a == b,
                // Velocity compares what is of different kinds by its text.
                _ => matches!((self.text(), other.text()), (Ok(a), Ok(b)) if a == b),
            },
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::String(text.into())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::String(text.into())
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<usize> for Value {
    fn from(number: usize) -> Self {
        Self::Int(i64::try_from(number).unwrap_or(i64::MAX))
    }
}
