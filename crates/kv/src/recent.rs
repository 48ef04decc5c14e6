//! Conflict detection for engines that decide commits one after another.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;

use crate::{KeyRange, ReadSet};

/// Which keys recent commits wrote, bounded in number. A transaction older than what is remembered conflicts.
pub struct RecentWrites {
    keys_max: usize,
    /// The last version that wrote each remembered key.
    last: BTreeMap<Bytes, u64>,
    /// The same writes, oldest first.
    order: VecDeque<(u64, Bytes)>,
    /// Writes up to this version may have been forgotten.
    forgotten: u64,
}

impl RecentWrites {
    /// Remembers at most `keys_max` written keys.
    pub fn new(keys_max: usize) -> Self {
        Self { keys_max, last: BTreeMap::new(), order: VecDeque::new(), forgotten: 0 }
    }

    /// Whether anything in `reads` was written after `version`.
    pub fn conflict(&self, version: u64, reads: &ReadSet) -> bool {
        if reads.is_empty() {
            return false;
        }
        version < self.forgotten
            || reads.keys.iter().any(|key| self.last.get(key).is_some_and(|written| *written > version))
            || reads.ranges.iter().any(|range| self.range_written(version, range))
    }

    fn range_written(&self, version: u64, range: &KeyRange) -> bool {
        if range.is_empty() {
            return false;
        }
        self.last.range::<Bytes, _>(range.bounds()).any(|(_, written)| *written > version)
    }

    /// Remembers that `version`, above all earlier ones, wrote `keys`.
    pub fn record<'a>(&mut self, version: u64, keys: impl Iterator<Item = &'a Bytes>) {
        for key in keys {
            self.last.insert(key.clone(), version);
            self.order.push_back((version, key.clone()));
        }
        while self.order.len() > self.keys_max {
            let Some((written, key)) = self.order.pop_front() else { return };
            if self.last.get(&key) == Some(&written) {
                self.last.remove(&key);
            }
            self.forgotten = written;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reads(keys: &[&'static str], ranges: &[(&'static str, &'static str)]) -> ReadSet {
        ReadSet {
            keys: keys.iter().map(|key| Bytes::from(*key)).collect(),
            ranges: ranges.iter().map(|(start, end)| KeyRange::between(*start, *end)).collect(),
        }
    }

    #[test]
    fn only_later_writes_of_what_was_read_conflict() {
        let mut recent = RecentWrites::new(100);
        recent.record(5, [Bytes::from("b")].iter());
        assert!(recent.conflict(4, &reads(&["b"], &[])));
        assert!(!recent.conflict(5, &reads(&["b"], &[])));
        assert!(!recent.conflict(4, &reads(&["a"], &[])));
        assert!(recent.conflict(4, &reads(&[], &[("a", "c")])));
        assert!(recent.conflict(4, &reads(&[], &[("b", "c")])));
        assert!(!recent.conflict(4, &reads(&[], &[("a", "b")])));
        assert!(!recent.conflict(4, &reads(&[], &[("c", "a")])));
        assert!(!recent.conflict(4, &reads(&[], &[])));
    }

    #[test]
    fn what_is_forgotten_conflicts_and_memory_is_bounded() {
        let mut recent = RecentWrites::new(2);
        for version in 1..=10 {
            recent.record(version, [Bytes::from("same")].iter());
        }
        assert_eq!((recent.order.len(), recent.last.len()), (2, 1));
        assert!(recent.conflict(7, &reads(&["other"], &[])));
        assert!(!recent.conflict(8, &reads(&["other"], &[])));
        assert!(recent.conflict(9, &reads(&["same"], &[])));
        assert!(!recent.conflict(10, &reads(&["same"], &[])));
        assert!(!recent.conflict(0, &reads(&[], &[])));
    }
}
