//! What is held in memory of buses' rules, so that an event does not read them: their patterns in an index.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use aws_wire::Result;
use event_pattern::{Index, Pattern};
use kv::{Read, Span};

use crate::keys::{ARCHIVES, BusKey, EDITIONS, Id, RULES, TARGETS};
use crate::rule;

/// Buses held at once; when there are more, all are forgotten.
const BUSES_MAX: usize = 1024;

/// The enabled rules of a bus that have patterns and targets, and its archives.
pub(crate) struct Book {
    pub edition: u64,
    pub index: Index<Entry>,
    pub archives: Index<Id>,
}

/// A rule, and its targets by their ids.
#[derive(Debug)]
pub(crate) struct Entry {
    pub rule: String,
    pub targets: Vec<String>,
}

#[derive(Default)]
pub(crate) struct Books(Mutex<HashMap<BusKey, Arc<Book>>>);

impl Books {
    /// A bus's rules as `reader` sees them.
    ///
    /// # Errors
    /// Those of the store.
    pub(crate) fn read(&self, reader: &impl Read, bus: &BusKey) -> Result<Arc<Book>> {
        let edition = EDITIONS.get(reader, bus)?.unwrap_or(0);
        let held = self.0.lock().expect("no panic while held").get(bus).cloned();
        if let Some(book) = held.filter(|book| book.edition == edition) {
            return Ok(book);
        }
        let index = Index::new(entries(reader, bus)?);
        let archives = Index::new(archives(reader, bus)?);
        let book = Arc::new(Book { edition, index, archives });
        let mut books = self.0.lock().expect("no panic while held");
        if books.len() >= BUSES_MAX {
            books.clear();
        }
        books.insert(bus.clone(), Arc::clone(&book));
        Ok(book)
    }
}

fn entries(reader: &impl Read, bus: &BusKey) -> Result<Vec<(Pattern, Entry)>> {
    let span = (bus.0.as_str(), bus.1.as_str(), bus.2.as_str());
    let mut targets = HashMap::<String, Vec<String>>::new();
    for ((.., rule, id), _) in TARGETS.all(reader, &Span::prefix(&span))? {
        targets.entry(rule).or_default().push(id);
    }
    let mut entries = Vec::new();
    for ((.., name), rule) in RULES.all(reader, &Span::prefix(&span))? {
        let pattern = rule.pattern.as_deref().filter(|_| rule.is_enabled());
        let targets = targets.remove(&name).unwrap_or_default();
        if let Some(pattern) = pattern.filter(|_| !targets.is_empty()) {
            entries.push((rule::parse_pattern(pattern)?, Entry { rule: name, targets }));
        }
    }
    Ok(entries)
}

fn archives(reader: &impl Read, (account, region, bus): &BusKey) -> Result<Vec<(Pattern, Id)>> {
    let of_account = Span::prefix(&(account.as_str(), region.as_str()));
    let archives = ARCHIVES.all(reader, &of_account)?.into_iter();
    let of_bus = archives.filter(|(_, archive)| archive.bus == *bus);
    of_bus.map(|(_, archive)| Ok((archive.parsed_pattern()?, archive.id))).collect()
}
