//! Rules of single files: ceilings, first lines, names, wildcards, clocks.

use std::fs;

use super::{shown, sources};

/// Lines of a file, its tests apart.
const FILE_LINES_MAX: usize = 800;

/// What a name may not be: words that say nothing.
const EMPTY_NAMES: [&str; 6] = ["manager", "helper", "helpers", "util", "utils", "common"];

fn check_each(check: impl Fn(&str) -> Option<String>) {
    let sources = sources();
    let broken = sources.iter().filter_map(|path| {
        let text = fs::read_to_string(path).expect("a source is UTF-8");
        check(&text).map(|what| format!("{}: {what}", shown(path)))
    });
    let broken = broken.collect::<Vec<_>>();
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn the_first_line_says_what_the_file_is_for() {
    check_each(|text| (!text.starts_with("//! ")).then(|| "begins without `//! `".to_owned()));
}

#[test]
fn no_file_is_too_long() {
    check_each(|text| {
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        let lines = code.lines().count();
        (lines > FILE_LINES_MAX).then(|| format!("{lines} lines, {FILE_LINES_MAX} at most"))
    });
}

#[test]
fn files_are_named_for_what_a_reader_looks_for() {
    for path in sources() {
        let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        assert!(!EMPTY_NAMES.contains(&stem), "{} says nothing by its name", shown(&path));
    }
}

#[test]
fn nobody_imports_everything() {
    check_each(|text| {
        let mut code = text.split("#[cfg(test)]").next().unwrap_or_default().lines();
        // `super::*` is for the tests of a module.
        let star =
            code.find(|line| line.starts_with("use ") && line.contains("::*") && !line.contains("super::*"));
        star.map(|line| format!("imports everything: {line}"))
    });
}

#[test]
fn only_env_and_tools_may_switch_the_clock_lint_off() {
    for path in sources() {
        let text = fs::read_to_string(&path).expect("a source is UTF-8");
        let name = shown(&path);
        // The files that stand at the machine's or the user's side; the list may only shrink.
        let allowed = ["crates/env/", "crates/cli/", "xtask/"];
        let switches = text.contains("expect(clippy::disallowed_methods")
            || text.contains("allow(clippy::disallowed_methods");
        let in_tests = name.contains("/tests/")
            || name.contains("/benches/")
            || name.contains("/examples/")
            || name.contains("conformance");
        assert!(
            !switches || in_tests || allowed.iter().any(|prefix| name.starts_with(prefix)),
            "{name} reads a clock itself"
        );
    }
}
