//! Order, round trips and prefixes of keys, exhaustively over small values.

use proptest::prelude::{Just, Strategy, any, prop};
use proptest::{prop_assert_eq, prop_oneof, proptest};

use super::*;

/// Every byte string of up to four bytes from those the escaping treats specially and their neighbours.
fn byte_strings() -> Vec<Vec<u8>> {
    let alphabet = [0x00, 0x01, 0x02, 0x61, 0xfe, 0xff];
    let mut all = vec![Vec::new()];
    let mut from = 0;
    for _ in 0..4 {
        let to = all.len();
        for index in from..to {
            for byte in alphabet {
                let mut longer = all[index].clone();
                longer.push(byte);
                all.push(longer);
            }
        }
        from = to;
    }
    all
}

fn encoded<K: Key>(key: &K) -> Vec<u8> {
    let mut out = Vec::new();
    key.encode_key(&mut out);
    out
}

/// In ascending order, so that comparing neighbours compares all.
fn check_order<K: Key + Ord + std::fmt::Debug>(mut keys: Vec<K>) {
    keys.sort();
    keys.dedup();
    let bytes: Vec<_> = keys.iter().map(encoded).collect();
    for (index, pair) in bytes.windows(2).enumerate() {
        assert!(pair[0] < pair[1], "{:?} and {:?}", keys[index], keys[index + 1]);
        assert!(!pair[1].starts_with(&pair[0]), "{:?} and {:?}", keys[index], keys[index + 1]);
    }
    for (key, bytes) in keys.iter().zip(&bytes) {
        assert_eq!(K::decode_key(bytes).as_ref(), Ok(key));
    }
}

#[test]
fn parts_keep_their_order_and_come_back() {
    check_order(byte_strings());
    check_order(vec![0, 1, 255, 256, u64::MAX - 1, u64::MAX, 1 << 63]);
    check_order(vec![i64::MIN, i64::MIN + 1, -256, -255, -1, 0, 1, 255, 256, i64::MAX]);
    check_order(["", "a", "a\0", "a\0b", "a/", "a/b", "ab", "é", "😀", "\u{7f}"].map(String::from).to_vec());
    check_order([-5, -1, 0, 7].map(Timestamp::from_micros).to_vec());
    check_order(vec![[0u8, 0], [0, 1], [255, 0]]);
}

#[test]
fn tuples_keep_their_order() {
    let strings: Vec<_> = byte_strings().into_iter().filter(|bytes| bytes.len() <= 2).collect();
    let numbers = [0, 1, 255, u64::MAX];
    check_order(strings.iter().flat_map(|s| numbers.map(|n| (s.clone(), n))).collect());
    check_order(numbers.iter().flat_map(|n| strings.iter().map(|s| (*n, s.clone()))).collect());
    check_order(strings.iter().flat_map(|a| strings.iter().map(|b| (a.clone(), b.clone()))).collect());
    check_order(strings.iter().flat_map(|s| [-1i64, 0, 1].map(|n| (s.clone(), n, 7u8, [1u8], n))).collect());
}

#[test]
fn a_prefix_begins_exactly_the_keys_it_should() {
    let strings = ["", "a", "a\0", "a\0\0", "ab", "b", "a/b", "\0", "\u{1}"].map(String::from);
    for first in &strings {
        for wanted in &strings {
            let key = encoded(&(first.clone(), wanted.clone(), 7u64));
            let mut prefix = Vec::new();
            AsPrefix::<(String, String, u64)>::encode_as_prefix(&(wanted.as_str(),), &mut prefix);
            assert_eq!(key.starts_with(&prefix), first == wanted, "{first:?} {wanted:?}");
            for other in &strings {
                let mut prefix = Vec::new();
                let parts = (first.as_str(), StartsWith(other));
                AsPrefix::<(String, String, u64)>::encode_as_prefix(&parts, &mut prefix);
                assert_eq!(
                    key.starts_with(&prefix),
                    wanted.starts_with(other.as_str()),
                    "{wanted:?} {other:?}"
                );
            }
        }
    }
}

#[test]
fn malformed_keys_are_errors() {
    type K = (String, u64);
    let good = encoded(&("a\0b".to_owned(), 7u64));
    for end in 0..good.len() {
        assert_eq!(K::decode_key(&good[..end]), Err(KeyError::Short), "{end}");
    }
    assert_eq!(K::decode_key(&[&good[..], &[0]].concat()), Err(KeyError::Long));
    assert_eq!(String::decode_key(&[0x61, 0, 2]), Err(KeyError::Malformed));
    assert_eq!(String::decode_key(&[0xff, 0, 1]), Err(KeyError::Malformed));
}

/// On disk for ever: a change here needs a new format.
#[test]
fn the_bytes_are_these() {
    let key = ("q\0".to_owned(), 1u64, -1i64, [9u8, 8], 0x0102u16);
    assert_eq!(
        encoded(&key),
        [
            b"q\x00\xff\x00\x01".as_slice(),
            &[0, 0, 0, 0, 0, 0, 0, 1],
            &[0x7f, 255, 255, 255, 255, 255, 255, 255]
        ]
        .concat()
        .into_iter()
        .chain([9, 8, 1, 2])
        .collect::<Vec<_>>()
    );
}

/// Letters that the escaping treats specially, and others.
fn text() -> impl Strategy<Value = String> {
    let letter = prop_oneof![Just('\0'), Just('\u{1}'), Just('a'), Just('\u{ff}'), any::<char>()];
    prop::collection::vec(letter, 0..6).prop_map(String::from_iter)
}

proptest! {
    #[test]
    fn keys_of_several_parts_sort_as_their_values_and_come_back(
        one in (text(), any::<i64>(), prop::collection::vec(any::<u8>(), 0..6), any::<u16>()),
        other in (text(), any::<i64>(), prop::collection::vec(any::<u8>(), 0..6), any::<u16>()),
        shared in 0..4_usize,
    ) {
        let mut other = other;
        if shared > 0 {
            other.0.clone_from(&one.0);
        }
        if shared > 1 {
            other.1 = one.1;
        }
        if shared > 2 {
            other.2.clone_from(&one.2);
        }
        let (bytes, of_other) = (encoded(&one), encoded(&other));
        prop_assert_eq!(bytes.cmp(&of_other), one.cmp(&other));
        prop_assert_eq!(bytes.starts_with(&of_other), one == other);
        prop_assert_eq!(<(String, i64, Vec<u8>, u16)>::decode_key(&bytes), Ok(one));
    }

    #[test]
    fn any_bytes_are_a_key_or_none_and_no_two_are_the_same(bytes in prop::collection::vec(0..3_u8, 0..24)) {
        if let Ok(key) = <(String, u16, Vec<u8>)>::decode_key(&bytes) {
            prop_assert_eq!(encoded(&key), bytes);
        }
    }
}
