//! The contract's cases, behind namespaces.

use std::path::PathBuf;
use std::sync::Arc;

use sandbox::conformance::{Bench, Folder};
use sandbox_namespace::{NamespaceSandboxes, Options};
use sandbox_spawner::Command;

async fn open(case: &str) -> Bench {
    let folder = Folder::make(&std::env::temp_dir(), &format!("namespace-{case}"));
    let spawner = Command { program: PathBuf::from(env!("CARGO_BIN_EXE_sandbox-trial")) };
    let options = Options { ready_max: 2, ..Options::new(spawner, folder.path().join("scratch")) };
    let sandboxes = NamespaceSandboxes::open(options).await.expect("open");
    Bench { sandboxes: Arc::new(sandboxes), folder }
}

sandbox::sandbox_conformance!(open);
