//! Splitting and merging: which shards end and which begin, as a plan; and carrying it out.

use std::collections::{BTreeMap, BTreeSet};

use aws_wire::{AwsError, Result};

use crate::Ctx;
use crate::keys::{SHARDS, STREAMS};
use crate::shard::{self, Closed, HashKey, Shard};
use crate::stream::{self, Asked, Named};

/// A stream's shards while they are split and merged.
pub(crate) struct Plan {
    shards: BTreeMap<u32, Shard>,
    /// Open shards by the first of their hash keys.
    open: BTreeMap<u128, u32>,
    changed: BTreeSet<u32>,
    next: u32,
    at_ms: i64,
    /// Above all numbers that were given.
    number: u64,
}

/// The ranges of so many shards that share all hash keys evenly: first and last key of each.
pub(crate) fn even(count: u32) -> Vec<(u128, u128)> {
    if count <= 1 {
        return vec![(0, u128::MAX)];
    }
    let count = u128::from(count);
    // 2^128 divided by the count, which a u128 can't hold before the division.
    let (width, rest) = (u128::MAX / count, u128::MAX % count);
    let width = if rest == count - 1 { width + 1 } else { width };
    let starts = (0..count).map(|position| (position, position * width));
    let ranges = starts.map(|(position, start)| {
        let end = if position == count - 1 { u128::MAX } else { start + (width - 1) };
        (start, end)
    });
    ranges.collect()
}

impl Plan {
    fn new(shards: Vec<(u32, Shard)>, next: u32, at_ms: i64, above: u64) -> Self {
        let shards = shards.into_iter().collect::<BTreeMap<_, _>>();
        let open = shards.iter().filter(|(_, shard)| shard.is_open());
        let open = open.map(|(number, shard)| (shard.start.0, *number)).collect();
        Self { shards, open, changed: BTreeSet::new(), next, at_ms, number: above }
    }

    pub(crate) fn get(&self, number: u32) -> Option<&Shard> {
        self.shards.get(&number)
    }

    pub(crate) fn open_count(&self) -> u32 {
        u32::try_from(self.open.len()).unwrap_or(u32::MAX)
    }

    fn close(&mut self, number: u32) {
        let closed = Closed { at_ms: self.at_ms, last: self.number };
        let shard = self.shards.get_mut(&number).expect("only shards that are there are closed");
        shard.closed = Some(closed);
        self.open.remove(&shard.start.0);
        self.changed.insert(number);
    }

    fn begin(&mut self, start: u128, end: u128, parent: u32, adjacent: Option<u32>) {
        let shard = Shard {
            start: HashKey(start),
            end: HashKey(end),
            parent: Some(parent),
            adjacent,
            first: self.number,
            created_ms: self.at_ms,
            closed: None,
        };
        self.shards.insert(self.next, shard);
        self.open.insert(start, self.next);
        self.changed.insert(self.next);
        self.next += 1;
    }

    /// Two shards in place of one; the second begins with `at`, which lies within it and not at its beginning.
    pub(crate) fn split(&mut self, number: u32, at: u128) {
        let Shard { start, end, .. } = self.shards[&number];
        self.close(number);
        self.number += 1;
        self.begin(start.0, at - 1, number, None);
        self.begin(at, end.0, number, None);
    }

    /// One shard in place of two, of which the first lies before the second.
    pub(crate) fn merge(&mut self, first: u32, second: u32) {
        let (start, end) = (self.shards[&first].start, self.shards[&second].end);
        self.close(first);
        self.close(second);
        self.number += 1;
        self.begin(start.0, end.0, first, Some(second));
    }

    /// So many shards of one width: what crosses a border is split, what lies between two is merged.
    pub(crate) fn scale(&mut self, count: u32) {
        let ranges = even(count);
        for (start, _) in &ranges {
            let crossing = self.open.range(..start).next_back().map(|(_, number)| *number);
            if let Some(number) = crossing.filter(|number| *start <= self.shards[number].end.0)
                && !self.open.contains_key(start)
            {
                self.split(number, *start);
            }
        }
        for (start, end) in ranges {
            loop {
                let mut within = self.open.range(start..=end).map(|(_, number)| *number);
                let (Some(first), Some(second)) = (within.next(), within.next()) else { break };
                self.merge(first, second);
            }
        }
    }
}

/// Changes a stream's shards: nobody writes meanwhile, and readers of closed shards are told where to go on.
///
/// # Errors
/// As [`Asked::find`], and what `change` refuses.
pub(crate) async fn carry_out<T>(
    cx: &Ctx,
    asked: Asked<'_>,
    change: impl Fn(&mut Named, &mut Plan) -> Result<T>,
) -> Result<(Named, T)> {
    let found = asked.find(cx, &cx.kv.snapshot().await?)?;
    let id = found.stream.id;
    let lane = cx.state.lanes.of(id);
    let _alone = lane.gate.write().await;
    let mut above = u64::try_from(cx.env.now().as_micros()).unwrap_or(0);
    for (number, _) in shard::all(&cx.kv.snapshot().await?, id)?.iter().filter(|(_, shard)| shard.is_open()) {
        above = above.max(lane.last(cx, id, *number).await? + 1);
    }
    let at_ms = cx.env.now().as_millis();
    let done = cx
        .kv
        .transact(|tx| {
            let mut named = asked.find(cx, tx)?;
            if named.stream.id != id {
                return Err(crate::refusal::no_stream(&named.key));
            }
            let mut plan = Plan::new(shard::all(tx, id)?, named.stream.next_shard, at_ms, above);
            let before = plan.open_count();
            let told = change(&mut named, &mut plan)?;
            let after = plan.open_count();
            if !named.stream.is_on_demand() && after > before {
                stream::check_shards(tx, &named.key, after - before)?;
            }
            named.stream.next_shard = plan.next;
            named.stream.open_shards = after;
            STREAMS.put(tx, &named.key, &named.stream)?;
            for number in &plan.changed {
                SHARDS.put(tx, &(id, *number), &plan.shards[number])?;
            }
            Ok::<_, AwsError>((named, told))
        })
        .await?;
    lane.resharded();
    cx.arrived(&done.0.arn());
    Ok(done)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(count: u32) -> Plan {
        let shards = even(count).into_iter().zip(0..).map(|((start, end), number)| {
            let (start, end) = (HashKey(start), HashKey(end));
            (
                number,
                Shard { start, end, parent: None, adjacent: None, first: 1, created_ms: 1, closed: None },
            )
        });
        Plan::new(shards.collect(), count, 5, 100)
    }

    fn open(plan: &Plan) -> Vec<(u32, &Shard)> {
        plan.open.values().map(|number| (*number, &plan.shards[number])).collect()
    }

    /// The open shards cover every hash key once, and no shard begins before its parents end.
    fn check(plan: &Plan) {
        let open = open(plan);
        assert_eq!(open[0].1.start.0, 0);
        assert_eq!(open[open.len() - 1].1.end.0, u128::MAX);
        for pair in open.windows(2) {
            assert_eq!(pair[0].1.end.0 + 1, pair[1].1.start.0);
        }
        for (number, shard) in &plan.shards {
            for parent in shard.parents() {
                let closed = plan.shards[&parent].closed.expect("a parent is closed");
                assert!(closed.last < shard.first && parent < *number, "{parent} {number}");
            }
            assert!(shard.closed.is_none_or(|closed| closed.last >= shard.first));
        }
    }

    #[test]
    fn even_ranges_cover_everything() {
        assert_eq!(even(1), [(0, u128::MAX)]);
        assert_eq!(even(2), [(0, (1 << 127) - 1), (1 << 127, u128::MAX)]);
        // As AWS's own three shards are.
        assert_eq!(even(3)[1].0, 113_427_455_640_312_821_154_458_202_477_256_070_485);
        for count in [4, 5, 7, 1000] {
            check(&plan(count));
        }
    }

    #[test]
    fn splits_and_merges_keep_the_order_of_shards() {
        let mut plan = plan(1);
        plan.split(0, 10);
        check(&plan);
        plan.split(2, 20);
        plan.merge(1, 3);
        check(&plan);
        assert_eq!(open(&plan).iter().map(|(number, _)| *number).collect::<Vec<_>>(), [5, 4]);
        assert_eq!((plan.shards[&5].parent, plan.shards[&5].adjacent), (Some(1), Some(3)));
    }

    #[test]
    fn scaling_ends_with_even_shards() {
        for from in [1, 2, 3, 4, 7] {
            for to in 1..10 {
                let mut plan = plan(from);
                plan.scale(to);
                check(&plan);
                let found =
                    open(&plan).iter().map(|(_, shard)| (shard.start.0, shard.end.0)).collect::<Vec<_>>();
                assert_eq!(found, even(to), "{from} to {to}");
            }
        }
    }
}
