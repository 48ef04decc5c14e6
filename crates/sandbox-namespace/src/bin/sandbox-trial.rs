//! A daemon of almost nothing, for tests: it can become the spawner, and can hold one sandbox until it is
//! killed.

use std::path::PathBuf;

use sandbox::{Door, DoorVar, Limits, Network, Sandboxes, Spec};
use sandbox_namespace::{NamespaceSandboxes, Options};
use sandbox_spawner::Command;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    sandbox_namespace::run_spawner_if_asked();
    let mut args = std::env::args().skip(1);
    let (Some(scratch), Some(code)) = (args.next(), args.next()) else {
        return Err("usage: sandbox-trial SCRATCH_DIR CODE_DIR".into());
    };
    let code = PathBuf::from(code);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let sandboxes = NamespaceSandboxes::open(Options::new(Command::own()?, scratch.into())).await?;
        let started = sandboxes.start(sleeper(code.clone())).await?;
        // Its end is not to leave a template or its copies behind either.
        let program = sandboxes.start(forks_when_told(code.clone())).await?;
        let door = program.runtime_api.try_clone()?;
        door.set_nonblocking(false)?;
        let (asked, _) = door.accept()?;
        let template = program.sandbox.snapshot(Box::new(move || drop(asked))).await;
        let _copy = match &template {
            Ok(template) => Some(template.start(sleeper(code)).await?),
            Err(_) => None,
        };
        println!("{}", sandboxes.spawner_pid().await.unwrap_or_default());
        started.exit.await;
        Ok(())
    })
}

fn forks_when_told(code_dir: PathBuf) -> Spec {
    let script = "import os, socket, time\n\
                  host, port = os.environ['DOOR'].split(':')\n\
                  socket.create_connection((host, int(port))).recv(1)\n\
                  os.fork() and os._exit(0)\n\
                  time.sleep(1000)";
    Spec {
        program: "/usr/bin/python3".into(),
        args: ["-I", "-S", "-c", script].map(str::to_owned).to_vec(),
        doors: vec![DoorVar::address("DOOR", Door::RuntimeApi)],
        ..sleeper(code_dir)
    }
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
