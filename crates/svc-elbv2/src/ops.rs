//! The operations, by what they are about.

pub(crate) mod account;
pub(crate) mod listeners;
pub(crate) mod load_balancers;
pub(crate) mod networks;
pub(crate) mod rules;
pub(crate) mod tags;
pub(crate) mod target_groups;
pub(crate) mod targets;
