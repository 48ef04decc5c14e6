//! Sequence numbers as clients see them: 56 digits, as AWS's have.
//!
//! `49`, the number (20 digits), the stream (20), the shard (14). So they compare as the numbers do, no two records of a
//! stream share one, and one of another stream or shard is told apart.

use crate::keys::Id;

const LEAD: &str = "49";
const DIGITS: usize = 56;

/// A sequence number read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sequence {
    pub number: u64,
    pub shard: u32,
    mark: u64,
}

/// What tells a stream's numbers from those of others.
fn mark(stream: Id) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = stream;
    u64::from_be_bytes([a, b, c, d, e, f, g, h])
}

pub(crate) fn shown(stream: Id, shard: u32, number: u64) -> String {
    format!("{LEAD}{number:020}{:020}{shard:014}", mark(stream))
}

pub(crate) fn read(text: &str) -> Option<Sequence> {
    let digits = text.strip_prefix(LEAD).filter(|_| text.len() == DIGITS)?;
    if !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let (number, rest) = digits.split_at(20);
    let (mark, shard) = rest.split_at(20);
    Some(Sequence { number: number.parse().ok()?, mark: mark.parse().ok()?, shard: shard.parse().ok()? })
}

impl Sequence {
    pub(crate) fn is_of(self, stream: Id) -> bool {
        self.mark == mark(stream)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back_as_they_went_and_compare_as_numbers() {
        let stream = [255; 16];
        let texts = [0, 1, 1_795_428_672_345_000, u64::MAX].map(|number| shown(stream, u32::MAX, number));
        for (text, number) in texts.iter().zip([0, 1, 1_795_428_672_345_000, u64::MAX]) {
            let sequence = read(text).expect("a number of ours");
            assert_eq!((text.len(), sequence.number, sequence.shard), (DIGITS, number, u32::MAX));
            assert!(sequence.is_of(stream) && !sequence.is_of([0; 16]));
        }
        assert!(texts.is_sorted());
    }

    #[test]
    fn what_is_no_number_of_ours_is_none() {
        for text in [
            "",
            "0",
            "49",
            &"4".repeat(56),
            &format!("49{}", "9".repeat(54)),
            &format!("49+{}", "0".repeat(53)),
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
