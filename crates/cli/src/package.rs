//! A folder or a file as a deployment package, and a guess at what runs it.

use std::fs;
use std::io::{self, Cursor, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::{Error, built};

/// Folders that no function needs.
const LEFT_OUT: [&str; 5] = [".git", ".venv", "__pycache__", ".DS_Store", ".idea"];

pub(crate) struct Package {
    pub zip: Vec<u8>,
    pub files: usize,
}

/// What runs a package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub runtime: String,
    pub handler: String,
}

/// Zips `source` the same way every time: equal content, equal bytes.
///
/// # Errors
/// When it can't be read, or holds nothing.
pub(crate) fn zip(source: &Path) -> Result<Package, Error> {
    let failed = |error: io::Error| Error::failed(format!("read {}", source.display()), error);
    if built::is_archive(source) {
        return archive(source);
    }
    let root = if source.is_dir() { source } else { source.parent().unwrap_or(Path::new(".")) };
    let mut files = Vec::new();
    collect(source, &mut files).map_err(failed)?;
    files.sort();
    if files.is_empty() {
        return Err(Error::Said(format!("{} holds no file", source.display())));
    }
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for file in &files {
        let name = file.strip_prefix(root).unwrap_or(file).to_string_lossy().into_owned();
        let mode = fs::metadata(file).map_err(failed)?.permissions().mode() & 0o777;
        let options = SimpleFileOptions::default().unix_permissions(mode);
        writer.start_file(name, options).map_err(|error| Error::failed("zip", error))?;
        writer.write_all(&fs::read(file).map_err(failed)?).map_err(failed)?;
    }
    let zip = writer.finish().map_err(|error| Error::failed("zip", error))?.into_inner();
    Ok(Package { zip, files: files.len() })
}

/// A zip of these files, as they are: nothing is made smaller.
///
/// # Errors
/// When the names are none that a zip takes.
pub(crate) fn stored(files: &[(&str, &[u8])]) -> Result<Vec<u8>, Error> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    for (name, content) in files {
        writer.start_file(*name, options).map_err(|error| Error::failed("zip", error))?;
        writer.write_all(content).map_err(|error| Error::failed("zip", error))?;
    }
    Ok(writer.finish().map_err(|error| Error::failed("zip", error))?.into_inner())
}

/// A finished package, as it is.
fn archive(source: &Path) -> Result<Package, Error> {
    let zip = fs::read(source).map_err(|error| Error::failed(format!("read {}", source.display()), error))?;
    let archive = zip::ZipArchive::new(Cursor::new(&zip))
        .map_err(|error| Error::failed(format!("read {}", source.display()), error))?;
    let files = archive.file_names().flatten().filter(|name| !name.ends_with('/')).count();
    Ok(Package { zip, files })
}

fn collect(path: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    if LEFT_OUT.contains(&name) {
        return Ok(());
    }
    if !path.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    for entry in fs::read_dir(path)? {
        collect(&entry?.path(), files)?;
    }
    Ok(())
}

/// Finds the handler by the names people give it.
///
/// # Errors
/// When there is none that could be it; the message says what to pass.
pub(crate) fn entry(source: &Path) -> Result<Entry, Error> {
    let here = |name: &str| if source.is_dir() { source.join(name) } else { source.with_file_name(name) };
    if source.is_dir() && here("bootstrap").is_file() {
        return Ok(Entry { runtime: "provided.al2023".to_owned(), handler: "bootstrap".to_owned() });
    }
    let mut candidates = ["lambda_function", "app", "index", "main", "handler", "function"]
        .iter()
        .flat_map(|stem| {
            ["py", "mjs", "js", "cjs", "rb"].map(|extension| here(&format!("{stem}.{extension}")))
        })
        .filter(|path| path.is_file())
        .collect::<Vec<_>>();
    if source.is_file() {
        candidates = vec![source.to_owned()];
    }
    for path in candidates {
        let text = fs::read_to_string(&path).unwrap_or_default();
        let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        let names = ["lambda_handler", "handler", "main"];
        let defines = |name: &&&str| match extension {
            "py" => text.contains(&format!("def {name}(")),
            "rb" => text.contains(&format!("def {name}(event:")),
            _ => exports(&text, name),
        };
        if let (Some(name), Some(stem)) =
            (names.iter().find(defines), path.file_stem().and_then(|stem| stem.to_str()))
        {
            let runtime = match extension {
                "py" => "python3.13",
                "rb" => "ruby3.4",
                _ => "nodejs22.x",
            };
            return Ok(Entry { runtime: runtime.to_owned(), handler: format!("{stem}.{name}") });
        }
    }
    Err(Error::Said(format!(
        "no handler found in {}; name it with --runtime python3.13 --handler FILE.FUNCTION",
        source.display()
    )))
}

fn exports(text: &str, name: &str) -> bool {
    [
        format!("exports.{name}"),
        format!("export const {name}"),
        format!("export async function {name}"),
        format!("export function {name}"),
    ]
    .iter()
    .any(|form| text.contains(form.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn handlers_are_found_by_their_usual_names() {
        let folder = std::env::temp_dir().join(format!("lambent-entry-{}", std::process::id()));
        let check = |name: &str, text: &str, expected: Option<(&str, &str)>| {
            let _ = fs::remove_dir_all(&folder);
            fs::create_dir_all(&folder).expect("a folder can be made");
            fs::write(folder.join(name), text).expect("a file can be written");
            let found = entry(&folder).ok().map(|entry| (entry.runtime, entry.handler));
            assert_eq!(found, expected.map(|(r, h)| (r.to_owned(), h.to_owned())), "{name}");
        };
        check("app.py", "def handler(event, context): pass", Some(("python3.13", "app.handler")));
        check(
            "lambda_function.py",
            "def lambda_handler(e, c): pass",
            Some(("python3.13", "lambda_function.lambda_handler")),
        );
        check("index.mjs", "export const handler = async () => 1", Some(("nodejs22.x", "index.handler")));
        check("index.js", "exports.handler = async () => 1", Some(("nodejs22.x", "index.handler")));
        check("app.rb", "def handler(event:, context:)\nend", Some(("ruby3.4", "app.handler")));
        check("bootstrap", "#!/bin/sh", Some(("provided.al2023", "bootstrap")));
        check("notes.txt", "nothing", None);
        let _ = fs::remove_dir_all(&folder);
    }
}
