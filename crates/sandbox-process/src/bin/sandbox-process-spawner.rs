//! A daemon of almost nothing, for tests: it can become the spawner, and can hold one process until it is killed.

use std::io::{BufRead, BufReader};

use sandbox::{Limits, Network, Sandboxes, Spec};
use sandbox_process::{Options, ProcessSandboxes};
use sandbox_spawner::Command;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    sandbox_process::run_spawner_if_asked();
    let mut args = std::env::args().skip(1);
    let (Some(scratch), Some(code)) = (args.next(), args.next()) else {
        return Err("usage: sandbox-process-spawner SCRATCH_DIR CODE_DIR".into());
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let options = Options { spawner: Command::own()?, scratch_dir: scratch.into() };
        let sandboxes = ProcessSandboxes::open(options).await?;
        let started = sandboxes.start(sleeper(code.into())).await?;
        let pipe = tokio::net::unix::pipe::Receiver::from_owned_fd(started.output)?;
        let mut line = String::new();
        BufReader::new(std::fs::File::from(pipe.into_blocking_fd()?)).read_line(&mut line)?;
        print!("{line}");
        started.exit.await;
        Ok(())
    })
}

/// Tells its own process and that of a child that has left its session.
fn sleeper(code_dir: std::path::PathBuf) -> Spec {
    Spec {
        id: "trial".to_owned(),
        root: None,
        code_dir: Some(code_dir),
        opt_dirs: Vec::new(),
        binds: Vec::new(),
        program: "/bin/sh".into(),
        args: vec!["-c".to_owned(), "setsid sleep 1000 & echo $$ $!; sleep 1000".to_owned()],
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
