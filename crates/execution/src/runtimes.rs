//! From a runtime's identifier to an interpreter on this host.
//!
//! Looked for, in this order: the configured runtimes folder, the host's own programs, version managers. The release
//! asked for is taken where it is there, else the nearest of the same language, and everybody is told. What tells one
//! language from another is in a file of its own, as `language::Facts`.

mod dotnet;
mod find;
pub(crate) mod imported;
mod java;
mod language;
mod node;
mod python;
mod ruby;

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use sandbox::{Bind, Trust};

use crate::Version;
use crate::image::Image;
use crate::invocation::Failure;
use language::Client;
pub use language::Language;
use language::Release;

/// Where AWS's SDK is inside a sandbox.
pub(crate) const SDK_FOLDER: &str = "/var/sdk";

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
    /// Where AWS's SDK is, once somebody fetched it: functions may count on it without packing it.
    pub sdk: Option<PathBuf>,
}

/// How the variables begin that the loader, the C library and OpenSSL read while a program starts; and what has another
/// program started.
const READ_BY_ALL: [&str; 11] = [
    "LD_",
    "GLIBC_",
    "MALLOC_",
    "LANG",
    "LC_",
    "LOCPATH",
    "NLSPATH",
    "GCONV_",
    "OPENSSL_",
    "SSL_",
    "AWS_LAMBDA_EXEC_WRAPPER",
];

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
    #[error("{runtime}: there is no {language} on this host; install one ({}) or put one into {folder}", .language.install())]
    NotInstalled { runtime: String, language: Language, folder: String },
    #[error(
        "{runtime}: AWS's runtime interface client for {language} is not here yet; fetch it: \
         lambent runtimes install {language} --runtimes {folder}"
    )]
    NoClient { runtime: String, language: Language, folder: String },
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
        let places = find::Places { folder, home, bootstraps };
        let found = Language::ALL.map(|language| (language, find::find(language, &places)));
        Self { folder: folder.to_owned(), found: found.into() }
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
        let (language, wanted) =
            Language::of(runtime).ok_or_else(|| MissingRuntime::NoBootstrap(runtime.to_owned()))?;
        let folder = self.folder.display().to_string();
        let nearest = self.found[&language].iter().min_by_key(|hosted| distance(hosted, wanted));
        let Some(hosted) = nearest else {
            return Err(MissingRuntime::NotInstalled { runtime: runtime.to_owned(), language, folder });
        };
        if !hosted.has_client() {
            return Err(MissingRuntime::NoClient { runtime: runtime.to_owned(), language, folder });
        }
        Ok(hosted.runs(runtime, wanted))
    }

    /// What runs `runtime` when it must be that interpreter of its language, near or not.
    pub fn pinned(
        &self,
        runtime: &str,
        is_it: impl Fn(&Interpreter) -> bool,
    ) -> Option<(Interpreter, Option<Substitution>)> {
        let Some((language, wanted)) = Language::of(runtime) else {
            return self.resolve(runtime).ok().filter(|(interpreter, _)| is_it(interpreter));
        };
        let mut all = self.found[&language].iter().map(|hosted| hosted.runs(runtime, wanted));
        all.find(|(interpreter, _)| is_it(interpreter))
    }
}

/// `python3.13` as INIT_START gives it: `python:3.13`.
fn spelled(runtime: &str) -> String {
    let digit = runtime.find(|c: char| c.is_ascii_digit()).unwrap_or(runtime.len());
    let (language, release) = runtime.split_at(digit);
    if release.is_empty() { runtime.replacen('.', ":", 1) } else { format!("{language}:{release}") }
}

/// How far a release is from the one wanted; the least is taken.
fn distance(hosted: &Hosted, wanted: Release) -> (bool, i64, bool) {
    let of = |(major, minor): Release| i64::from(major) * 1000 + i64::from(minor);
    let (here, wanted) = (of(hosted.release), of(wanted));
    let is_older = here < wanted;
    let refuses = is_older && hosted.language.facts().newer_runs_older;
    // Of two equally near, the newer: it more likely has what the function uses.
    (refuses, (here - wanted).abs(), is_older)
}

/// How a sandbox starts an interpreter.
pub(crate) struct Launch {
    pub binds: Vec<Bind>,
    /// As a path inside the sandbox.
    pub program: PathBuf,
    pub arguments: Vec<String>,
}

impl Hosted {
    /// As what runs `runtime`, of which `wanted` is the release.
    fn runs(&self, runtime: &str, wanted: Release) -> (Interpreter, Option<Substitution>) {
        let interpreter = Interpreter::Hosted(self.clone());
        let running = interpreter.version_text().replace(':', " ");
        let same = self.release == wanted;
        (interpreter, (!same).then(|| Substitution { asked: runtime.to_owned(), running }))
    }

    /// Where the bootstrap lies compiled for this very interpreter, once somebody compiled it.
    pub fn compiled_bootstrap(&self) -> PathBuf {
        let (major, minor) = self.release;
        self.bootstrap.with_file_name(format!("{}{major}.{minor}", self.language.name()))
    }

    fn compiled(&self) -> Option<PathBuf> {
        let is_ours = matches!(self.language.facts().client, Client::Bootstrap(_));
        is_ours.then(|| self.compiled_bootstrap()).filter(|folder| folder.is_dir())
    }

    /// Whether what speaks to the Runtime API is here. Looked at each time: it may be fetched while we run.
    pub fn has_client(&self) -> bool {
        !matches!(self.language.facts().client, Client::Fetched(_)) || self.bootstrap.join("lib").is_dir()
    }

    /// The folder of AWS's SDK. Looked at each time: it may be fetched while we run.
    pub fn fetched_sdk(&self) -> Option<&PathBuf> {
        self.sdk.as_ref().filter(|folder| folder.is_dir())
    }

    /// What has to be mounted to run it.
    fn binds(&self) -> Vec<Bind> {
        let mut binds = (self.language.facts().binds)(self);
        if !matches!(self.language.facts().client, Client::InPackage) {
            let host = self.compiled().unwrap_or_else(|| self.bootstrap.clone());
            binds.push(Bind { host, inside: "/var/runtime".into() });
        }
        if let Some(sdk) = self.fetched_sdk() {
            binds.push(Bind { host: sdk.clone(), inside: SDK_FOLDER.into() });
        }
        if let Some(prefix) = &self.prefix {
            binds.push(Bind { host: prefix.clone(), inside: "/var/lang".into() });
        }
        binds
    }
}

impl fmt::Display for Hosted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.language, self.language.release_text(self.release))
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
            Self::Hosted(Hosted { language, release, .. }) => {
                format!("{language}:{}", language.release_text(*release))
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
    pub(crate) fn launch(&self, version: &Version, trust: Option<&Trust>) -> Launch {
        let hosted = match self {
            Self::Hosted(hosted) => hosted,
            Self::Custom { .. } => {
                return Launch {
                    binds: Vec::new(),
                    program: version.bootstrap().unwrap_or(Path::new("/var/task/bootstrap")).to_owned(),
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
        let program = match &hosted.prefix {
            Some(prefix) => {
                Path::new("/var/lang").join(hosted.program.strip_prefix(prefix).unwrap_or(&hosted.program))
            }
            None => hosted.program.clone(),
        };
        let facts = hosted.language.facts();
        let mut arguments = (facts.arguments)(hosted, version);
        if trust.is_some_and(|trust| trust.bundle.is_some())
            && let Some(option) = (facts.trusting)(version)
        {
            arguments.insert(0, option.to_owned());
        }
        Launch { binds: hosted.binds(), program, arguments }
    }

    /// Tells of a variable's name whether its interpreter reads that while it starts; `None` where it can't be started
    /// ahead.
    pub(crate) fn reads_at_start(&self, version: &Version) -> Option<impl Fn(&str) -> bool + use<>> {
        let Self::Hosted(hosted) = self else { return None };
        let facts = hosted.language.facts();
        let own = facts.read_at_start.filter(|_| (facts.waits)(hosted, version))?;
        Some(move |name: &str| own(name) || READ_BY_ALL.iter().any(|prefix| name.starts_with(prefix)))
    }

    /// Whether there are runtimes, started ahead, that have imported what functions import.
    pub(crate) fn imports_ahead(&self) -> bool {
        let Self::Hosted(hosted) = self else { return false };
        hosted.language.facts().imports_ahead && hosted.fetched_sdk().is_some()
    }

    /// The language's own variables.
    pub(crate) fn variables(&self, version: &Version) -> Vec<(String, String)> {
        let Self::Hosted(hosted) = self else { return Vec::new() };
        let variables = (hosted.language.facts().variables)(hosted, version);
        variables.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// The variables that name whom to trust, for what doesn't read the system's list. An image has its own.
    pub(crate) fn certificates(&self, trust: &Trust) -> Vec<(String, String)> {
        let (Self::Hosted(hosted), Some(bundle)) = (self, &trust.bundle) else { return Vec::new() };
        let file = bundle.to_string_lossy();
        let names = hosted.language.facts().certificates.iter();
        names.map(|name| ((*name).to_owned(), file.clone().into_owned())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosted(language: Language, release: Release) -> Hosted {
        Hosted {
            language,
            release,
            program: "/usr/bin/x".into(),
            prefix: None,
            bootstrap: "/b".into(),
            sdk: None,
        }
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
    fn a_newer_java_runs_what_an_older_one_was_asked_for() {
        let javas = [11, 17, 21].map(|major| hosted(Language::Dotnet, (major, 0)));
        let here = Runtimes::of(Path::new("/runtimes"), javas.to_vec());
        for (runtime, running) in
            [("dotnet12", "dotnet:17"), ("dotnet21", "dotnet:21"), ("dotnet25", "dotnet:21")]
        {
            let (interpreter, _) = here.resolve(runtime).expect("the language is here");
            assert_eq!(interpreter.version_text(), running, "{runtime}");
        }
    }

    #[test]
    fn identifiers_name_a_language_and_a_release() {
        let check = |runtime: &str, expected: Option<(Language, Release)>| {
            assert_eq!(Language::of(runtime), expected, "{runtime}");
        };
        check("java17", Some((Language::Java, (17, 0))));
        check("java17.al2023", Some((Language::Java, (17, 0))));
        check("java8.al2", Some((Language::Java, (8, 0))));
        check("ruby3.4", Some((Language::Ruby, (3, 4))));
        check("dotnet8", Some((Language::Dotnet, (8, 0))));
        check("dotnetcore3.1", None);
        check("go1.x", None);
    }

    #[test]
    fn a_missing_language_says_what_to_install() {
        let none = runtimes(&[], &[]);
        let message = none.resolve("python3.13").expect_err("there is none").to_string();
        assert!(message.contains("apt-get install python3") && message.contains("/runtimes"), "{message}");
        assert!(matches!(none.resolve("go1.x"), Err(MissingRuntime::NoBootstrap(_))));
        let only_java = Runtimes::of(Path::new("/runtimes"), vec![hosted(Language::Java, (17, 0))]);
        let message = only_java.resolve("java21").expect_err("its client is not there").to_string();
        assert!(message.contains("lambent runtimes install java --runtimes /runtimes"), "{message}");
    }
}
