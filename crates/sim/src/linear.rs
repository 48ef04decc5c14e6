//! Whether a history can be put into one order that a model allows: each operation somewhere between its being asked and
//! its being answered (linearizability; the search is Wing and Gong's, with Lowe's memory of what was tried).

use std::collections::HashSet;
use std::hash::Hash;

/// More orders than this are not tried: a history so ambiguous would prove nothing.
const TRIES_MAX: usize = 2_000_000;

/// A service as it should be.
pub trait Model: Clone + Eq + Hash {
    type Operation;

    /// Does the operation, and says whether its answer, where there was one, is what it had to be.
    fn apply(&mut self, operation: &Self::Operation) -> bool;
}

/// An operation in a history.
#[derive(Clone, Debug)]
pub struct Done<O> {
    pub operation: O,
    pub asked: u64,
    /// `None` when nobody knows whether it was done: then it may have been, at any time while its process lived, or not
    /// at all.
    pub answered: Option<u64>,
}

/// `ends` says until when something that was asked at a moment, and had no answer, can have been done.
///
/// # Errors
/// What could be put in order at best, when not all can.
pub fn check<M: Model>(
    start: M,
    history: &[Done<M::Operation>],
    ends: impl Fn(u64) -> u64,
) -> Result<(), String> {
    assert!(history.len() <= 128, "a history is short");
    let known = history.iter().enumerate().filter(|(_, done)| done.answered.is_some());
    let wanted = known.fold(0u128, |set, (at, _)| set | 1 << at);
    let ends = history.iter().map(|done| done.answered.unwrap_or_else(|| ends(done.asked))).collect();
    let mut search = Search { history, ends, wanted, tried: HashSet::new(), best: 0 };
    if search.from(&start, 0, 0) {
        return Ok(());
    }
    if search.tried.len() >= TRIES_MAX {
        return Err(format!("undecided after {TRIES_MAX} tries"));
    }
    Err(format!("of {} answered operations at most {} fit", wanted.count_ones(), search.best))
}

struct Search<'h, M: Model> {
    history: &'h [Done<M::Operation>],
    /// The last moment at which each can have been done.
    ends: Vec<u64>,
    wanted: u128,
    tried: HashSet<(u128, M)>,
    best: u32,
}

impl<M: Model> Search<'_, M> {
    /// Whether all that is left can follow `done`, of which the last was done at `now` at the earliest.
    fn from(&mut self, model: &M, mut done: u128, now: u64) -> bool {
        self.best = self.best.max((done & self.wanted).count_ones());
        if done & self.wanted == self.wanted {
            return true;
        }
        // Whose time is over was never done: what has that in common is tried once.
        for (at, _) in self.ends.iter().enumerate().filter(|(_, end)| **end < now) {
            done |= 1 << at;
        }
        if self.tried.len() >= TRIES_MAX || !self.tried.insert((done, model.clone())) {
            return false;
        }
        let history = self.history;
        let open = || history.iter().enumerate().filter(|(at, _)| done & (1 << at) == 0);
        // Nothing can come after an operation that was answered before it was asked.
        let until = open().filter_map(|(_, one)| one.answered).min().unwrap_or(u64::MAX);
        let next = || open().filter(|(_, one)| one.asked <= until);
        // What nobody knows of is tried last: mostly it is not needed.
        let known = next().filter(|(_, one)| one.answered.is_some());
        let unknown = next().filter(|(_, one)| one.answered.is_none());
        for (at, one) in known.chain(unknown) {
            let mut after = model.clone();
            let fits = after.apply(&one.operation) && (one.answered.is_some() || after != *model);
            if fits && self.from(&after, done | 1 << at, now.max(one.asked)) {
                return true;
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, PartialEq, Eq, Hash)]
    struct Register(u32);

    enum Operation {
        Write(u32),
        Read(u32),
    }

    impl Model for Register {
        type Operation = Operation;

        fn apply(&mut self, operation: &Operation) -> bool {
            match operation {
                Operation::Write(value) => self.0 = *value,
                Operation::Read(value) => return self.0 == *value,
            }
            true
        }
    }

    fn fits(history: Vec<(Operation, u64, Option<u64>)>) -> bool {
        let history =
            history.into_iter().map(|(operation, asked, answered)| Done { operation, asked, answered });
        check(Register(0), &history.collect::<Vec<_>>(), |asked| asked + 9).is_ok()
    }

    #[test]
    fn what_overlaps_may_be_in_any_order_and_what_follows_may_not() {
        use Operation::{Read, Write};
        assert!(fits(vec![(Write(1), 0, Some(3)), (Read(0), 1, Some(2))]));
        assert!(fits(vec![(Write(1), 0, Some(3)), (Read(1), 1, Some(2))]));
        assert!(!fits(vec![(Write(1), 0, Some(1)), (Read(0), 2, Some(3))]), "an old value after the new");
        assert!(
            !fits(vec![(Write(1), 0, Some(5)), (Read(1), 1, Some(2)), (Read(0), 3, Some(4))]),
            "back and forth"
        );
        assert!(!fits(vec![(Read(7), 0, Some(1))]), "from nowhere");
    }

    #[test]
    fn what_has_no_answer_may_be_done_late_or_never() {
        use Operation::{Read, Write};
        assert!(fits(vec![(Write(1), 0, None), (Read(0), 1, Some(2)), (Read(1), 3, Some(4))]));
        assert!(fits(vec![(Write(1), 0, None), (Read(0), 1, Some(2))]));
        assert!(!fits(vec![(Write(1), 0, None), (Read(1), 1, Some(2)), (Read(0), 3, Some(4))]));
        assert!(fits(vec![(Write(1), 0, None), (Read(0), 1, Some(8)), (Read(1), 9, Some(12))]));
        assert!(
            !fits(vec![(Write(1), 0, None), (Read(0), 10, Some(11)), (Read(1), 12, Some(13))]),
            "done after its process had died"
        );
    }
}
