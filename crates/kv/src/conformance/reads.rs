//! What one transaction at a time sees.

use bytes::Bytes;

use super::{Bench, text};
use crate::{
    Direction, Error, KEY_BYTES_MAX, KeyRange, Read, SCAN_ROWS_MAX, Span, StartsWith, TRANSACTION_BYTES_MAX,
    Table, Tx, VALUE_BYTES_MAX,
};

pub async fn values_come_back(bench: Bench) {
    bench.put(&[("a", "1"), ("b", ""), ("c", "3")]).await;
    bench.put(&[("a", "2")]).await;
    let delete = |tx: &mut Tx| {
        tx.delete_bytes("c")?;
        tx.delete_bytes("never there")
    };
    bench.kv.transact(delete).await.expect("delete");
    let snapshot = bench.kv.snapshot().await.expect("snapshot");
    let get = |key: &str| snapshot.get_bytes(key.as_bytes()).expect("get");
    assert_eq!(get("a").as_deref(), Some(&b"2"[..]));
    assert_eq!(get("b").as_deref(), Some(&b""[..]));
    assert_eq!(get("c"), None);
    assert_eq!(get("never there"), None);
    assert_eq!(get("aa"), None);
}

pub async fn own_writes_are_read(bench: Bench) {
    bench.put(&[("a", "1"), ("b", "1")]).await;
    let seen = bench
        .kv
        .transact(|tx| {
            tx.put_bytes("a", "2")?;
            tx.delete_bytes("b")?;
            tx.put_bytes("c", "2")?;
            tx.put_bytes("c", "3")?;
            Ok::<_, Error>((tx.get_bytes(b"a")?, tx.get_bytes(b"b")?, tx.get_bytes(b"c")?))
        })
        .await;
    assert_eq!(seen.expect("transact"), (Some(Bytes::from("2")), None, Some(Bytes::from("3"))));
    let snapshot = bench.kv.snapshot().await.expect("snapshot");
    let rows = snapshot.scan_bytes(&KeyRange::all(), 10, Direction::Forward).expect("scan");
    assert_eq!(text(rows), "a=2 c=3");
}

/// Expected rows of a scan over `b=1 b\0=2 c=3 d=4 \xff=5 \xff\xff=6`, forward; reverse is derived.
fn check_scan(reader: &impl Read, range: &KeyRange, expected: &[&str]) {
    for limit in 0..=expected.len() + 1 {
        let values = |direction| {
            let rows = reader.scan_bytes(range, limit, direction).expect("scan");
            rows.into_iter().map(|(_, value)| value).collect::<Vec<_>>()
        };
        let forward: Vec<_> = expected.iter().take(limit).copied().collect();
        let reverse: Vec<_> = expected.iter().rev().take(limit).copied().collect();
        assert_eq!(values(Direction::Forward), forward, "{range:?} limit {limit}");
        assert_eq!(values(Direction::Reverse), reverse, "{range:?} limit {limit} reverse");
    }
}

fn check_scans(reader: &impl Read) {
    check_scan(reader, &KeyRange::all(), &["1", "2", "3", "4", "5", "6"]);
    check_scan(reader, &KeyRange::between("b", "d"), &["1", "2", "3"]);
    check_scan(reader, &KeyRange::between("b", "d\0"), &["1", "2", "3", "4"]);
    check_scan(reader, &KeyRange::between("b\0", "c"), &["2"]);
    check_scan(reader, &KeyRange::between("a", "b"), &[]);
    check_scan(reader, &KeyRange::between("d", "b"), &[]);
    check_scan(reader, &KeyRange::between("b", "b"), &[]);
    check_scan(reader, &KeyRange::prefix("b"), &["1", "2"]);
    check_scan(reader, &KeyRange::prefix(&b"\xff"[..]), &["5", "6"]);
    check_scan(reader, &KeyRange::prefix(&b"\xff\xff"[..]), &["6"]);
    check_scan(reader, &KeyRange { start: Bytes::from("d"), end: None }, &["4", "5", "6"]);
}

const SCANNED: [(&[u8], &str); 6] =
    [(b"b", "1"), (b"b\0", "2"), (b"c", "3"), (b"d", "4"), (b"\xff", "5"), (b"\xff\xff", "6")];

pub async fn scans_honour_bounds(bench: Bench) {
    let put = |tx: &mut Tx| SCANNED.iter().try_for_each(|(key, value)| tx.put_bytes(*key, *value));
    bench.kv.transact(put).await.expect("put");
    check_scans(&bench.kv.snapshot().await.expect("snapshot"));
    let too_many = bench.kv.snapshot().await.expect("snapshot").scan_bytes(
        &KeyRange::all(),
        SCAN_ROWS_MAX + 1,
        Direction::Forward,
    );
    assert!(matches!(too_many, Err(Error::ScanSize { .. })), "{too_many:?}");
}

/// The same rows, every one in turn either stored, or own, or stored otherwise and overwritten; with stored rows in
/// between that the transaction deletes.
pub async fn scans_see_own_writes(bench: Bench) {
    for own in 0..1 << SCANNED.len() {
        let is_own = |at: usize| own & (1 << at) != 0;
        let prepare = |tx: &mut Tx| {
            for (at, (key, value)) in SCANNED.iter().enumerate() {
                match (is_own(at), at % 2) {
                    (true, 0) => tx.delete_bytes(*key)?,
                    (true, _) => tx.put_bytes(*key, "old")?,
                    (false, _) => tx.put_bytes(*key, *value)?,
                }
            }
            ["a", "bb", "cc", "cd", "ce", "z"].iter().try_for_each(|key| tx.put_bytes(*key, "x"))
        };
        bench.kv.transact(prepare).await.expect("prepare");
        let scan = |tx: &mut Tx| {
            for (at, (key, value)) in SCANNED.iter().enumerate().filter(|(at, _)| is_own(*at)) {
                assert!(is_own(at));
                tx.put_bytes(*key, *value)?;
            }
            ["a", "bb", "cc", "cd", "ce", "z"].iter().try_for_each(|key| tx.delete_bytes(*key))?;
            check_scans(tx);
            Err::<(), _>(Error::Contention { attempts: 0 })
        };
        bench.kv.transact(scan).await.expect_err("aborted");
    }
}

const OBJECTS: Table<(String, String, u64), String> = Table::new(1, "objects");
const OTHERS: Table<String, u64> = Table::new(2, "others");

pub async fn tables_scan_by_prefix(bench: Bench) {
    let put = |tx: &mut Tx| {
        for bucket in ["b", "b\0", "bb"] {
            for (number, name) in ["", "a", "a/1", "a/2", "b"].into_iter().enumerate() {
                OBJECTS.put(tx, &(bucket, name, number as u64), &format!("{bucket}:{name}"))?;
            }
        }
        OTHERS.put(tx, &"other", &7)
    };
    bench.kv.transact(put).await.expect("put");
    let snapshot = bench.kv.snapshot().await.expect("snapshot");
    let scan = |span: Span<(String, String, u64)>| {
        let rows = OBJECTS.scan(&snapshot, &span, 100, Direction::Forward).expect("scan");
        let mut reverse = OBJECTS.scan(&snapshot, &span, 100, Direction::Reverse).expect("scan");
        reverse.reverse();
        assert_eq!(rows, reverse);
        for ((bucket, name, _), value) in &rows {
            assert_eq!(*value, format!("{bucket}:{name}"));
        }
        rows.into_iter().map(|((_, name, _), _)| name).collect::<Vec<_>>().join(",")
    };
    assert_eq!(scan(Span::prefix(&("b",))), ",a,a/1,a/2,b");
    assert_eq!(scan(Span::prefix(&("b", "a"))), "a");
    assert_eq!(scan(Span::prefix(&("b", StartsWith("a")))), "a,a/1,a/2");
    assert_eq!(scan(Span::prefix(&("b",)).after(&("b", "a", 1u64))), "a/1,a/2,b");
    assert_eq!(scan(Span::prefix(&("b",)).from(&("b", "a", 1u64))), "a,a/1,a/2,b");
    assert_eq!(scan(Span::prefix(&("b",)).before(&("b", "a", 1u64))), "");
    assert_eq!(scan(Span::prefix(&("b",)).after_prefix(&("b", StartsWith("a/")))), "b");
    assert_eq!(scan(Span::all()).split(',').count(), 15);
    assert_eq!(OTHERS.get(&snapshot, &"other").expect("get"), Some(7));
    assert_eq!(OTHERS.scan(&snapshot, &Span::all(), 9, Direction::Reverse).expect("scan").len(), 1);
}

pub async fn sizes_are_bounded(bench: Bench) {
    let try_put = async |key: usize, value: usize| {
        let (key, value) = (vec![b'k'; key], vec![b'v'; value]);
        bench.kv.transact(|tx| tx.put_bytes(key.clone(), value.clone())).await
    };
    try_put(KEY_BYTES_MAX, VALUE_BYTES_MAX).await.expect("the largest row");
    assert!(matches!(try_put(KEY_BYTES_MAX + 1, 1).await, Err(Error::KeySize { .. })));
    assert!(matches!(try_put(0, 1).await, Err(Error::KeySize { bytes: 0 })));
    assert!(matches!(try_put(1, VALUE_BYTES_MAX + 1).await, Err(Error::ValueSize { .. })));
    let snapshot = bench.kv.snapshot().await.expect("snapshot");
    let rows = snapshot.scan_bytes(&KeyRange::all(), 2, Direction::Forward).expect("scan");
    assert_eq!(rows.len(), 1);
    assert_eq!((rows[0].0.len(), rows[0].1.len()), (KEY_BYTES_MAX, VALUE_BYTES_MAX));

    let half = TRANSACTION_BYTES_MAX / 4 - 8;
    let put_many = async |count: u8| {
        let put = |tx: &mut Tx| {
            for number in 0..count {
                // Written twice: what is replaced does not count.
                tx.put_bytes(vec![number + 1], vec![0; half])?;
                tx.put_bytes(vec![number + 1], vec![0; half])?;
            }
            Ok::<_, Error>(())
        };
        bench.kv.transact(put).await
    };
    put_many(4).await.expect("the largest transaction");
    assert!(matches!(put_many(5).await, Err(Error::TransactionSize { .. })));
}

pub async fn an_error_writes_nothing(bench: Bench) {
    bench.put(&[("a", "1")]).await;
    let failed = bench.kv.transact(|tx| {
        tx.put_bytes("a", "2")?;
        tx.put_bytes("b", "2")?;
        Err::<(), _>(Error::KeySize { bytes: 0 })
    });
    assert!(matches!(failed.await, Err(Error::KeySize { bytes: 0 })));
    let snapshot = bench.kv.snapshot().await.expect("snapshot");
    assert_eq!(text(snapshot.scan_bytes(&KeyRange::all(), 10, Direction::Forward).expect("scan")), "a=1");
}
