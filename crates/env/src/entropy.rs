//! The kernel's randomness, and a sequence that a seed repeats.

use std::cell::RefCell;
use std::sync::Mutex;

use crate::Entropy;

pub(crate) struct Kernel;

/// A request draws three or four times, a few bytes each: so many at once spare it the calls to the kernel.
const STOCK_BYTES: usize = 512;
/// More than an identifier is drawn by itself, so that keys are in no stock.
const FROM_STOCK_BYTES_MAX: usize = 16;

/// Random bytes that nobody has drawn yet; those that somebody has are zero.
struct Stock {
    bytes: [u8; STOCK_BYTES],
    drawn: usize,
}

thread_local! {
    static STOCK: RefCell<Stock> = const { RefCell::new(Stock { bytes: [0; STOCK_BYTES], drawn: STOCK_BYTES }) };
}

impl Entropy for Kernel {
    fn fill(&self, buffer: &mut [u8]) {
        let fresh = |buffer: &mut [u8]| getrandom::fill(buffer).expect("the kernel gives randomness");
        if buffer.len() > FROM_STOCK_BYTES_MAX {
            return fresh(buffer);
        }
        STOCK.with_borrow_mut(|stock| {
            if STOCK_BYTES - stock.drawn < buffer.len() {
                fresh(&mut stock.bytes);
                stock.drawn = 0;
            }
            let end = stock.drawn + buffer.len();
            let drawn = &mut stock.bytes[stock.drawn..end];
            buffer.copy_from_slice(drawn);
            drawn.fill(0);
            stock.drawn = end;
        });
    }
}

/// SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", OOPSLA 2014):
/// the same bytes for the same seed. For tests and simulation, never for secrets.
pub struct Seeded(Mutex<u64>);

impl Seeded {
    pub fn new(seed: u64) -> Self {
        Self(Mutex::new(seed))
    }
}

impl Entropy for Seeded {
    fn fill(&self, buffer: &mut [u8]) {
        let mut state = self.0.lock().expect("no panic while held");
        for chunk in buffer.chunks_mut(8) {
            *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut word = *state;
            word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            word ^= word >> 31;
            chunk.copy_from_slice(&word.to_le_bytes()[..chunk.len()]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_drawn_twice() {
        let draw = |bytes: usize| {
            let mut drawn = vec![0; bytes];
            Kernel.fill(&mut drawn);
            drawn
        };
        let mut seen = std::collections::HashSet::new();
        assert!((0..10_000).all(|_| seen.insert(draw(16))));
        assert!([8, 16, 17, 512, 1000].into_iter().all(|bytes| draw(bytes).iter().any(|byte| *byte != 0)));
    }

    #[test]
    fn a_seed_repeats_and_another_differs() {
        let draw = |seed| {
            let mut bytes = [0; 20];
            Seeded::new(seed).fill(&mut bytes);
            bytes
        };
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
    }
}
