//! The operations, one file a kind of things.

pub(crate) mod distributions;
pub(crate) mod invalidations;
pub(crate) mod tags;
pub(crate) mod things;
