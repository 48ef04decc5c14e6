//! The contract's cases, for plain processes.

use std::path::PathBuf;
use std::sync::Arc;

use sandbox::conformance::{Bench, Folder};
use sandbox_process::{Options, ProcessSandboxes};
use sandbox_spawner::Command;

async fn open(case: &str) -> Bench {
    let folder = Folder::make(&std::env::temp_dir(), &format!("process-{case}"));
    let spawner = Command { program: PathBuf::from(env!("CARGO_BIN_EXE_sandbox-process-spawner")) };
    let options = Options { spawner, scratch_dir: folder.path().join("scratch") };
    let sandboxes = ProcessSandboxes::open(options).await.expect("open");
    Bench { sandboxes: Arc::new(sandboxes), folder }
}

sandbox::sandbox_conformance!(open);
