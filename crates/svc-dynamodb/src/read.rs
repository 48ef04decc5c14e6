//! Reading items: one by its key, and stretches of a table or an index page by page.

use api_dynamodb::Select;
use aws_wire::{AwsError, Result};
use kv::{Direction, Read, Snapshot, Span};

use crate::expression::condition::Condition;
use crate::expression::key_condition::Stretch;
use crate::expression::projection::Projection;
use crate::item::{indexed, row_of_key};
use crate::keys::{INDEXED, ITEMS, RowKey};
use crate::table::{Index, Schema, Status, TableRecord, is_of};
use crate::value::{self, Item, wrong};

/// Bytes of items that one page looks at.
const PAGE_BYTES_MAX: usize = 1 << 20;
/// Rows taken from the store at once.
const ROWS_AT_ONCE: usize = 64;
/// Bits of a digest that tell a row's segment.
const SEGMENT_BITS: u32 = 64;

pub(crate) fn get(reader: &impl Read, table: &TableRecord, key: &Item) -> Result<Option<Item>> {
    let row = row_of_key(table, key)?;
    Ok(ITEMS.get(reader, &row)?)
}

/// What of an item an answer holds.
#[derive(Clone, Debug)]
pub(crate) enum Wanted {
    Whole,
    Paths(Projection),
    Count,
}

/// Where a page begins and ends, and what is wanted of it.
pub(crate) struct Page<'a> {
    pub table: &'a TableRecord,
    pub index: Option<&'a Index>,
    pub place: Place,
    pub direction: Direction,
    pub limit: Option<usize>,
    pub start: Option<Item>,
    pub filter: Option<Condition>,
    pub wanted: Wanted,
}

pub(crate) enum Place {
    /// A query's.
    Stretch(Stretch),
    /// One segment of so many.
    Segment(u32, u32),
}

#[derive(Debug, Default)]
pub(crate) struct Found {
    pub items: Vec<Item>,
    pub count: usize,
    pub scanned: usize,
    pub last: Option<Item>,
    /// Bytes that were looked at.
    pub bytes: usize,
    /// Bytes of items that a local index had to fetch from its table.
    pub fetched: usize,
}

impl Page<'_> {
    fn base(&self) -> Vec<u8> {
        let mut bytes = self.table.id.to_vec();
        if let Some(index) = self.index {
            bytes.extend_from_slice(&index.number.to_be_bytes());
        }
        bytes
    }

    fn schema(&self) -> &Schema {
        self.index.map_or(&self.table.schema, |index| &index.schema)
    }

    /// The whole stretch, before paging.
    fn span(&self) -> Span<RowKey> {
        let base = self.base();
        match &self.place {
            Place::Stretch(stretch) => {
                let within = [&base[..], &stretch.partition].concat();
                let mut span = Span::prefix(&RowKey(within.clone()));
                if !stretch.start.is_empty() {
                    span = span.from(&RowKey([&within[..], &stretch.start].concat()));
                }
                if let Some(end) = &stretch.end {
                    span = span.before(&RowKey([&within[..], end].concat()));
                }
                span
            }
            Place::Segment(segment, total) => {
                // The first eight bytes of a partition's digest, in equal parts.
                let bound = |part: u32| {
                    let bound = (u128::from(part) << SEGMENT_BITS) / u128::from(*total);
                    u64::try_from(bound).ok().map(|bound| RowKey([&base[..], &bound.to_be_bytes()].concat()))
                };
                let mut span = Span::prefix(&RowKey(base.clone()));
                span = bound(*segment).map_or(span.clone(), |from| span.from(&from));
                bound(segment + 1).map_or(span.clone(), |before| span.before(&before))
            }
        }
    }

    /// The row of the exclusive start key, which must be one of the place read.
    fn start_row(&self, start: &Item) -> Result<RowKey> {
        let invalid =
            |what: &str| AwsError::validation(format!("The provided starting key is invalid{what}"));
        let mut names = self.table.schema.parts().chain(self.schema().parts()).collect::<Vec<_>>();
        names.dedup_by(|a, b| a.name == b.name);
        let complete = names.iter().all(|part| start.get(&part.name).is_some_and(|v| is_of(v, part.kind)));
        if !complete || start.keys().any(|name| !names.iter().any(|part| part.name == *name)) {
            return Err(match self.place {
                Place::Stretch(_) if self.index.is_none() => {
                    invalid(": The provided key element does not match the schema")
                }
                _ => invalid(""),
            });
        }
        let row = row_of_key(self.table, &self.table.schema.pick(start))?;
        if let Place::Stretch(stretch) = &self.place
            && start.get(&self.schema().hash.name) != Some(&stretch.hash)
        {
            return Err(AwsError::validation(
                "The provided starting key is outside query boundaries based on provided conditions",
            ));
        }
        match self.index {
            None => Ok(row),
            Some(index) => {
                let all = Index { projected: crate::table::Projected::Keys, ..index.clone() };
                indexed(self.table, &all, &row, start).map(|(key, _)| key).ok_or_else(|| invalid(""))
            }
        }
    }

    /// Reads the page.
    ///
    /// # Errors
    /// `ValidationException` for a start key that is none here.
    pub(crate) fn read(&self, snapshot: &Snapshot) -> Result<Found> {
        let mut span = self.span();
        if let Some(start) = &self.start {
            let row = self.start_row(start)?;
            span = match self.direction {
                Direction::Forward => span.after(&row),
                Direction::Reverse => span.before(&row),
            };
        }
        let mut found = Found::default();
        loop {
            let left = self.limit.map_or(ROWS_AT_ONCE, |limit| limit - found.scanned).min(ROWS_AT_ONCE);
            let stored = if self.index.is_some() { &INDEXED } else { &ITEMS };
            let rows = stored.scan(snapshot, &span, left, self.direction)?;
            let next = rows.last().filter(|_| rows.len() == left).map(|(key, _)| match self.direction {
                Direction::Forward => span.clone().after(key),
                Direction::Reverse => span.clone().before(key),
            });
            for (_, item) in rows {
                let item = self.complete(snapshot, item, &mut found)?;
                let full = self.limit.is_some_and(|limit| found.scanned >= limit);
                if full || found.bytes >= PAGE_BYTES_MAX {
                    found.last = Some(self.key_of(&item));
                    self.keep(item, &mut found);
                    return Ok(found);
                }
                self.keep(item, &mut found);
            }
            let Some(next) = next else { return Ok(found) };
            span = next;
        }
    }

    fn key_of(&self, item: &Item) -> Item {
        let mut key = self.table.schema.pick(item);
        key.extend(self.schema().pick(item));
        key
    }

    /// Counts one row's item; gives it back, as complete as it is wanted.
    fn complete(&self, snapshot: &Snapshot, held: Item, found: &mut Found) -> Result<Item> {
        found.scanned += 1;
        found.bytes += value::size(&held);
        if !self.index.is_some_and(|index| self.must_fetch(index)) {
            return Ok(held);
        }
        let whole = get(snapshot, self.table, &self.table.schema.pick(&held))?.unwrap_or(held);
        found.fetched += value::size(&whole);
        Ok(whole)
    }

    /// Takes an item into the page, if the filter lets it pass.
    fn keep(&self, item: Item, found: &mut Found) {
        if self.filter.as_ref().is_none_or(|filter| filter.holds(&item)) {
            found.count += 1;
            match &self.wanted {
                Wanted::Whole => found.items.push(item),
                Wanted::Paths(paths) => found.items.push(paths.apply(&item)),
                Wanted::Count => {}
            }
        }
    }

    /// Whether a local index lacks something that is wanted.
    fn must_fetch(&self, index: &Index) -> bool {
        let lacks = |name: &str| !index.holds(&self.table.schema, name);
        !index.global
            && match &self.wanted {
                Wanted::Whole => index.projected != crate::table::Projected::All,
                Wanted::Paths(paths) => paths.0.iter().any(|path| lacks(path.head())),
                Wanted::Count => false,
            }
    }
}

/// The index that a request names.
///
/// # Errors
/// `ValidationException` in AWS's words.
pub(crate) fn index<'a>(
    table: &'a TableRecord,
    name: Option<&String>,
    consistent: bool,
) -> Result<Option<&'a Index>> {
    let Some(name) = name else { return Ok(None) };
    let index = table.visible().find(|index| index.name == *name);
    let Some(index) = index.filter(|index| index.status != Status::Deleting) else {
        return Err(AwsError::validation(format!("The table does not have the specified index: {name}")));
    };
    if index.global && consistent {
        return Err(AwsError::validation("Consistent reads are not supported on global secondary indexes"));
    }
    if index.status == Status::Creating {
        return Err(AwsError::validation(format!(
            "Cannot read from backfilling global secondary index: {name}"
        )));
    }
    Ok(Some(index))
}

/// What `Select` and the projection come to together.
///
/// # Errors
/// `ValidationException` in AWS's words.
pub(crate) fn wanted(
    table: &TableRecord,
    index: Option<&Index>,
    select: Option<Select>,
    paths: Option<Projection>,
) -> Result<Wanted> {
    if let (Some(select), Some(_)) = (select, &paths)
        && select != Select::SpecificAttributes
    {
        let name = select.as_str();
        return Err(AwsError::validation(format!(
            "Cannot specify the AttributesToGet when choosing to get {}",
            if name == "COUNT" { "only the Count" } else { name }
        )));
    }
    if let (Some(index), Some(paths)) = (index.filter(|index| index.global), &paths) {
        let lacking = paths.0.iter().map(|path| path.head()).filter(|name| !index.holds(&table.schema, name));
        let lacking = lacking.collect::<Vec<_>>();
        if !lacking.is_empty() {
            return Err(wrong(format!(
                "Global secondary index {} does not project [{}]",
                index.name,
                lacking.join(", ")
            )));
        }
    }
    match (select, paths) {
        (Some(Select::Count), _) => Ok(Wanted::Count),
        (Some(Select::SpecificAttributes), None) => Err(AwsError::validation(
            "Must specify the AttributesToGet or ProjectionExpression when choosing to get SPECIFIC_ATTRIBUTES",
        )),
        (Some(Select::AllProjectedAttributes), None) => match index {
            None => Err(wrong("ALL_PROJECTED_ATTRIBUTES can be used only when Querying using an IndexName")),
            Some(index) => projected(table, index),
        },
        (Some(Select::AllAttributes), None) => match index {
            Some(index) if index.global && index.projected != crate::table::Projected::All => {
                Err(wrong(format!(
                    "Select type ALL_ATTRIBUTES is not supported for global secondary index {} because its projection type is not ALL",
                    index.name
                )))
            }
            _ => Ok(Wanted::Whole),
        },
        (_, Some(paths)) => Ok(Wanted::Paths(paths)),
        (None, None) => match index {
            Some(index) => projected(table, index),
            None => Ok(Wanted::Whole),
        },
    }
}

/// All that an index holds, so that nothing is fetched from the table.
fn projected(table: &TableRecord, index: &Index) -> Result<Wanted> {
    if index.global || index.projected == crate::table::Projected::All {
        return Ok(Wanted::Whole);
    }
    let mut names =
        table.schema.parts().chain(index.schema.parts()).map(|part| part.name.clone()).collect::<Vec<_>>();
    if let crate::table::Projected::Include(more) = &index.projected {
        names.extend(more.iter().cloned());
    }
    names.sort();
    names.dedup();
    Ok(Wanted::Paths(Projection::of(&names)))
}
