//! Looks for bytes at which a target of `hostile` fails; `LAMBENT_FUZZ` says which target.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;

static TARGET: LazyLock<hostile::Target> = LazyLock::new(|| {
    let name = std::env::var("LAMBENT_FUZZ").unwrap_or_default();
    hostile::target(&name).unwrap_or_else(|| {
        let names = hostile::TARGETS.iter().map(|(name, _)| *name).collect::<Vec<_>>();
        panic!("LAMBENT_FUZZ has to be one of {names:?}")
    })
});

fuzz_target!(|bytes: &[u8]| (*TARGET)(bytes));
