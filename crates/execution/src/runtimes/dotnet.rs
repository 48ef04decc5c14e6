//! .NET: executable assemblies, which bring AWS's client as a package of their own.

use std::fs;
use std::path::Path;

use super::language::{Client, Facts, Release};

pub(super) const FACTS: Facts = Facts {
    name: "dotnet",
    client: Client::InPackage,
    sdk: None,
    oldest: (6, 0),
    install: "Microsoft's package dotnet-runtime-8.0, or publish the function self-contained, with a bootstrap, for \
              provided.al2023",
    programs: &["dotnet"],
    in_prefix: "dotnet",
    version_managers: &[],
    system_folder: None,
    by_major: true,
    newer_runs_older: true,
    releases,
    arguments: |_, version| {
        // `Assembly`, or `Assembly::Type::Method`, of which only the assembly's own entry point is called.
        let assembly = version.handler.split("::").next().unwrap_or_default();
        vec![format!("/var/task/{assembly}.dll")]
    },
    variables: |_, _| {
        vec![
            ("DOTNET_ROLL_FORWARD", "Major".to_owned()),
            ("DOTNET_CLI_TELEMETRY_OPTOUT", "1".to_owned()),
            // Hosts rarely have the ICU libraries where .NET looks for them.
            ("DOTNET_SYSTEM_GLOBALIZATION_INVARIANT", "1".to_owned()),
        ]
    },
    certificates: &[],
    trusting: |_| None,
    read_at_start: None,
    waits: |_, _| false,
    imports_ahead: false,
    binds: |_| Vec::new(),
};

/// One program starts every runtime that lies beside it.
fn releases(program: &Path) -> Vec<Release> {
    let runtimes = program.with_file_name("shared").join("Microsoft.NETCore.App");
    let names = fs::read_dir(runtimes).into_iter().flatten().flatten().map(|entry| entry.file_name());
    let mut releases = names
        .filter_map(|name| Some((name.to_str()?.split('.').next()?.parse().ok()?, 0)))
        .collect::<Vec<_>>();
    releases.sort_unstable();
    releases.dedup();
    releases
}
