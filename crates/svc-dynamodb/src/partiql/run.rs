//! What statements come to: a page of a read, or a request to write.

use aws_wire::{AwsError, Result};
use kv::{Direction, Snapshot};

use super::{Returning, Select, Statement};
use crate::Ctx;
use crate::asked;
use crate::capacity::Units;
use crate::expression::condition::{Comparison, Condition, Operand};
use crate::expression::key_condition::{self, Wanted};
use crate::expression::projection::Projection;
use crate::expression::{Path, Step};
use crate::read::{self, Found, Page, Place};
use crate::table::{self, Schema, TableRecord};
use crate::value::{Attr, Item};
use crate::write::{Action, Done, Request};

/// A page, its table's name and what it took.
pub(crate) struct Selected {
    pub found: Found,
    pub table: String,
    pub units: Units,
}

/// The conditions that must all hold.
fn conjuncts(condition: &Condition) -> Vec<&Condition> {
    match condition {
        Condition::All(parts) => parts.iter().flat_map(conjuncts).collect(),
        one => vec![one],
    }
}

/// What a condition wants of the attribute, where it wants one stretch of it.
fn wanted(condition: &Condition, name: &str) -> Option<Wanted> {
    let is_it = |path: &Path| matches!(&path.0[..], [Step::Name(own)] if own == name);
    match condition {
        Condition::Compare(comparison, Operand::Path(path), Operand::Value(value)) if is_it(path) => {
            let value = value.clone();
            match comparison {
                Comparison::Eq => Some(Wanted::Eq(value)),
                Comparison::Lt => Some(Wanted::Lt(value)),
                Comparison::Le => Some(Wanted::Le(value)),
                Comparison::Gt => Some(Wanted::Gt(value)),
                Comparison::Ge => Some(Wanted::Ge(value)),
                Comparison::Ne => None,
            }
        }
        Condition::Between(Operand::Path(path), Operand::Value(low), Operand::Value(high)) if is_it(path) => {
            Some(Wanted::Between(low.clone(), high.clone()))
        }
        Condition::BeginsWith(Operand::Path(path), Operand::Value(prefix @ (Attr::S(_) | Attr::B(_))))
            if is_it(path) =>
        {
            Some(Wanted::BeginsWith(prefix.clone()))
        }
        _ => None,
    }
}

/// Where a SELECT reads: one partition when its condition says which, else everything.
fn place(schema: &Schema, condition: Option<&Condition>) -> Result<Place> {
    let parts = condition.map(conjuncts).unwrap_or_default();
    let hash =
        parts.iter().find_map(|part| wanted(part, &schema.hash.name).filter(|w| matches!(w, Wanted::Eq(_))));
    let Some(hash) = hash else { return Ok(Place::Segment(0, 1)) };
    let mut keys = vec![(schema.hash.name.clone(), hash)];
    if let Some(range) = &schema.range {
        let found = parts.iter().find_map(|part| wanted(part, &range.name));
        keys.extend(found.map(|found| (range.name.clone(), found)));
    }
    Ok(Place::Stretch(key_condition::stretch(schema, keys)?))
}

/// Reads a page of a SELECT.
///
/// # Errors
/// What refuses it.
pub(crate) fn select(
    cx: &Ctx,
    snapshot: &Snapshot,
    select: Select,
    consistent: bool,
    limit: Option<usize>,
    start: Option<Item>,
) -> Result<Selected> {
    let table = table::open(snapshot, &table::key(&cx.caller, &select.table)?)?;
    cx.state.throttle.check_read(cx, &table)?;
    let index = read::index(&table, select.index.as_ref(), consistent)?;
    let schema = index.map_or(&table.schema, |index| &index.schema);
    let place = place(schema, select.condition.as_ref())?;
    let direction = match &select.order {
        None => Direction::Forward,
        Some(_) if !matches!(place, Place::Stretch(_)) => {
            return Err(AwsError::validation(
                "Must have at least one non-optional hash key condition in WHERE clause when using ORDER BY clause.",
            ));
        }
        Some((name, ascends)) => {
            if !schema.has(name) {
                return Err(AwsError::validation(format!(
                    "Variable reference {name} in ORDER BY clause must be part of the primary key"
                )));
            }
            if *ascends { Direction::Forward } else { Direction::Reverse }
        }
    };
    let paths = select.paths.map(Projection);
    let wanted = read::wanted(&table, index, None, paths)?;
    let page =
        Page { table: &table, index, place, direction, limit, start, filter: select.condition, wanted };
    let found = page.read(snapshot)?;
    let units = asked::units_of_page(&page, &found, consistent);
    cx.state.throttle.consume_read(cx, &table, &units);
    Ok(Selected { found, table: table.name.clone(), units })
}

/// The key that a condition names whole, and what else it asks.
fn key_and_rest(table: &TableRecord, condition: &Condition) -> Result<(Item, Vec<Condition>)> {
    let (mut key, mut rest) = (Item::new(), Vec::new());
    for part in conjuncts(condition) {
        let of_key = table.schema.parts().find_map(|own| match wanted(part, &own.name) {
            Some(Wanted::Eq(value)) if !key.contains_key(&own.name) => Some((own.name.clone(), value)),
            _ => None,
        });
        match of_key {
            Some((name, value)) => {
                key.insert(name, value);
            }
            None => rest.push(part.clone()),
        }
    }
    if key.len() < table.schema.parts().count() {
        return Err(AwsError::validation(
            "Where clause does not contain a mandatory equality on all key attributes",
        ));
    }
    Ok((key, rest))
}

/// The request that a statement comes to; `None` for a SELECT.
///
/// # Errors
/// What refuses it.
pub(crate) async fn write_request(cx: &Ctx, statement: &Statement) -> Result<Option<Request>> {
    let name = match statement {
        Statement::Select(_) => return Ok(None),
        Statement::Exists(select) => &select.table,
        Statement::Insert { table, .. }
        | Statement::Update { table, .. }
        | Statement::Delete { table, .. } => table,
    };
    let key = table::key(&cx.caller, name)?;
    let table = table::open(&cx.kv.snapshot().await?, &key)?;
    let exists = || Condition::Exists(Path::top(&table.schema.hash.name));
    let (action, condition) = match statement {
        Statement::Select(_) => return Ok(None),
        Statement::Insert { item, .. } => {
            let absent = Condition::NotExists(Path::top(&table.schema.hash.name));
            (Action::Put(item.clone()), Some(absent))
        }
        Statement::Update { update, condition, .. } => {
            let (own, rest) = key_and_rest(&table, condition)?;
            let all = std::iter::once(exists()).chain(rest).collect();
            (Action::Update(own, update.clone()), Some(Condition::All(all)))
        }
        Statement::Delete { condition, .. } => {
            let (own, rest) = key_and_rest(&table, condition)?;
            let condition = (!rest.is_empty()).then_some(Condition::All(rest));
            (Action::Delete(own), condition)
        }
        Statement::Exists(select) => {
            let none = Condition::All(Vec::new());
            let (own, rest) = key_and_rest(&table, select.condition.as_ref().unwrap_or(&none))?;
            (Action::Check(own), Some(Condition::All(std::iter::once(exists()).chain(rest).collect())))
        }
    };
    Ok(Some(Request { table: key, action, condition }))
}

/// What `RETURNING` asks of what was done.
pub(crate) fn returned(statement: &Statement, done: Done) -> Option<Item> {
    let (returning, update) = match statement {
        Statement::Update { returning, update, .. } => (*returning, Some(update)),
        Statement::Delete { returning, .. } => (*returning, None),
        _ => (None, None),
    };
    let modified = |item: Option<Item>| {
        let paths = update?.paths().into_iter().cloned().collect();
        item.map(|item| Projection(paths).apply(&item))
    };
    match returning? {
        Returning::AllOld => done.old,
        Returning::AllNew => done.new,
        Returning::ModifiedOld => modified(done.old),
        Returning::ModifiedNew => modified(done.new),
    }
}
