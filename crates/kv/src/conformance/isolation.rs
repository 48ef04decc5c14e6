//! Two transactions at once, step by step: what must conflict and what must not.

use std::sync::Arc;

use bytes::Bytes;
use env::{Env, ManualClock, Timestamp};

use super::{Bench, text};
use crate::{ATTEMPTS_MAX, Commit, CommitError, Direction, Error, KeyRange, Kv, Read, ReadSet, Tx};

impl Bench {
    /// Two commits whose views were both taken before either; both at once or in turn must give the same.
    async fn race(
        &self,
        first: (ReadSet, &'static str),
        second: (ReadSet, &'static str),
    ) -> Result<(), CommitError> {
        let views = [self.engine.view().await.expect("view"), self.engine.view().await.expect("view")];
        let [one, two] = [(&views[0], first), (&views[1], second)].map(|(view, (reads, key))| {
            let writes = vec![(Bytes::from(key), Some(Bytes::from("new")))];
            self.engine.commit(Commit { version: view.version(), reads, writes })
        });
        one.await.expect("nothing was before the first");
        two.await
    }
}

fn reads(keys: &[&'static str], ranges: &[(&'static str, &'static str)]) -> ReadSet {
    ReadSet {
        keys: keys.iter().map(|key| Bytes::from(*key)).collect(),
        ranges: ranges.iter().map(|(start, end)| KeyRange::between(*start, *end)).collect(),
    }
}

pub async fn snapshots_stand_still(bench: Bench) {
    bench.put(&[("a", "1"), ("b", "1"), ("c", "1")]).await;
    let before = bench.kv.snapshot().await.expect("snapshot");
    bench.put(&[("a", "2"), ("ab", "2")]).await;
    bench.kv.transact(|tx| tx.delete_bytes("b")).await.expect("delete");
    let after = bench.kv.snapshot().await.expect("snapshot");
    bench.put(&[("c", "3"), ("b", "3")]).await;
    let all = |reader: &dyn Fn(Direction) -> Vec<crate::Row>| {
        let mut reverse = reader(Direction::Reverse);
        reverse.reverse();
        let forward = reader(Direction::Forward);
        assert_eq!(forward, reverse);
        text(forward)
    };
    let scan = |direction| before.scan_bytes(&KeyRange::all(), 9, direction).expect("scan");
    assert_eq!(all(&scan), "a=1 b=1 c=1");
    assert_eq!(before.get_bytes(b"b").expect("get").as_deref(), Some(&b"1"[..]));
    let scan = |direction| after.scan_bytes(&KeyRange::all(), 9, direction).expect("scan");
    assert_eq!(all(&scan), "a=2 ab=2 c=1");
    assert_eq!(after.get_bytes(b"b").expect("get"), None);
}

pub async fn lost_updates_are_prevented(bench: Bench) {
    bench.put(&[("a", "1")]).await;
    let second = bench.race((reads(&["a"], &[]), "a"), (reads(&["a"], &[]), "a")).await;
    assert!(matches!(second, Err(CommitError::Conflict)), "{second:?}");
    // An absent key is read as much as a present one.
    let second = bench.race((reads(&["new"], &[]), "new"), (reads(&["new"], &[]), "new")).await;
    assert!(matches!(second, Err(CommitError::Conflict)), "{second:?}");
    // A deletion is a write.
    let view = bench.engine.view().await.expect("view");
    bench.kv.transact(|tx| tx.delete_bytes("a")).await.expect("delete");
    let writes = vec![(Bytes::from("b"), None)];
    let stale =
        bench.engine.commit(Commit { version: view.version(), reads: reads(&["a"], &[]), writes }).await;
    assert!(matches!(stale, Err(CommitError::Conflict)), "{stale:?}");
}

pub async fn write_skew_is_prevented(bench: Bench) {
    bench.put(&[("a", "1"), ("b", "1")]).await;
    let second = bench.race((reads(&["a", "b"], &[]), "a"), (reads(&["a", "b"], &[]), "b")).await;
    assert!(matches!(second, Err(CommitError::Conflict)), "{second:?}");
    // Of a conflicting commit nothing is written.
    let snapshot = bench.kv.snapshot().await.expect("snapshot");
    assert_eq!(
        text(snapshot.scan_bytes(&KeyRange::all(), 9, Direction::Forward).expect("scan")),
        "a=new b=1"
    );
}

pub async fn phantoms_are_prevented(bench: Bench) {
    bench.put(&[("a", "1"), ("z", "1")]).await;
    for inserted in ["b", "m", "y\u{7f}"] {
        let second = bench.race((ReadSet::default(), inserted), (reads(&[], &[("b", "z")]), "total")).await;
        assert!(matches!(second, Err(CommitError::Conflict)), "{inserted}: {second:?}");
    }
    let everything = ReadSet { keys: Vec::new(), ranges: vec![KeyRange::all()] };
    let second = bench.race((ReadSet::default(), "zz"), (everything, "total")).await;
    assert!(matches!(second, Err(CommitError::Conflict)), "{second:?}");
}

pub async fn blind_writes_never_conflict(bench: Bench) {
    let view = bench.engine.view().await.expect("view");
    for _ in 0..100 {
        bench.put(&[("a", "other"), ("b", "other")]).await;
    }
    let writes = vec![(Bytes::from("a"), Some(Bytes::from("blind")))];
    let blind = Commit { version: view.version(), reads: ReadSet::default(), writes };
    bench.engine.commit(blind).await.expect("a blind write");
    let snapshot = bench.kv.snapshot().await.expect("snapshot");
    assert_eq!(
        text(snapshot.scan_bytes(&KeyRange::all(), 9, Direction::Forward).expect("scan")),
        "a=blind b=other"
    );
}

/// Commits `key` from within another transaction's closure.
fn interfere(kv: &Kv, key: &'static str, value: &'static str) {
    let handle = tokio::runtime::Handle::current();
    std::thread::scope(|scope| {
        scope
            .spawn(|| handle.block_on(kv.transact(|tx| tx.put_bytes(key, value))))
            .join()
            .expect("the other transaction does not panic")
            .expect("the other transaction commits");
    });
}

pub async fn reading_needs_no_commit(bench: Bench) {
    bench.put(&[("a", "1"), ("b", "1")]).await;
    let mut runs = 0;
    let sum = bench.kv.transact(|tx| {
        runs += 1;
        let a = tx.get_bytes(b"a")?;
        interfere(&bench.kv, "a", "2");
        interfere(&bench.kv, "b", "2");
        Ok::<_, Error>((a, tx.get_bytes(b"b")?, tx.get_bytes(b"a")?))
    });
    let one = Some(Bytes::from("1"));
    assert_eq!(sum.await.expect("read"), (one.clone(), one.clone(), one));
    assert_eq!(runs, 1);
}

pub async fn retries_are_bounded(bench: Bench) {
    let clock = Arc::new(ManualClock::new(Timestamp::from_secs(0)));
    let kv = Kv::new(bench.engine.clone(), Env::manual(clock.clone(), 1));
    let mut runs = 0;
    let body = |tx: &mut Tx| {
        runs += 1;
        tx.get_bytes(b"a")?;
        interfere(&bench.kv, "a", "theirs");
        tx.put_bytes("a", "ours")?;
        tx.put_bytes("b", "ours")
    };
    let passing_time = async {
        loop {
            clock.advance(std::time::Duration::from_secs(1));
            tokio::task::yield_now().await;
        }
    };
    let result = tokio::select! {
        result = kv.transact(body) => result,
        () = passing_time => unreachable!("time passes for ever"),
    };
    assert!(matches!(result, Err(Error::Contention { attempts: ATTEMPTS_MAX })), "{result:?}");
    assert_eq!(runs, ATTEMPTS_MAX);
    let snapshot = bench.kv.snapshot().await.expect("snapshot");
    assert_eq!(text(snapshot.scan_bytes(&KeyRange::all(), 9, Direction::Forward).expect("scan")), "a=theirs");
}

/// The number of runs that a transaction needs when another writes `key` during the first.
async fn runs_when(bench: &Bench, key: &'static str, read: impl Fn(&mut Tx) -> Result<(), Error>) -> u32 {
    let mut runs = 0;
    let body = |tx: &mut Tx| {
        runs += 1;
        read(tx)?;
        if runs == 1 {
            interfere(&bench.kv, key, "theirs");
        }
        tx.put_bytes("result", "ours")
    };
    bench.kv.transact(body).await.expect("transact");
    runs
}

pub async fn only_what_was_seen_conflicts_or_is_retried(bench: Bench) {
    let first_two = |direction| {
        move |tx: &mut Tx| {
            tx.scan_bytes(&KeyRange::between("a", "e"), 2, direction).map(|rows| assert_eq!(rows.len(), 2))
        }
    };
    bench.put(&[("a", "1"), ("b", "1"), ("c", "1"), ("d", "1")]).await;
    for (key, forward, reverse) in
        [("a", 2, 1), ("aa", 2, 1), ("b", 2, 1), ("c", 1, 2), ("d", 1, 2), ("dd", 1, 2)]
    {
        assert_eq!(runs_when(&bench, key, first_two(Direction::Forward)).await, forward, "{key}");
        bench
            .kv
            .transact(|tx| if key.len() > 1 { tx.delete_bytes(key) } else { Ok(()) })
            .await
            .expect("delete");
        assert_eq!(runs_when(&bench, key, first_two(Direction::Reverse)).await, reverse, "{key} reverse");
        bench
            .kv
            .transact(|tx| if key.len() > 1 { tx.delete_bytes(key) } else { Ok(()) })
            .await
            .expect("delete");
    }
    // A scan that ends before its limit has seen that there is no more.
    let to_the_end =
        |tx: &mut Tx| tx.scan_bytes(&KeyRange::between("a", "e"), 9, Direction::Forward).map(|_| ());
    assert_eq!(runs_when(&bench, "dz", to_the_end).await, 2);
    assert_eq!(runs_when(&bench, "e", to_the_end).await, 1);
    assert_eq!(runs_when(&bench, "a", |tx| tx.get_bytes(b"b").map(|_| ())).await, 1);
    assert_eq!(runs_when(&bench, "b", |tx| tx.get_bytes(b"b").map(|_| ())).await, 2);
    // What the transaction itself wrote it has not read from anyone.
    let own = |tx: &mut Tx| tx.put_bytes("b", "own").and_then(|()| tx.get_bytes(b"b").map(|_| ()));
    assert_eq!(runs_when(&bench, "b", own).await, 1);
}
