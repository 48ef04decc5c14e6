//! Our bootstraps, carried in the binary and laid out where sandboxes can mount them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use execution::{Hosted, Language};
use sha2::{Digest as _, Sha256};

use crate::java_archive;

macro_rules! embedded {
    ($($path:literal),* $(,)?) => { &[$(($path, include_bytes!(concat!("../../../runtimes/", $path)))),*] };
}

const FILES: &[(&str, &[u8])] = embedded![
    "node/ahead.cjs",
    "node/api.cjs",
    "node/bootstrap.cjs",
    "node/errors.cjs",
    "node/log.cjs",
    "node/rehearsal.cjs",
    "node/streaming.cjs",
    "node/user.cjs",
    "python/bootstrap.py",
    "python/lambent_ahead.py",
    "python/lambent_api.py",
    "python/lambent_context.py",
    "python/lambent_errors.py",
    "python/lambent_json.py",
    "python/lambent_logging.py",
    "python/lambent_preload.py",
    "python/lambent_snapshot.py",
    "python/precompile.py",
    "ruby/bootstrap.rb",
    "ruby/lambent_ahead.rb",
    "ruby/lambent_api.rb",
    "ruby/lambent_context.rb",
    "ruby/lambent_errors.rb",
    "ruby/lambent_gems.rb",
    "ruby/lambent_handler.rb",
    "ruby/lambent_log.rb",
];

/// Lays the bootstraps out under `folder`, in a folder named for their content; says which.
///
/// # Errors
/// When the folder can't be written.
pub fn lay_out(folder: &Path) -> io::Result<PathBuf> {
    let mut hash = Sha256::new();
    for (path, content) in FILES {
        hash.update(path.as_bytes());
        hash.update(content);
    }
    let name = hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect::<String>();
    let target = folder.join(name);
    if target.is_dir() {
        return Ok(target);
    }
    let staging = folder.join(format!(".staging-{}", std::process::id()));
    for (path, content) in FILES {
        let path = staging.join(path);
        fs::create_dir_all(path.parent().expect("a file lies in a folder"))?;
        fs::write(path, content)?;
    }
    match fs::rename(&staging, &target) {
        Err(_) if target.is_dir() => fs::remove_dir_all(&staging)?,
        renamed => renamed?,
    }
    Ok(target)
}

/// Compiles the Python bootstrap, and archives the classes of Java's client, for each interpreter that has none yet.
/// Slow once, so not for the way to ready: until it is done, environments start from the sources.
pub fn precompile(interpreters: &[Hosted]) {
    for hosted in interpreters {
        let prepared = match hosted.language {
            Language::Python => precompile_one(hosted, &hosted.compiled_bootstrap()),
            Language::Java => java_archive::write(hosted),
            Language::Node | Language::Ruby | Language::Dotnet => Ok(()),
        };
        if let Err(error) = prepared {
            tracing::warn!(%error, program = %hosted.program.display(), "prepare a language's bootstrap");
        }
    }
}

fn precompile_one(hosted: &Hosted, target: &Path) -> io::Result<()> {
    if target.is_dir() {
        return Ok(());
    }
    let staging = target.with_extension(format!("staging-{}", std::process::id()));
    let status = Command::new(&hosted.program)
        .arg("-I")
        .arg(hosted.bootstrap.join("precompile.py"))
        .arg(&staging)
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status()?;
    if !status.success() {
        let _ = fs::remove_dir_all(&staging);
        return Err(io::Error::other(format!("precompile.py ended with {status}")));
    }
    fs::rename(&staging, target)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_the_runtimes_is_carried() {
        let runtimes = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../runtimes");
        for language in ["node", "python", "ruby"] {
            for entry in fs::read_dir(runtimes.join(language)).expect("the folder is there") {
                let path = entry.expect("an entry can be read").path();
                let name = path.file_name().and_then(|name| name.to_str()).expect("UTF-8").to_owned();
                let carried = FILES.iter().any(|(file, _)| *file == format!("{language}/{name}"));
                assert!(carried || name == "__pycache__", "{language}/{name} is not in bootstraps.rs");
            }
        }
    }
}
