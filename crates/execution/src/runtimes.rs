//! From a runtime's identifier to an interpreter on this host.
//!
//! Looked for, in this order: the configured runtimes folder, the host's own programs, pyenv and nvm. The release
//! asked for is taken where it is there, else the nearest of the same language, and everybody is told.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use sandbox::Bind;

use crate::image::Image;
use crate::invocation::Failure;

/// A language that Lambent has a bootstrap for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Language {
    Python,
    Node,
}

impl Language {
    pub const ALL: [Self; 2] = [Self::Python, Self::Node];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Python => "python",
            Self::Node => "nodejs",
        }
    }

    /// The oldest release that the bootstrap runs on.
    const fn oldest(self) -> Release {
        match self {
            Self::Python => (3, 8),
            Self::Node => (16, 0),
        }
    }

    /// How to install it on a Debian host.
    pub const fn install(self) -> &'static str {
        match self {
            Self::Python => "apt-get install python3",
            Self::Node => "apt-get install nodejs",
        }
    }
}

/// A release: `(3, 13)` of Python, `(22, 0)` of Node.js.
type Release = (u32, u32);

/// What runs a function's handler.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Interpreter {
    /// The package's own `bootstrap`.
    Custom {
        runtime: String,
    },
    Hosted(Hosted),
    /// In an image: the function's own, or one that packages run in.
    Image(Image),
}

/// An interpreter of the host's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hosted {
    pub language: Language,
    pub release: Release,
    /// The program on the host.
    pub program: PathBuf,
    /// The folder to mount at `/var/lang` when the program lies outside the host's `/usr`.
    pub prefix: Option<PathBuf>,
    /// Our bootstrap of the language, to mount at `/var/runtime`.
    pub bootstrap: PathBuf,
}

/// Another release of the language than the one asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Substitution {
    pub asked: String,
    pub running: String,
}

impl fmt::Display for Substitution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is not on this host; the nearest, {}, runs instead", self.asked, self.running)
    }
}

/// A runtime that can't be run here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MissingRuntime {
    #[error("{runtime}: there is no {} on this host; install one ({}) or put one into {folder}", .language.name(), .language.install())]
    NotInstalled { runtime: String, language: Language, folder: String },
    #[error("{0}: Lambent has no bootstrap for this language yet; package it with one as provided.al2023")]
    NoBootstrap(String),
}

/// The interpreters of this host.
#[derive(Debug)]
pub struct Runtimes {
    folder: PathBuf,
    found: BTreeMap<Language, Vec<Hosted>>,
}

impl Runtimes {
    /// Looks for interpreters; `folder` is the configured one, `bootstraps` holds ours, one folder a language.
    pub fn find(folder: &Path, home: Option<&Path>, bootstraps: &Path) -> Self {
        let mut found = BTreeMap::new();
        for language in Language::ALL {
            let mut hosted = Vec::<Hosted>::new();
            for (program, prefix) in candidates(language, folder, home) {
                let bootstrap = bootstraps.join(if language == Language::Python { "python" } else { "node" });
                let Some(release) = release_of(language, &program) else { continue };
                if release < language.oldest() {
                    continue;
                }
                if !hosted.iter().any(|known| known.release == release) {
                    hosted.push(Hosted { language, release, program, prefix, bootstrap });
                }
            }
            found.insert(language, hosted);
        }
        Self { folder: folder.to_owned(), found }
    }

    /// These interpreters and no others, whatever the host has.
    pub fn of(folder: &Path, hosted: Vec<Hosted>) -> Self {
        let mut found = Language::ALL.map(|language| (language, Vec::new()));
        for one in hosted {
            let of_language = found.iter_mut().find(|(language, _)| *language == one.language);
            of_language.expect("every language is there").1.push(one);
        }
        Self { folder: folder.to_owned(), found: found.into() }
    }

    /// The image that packages of `runtime` are to run in: what the file `<runtime>.image` in the folder of runtimes
    /// names.
    pub fn image_of(&self, runtime: &str) -> Option<String> {
        let text = fs::read_to_string(self.folder.join(format!("{runtime}.image"))).ok()?;
        let name = text.trim();
        (!name.is_empty()).then(|| name.to_owned())
    }

    /// Every interpreter found, for people.
    pub fn list(&self) -> impl Iterator<Item = &Hosted> {
        self.found.values().flatten()
    }

    /// What runs `runtime`, such as `python3.13`.
    ///
    /// # Errors
    /// When its language is not here; the message names what to install.
    pub fn resolve(&self, runtime: &str) -> Result<(Interpreter, Option<Substitution>), MissingRuntime> {
        if runtime.starts_with("provided") {
            return Ok((Interpreter::Custom { runtime: runtime.to_owned() }, None));
        }
        let language = Language::ALL.into_iter().find(|language| runtime.starts_with(language.name()));
        let language = language.ok_or_else(|| MissingRuntime::NoBootstrap(runtime.to_owned()))?;
        let wanted = parse_release(&runtime[language.name().len()..]);
        let wanted = wanted.ok_or_else(|| MissingRuntime::NoBootstrap(runtime.to_owned()))?;
        let distance = |release: Release| {
            let of = |(major, minor): Release| i64::from(major) * 1000 + i64::from(minor);
            // Of two equally near, the newer: it more likely has what the function uses.
            ((of(release) - of(wanted)).abs(), of(release) < of(wanted))
        };
        let nearest = self.found[&language].iter().min_by_key(|hosted| distance(hosted.release));
        let hosted = nearest.ok_or_else(|| MissingRuntime::NotInstalled {
            runtime: runtime.to_owned(),
            language,
            folder: self.folder.display().to_string(),
        })?;
        let interpreter = Interpreter::Hosted(hosted.clone());
        let running = interpreter.version_text().replace(':', " ");
        let same =
            if language == Language::Node { hosted.release.0 == wanted.0 } else { hosted.release == wanted };
        Ok((interpreter, (!same).then(|| Substitution { asked: runtime.to_owned(), running })))
    }
}

/// `python3.13` as INIT_START gives it: `python:3.13`.
fn spelled(runtime: &str) -> String {
    let digit = runtime.find(|c: char| c.is_ascii_digit()).unwrap_or(runtime.len());
    let (language, release) = runtime.split_at(digit);
    if release.is_empty() { runtime.replacen('.', ":", 1) } else { format!("{language}:{release}") }
}

/// `3.13`, `22.x`
fn parse_release(text: &str) -> Option<Release> {
    let (major, minor) = text.split_once('.').unwrap_or((text, "x"));
    let minor = if minor == "x" { 0 } else { minor.parse().ok()? };
    Some((major.parse().ok()?, minor))
}

type Candidate = (PathBuf, Option<PathBuf>);

fn candidates(language: Language, folder: &Path, home: Option<&Path>) -> Vec<Candidate> {
    let mut candidates = Vec::new();
    let mut add_installations = |parent: PathBuf, wanted: &dyn Fn(&str) -> bool| {
        let Ok(entries) = fs::read_dir(parent) else { return };
        let mut folders = entries.flatten().map(|entry| entry.path()).collect::<Vec<_>>();
        folders.sort();
        for prefix in folders.into_iter().rev() {
            let name = prefix.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if !wanted(name) {
                continue;
            }
            let program = if language == Language::Python { "bin/python3" } else { "bin/node" };
            if let Ok(program) = prefix.join(program).canonicalize()
                && program.starts_with(&prefix)
            {
                candidates.push((program, Some(prefix)));
            }
        }
    };
    add_installations(folder.to_owned(), &|name| name.starts_with(language.name()));
    if let Some(home) = home {
        match language {
            Language::Python => {
                add_installations(home.join(".pyenv/versions"), &|name| name.starts_with('3'))
            }
            Language::Node => {
                add_installations(home.join(".nvm/versions/node"), &|name| name.starts_with('v'))
            }
        }
    }
    let names: &[&str] = if language == Language::Python { &["python3"] } else { &["node", "nodejs"] };
    let mut hosts = Vec::new();
    for folder in ["/usr/bin", "/usr/local/bin"] {
        for name in names {
            if let Ok(program) = Path::new(folder).join(name).canonicalize()
                && program.starts_with("/usr")
            {
                hosts.push((program, None));
            }
        }
    }
    // The host's own come after the configured folder but before version managers: they need no mount.
    let configured = candidates.iter().take_while(|(program, _)| program.starts_with(folder)).count();
    candidates.splice(configured..configured, hosts);
    candidates
}

/// The release of a program, from its name where that tells, else by asking it.
fn release_of(language: Language, program: &Path) -> Option<Release> {
    let name = program.file_name()?.to_str()?;
    if let Some(release) = name.strip_prefix("python").and_then(parse_release).filter(|(_, minor)| *minor > 0)
    {
        return Some(release);
    }
    let in_path = program.components().filter_map(|part| part.as_os_str().to_str()).find_map(|part| {
        let version = part.strip_prefix('v').unwrap_or(part);
        let mut numbers = version.split('.').map(str::parse::<u32>);
        let (major, minor) = (numbers.next()?.ok()?, numbers.next()?.ok()?);
        Some((major, if language == Language::Node { 0 } else { minor }))
    });
    in_path.or_else(|| ask(program))
}

fn ask(program: &Path) -> Option<Release> {
    let output = std::process::Command::new(program).arg("--version").env_clear().output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let version = text.trim().trim_start_matches(|c: char| !c.is_ascii_digit());
    let mut numbers = version.split('.').map(str::parse::<u32>);
    let (major, minor) = (numbers.next()?.ok()?, numbers.next()?.ok()?);
    Some((major, if text.starts_with('v') { 0 } else { minor }))
}

/// How a sandbox starts an interpreter.
pub(crate) struct Launch {
    pub binds: Vec<Bind>,
    /// As a path inside the sandbox.
    pub program: PathBuf,
    pub arguments: Vec<String>,
}

impl Hosted {
    /// Where the bootstrap lies compiled for this very interpreter, once somebody compiled it.
    pub fn compiled_bootstrap(&self) -> PathBuf {
        let (major, minor) = self.release;
        self.bootstrap.with_file_name(format!("{}{major}.{minor}", self.language.name()))
    }
}

impl fmt::Display for Hosted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (major, minor) = self.release;
        match self.language {
            Language::Python => write!(f, "python {major}.{minor}"),
            Language::Node => write!(f, "nodejs {major}"),
        }
    }
}

impl Interpreter {
    /// Whether the function brings its own runtime.
    pub fn is_custom(&self) -> bool {
        match self {
            Self::Custom { .. } => true,
            Self::Image(image) => image.has_code(),
            Self::Hosted(_) => false,
        }
    }

    /// The function's image, where it has one.
    pub fn image(&self) -> Option<&Image> {
        if let Self::Image(image) = self { Some(image) } else { None }
    }

    /// `python:3.11`, as INIT_START gives it.
    pub fn version_text(&self) -> String {
        match self {
            Self::Custom { runtime } => runtime.replacen('.', ":", 1),
            Self::Image(Image { runtime: None, .. }) => "image".to_owned(),
            Self::Image(Image { runtime: Some(runtime), .. }) => spelled(runtime),
            Self::Hosted(Hosted { language: Language::Python, release: (major, minor), .. }) => {
                format!("python:{major}.{minor}")
            }
            Self::Hosted(Hosted { language: Language::Node, release: (major, _), .. }) => {
                format!("nodejs:{major}")
            }
        }
    }

    /// Refuses a custom runtime without an executable `bootstrap`.
    pub(crate) fn check(&self, bootstrap: Option<&Path>) -> Result<(), Failure> {
        match self {
            Self::Custom { .. } if bootstrap.is_none() => Err(Failure::NoBootstrap),
            Self::Image(image) => image.check(),
            Self::Custom { .. } | Self::Hosted(_) => Ok(()),
        }
    }

    /// What a sandbox needs to run it. The command lines are those of `runtimes/README.md`.
    pub(crate) fn launch(&self, bootstrap: Option<&Path>) -> Launch {
        let hosted = match self {
            Self::Hosted(hosted) => hosted,
            Self::Custom { .. } => {
                return Launch {
                    binds: Vec::new(),
                    program: bootstrap.unwrap_or(Path::new("/var/task/bootstrap")).to_owned(),
                    arguments: Vec::new(),
                };
            }
            Self::Image(image) => {
                return Launch {
                    binds: Vec::new(),
                    program: image.program.clone().unwrap_or_else(|| PathBuf::from(&image.entry_point)),
                    arguments: image.arguments.clone(),
                };
            }
        };
        let compiled = Some(hosted.compiled_bootstrap()).filter(|folder| folder.is_dir());
        let arguments: &[&str] = match (hosted.language, &compiled) {
            // No `-I`: the user's own `PYTHON*` variables count.
            (Language::Python, Some(_)) => &["-S", "-s", "-X", "utf8", "/var/runtime/bootstrap.pyc"],
            (Language::Python, None) => &["-S", "-s", "-X", "utf8", "/var/runtime/bootstrap.py"],
            (Language::Node, _) => &["/var/runtime/bootstrap.cjs"],
        };
        let bootstrap = compiled.unwrap_or_else(|| hosted.bootstrap.clone());
        let mut binds = vec![Bind { host: bootstrap, inside: "/var/runtime".into() }];
        let program = match &hosted.prefix {
            Some(prefix) => {
                binds.push(Bind { host: prefix.clone(), inside: "/var/lang".into() });
                Path::new("/var/lang").join(hosted.program.strip_prefix(prefix).unwrap_or(&hosted.program))
            }
            None => hosted.program.clone(),
        };
        Launch {
            binds,
            program,
            arguments: arguments.iter().map(|argument| (*argument).to_owned()).collect(),
        }
    }

    /// The language's own variables.
    pub(crate) fn variables(&self) -> Vec<(String, String)> {
        let Self::Hosted(hosted) = self else { return Vec::new() };
        let (name, value) = match hosted.language {
            Language::Python => ("PYTHONPATH", "/var/runtime".to_owned()),
            Language::Node => {
                let major = hosted.release.0;
                let path = format!(
                    "/opt/nodejs/node{major}/node_modules:/opt/nodejs/node_modules:/var/runtime/node_modules:/var/runtime:/var/task"
                );
                ("NODE_PATH", path)
            }
        };
        vec![(name.to_owned(), value)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosted(language: Language, release: Release) -> Hosted {
        Hosted { language, release, program: "/usr/bin/x".into(), prefix: None, bootstrap: "/b".into() }
    }

    fn runtimes(pythons: &[Release], nodes: &[Release]) -> Runtimes {
        let all = |language, releases: &[Release]| {
            releases.iter().map(|release| hosted(language, *release)).collect::<Vec<_>>()
        };
        let hosted = [all(Language::Python, pythons), all(Language::Node, nodes)].concat();
        Runtimes::of(Path::new("/runtimes"), hosted)
    }

    #[test]
    fn the_nearest_release_runs_and_says_so() {
        let check = |here: &Runtimes, runtime: &str, running: &str, substituted: bool| {
            let (interpreter, substitution) = here.resolve(runtime).expect("the language is here");
            assert_eq!(
                (interpreter.version_text().as_str(), substitution.is_some()),
                (running, substituted),
                "{runtime}"
            );
        };
        let here = runtimes(&[(3, 8), (3, 11), (3, 13)], &[(20, 0)]);
        check(&here, "python3.11", "python:3.11", false);
        check(&here, "python3.12", "python:3.13", true);
        check(&here, "python3.9", "python:3.8", true);
        check(&here, "python3.14", "python:3.13", true);
        check(&here, "nodejs20.x", "nodejs:20", false);
        check(&here, "nodejs24.x", "nodejs:20", true);
        check(&here, "provided.al2023", "provided:al2023", false);
    }

    #[test]
    fn a_missing_language_says_what_to_install() {
        let none = runtimes(&[], &[]);
        let message = none.resolve("python3.13").expect_err("there is none").to_string();
        assert!(message.contains("apt-get install python3") && message.contains("/runtimes"), "{message}");
        assert!(matches!(none.resolve("ruby3.3"), Err(MissingRuntime::NoBootstrap(_))));
    }
}
