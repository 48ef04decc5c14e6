//! Looks for interpreters on the host.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::language::{Client, Facts, Release};
use super::{Hosted, Language};

/// Where to look.
pub(super) struct Places<'a> {
    /// The configured runtimes folder.
    pub folder: &'a Path,
    pub home: Option<&'a Path>,
    /// Our bootstraps, one folder a language.
    pub bootstraps: &'a Path,
}

/// Every release found, the preferred program of each.
pub(super) fn find(language: Language, places: &Places<'_>) -> Vec<Hosted> {
    let facts = language.facts();
    let bootstrap = match facts.client {
        Client::Bootstrap(name) => places.bootstraps.join(name),
        Client::Fetched(name) => places.folder.join(name),
        Client::InPackage => PathBuf::new(),
    };
    let mut hosted = Vec::<Hosted>::new();
    for (program, prefix) in candidates(facts, places) {
        let mut releases = (facts.releases)(&program);
        if releases.is_empty() {
            releases.extend(ask(&program));
        }
        for (major, minor) in releases {
            let release = if facts.by_major { (major, 0) } else { (major, minor) };
            if release >= facts.oldest && !hosted.iter().any(|known| known.release == release) {
                let (program, prefix, bootstrap) = (program.clone(), prefix.clone(), bootstrap.clone());
                let sdk = facts.sdk.map(|name| places.folder.join(name));
                hosted.push(Hosted { language, release, program, prefix, bootstrap, sdk });
            }
        }
    }
    hosted
}

/// A program, and the folder to mount for it when it lies outside `/usr`.
type Candidate = (PathBuf, Option<PathBuf>);

/// The configured ones first, then the host's own, which need no mount, then the version managers'.
fn candidates(facts: &Facts, places: &Places<'_>) -> Vec<Candidate> {
    let mut candidates = installations(facts, places.folder, &|name| name.starts_with(facts.name));
    for folder in ["/usr/bin", "/usr/local/bin"] {
        for name in facts.programs {
            candidates.extend(hosts_own(&Path::new(folder).join(name)));
        }
    }
    if let Some(folder) = facts.system_folder {
        let found = installations(facts, Path::new(folder), &|_| true);
        candidates.extend(found.iter().filter_map(|(program, _)| hosts_own(program)));
    }
    for (folder, first) in facts.version_managers {
        let parent = places.home.map(|home| home.join(folder)).unwrap_or_default();
        candidates.extend(installations(facts, &parent, &|name| name.starts_with(*first)));
    }
    candidates
}

fn hosts_own(program: &Path) -> Option<Candidate> {
    let program = program.canonicalize().ok()?;
    program.starts_with("/usr").then_some((program, None))
}

/// The installations in `parent`, one folder each, the last by name first.
fn installations(facts: &Facts, parent: &Path, is_wanted: &dyn Fn(&str) -> bool) -> Vec<Candidate> {
    let entries = fs::read_dir(parent).into_iter().flatten().flatten();
    let mut folders = entries.map(|entry| entry.path()).collect::<Vec<_>>();
    folders.sort();
    let mut found = Vec::new();
    for prefix in folders.into_iter().rev() {
        let name = prefix.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if is_wanted(name)
            && let Ok(program) = prefix.join(facts.in_prefix).canonicalize()
            && let Ok(prefix) = prefix.canonicalize()
            && program.starts_with(&prefix)
        {
            found.push((program, Some(prefix)));
        }
    }
    found
}

/// The release that a program itself tells.
fn ask(program: &Path) -> Option<Release> {
    let output = Command::new(program).arg("--version").env_clear().output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let version = text.trim().trim_start_matches(|c: char| !c.is_ascii_digit());
    let mut numbers = version.split(|c: char| !c.is_ascii_digit()).map(str::parse::<u32>);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}
