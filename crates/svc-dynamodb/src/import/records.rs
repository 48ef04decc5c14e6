//! The records of imported objects: lines of DynamoDB's JSON, or of CSV, as they come in pieces.

use std::collections::VecDeque;

use aws_wire::{AwsError, Result};
use csv_core::{ReadRecordResult, Reader, ReaderBuilder};
use serde::Deserialize;

use crate::number::Number;
use crate::table::{Kind, TableRecord};
use crate::value::{Attr, Item};

/// Bytes of one record: the largest item, with room for how JSON writes it.
const RECORD_BYTES_MAX: usize = 4 << 20;

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Record {
    Line(Vec<u8>),
    Fields(Vec<String>),
    /// Bytes that are no text.
    Broken,
}

/// Cuts what comes in into records.
pub(super) struct Records {
    cutter: Cutter,
    found: VecDeque<Record>,
}

enum Cutter {
    /// The line that is not whole yet.
    Lines(Vec<u8>),
    Csv(Box<Csv>),
}

struct Csv {
    reader: Reader,
    /// The record that is not whole yet: its fields' bytes and where each ends.
    text: Vec<u8>,
    written: usize,
    ends: Vec<usize>,
    ended: usize,
}

impl Records {
    pub(super) fn lines() -> Self {
        Self { cutter: Cutter::Lines(Vec::new()), found: VecDeque::new() }
    }

    pub(super) fn csv(delimiter: u8) -> Self {
        let reader = ReaderBuilder::new().delimiter(delimiter).build();
        let csv = Csv { reader, text: vec![0; 1024], written: 0, ends: vec![0; 32], ended: 0 };
        Self { cutter: Cutter::Csv(Box::new(csv)), found: VecDeque::new() }
    }

    /// The next whole record.
    pub(super) fn next(&mut self) -> Option<Record> {
        self.found.pop_front()
    }

    /// # Errors
    /// `ValidationException` for a record beyond all bounds.
    pub(super) fn feed(&mut self, mut bytes: &[u8]) -> Result<()> {
        match &mut self.cutter {
            Cutter::Lines(line) => {
                while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
                    line.extend_from_slice(&bytes[..end]);
                    self.found.push_back(Record::Line(std::mem::take(line)));
                    bytes = &bytes[end + 1..];
                }
                line.extend_from_slice(bytes);
                check(line.len())
            }
            Cutter::Csv(csv) => {
                while !bytes.is_empty() {
                    bytes = &bytes[csv.read(bytes, &mut self.found)?..];
                }
                Ok(())
            }
        }
    }

    /// There is no more.
    ///
    /// # Errors
    /// As [`Records::feed`].
    pub(super) fn end(&mut self) -> Result<()> {
        match &mut self.cutter {
            Cutter::Lines(line) => {
                if !line.is_empty() {
                    self.found.push_back(Record::Line(std::mem::take(line)));
                }
            }
            Cutter::Csv(csv) => {
                csv.read(&[], &mut self.found)?;
            }
        }
        Ok(())
    }
}

fn check(bytes: usize) -> Result<()> {
    if bytes > RECORD_BYTES_MAX {
        return Err(AwsError::validation(format!("A record has more than {RECORD_BYTES_MAX} bytes")));
    }
    Ok(())
}

impl Csv {
    /// Reads on until a record is whole or `bytes` are used up, where no bytes are the end; how many were used.
    fn read(&mut self, bytes: &[u8], found: &mut VecDeque<Record>) -> Result<usize> {
        let mut used = 0;
        loop {
            let (text, ends) = (&mut self.text[self.written..], &mut self.ends[self.ended..]);
            let (result, read, written, ended) = self.reader.read_record(&bytes[used..], text, ends);
            used += read;
            self.written += written;
            self.ended += ended;
            match result {
                ReadRecordResult::InputEmpty | ReadRecordResult::End => return Ok(used),
                ReadRecordResult::OutputFull => {
                    check(self.text.len())?;
                    self.text.resize(self.text.len() * 2, 0);
                }
                ReadRecordResult::OutputEndsFull => self.ends.resize(self.ends.len() * 2, 0),
                ReadRecordResult::Record => {
                    found.push_back(self.take());
                    return Ok(used);
                }
            }
        }
    }

    fn take(&mut self) -> Record {
        let mut from = 0;
        let fields = self.ends[..self.ended].iter().map(|end| {
            let field = &self.text[std::mem::replace(&mut from, *end)..*end];
            std::str::from_utf8(field).map(str::to_owned)
        });
        let fields = fields.collect::<Result<Vec<_>, _>>();
        (self.written, self.ended) = (0, 0);
        fields.map_or(Record::Broken, Record::Fields)
    }
}

#[derive(Deserialize)]
struct Line {
    #[serde(rename = "Item")]
    item: Item,
}

impl Record {
    /// Whether it is a line between records.
    pub(super) fn is_empty(&self) -> bool {
        match self {
            Self::Line(line) => line.iter().all(u8::is_ascii_whitespace),
            Self::Fields(_) | Self::Broken => false,
        }
    }

    /// The item that it is; none when it is none.
    pub(super) fn into_item(self, table: &TableRecord, headers: &[String]) -> Option<Item> {
        match self {
            Self::Broken => None,
            Self::Line(line) => {
                let item = serde_json::from_slice::<Line>(&line).ok()?.item;
                item.values().all(is_whole).then_some(item)
            }
            Self::Fields(fields) if fields.len() > headers.len() => None,
            Self::Fields(fields) => {
                let named = headers.iter().zip(fields).map(|(name, text)| {
                    // All are texts, but for the attributes of keys, whose types are known.
                    let kind = table.attributes.iter().find(|part| part.name == *name).map(|part| part.kind);
                    let value = match kind {
                        Some(Kind::N) => Attr::N(Number::parse(&text).ok()?),
                        Some(Kind::B) => return None,
                        Some(Kind::S) | None => Attr::S(text),
                    };
                    Some((name.clone(), value))
                });
                named.collect()
            }
        }
    }
}

/// Whether a value is one that a client could have put.
fn is_whole(value: &Attr) -> bool {
    match value {
        Attr::Ss(set) => !set.is_empty(),
        Attr::Ns(set) => !set.is_empty(),
        Attr::Bs(set) => !set.is_empty(),
        Attr::Null(null) => *null,
        Attr::M(members) => members.values().all(is_whole),
        Attr::L(values) => values.iter().all(is_whole),
        Attr::S(_) | Attr::N(_) | Attr::B(_) | Attr::Bool(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// However the bytes are cut, the records are the same.
    fn check(make: fn() -> Records, text: &str, expected: &[Record]) {
        for size in 1..=text.len() {
            let (mut records, mut found) = (make(), Vec::new());
            for piece in text.as_bytes().chunks(size) {
                records.feed(piece).unwrap();
            }
            records.end().unwrap();
            found.extend(std::iter::from_fn(|| records.next()));
            assert_eq!(found, expected, "{size}");
        }
    }

    #[test]
    fn records_are_cut_wherever_pieces_end() {
        let line = |text: &str| Record::Line(text.as_bytes().to_vec());
        check(Records::lines, "{}\n\n{\"a\":1}\nb", &[line("{}"), line(""), line("{\"a\":1}"), line("b")]);
        let fields = |texts: &[&str]| Record::Fields(texts.iter().map(|text| (*text).to_owned()).collect());
        check(
            || Records::csv(b','),
            "a,b\r\n1,\"x, \"\"y\"\"\nz\"\n,\n",
            &[fields(&["a", "b"]), fields(&["1", "x, \"y\"\nz"]), fields(&["", ""])],
        );
        check(|| Records::csv(b';'), "a;b", &[fields(&["a", "b"])]);
    }

    #[test]
    fn a_record_has_a_bound() {
        let long = vec![b'x'; RECORD_BYTES_MAX + 1];
        assert!(Records::lines().feed(&long).is_err());
        assert!(Records::csv(b',').feed(&[&long[..], &long].concat()).is_err());
    }
}
