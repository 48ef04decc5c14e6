//! What a start costs: from `start` to the first byte the program writes, against fork and exec of
//! `/bin/true`.
//!
//! `cargo run --release --example start_cost -p sandbox-namespace`

use std::time::Duration;

use sandbox::{Limits, Network, Sandboxes, Spec};
use sandbox_namespace::{NamespaceSandboxes, Options};
use sandbox_spawner::Command;

const ROUNDS: usize = 100;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    sandbox_namespace::run_spawner_if_asked();
    let scratch = std::env::temp_dir().join(format!("start-cost-{}", std::process::id()));
    let code = scratch.join("code");
    std::fs::create_dir_all(&code)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(measure(&scratch, &code))?;
    std::fs::remove_dir_all(&scratch)?;
    Ok(())
}

async fn measure(
    scratch: &std::path::Path,
    code: &std::path::Path,
) -> Result<(), Box<dyn std::error::Error>> {
    let env = env::Env::system();
    let sandboxes = NamespaceSandboxes::open(Options::new(Command::own()?, scratch.into())).await?;
    let isolation = sandboxes.describe();
    println!("missing: {:?}, caveats: {:?}", isolation.missing().collect::<Vec<_>>(), isolation.caveats);
    let (mut floor, mut started, mut first_byte, mut ended) = (vec![], vec![], vec![], vec![]);
    for _ in 0..ROUNDS {
        let before = env.monotonic();
        std::process::Command::new("/bin/true").env_clear().status()?;
        floor.push(env.monotonic() - before);

        let before = env.monotonic();
        let one = sandboxes.start(echo(code)).await?;
        started.push(env.monotonic() - before);
        let output = tokio::net::unix::pipe::Receiver::from_owned_fd(one.output)?;
        output.readable().await?;
        first_byte.push(env.monotonic() - before);
        one.exit.await;
        ended.push(env.monotonic() - before);
        // The stock is filled again by then: what is measured is a start, not a shortage.
        env.sleep(Duration::from_millis(150)).await;
    }
    for (what, times) in [
        ("fork+exec+wait of /bin/true", &mut floor),
        ("start answered (exec done)", &mut started),
        ("first byte of /bin/echo", &mut first_byte),
        ("exit known", &mut ended),
    ] {
        times.sort();
        println!("{what:30} p50 {:?} p90 {:?}", times[ROUNDS / 2], times[ROUNDS * 9 / 10]);
    }
    let mut steered = sandboxes.start(Spec { program: "/bin/sleep".into(), ..echo(code) }).await;
    if let Ok(one) = &mut steered {
        for (what, step) in [
            ("freeze", (|one| one.freeze()) as fn(&dyn sandbox::Sandbox) -> sandbox::Result<()>),
            ("thaw", |one| one.thaw()),
            ("set_cpu(Share)", |one| one.set_cpu(sandbox::Cpu::Share)),
            ("usage", |one| one.usage().map(drop)),
        ] {
            let before = env.monotonic();
            for _ in 0..ROUNDS {
                step(&*one.sandbox)?;
            }
            println!("{what:30} mean {:?}", (env.monotonic() - before) / ROUNDS as u32);
        }
    }
    let before = env.monotonic();
    let mut running = Vec::new();
    for _ in 0..ROUNDS {
        running.push(sandboxes.start(echo(code)).await?);
    }
    println!("{ROUNDS} starts in a row: {:?} each", (env.monotonic() - before) / ROUNDS as u32);
    let before = env.monotonic();
    drop(running);
    sandboxes.shutdown().await;
    println!("shutdown: {:?}", env.monotonic() - before);
    Ok(())
}

fn echo(code: &std::path::Path) -> Spec {
    Spec {
        id: "echo".to_owned(),
        root: None,
        code_dir: Some(code.into()),
        opt_dirs: Vec::new(),
        binds: Vec::new(),
        program: "/bin/echo".into(),
        args: vec!["1000".to_owned()],
        env: vec![],
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
