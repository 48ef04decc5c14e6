//! A set of small numbers.

#[derive(Clone, Debug)]
pub(crate) struct Bits {
    words: Vec<u64>,
    length: usize,
}

impl Bits {
    /// Of the numbers below `length`, none.
    pub(crate) fn none(length: usize) -> Self {
        Self { words: vec![0; length.div_ceil(64)], length }
    }

    /// Every number below `length`.
    pub(crate) fn all(length: usize) -> Self {
        let mut bits = Self { words: vec![u64::MAX; length.div_ceil(64)], length };
        if let (Some(last), rest @ 1..) = (bits.words.last_mut(), length % 64) {
            *last = (1 << rest) - 1;
        }
        bits
    }

    pub(crate) fn has(&self, number: u32) -> bool {
        self.words[number as usize / 64] & (1 << (number % 64)) != 0
    }

    pub(crate) fn add(&mut self, number: u32) {
        self.words[number as usize / 64] |= 1 << (number % 64);
    }

    pub(crate) fn remove(&mut self, number: u32) {
        self.words[number as usize / 64] &= !(1 << (number % 64));
    }

    pub(crate) fn each(&self, mut of: impl FnMut(u32)) {
        each(&self.words, |word| word, &mut of);
    }

    /// The numbers below the length that are not in it.
    pub(crate) fn each_missing(&self, mut of: impl FnMut(u32)) {
        let length = self.length as u32;
        each(
            &self.words,
            |word| !word,
            |number| {
                if number < length {
                    of(number);
                }
            },
        );
    }
}

fn each(words: &[u64], read: impl Fn(u64) -> u64, mut of: impl FnMut(u32)) {
    for (first, word) in (0..).step_by(64).zip(words) {
        let mut left = read(*word);
        while left != 0 {
            of(first + left.trailing_zeros());
            left &= left - 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_and_what_it_lacks() {
        for length in [0, 1, 63, 64, 65, 200_u32] {
            let mut bits = Bits::none(length as usize);
            (0..length).filter(|number| number % 3 == 0).for_each(|number| bits.add(number));
            let (mut found, mut missing) = (Vec::new(), Vec::new());
            bits.each(|number| found.push(number));
            bits.each_missing(|number| missing.push(number));
            let (wanted, others) = (0..length).partition::<Vec<_>, _>(|number| number % 3 == 0);
            assert_eq!((found, missing), (wanted, others));
            let mut all = Bits::all(length as usize);
            (0..length).filter(|number| number % 3 != 0).for_each(|number| all.remove(number));
            assert_eq!(all.words, bits.words);
        }
    }
}
