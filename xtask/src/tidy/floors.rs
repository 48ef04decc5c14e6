//! Which crate may know which: arrows go down, and inside a floor only where this table says so.

use std::collections::BTreeMap;
use std::fs;

/// A crate's floor. A prefix stands for all crates that begin so.
const FLOORS: &[(&str, u8)] = &[
    ("env", 0),
    ("kv", 0),
    ("kv-", 0),
    ("blob", 0),
    ("event-input", 0),
    ("event-pattern", 0),
    ("vtl", 0),
    ("schedule", 0),
    ("image", 0),
    ("aws-wire", 1),
    ("aws-auth", 1),
    ("aws-hosts", 1),
    ("aws-model", 1),
    ("http-client", 1),
    ("http-event", 1),
    ("api-", 2),
    ("service", 3),
    ("execute-api", 3),
    ("execution", 3),
    ("sandbox", 3),
    ("sandbox-", 3),
    ("svc-", 4),
    ("event-sources", 4),
    ("gateway", 5),
    ("cli", 5),
    ("server", 5),
    ("testkit", 6),
    ("sim", 7),
    ("hostile", 7),
    ("xtask", 6),
];

/// Arrows inside a floor; each has its reason.
const BESIDE: &[(&str, &str)] = &[
    // Every engine knows the family's contract; the contract waits by the clock it is given.
    ("kv", "env"),
    ("kv-mem", "kv"),
    ("kv-disk", "kv"),
    ("blob", "env"),
    // Images are kept as blobs; registries are waited for by the clock.
    ("image", "blob"),
    ("image", "env"),
    // Signatures are checked on requests as the wire has them.
    ("aws-auth", "aws-wire"),
    // Events are made of requests as the wire has them.
    ("http-event", "aws-wire"),
    // Sites of APIs call functions as services do.
    ("execute-api", "service"),
    // Environments are sandboxes with a runtime in them.
    ("execution", "sandbox"),
    // Both kinds of sandbox are made by one spawner.
    ("sandbox-spawner", "sandbox"),
    ("sandbox-namespace", "sandbox"),
    ("sandbox-namespace", "sandbox-spawner"),
    ("sandbox-process", "sandbox"),
    ("sandbox-process", "sandbox-spawner"),
    // What polls meets the contract of the mappings it polls for.
    ("event-sources", "svc-lambda"),
    // Pipes are handed what is polled for them.
    ("svc-pipes", "event-sources"),
    // The assembly.
    ("server", "gateway"),
    ("server", "cli"),
];

/// Crates that only the assembly and tests may name: nobody else knows which engine or sandbox runs.
const CONCRETE: &[&str] = &["kv-mem", "kv-disk", "sandbox-namespace", "sandbox-process", "sandbox-spawner"];

fn floor(name: &str) -> Option<u8> {
    let exact = FLOORS.iter().find(|(known, _)| *known == name);
    exact
        .or_else(|| FLOORS.iter().find(|(known, _)| known.ends_with('-') && name.starts_with(known)))
        .map(|(_, f)| *f)
}

/// Every crate's dependencies among ours, without those of its tests.
fn arrows() -> BTreeMap<String, Vec<String>> {
    let mut arrows = BTreeMap::new();
    for entry in fs::read_dir(crate::root().join("crates")).expect("crates/ can be read") {
        let folder = entry.expect("an entry can be read").path();
        let name = folder.file_name().and_then(|name| name.to_str()).expect("UTF-8").to_owned();
        let manifest = fs::read_to_string(folder.join("Cargo.toml")).expect("a crate has a manifest");
        let manifest: toml::Table = manifest.parse().expect("a manifest is TOML");
        assert_eq!(
            manifest["package"]["name"].as_str(),
            Some(name.as_str()),
            "a crate is named as its folder"
        );
        let dependencies = manifest.get("dependencies").and_then(toml::Value::as_table);
        let ours = dependencies.into_iter().flat_map(toml::Table::keys).filter(|name| floor(name).is_some());
        arrows.insert(name, ours.cloned().collect());
    }
    arrows
}

#[test]
fn every_crate_has_a_floor() {
    for name in arrows().keys() {
        assert!(floor(name).is_some(), "{name} stands on no floor: add it to FLOORS");
    }
}

#[test]
fn arrows_go_down() {
    for (from, to) in arrows().iter().flat_map(|(from, all)| all.iter().map(move |to| (from, to))) {
        let (above, below) = (floor(from).expect("checked above"), floor(to).expect("only ours are listed"));
        let beside = above == below && BESIDE.contains(&(from.as_str(), to.as_str()));
        assert!(above > below || beside, "{from} (floor {above}) must not know {to} (floor {below})");
    }
}

#[test]
fn no_service_knows_another_and_nobody_a_concrete_engine() {
    for (from, to) in arrows().iter().flat_map(|(from, all)| all.iter().map(move |to| (from, to))) {
        assert!(!(from.starts_with("svc-") && to.starts_with("svc-")), "{from} must not know {to}");
        let assembles = ["server", "testkit", "sim"].contains(&from.as_str()) || from.starts_with("sandbox-");
        assert!(assembles || !CONCRETE.contains(&to.as_str()), "{from} must not name {to}");
    }
}

#[test]
fn every_arrow_beside_is_used() {
    let arrows = arrows();
    for (from, to) in BESIDE {
        let used = arrows.get(*from).is_some_and(|all| all.iter().any(|known| known == to));
        assert!(used, "the arrow {from} → {to} is not used: take it out of BESIDE");
    }
}
