//! Java, on AWS's runtime interface client, which `lambent runtimes install java` fetches.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use sandbox::Bind;

use super::Hosted;
use super::language::{Client, Facts, Release};
use crate::Version;

pub(super) const FACTS: Facts = Facts {
    name: "java",
    client: Client::Fetched("java-client"),
    sdk: None,
    oldest: (8, 0),
    install: "apt-get install default-jre-headless",
    programs: &["java"],
    in_prefix: "bin/java",
    version_managers: &[],
    system_folder: Some("/usr/lib/jvm"),
    by_major: true,
    newer_runs_older: true,
    releases: |program| home(program).and_then(release).into_iter().collect(),
    arguments: |hosted, version| {
        let mut arguments = options(hosted, version);
        arguments.extend(client(hosted, &version.handler));
        arguments
    },
    variables: |_, _| Vec::new(),
    certificates: &[],
    trusting: |_| None,
    read_at_start: Some(|name| {
        ["JAVA_", "_JAVA_", "JDK_", "CLASSPATH"].iter().any(|prefix| name.starts_with(prefix))
    }),
    waits: |hosted, _| hosted.launcher().is_file(),
    imports_ahead: false,
    binds: |hosted| configuration(hosted).into_iter().collect(),
};

/// What is kept for everything that is not heap: the machine itself, classes, code, threads.
const BESIDE_HEAP_KB_MIN: u64 = 64 * 1024;
/// The folder beside the client's that holds our launcher, the client's native part and archives of classes.
const AHEAD: &str = "ahead";
const METASPACE_KB_MIN: u64 = 40 * 1024;
/// The first release that warns of native code, which the client brings.
const NATIVE_ACCESS_WARNS_SINCE: u32 = 24;
/// The first release that writes an archive of classes at its exit.
const ARCHIVES_SINCE: u32 = 13;

/// The client's jars and main class; our launcher before it, where it could be laid out, finds the handler itself.
///
/// The path is relative to `/var/task`: an archive of classes fits only where the jars have the path that they had
/// when it was written, and that was outside of any sandbox.
fn client(hosted: &Hosted, handler: &str) -> Vec<String> {
    let words = if hosted.launcher().is_file() {
        vec!["-cp", "../runtime/ahead/launcher.jar:../runtime/lib/*", "lambent.Launcher"]
    } else {
        vec!["-cp", "../runtime/lib/*", "com.amazonaws.services.lambda.runtime.api.client.AWSLambda", handler]
    };
    words.into_iter().map(str::to_owned).collect()
}

const COLLECTOR: &str = "-XX:+UseSerialGC";

/// What the archive of classes is made with and has to be used with.
fn fixed_options(hosted: &Hosted) -> Vec<String> {
    let mut options = vec![COLLECTOR, "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData"];
    if hosted.release.0 >= 9 {
        // The client makes a `FileDescriptor` of the log pipe's number; and no function's log need hear of archives.
        options.extend(["--add-opens=java.base/java.io=ALL-UNNAMED", "-Xlog:cds*=off"]);
    }
    if hosted.release.0 >= NATIVE_ACCESS_WARNS_SINCE {
        options.push("--enable-native-access=ALL-UNNAMED");
    }
    options.into_iter().map(str::to_owned).collect()
}

/// As Lambda has them: 85 % of the memory for the heap and 10 % for classes. A small function keeps more beside its
/// heap, because what is beyond the limit here ends the environment, while a full heap is an error of the function's.
fn options(hosted: &Hosted, version: &Version) -> Vec<String> {
    let memory_kb = u64::from(version.memory_mb) * 1024;
    let heap_kb = (memory_kb * 85 / 100).min(memory_kb - BESIDE_HEAP_KB_MIN.min(memory_kb / 2));
    let mut options = fixed_options(hosted);
    options.extend([
        format!("-XX:MaxHeapSize={heap_kb}k"),
        format!("-XX:MaxMetaspaceSize={}k", (memory_kb / 10).max(METASPACE_KB_MIN)),
        "-Djava.net.preferIPv4Stack=true".to_owned(),
    ]);
    if hosted.archive().is_some_and(|archive| archive.is_file())
        && let Some(name) = archive_name(hosted)
    {
        options.push(format!("-XX:SharedArchiveFile=../runtime/{AHEAD}/{name}"));
        // One that does not fit is not used.
        options.push("-Xshare:auto".to_owned());
    }
    options.retain(|option| !is_users(&version.variables, option));
    options
}

/// Whether the user's own `JAVA_TOOL_OPTIONS` decide it: options on the command line would win.
fn is_users(variables: &BTreeMap<String, String>, option: &str) -> bool {
    let Some(users) = variables.get("JAVA_TOOL_OPTIONS") else { return false };
    let kind = match option.trim_start_matches("-XX:").trim_start_matches(['+', '-']).split('=').next() {
        Some("MaxHeapSize") => &["MaxHeapSize", "-Xmx", "MaxRAMPercentage"][..],
        Some("UseSerialGC") => &["-XX:+Use", "GC"],
        Some("TieredStopAtLevel") => &["Tiered"],
        Some(name) => &[name][..],
        None => return false,
    };
    if kind == ["-XX:+Use", "GC"] {
        return users.split_whitespace().any(|word| word.starts_with("-XX:+Use") && word.ends_with("GC"));
    }
    kind.iter().any(|name| users.contains(name))
}

/// `…/jdk` of `…/jdk/bin/java`.
fn home(program: &Path) -> Option<&Path> {
    program.parent()?.parent()
}

/// What the file `release` of a JDK says under `name`.
fn told(home: &Path, name: &str) -> Option<String> {
    let text = fs::read_to_string(home.join("release")).ok()?;
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='))?;
    Some(value.trim_matches('"').to_owned())
}

fn release(home: &Path) -> Option<Release> {
    let version = told(home, "JAVA_VERSION")?;
    // Until 8 they were called 1.8.
    let version = version.strip_prefix("1.").unwrap_or(&version);
    let major = version.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()?;
    Some((major, 0))
}

/// Debian keeps a JDK's configuration in `/etc`, with links to it.
fn configuration(hosted: &Hosted) -> Option<Bind> {
    let file = home(&hosted.program)?.join("lib/jvm.cfg").canonicalize().ok()?;
    let folder = file.parent().filter(|folder| folder.starts_with("/etc"))?;
    Some(Bind { host: folder.to_owned(), inside: folder.to_owned() })
}

/// An archive fits the one build of the JVM that wrote it.
fn archive_name(hosted: &Hosted) -> Option<String> {
    let build = told(home(&hosted.program)?, "JAVA_RUNTIME_VERSION")?;
    let plain = |c: char| if c.is_ascii_alphanumeric() || ".-".contains(c) { c } else { '_' };
    Some(format!("{}.jsa", build.chars().map(plain).collect::<String>()))
}

impl Hosted {
    /// Where the client's classes lie, archived for this very JVM, once somebody did that; `None` where it can't.
    pub fn archive(&self) -> Option<PathBuf> {
        let can = self.language == super::Language::Java && self.release.0 >= ARCHIVES_SINCE;
        can.then(|| archive_name(self)).flatten().map(|name| self.bootstrap.join(AHEAD).join(name))
    }

    /// Where the launcher lies, which can wait until it is known for which function it is, once somebody put it there.
    pub fn launcher(&self) -> PathBuf {
        self.bootstrap.join(AHEAD).join("launcher.jar")
    }

    /// What this JVM is started with to write `file`: it runs the launcher, and archives what it has loaded by its exit.
    pub fn archive_arguments(&self, file: &str) -> Vec<String> {
        let mut arguments = fixed_options(self);
        arguments.extend(["-Xmx128m".to_owned(), format!("-XX:ArchiveClassesAtExit={file}")]);
        arguments.extend(client(self, ""));
        arguments
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_users_own_options_win() {
        let check = |users: &str, option: &str, expected: bool| {
            let variables = BTreeMap::from([("JAVA_TOOL_OPTIONS".to_owned(), users.to_owned())]);
            assert_eq!(is_users(&variables, option), expected, "{users} {option}");
        };
        check("-Dx=y", "-XX:MaxHeapSize=1k", false);
        check("-Xmx64m", "-XX:MaxHeapSize=1k", true);
        check("-XX:MaxRAMPercentage=50", "-XX:MaxHeapSize=1k", true);
        check("-XX:+UseZGC", "-XX:+UseSerialGC", true);
        check("-XX:+UseStringDeduplication", "-XX:+UseSerialGC", false);
        check("-XX:-TieredCompilation", "-XX:TieredStopAtLevel=1", true);
        check("-XX:+UsePerfData", "-XX:-UsePerfData", true);
        assert!(!is_users(&BTreeMap::new(), "-XX:MaxHeapSize=1k"));
    }
}
