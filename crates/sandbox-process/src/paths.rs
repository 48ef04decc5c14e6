//! Without mounts a function's paths are the host's: what a spec says about the inside is rewritten.

use std::path::{Path, PathBuf};

use sandbox::Spec;

/// `spec` with every path inside the sandbox replaced by the one on the host, and `TMPDIR` set.
pub(crate) fn outside(mut spec: Spec, tmp: &Path) -> Spec {
    let code = spec.code_dir.iter().map(|dir| (PathBuf::from("/var/task"), dir.clone()));
    let mut replaced: Vec<(PathBuf, PathBuf)> = code.collect();
    replaced.extend(spec.opt_dirs.first().map(|dir| (PathBuf::from("/opt"), dir.clone())));
    replaced.extend(spec.binds.iter().map(|bind| (bind.inside.clone(), bind.host.clone())));

    spec.program = PathBuf::from(path_outside(&spec.program.to_string_lossy(), &replaced));
    spec.cwd = PathBuf::from(path_outside(&spec.cwd.to_string_lossy(), &replaced));
    for arg in &mut spec.args {
        let parts: Vec<_> = arg.split(':').map(|part| path_outside(&from_task(part), &replaced)).collect();
        *arg = parts.join(":");
    }
    let companions = &mut spec.companions;
    companions.cwd = PathBuf::from(path_outside(&companions.cwd.to_string_lossy(), &replaced));
    for program in &mut companions.programs {
        *program = PathBuf::from(path_outside(&program.to_string_lossy(), &replaced));
    }
    for (_, value) in spec.env.iter_mut().chain(&mut companions.env) {
        let parts: Vec<_> = value.split(':').map(|part| path_outside(part, &replaced)).collect();
        *value = parts.join(":");
    }
    for env in [&mut spec.env, &mut spec.companions.env] {
        env.retain(|(name, _)| name != "TMPDIR");
        env.push(("TMPDIR".to_owned(), tmp.to_string_lossy().into_owned()));
    }
    spec
}

/// A path that is relative to the task's folder, and outside of it, as an absolute one: out here it leads elsewhere.
fn from_task(text: &str) -> String {
    text.strip_prefix("../").map_or_else(|| text.to_owned(), |rest| format!("/var/{rest}"))
}

fn path_outside(text: &str, replaced: &[(PathBuf, PathBuf)]) -> String {
    for (inside, host) in replaced {
        if let Ok(rest) = Path::new(text).strip_prefix(inside) {
            let whole = if rest.as_os_str().is_empty() { host.clone() } else { host.join(rest) };
            return whole.to_string_lossy().into_owned();
        }
    }
    text.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_path_prefixes_are_replaced() {
        let replaced = [(PathBuf::from("/var/task"), PathBuf::from("/data/code"))];
        for (inside, outside) in [
            ("/var/task", "/data/code"),
            ("/var/task/lib", "/data/code/lib"),
            ("/var/tasks", "/var/tasks"),
            ("var/task", "var/task"),
            ("", ""),
        ] {
            assert_eq!(path_outside(inside, &replaced), outside, "{inside}");
        }
    }
}
