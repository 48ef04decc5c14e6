//! Every target is given its seeds, and those inputs that once found something.

use std::fs;
use std::path::PathBuf;

/// The seeds as they are, and spoiled in some places: enough to see that a target still reads something.
fn spoiled(seed: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let step = seed.len() / 8 + 1;
    let cut = (0..seed.len()).step_by(step).map(|at| seed[..at].to_vec());
    let changed = (0..seed.len()).step_by(step).map(|at| {
        let mut other = seed.to_vec();
        other[at] ^= 0x11;
        other
    });
    cut.chain(changed)
}

#[test]
fn no_input_is_the_end() {
    let corpus = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus");
    for (name, target) in hostile::TARGETS {
        let entries = fs::read_dir(corpus.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        let mut seeds = 0;
        for entry in entries {
            let seed = fs::read(entry.expect("a folder can be read").path()).expect("a seed can be read");
            target(&seed);
            spoiled(&seed).for_each(|input| target(&input));
            seeds += 1;
        }
        assert!(seeds > 0, "{name} has no seeds");
    }
}
