//! Ruby, on our own bootstrap.

use super::language::{Client, Facts, in_name, in_path};
use super::{Hosted, Language};
use crate::Version;

pub(super) const FACTS: Facts = Facts {
    name: "ruby",
    client: Client::Bootstrap("ruby"),
    sdk: None,
    oldest: (2, 7),
    install: "apt-get install ruby",
    programs: &["ruby"],
    in_prefix: "bin/ruby",
    version_managers: &[],
    system_folder: None,
    by_major: false,
    newer_runs_older: false,
    releases: |program| in_name(program, "ruby").or_else(|| in_path(program)).into_iter().collect(),
    // RubyGems is three quarters of Ruby's start; the bootstrap loads it when something needs it. The encoding is named
    // because a host may lack the locale of `LANG`.
    arguments: |_, _| ["--disable=gems", "-EUTF-8", "/var/runtime/bootstrap.rb"].map(str::to_owned).to_vec(),
    variables: |hosted, version| {
        vec![
            ("GEM_PATH", gem_path(hosted, version)),
            ("RUBYLIB", "/var/task:/var/runtime/lib:/opt/ruby/lib".to_owned()),
        ]
    },
    certificates: &["SSL_CERT_FILE"],
    trusting: |_| None,
    read_at_start: Some(|name| name.starts_with("RUBY")),
    waits: |_, version| !brings_gems(version),
    imports_ahead: false,
    binds: |_| Vec::new(),
};

/// Gems may stand for parts of the standard library, so RubyGems has to come before those that the bootstrap needs.
fn brings_gems(version: &Version) -> bool {
    let layers = version.opt_dirs.iter().map(|layer| layer.join("ruby/gems"));
    layers.chain([version.code_dir.join("vendor/bundle/ruby")]).any(|folder| folder.is_dir())
}

/// Gems of the package and of layers, laid out for the release that runs, and for the one asked for: most gems are
/// plain Ruby and do not mind.
fn gem_path(hosted: &Hosted, version: &Version) -> String {
    let asked = Language::of(&version.runtime).map_or(hosted.release, |(_, release)| release);
    let mut folders = Vec::new();
    for (major, minor) in [hosted.release, asked] {
        let abi = format!("{major}.{minor}.0");
        for folder in [format!("/var/task/vendor/bundle/ruby/{abi}"), format!("/opt/ruby/gems/{abi}")] {
            if !folders.contains(&folder) {
                folders.push(folder);
            }
        }
    }
    folders.join(":")
}
