//! PartiQL: statements over items, which come to the same reads and writes as the other operations'.

mod parse;
mod run;
mod token;

use api_dynamodb::AttributeValue;
use aws_wire::{AwsError, Result};

use crate::expression::Path;
use crate::expression::condition::Condition;
use crate::expression::update::Update;
use crate::value::{Attr, Item};

pub(crate) use run::{returned, select, write_request};

/// Characters of a statement.
const STATEMENT_CHARS_MAX: usize = 8192;

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Statement {
    Select(Select),
    Insert {
        table: String,
        item: Item,
    },
    Update {
        table: String,
        update: Update,
        condition: Condition,
        returning: Option<Returning>,
    },
    Delete {
        table: String,
        condition: Condition,
        returning: Option<Returning>,
    },
    /// A transaction's check that a SELECT finds something.
    Exists(Select),
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Select {
    pub table: String,
    pub index: Option<String>,
    /// All attributes when there is none.
    pub paths: Option<Vec<Path>>,
    pub condition: Option<Condition>,
    /// The sort key, and whether it ascends.
    pub order: Option<(String, bool)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Returning {
    AllOld,
    ModifiedOld,
    AllNew,
    ModifiedNew,
}

/// Reads a statement with its parameters in place.
///
/// # Errors
/// `ValidationException` for what is none.
pub(crate) fn read(text: &str, parameters: Option<Vec<AttributeValue>>) -> Result<Statement> {
    let given = parameters.unwrap_or_default().into_iter().map(Attr::from_wire);
    let given = given.collect::<Result<Vec<_>, String>>().map_err(AwsError::validation)?;
    if text.chars().count() > STATEMENT_CHARS_MAX {
        return Err(ill_formed("it is longer than 8192 characters"));
    }
    parse::statement(text, given).map_err(|said| ill_formed(&said))
}

fn ill_formed(said: &str) -> AwsError {
    AwsError::validation(format!("Statement wasn't well formed, can't be processed: {said}"))
}
