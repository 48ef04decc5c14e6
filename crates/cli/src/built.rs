//! What a build left in a folder of sources, or what to run first.

use std::fs;
use std::path::{Path, PathBuf};

use crate::Error;
use crate::package::{self, Entry};

/// What is deployed for a source.
pub(crate) struct Product {
    /// A folder or file to pack, or a finished archive.
    pub package: PathBuf,
    source: PathBuf,
    /// `None` for what needs no build.
    kind: Option<&'static Kind>,
}

impl Product {
    /// What runs it, as far as the files tell.
    ///
    /// # Errors
    /// When they do not; the message says what to pass.
    pub(crate) fn entry(&self) -> Result<Entry, Error> {
        match self.kind {
            Some(kind) => (kind.entry)(&self.source),
            None => package::entry(&self.package),
        }
    }
}

/// A kind of sources whose build makes something else to deploy.
struct Kind {
    /// A file that tells it.
    marker: &'static str,
    language: &'static str,
    build: &'static str,
    find: fn(&Path) -> Option<PathBuf>,
    entry: fn(&Path) -> Result<Entry, Error>,
}

static KINDS: [Kind; 5] = [
    Kind { marker: "pom.xml", language: "Java", build: "mvn package", find: jar, entry: java_entry },
    Kind { marker: "build.gradle", language: "Java", build: "gradle build", find: jar, entry: java_entry },
    Kind {
        marker: "build.gradle.kts",
        language: "Java",
        build: "gradle build",
        find: jar,
        entry: java_entry,
    },
    Kind {
        marker: "go.mod",
        language: "Go",
        build: "CGO_ENABLED=0 go build -o build/bootstrap .",
        find: |folder| existing(folder.join("build/bootstrap")),
        entry: custom_entry,
    },
    Kind {
        marker: "Cargo.toml",
        language: "Rust",
        build: "cargo build --release, with a binary named bootstrap",
        find: rust_program,
        entry: custom_entry,
    },
];

/// The runtime that a jar is deployed for: the oldest whose handlers every newer Java here runs, too.
const JAVA_RUNTIME: &str = "java17";
/// Sources that are looked at for a handler.
const FILES_MAX: usize = 2000;

/// What to deploy for `source`.
///
/// # Errors
/// When it holds sources that nobody has built; the message says how to.
pub(crate) fn product(source: &Path) -> Result<Product, Error> {
    let kind = KINDS.iter().find(|kind| source.join(kind.marker).is_file());
    // A folder that is a package already, with a script or a bootstrap, stays one, whatever else it holds.
    let Some(kind) = kind.filter(|_| package::entry(source).is_err()) else {
        return Ok(Product { package: source.to_owned(), source: source.to_owned(), kind: None });
    };
    let Some(package) = (kind.find)(source) else {
        let folder = source.display();
        let has_makefile = source.join("Makefile").is_file();
        let build =
            if has_makefile { format!("make -C {folder}") } else { format!("{} (in {folder})", kind.build) };
        return Err(Error::Said(format!(
            "{folder} has sources in {} and nothing built; first: {build}",
            kind.language
        )));
    };
    Ok(Product { package, source: source.to_owned(), kind: Some(kind) })
}

/// Whether a file is a package already.
pub(crate) fn is_archive(source: &Path) -> bool {
    source.is_file() && source.extension().is_some_and(|extension| extension == "zip" || extension == "jar")
}

fn existing(path: PathBuf) -> Option<PathBuf> {
    path.is_file().then_some(path)
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut paths =
        fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect::<Vec<_>>();
    paths.sort();
    paths
}

/// The archive that a build tool of Java's made: one with the libraries in it before the bare one.
fn jar(folder: &Path) -> Option<PathBuf> {
    let archives =
        ["build/distributions", "target", "build/libs"].map(|output| entries(&folder.join(output)));
    let is_package = |path: &&PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let is_other = ["-sources.jar", "-javadoc.jar", "-tests.jar", "-plain.jar"]
            .iter()
            .any(|end| name.ends_with(end));
        is_archive(path) && !is_other && !name.starts_with("original-")
    };
    let mut archives = archives.concat();
    archives.retain(|path| is_package(&path));
    let size = |path: &PathBuf| fs::metadata(path).map_or(0, |metadata| metadata.len());
    archives.into_iter().max_by_key(size)
}

/// What `cargo lambda` or plain `cargo` made.
fn rust_program(folder: &Path) -> Option<PathBuf> {
    let lambda = entries(&folder.join("target/lambda")).into_iter().map(|path| path.join("bootstrap"));
    lambda.chain([folder.join("target/release/bootstrap")]).find_map(existing)
}

fn custom_entry(_: &Path) -> Result<Entry, Error> {
    Ok(Entry { runtime: "provided.al2023".to_owned(), handler: "bootstrap".to_owned() })
}

/// The one class that implements a handler's interface.
fn java_entry(folder: &Path) -> Result<Entry, Error> {
    let mut handlers = Vec::new();
    let mut folders = vec![folder.join("src/main/java")];
    let mut left = FILES_MAX;
    while let Some(path) = folders.pop().filter(|_| left > 0) {
        left -= 1;
        if path.is_dir() {
            folders.extend(entries(&path));
        } else if path.extension().is_some_and(|extension| extension == "java") {
            handlers.extend(java_handler(&path));
        }
    }
    match handlers.as_slice() {
        [handler] => Ok(Entry { runtime: JAVA_RUNTIME.to_owned(), handler: handler.clone() }),
        [] => Err(Error::Said(format!(
            "no class in {} implements RequestHandler or RequestStreamHandler; name the handler with --runtime \
             {JAVA_RUNTIME} --handler PACKAGE.CLASS::METHOD",
            folder.display()
        ))),
        several => Err(Error::Said(format!(
            "several classes could be the handler; choose one with --runtime {JAVA_RUNTIME} --handler: {}",
            several.join(", ")
        ))),
    }
}

fn java_handler(file: &Path) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let implements = text.split("implements ").skip(1);
    let mut interfaces = implements.filter_map(|rest| rest.split('{').next());
    interfaces.find(|list| list.contains("RequestHandler") || list.contains("RequestStreamHandler"))?;
    let package = text.lines().find_map(|line| line.trim().strip_prefix("package ")?.strip_suffix(';'));
    let class = file.file_stem()?.to_str()?;
    let prefix = package.map(|package| format!("{}.", package.trim())).unwrap_or_default();
    Some(format!("{prefix}{class}::handleRequest"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is found in a folder of these files.
    fn check(files: &[(&str, &str)], expected: Result<(&str, &str), &str>) {
        static NUMBERS: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
        let number = NUMBERS.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("lambent-built-{}-{number}", std::process::id()));
        for (name, text) in files {
            let path = folder.join(name);
            fs::create_dir_all(path.parent().expect("a file lies in a folder"))
                .expect("a folder can be made");
            fs::write(path, text).expect("a file can be written");
        }
        let found = product(&folder).and_then(|product| Ok((product.entry()?, product.package)));
        let _ = fs::remove_dir_all(&folder);
        match (found, expected) {
            (Ok((entry, found)), Ok((package, handler))) => {
                assert_eq!(found, folder.join(package), "{files:?}");
                assert_eq!(entry.handler, handler, "{files:?}");
            }
            (Err(error), Err(part)) => assert!(error.to_string().contains(part), "{error}"),
            (found, _) => panic!("{files:?}: {:?}", found.map_err(|error| error.to_string())),
        }
    }

    const HANDLER: &str = "package a.b;\npublic class Hello implements Other, RequestHandler<Map, String> {}";

    #[test]
    fn what_a_build_made_is_found() {
        check(&[("app.rb", "def handler(event:, context:)")], Ok(("", "app.handler")));
        check(&[("go.mod", ""), ("build/bootstrap", "")], Ok(("build/bootstrap", "bootstrap")));
        check(
            &[("Cargo.toml", ""), ("target/lambda/x/bootstrap", "")],
            Ok(("target/lambda/x/bootstrap", "bootstrap")),
        );
        let java = [("pom.xml", ""), ("src/main/java/a/b/Hello.java", HANDLER)];
        let built =
            [("target/x-sources.jar", "123"), ("target/x.jar", "12"), ("target/original-x.jar", "123")];
        check(&[&java[..], &built].concat(), Ok(("target/x.jar", "a.b.Hello::handleRequest")));
        // A package that has everything is not looked at further.
        check(&[("go.mod", ""), ("bootstrap", "")], Ok(("", "bootstrap")));
        check(&[("Cargo.toml", ""), ("app.py", "def handler(event, context):")], Ok(("", "app.handler")));
    }

    #[test]
    fn what_is_missing_is_said() {
        check(&[("go.mod", "")], Err("first: CGO_ENABLED=0 go build -o build/bootstrap ."));
        check(&[("Cargo.toml", ""), ("Makefile", "")], Err("first: make -C "));
        check(&[("pom.xml", ""), ("target/x.jar", "")], Err("--handler PACKAGE.CLASS::METHOD"));
        let two = [("src/main/java/A.java", HANDLER), ("src/main/java/B.java", HANDLER)];
        check(&[&[("pom.xml", ""), ("target/x.jar", "")][..], &two].concat(), Err("a.b.A::handleRequest"));
    }
}
