//! A daemon of almost nothing, for tests: it can become the spawner, and can hold one sandbox until it is
//! killed.

use std::path::PathBuf;

use sandbox::{Limits, Network, Sandboxes, Spec};
use sandbox_namespace::{NamespaceSandboxes, Options};
use sandbox_spawner::Command;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    sandbox_namespace::run_spawner_if_asked();
    let mut args = std::env::args().skip(1);
    let (Some(scratch), Some(code)) = (args.next(), args.next()) else {
        return Err("usage: sandbox-trial SCRATCH_DIR CODE_DIR".into());
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let sandboxes = NamespaceSandboxes::open(Options::new(Command::own()?, scratch.into())).await?;
        let started = sandboxes.start(sleeper(code.into())).await?;
        println!("{}", sandboxes.spawner_pid().await.unwrap_or_default());
        started.exit.await;
        Ok(())
    })
}

fn sleeper(code_dir: PathBuf) -> Spec {
    Spec {
        id: "trial".to_owned(),
        root: None,
        code_dir: Some(code_dir),
        opt_dirs: Vec::new(),
        binds: Vec::new(),
        program: "/bin/sh".into(),
        args: vec!["-c".to_owned(), "sleep 1000 & sleep 1000".to_owned()],
        env: vec![("PATH".to_owned(), "/usr/bin:/bin".to_owned())],
        doors: Vec::new(),
        cwd: "/var/task".into(),
        companions: sandbox::Companions::default(),
        memory_bytes: 128 << 20,
        cpu_millis: 72,
        ephemeral_bytes: 512 << 20,
        limits: Limits::default(),
        network: Network::Isolated,
    }
}
