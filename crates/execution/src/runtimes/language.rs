//! The languages whose managed runtimes are served, each described by a file of its own.

use std::fmt;
use std::path::Path;

use super::{Hosted, dotnet, java, node, python, ruby};
use crate::Version;
use sandbox::Bind;

/// A language that a managed runtime is served for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Language {
    Python,
    Node,
    Java,
    Ruby,
    Dotnet,
}

/// A release: `(3, 13)` of Python, `(22, 0)` of Node.js.
pub type Release = (u32, u32);

/// Everything that tells one language from another.
pub(super) struct Facts {
    /// How its runtimes' identifiers begin.
    pub name: &'static str,
    pub client: Client,
    /// The folder of the runtimes folder that AWS's SDK is fetched into, where AWS's own runtime has one.
    pub sdk: Option<&'static str>,
    /// The oldest release that the client runs on.
    pub oldest: Release,
    /// How to install it on a Debian host.
    pub install: &'static str,
    /// The interpreter's names on a host.
    pub programs: &'static [&'static str],
    /// The interpreter within the folder of an installation.
    pub in_prefix: &'static str,
    /// Where version managers keep installations, below the home folder, and how these folders' names begin.
    pub version_managers: &'static [(&'static str, char)],
    /// A folder below `/usr` with one folder for each installation.
    pub system_folder: Option<&'static str>,
    /// Releases are told by their major number alone.
    pub by_major: bool,
    /// What was built for one release runs on newer ones, and on older ones does not.
    pub newer_runs_older: bool,
    /// The releases that a program runs, as far as its path and its neighbours tell.
    pub releases: fn(&Path) -> Vec<Release>,
    pub arguments: fn(&Hosted, &Version) -> Vec<String>,
    /// The language's own variables.
    pub variables: fn(&Hosted, &Version) -> Vec<(&'static str, String)>,
    /// Variables that name the list of whom to trust, where it or its usual libraries don't read the system's.
    pub certificates: &'static [&'static str],
    /// The option that has it read the system's list in place of one built in, unless the user has decided.
    pub trusting: fn(&Version) -> Option<&'static str>,
    /// Whether it reads a variable of this name while it starts, besides what every program does; absent where it
    /// can't be started before it is known for which function.
    pub read_at_start: Option<fn(&str) -> bool>,
    /// Whether what speaks to the Runtime API can wait for such a function: nothing of its is needed before.
    pub waits: fn(&Hosted, &Version) -> bool,
    /// Whether our bootstrap, started ahead, imports what functions import if it is told to, and the SDK is there.
    pub imports_ahead: bool,
    /// What the interpreter needs of the host besides its own folder.
    pub binds: fn(&Hosted) -> Vec<Bind>,
}

/// What speaks to the Runtime API for the user's handler.
#[derive(Clone, Copy)]
pub(super) enum Client {
    /// Our own, carried in the binary.
    Bootstrap(&'static str),
    /// AWS's, fetched once into this folder of the runtimes folder.
    Fetched(&'static str),
    /// The package's.
    InPackage,
}

impl Language {
    pub const ALL: [Self; 5] = [Self::Python, Self::Node, Self::Java, Self::Ruby, Self::Dotnet];

    pub(super) const fn facts(self) -> &'static Facts {
        match self {
            Self::Python => &python::FACTS,
            Self::Node => &node::FACTS,
            Self::Java => &java::FACTS,
            Self::Ruby => &ruby::FACTS,
            Self::Dotnet => &dotnet::FACTS,
        }
    }

    /// How its runtimes' identifiers begin.
    pub const fn name(self) -> &'static str {
        self.facts().name
    }

    /// How to install it on a Debian host.
    pub const fn install(self) -> &'static str {
        self.facts().install
    }

    /// The language and release that an identifier such as `java17.al2023` names.
    pub(super) fn of(runtime: &str) -> Option<(Self, Release)> {
        let language = Self::ALL.into_iter().find(|language| runtime.starts_with(language.name()))?;
        let release = &runtime[language.name().len()..];
        // Which operating system AWS runs it on; here it is the host's.
        let release =
            release.strip_suffix(".al2023").or_else(|| release.strip_suffix(".al2")).unwrap_or(release);
        Some((language, parse_release(release)?))
    }

    /// `3.11`, or `20` where the major number tells all.
    pub(super) fn release_text(self, (major, minor): Release) -> String {
        if self.facts().by_major { major.to_string() } else { format!("{major}.{minor}") }
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// `3.13`, `22.x`, `17`
pub(super) fn parse_release(text: &str) -> Option<Release> {
    let (major, minor) = text.split_once('.').unwrap_or((text, "x"));
    let minor = if minor == "x" { 0 } else { minor.parse().ok()? };
    Some((major.parse().ok()?, minor))
}

/// The release in a program's name: `python3.11`.
pub(super) fn in_name(program: &Path, before: &str) -> Option<Release> {
    let name = program.file_name()?.to_str()?;
    name.strip_prefix(before).and_then(parse_release).filter(|(_, minor)| *minor > 0)
}

/// The release in a folder's name on the way to a program: `v20.11.1`, `3.11.4`.
pub(super) fn in_path(program: &Path) -> Option<Release> {
    program.components().filter_map(|part| part.as_os_str().to_str()).find_map(|part| {
        let version = part.strip_prefix('v').unwrap_or(part);
        let mut numbers = version.split('.').map(str::parse::<u32>);
        Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
    })
}
