//! Random transactions, one after another, against an ordered map. A failure names its seed.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use env::{Env, ManualClock, Timestamp};

use super::Bench;
use crate::{Direction, Error, KeyRange, Read, Row, Snapshot, Tx};

type Model = BTreeMap<Bytes, Bytes>;

const SEEDS: u64 = 4;
const TRANSACTIONS: u32 = 100;
const STEPS_MAX: u32 = 12;
const SNAPSHOTS_MAX: usize = 5;

pub async fn random_transactions_match_a_map(bench: Bench) {
    for seed in 0..SEEDS {
        let mut random = Random(Env::manual(Arc::new(ManualClock::new(Timestamp::from_secs(0))), seed));
        clear(&bench).await;
        let mut model = Model::new();
        let mut snapshots: Vec<(Snapshot, Model)> = Vec::new();
        for number in 0..TRANSACTIONS {
            let abort = random.below(5) == 0;
            let mut after = model.clone();
            let body = |tx: &mut Tx| {
                // Nobody else writes, so this runs once and may draw randomness.
                for _ in 0..=random.below(STEPS_MAX) {
                    step(tx, &mut after, &mut random, seed)?;
                }
                if abort { Err(Error::Contention { attempts: 0 }) } else { Ok(()) }
            };
            let result = bench.kv.transact(body).await;
            assert_eq!(result.is_err(), abort, "seed {seed} transaction {number}: {result:?}");
            if !abort {
                model = after;
            }
            snapshots.push((bench.kv.snapshot().await.expect("snapshot"), model.clone()));
            if snapshots.len() > SNAPSHOTS_MAX {
                snapshots.remove(random.below(SNAPSHOTS_MAX as u32) as usize);
            }
            for (snapshot, model) in &snapshots {
                check_read(snapshot, model, &mut random, seed);
            }
        }
    }
}

async fn clear(bench: &Bench) {
    let clear = |tx: &mut Tx| {
        let rows = tx.scan_bytes(&KeyRange::all(), crate::SCAN_ROWS_MAX, Direction::Forward)?;
        rows.into_iter().try_for_each(|(key, _)| tx.delete_bytes(key))
    };
    bench.kv.transact(clear).await.expect("clear");
}

fn step(tx: &mut Tx, model: &mut Model, random: &mut Random, seed: u64) -> Result<(), Error> {
    match random.below(5) {
        0 | 1 => {
            let (key, value) = (random.key(), Bytes::from(random.below(1000).to_string()));
            model.insert(key.clone(), value.clone());
            tx.put_bytes(key, value)
        }
        2 => {
            let key = random.key();
            model.remove(&key);
            tx.delete_bytes(key)
        }
        _ => {
            check_read(tx, model, random, seed);
            Ok(())
        }
    }
}

fn check_read(reader: &impl Read, model: &Model, random: &mut Random, seed: u64) {
    let key = random.key();
    assert_eq!(reader.get_bytes(&key).expect("get"), model.get(&key).cloned(), "seed {seed} get {key:?}");
    let range = random.range();
    let limit = random.below(20) as usize;
    let inside =
        model.iter().filter(|(key, _)| range.contains(key)).map(|(key, value)| (key.clone(), value.clone()));
    let (direction, expected): (_, Vec<Row>) = match random.below(2) {
        0 => (Direction::Forward, inside.take(limit).collect()),
        _ => (Direction::Reverse, inside.rev().take(limit).collect()),
    };
    let found = reader.scan_bytes(&range, limit, direction).expect("scan");
    assert_eq!(found, expected, "seed {seed} scan {range:?} limit {limit} {direction:?}");
}

struct Random(Env);

impl Random {
    fn below(&mut self, bound: u32) -> u32 {
        let mut bytes = [0; 4];
        self.0.fill(&mut bytes);
        u32::from_le_bytes(bytes) % bound
    }

    /// Up to three bytes of five, so that keys often meet and are often prefixes of one another.
    fn key(&mut self) -> Bytes {
        let length = 1 + self.below(3);
        (0..length).map(|_| [0x00, 0x01, b'a', b'b', 0xff][self.below(5) as usize]).collect()
    }

    fn range(&mut self) -> KeyRange {
        match self.below(4) {
            0 => KeyRange::all(),
            1 => KeyRange::prefix(self.key()),
            _ => KeyRange::between(self.key(), self.key()),
        }
    }
}
