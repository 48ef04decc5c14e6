//! Velocity's template language, as far as API Gateway's mapping templates have it: references, `#set`, `#if`,
//! `#foreach`, and the methods of Java's strings, lists and maps that templates use.
//!
//! [`Template::parse`] reads a text once; [`Template::render`] fills it in from a [`Scope`]. What a template may take is
//! bounded, for whoever writes one is a stranger: how deep it nests, how often it loops, how much it writes.

mod eval;
mod methods;
mod parse;
#[cfg(test)]
mod tests;
mod value;

use std::collections::HashMap;

pub use value::{Object, Value};

/// What a template may write.
const OUTPUT_BYTES_MAX: usize = 10 * 1024 * 1024;
/// Rounds of all its loops together; AWS stops a single one at a thousand.
const ROUNDS_MAX: usize = 100_000;
const DEPTH_MAX: usize = 64;
/// Elements of a range such as `[1..9]`.
const RANGE_MAX: usize = 10_000;

/// Why a text is no template, or could not be filled in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("{0} at line {1}")]
    Syntax(String, usize),
    #[error("{0}")]
    Failed(String),
    #[error("the template takes too much: {0}")]
    TooMuch(&'static str),
}

/// A template, read.
#[derive(Debug)]
pub struct Template {
    nodes: Vec<parse::Node>,
}

/// The variables of a template, and what it changed of them afterwards.
#[derive(Default)]
pub struct Scope(HashMap<String, Value>);

impl Scope {
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.insert(name.to_owned(), value.into());
        self
    }

    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }
}

impl Template {
    /// # Errors
    /// When it is no template.
    pub fn parse(text: &str) -> Result<Self, Error> {
        Ok(Self { nodes: parse::nodes(text)? })
    }

    /// # Errors
    /// When an object that it asks fails, and when it takes too much.
    pub fn render(&self, scope: &mut Scope) -> Result<String, Error> {
        eval::render(&self.nodes, &mut scope.0)
    }
}
