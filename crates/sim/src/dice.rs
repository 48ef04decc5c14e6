//! Chance that a seed repeats.

use std::sync::{Arc, Mutex};

/// SplitMix64; clones go on with one sequence.
#[derive(Clone)]
pub struct Dice(Arc<Mutex<u64>>);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(seed)))
    }

    /// Below `sides`, which is not zero.
    ///
    /// # Panics
    /// Never.
    pub fn roll(&self, sides: u64) -> u64 {
        let mut state = self.0.lock().expect("no panic while held");
        *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = *state;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (word ^ (word >> 31)) % sides
    }

    /// Once in so many times.
    pub fn once_in(&self, times: u64) -> bool {
        self.roll(times) == 0
    }

    /// One of these.
    ///
    /// # Panics
    /// When there is none.
    pub fn pick<'a, T>(&self, of: &'a [T]) -> &'a T {
        &of[usize::try_from(self.roll(of.len() as u64)).expect("a length was one")]
    }
}
