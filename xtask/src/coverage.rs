//! `docs/coverage.md`: every operation of every served API, done or not yet.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::{Error, codegen};

/// Writes the page.
pub fn write(root: &Path) -> Result<(), Error> {
    fs::write(root.join("docs/coverage.md"), page(root)?)?;
    Ok(())
}

fn page(root: &Path) -> Result<String, Error> {
    let mut out = String::from(
        "# Coverage\n\nWritten by `cargo xtask coverage` from `models/`; a test holds the register of operations to it.\n\
         An operation that is not done answers 501 `NotImplementedException` and names itself.\n\
         Parameters of a served operation that are not honoured yet answer 501 too; `docs/limits.md` lists them.\n\n\
         | API | done | of |\n|---|---|---|\n",
    );
    let services = codegen::services(root)?;
    let mut tables = String::new();
    for (name, settings) in &services {
        let model = codegen::load(root, name, settings)?;
        let done = settings.operations.len();
        let _ = writeln!(out, "| [{name}](#{name}) | {done} | {} |", model.operations.len());
        let _ = writeln!(
            tables,
            "\n## {name}\n\n{} {}\n\n| operation | |\n|---|---|",
            model.metadata.service_id, model.metadata.api_version
        );
        let mut operations = model.operations.keys().collect::<Vec<_>>();
        operations.sort();
        for operation in operations {
            let state = if settings.operations.contains(operation) { "done" } else { "not yet" };
            let _ = writeln!(tables, "| {operation} | {state} |");
        }
    }
    Ok(out + &tables)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_committed_page_is_current() {
        let root = crate::root();
        let committed = std::fs::read_to_string(root.join("docs/coverage.md")).unwrap_or_default();
        let current = super::page(&root).expect("the models are sound");
        assert!(committed == current, "run `cargo xtask coverage`");
    }
}
