//! How far a shard has been handled, when its records are handled side by side.

use std::collections::VecDeque;

/// Records in the order of the shard, from the first that is not handled.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    /// The place of the queue's first in the whole shard.
    first: u64,
    records: VecDeque<(String, bool)>,
}

impl Progress {
    /// The next record's place.
    pub(crate) fn add(&mut self, sequence: &str) -> u64 {
        self.records.push_back((sequence.to_owned(), false));
        self.first + self.records.len() as u64 - 1
    }

    /// A record is handled. The last of those before which everything is, when that is another than before.
    pub(crate) fn done(&mut self, places: impl IntoIterator<Item = u64>) -> Option<String> {
        for place in places {
            let at = usize::try_from(place - self.first).expect("a record is handled once");
            self.records[at].1 = true;
        }
        let mut last = None;
        while self.records.front().is_some_and(|(_, done)| *done) {
            last = self.records.pop_front();
            self.first += 1;
        }
        last.map(|(sequence, _)| sequence)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_behind_a_gap_does_not_count() {
        let mut progress = Progress::default();
        let places = ["a", "b", "c", "d"].map(|sequence| progress.add(sequence));
        assert_eq!(progress.done([places[1], places[2]]), None);
        assert_eq!(progress.done([places[0]]), Some("c".to_owned()));
        let more = progress.add("e");
        assert_eq!(progress.done([more]), None);
        assert_eq!(progress.done([places[3]]), Some("e".to_owned()));
        assert_eq!(progress.done([]), None);
    }
}
