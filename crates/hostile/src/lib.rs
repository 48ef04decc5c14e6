//! What strangers can send, as functions of bytes. Each gives its bytes to what reads them, and panics only when that is
//! wrong: it panicked itself, answered 500, or contradicted itself.
//!
//! `cargo xtask fuzz NAME` has a fuzzer look for such bytes ([`stage`] is the platform they are sent to); a test gives
//! every target what is in `fuzz/corpus`, where the inputs also are that once found something.

mod documents;
mod requests;
mod stage;

/// Panics when what reads the bytes is at fault.
pub type Target = fn(&[u8]);

/// Every target, by its name.
pub const TARGETS: &[(&str, Target)] = &[
    ("chunked", documents::chunked),
    ("expressions", requests::expressions),
    ("filters", requests::filters),
    ("frames", documents::frames),
    ("mails", requests::mails),
    ("patterns", documents::patterns),
    ("policies", documents::policies),
    ("schedules", documents::schedules),
    ("signatures", documents::signatures),
    ("statements", requests::statements),
    ("templates", documents::templates),
    ("wire", requests::wire),
    ("zips", requests::zips),
];

/// The target of that name.
pub fn target(name: &str) -> Option<Target> {
    TARGETS.iter().find(|(known, _)| *known == name).map(|(_, target)| *target)
}
