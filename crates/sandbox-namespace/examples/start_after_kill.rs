//! What a start costs while another sandbox is being taken apart: from `start` to the first byte of
//! `python3 -S -c "print(1)"`, quiet, and right after the kill of another sandbox.
//!
//! `cargo run --release --example start_after_kill -p sandbox-namespace`

use std::path::Path;
use std::time::Duration;

use sandbox::{Limits, Network, Sandboxes, Spec, Started};
use sandbox_namespace::{NamespaceSandboxes, Options};
use sandbox_spawner::Command;

const ROUNDS: usize = 60;
/// Sandboxes killed at once, as after a deployment.
const BURST: usize = 8;
/// Long enough for the stock to be full and the last sandbox gone.
const QUIET: Duration = Duration::from_millis(400);

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

fn main() -> Outcome<()> {
    sandbox_namespace::run_spawner_if_asked();
    let scratch = std::env::temp_dir().join(format!("start-after-kill-{}", std::process::id()));
    let code = scratch.join("code");
    std::fs::create_dir_all(&code)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(measure(&scratch, &code))?;
    std::fs::remove_dir_all(&scratch)?;
    Ok(())
}

async fn measure(scratch: &Path, code: &Path) -> Outcome<()> {
    let env = env::Env::system();
    let sandboxes = NamespaceSandboxes::open(Options::new(Command::own()?, scratch.into())).await?;
    for (what, victims) in [("quiet", 0), ("after the kill of one", 1), ("after the kill of a burst", BURST)]
    {
        let mut times = Vec::new();
        for _ in 0..ROUNDS {
            let mut doomed = Vec::new();
            for _ in 0..victims {
                let mut victim =
                    sandboxes.start(python(code, "open('/tmp/x', 'w').write('x' * 1000000)")).await?;
                first_byte(&mut victim).await?;
                doomed.push(victim);
            }
            env.sleep(QUIET).await;
            doomed.iter().for_each(|victim| victim.sandbox.kill());
            let before = env.monotonic();
            let mut one = sandboxes.start(python(code, "")).await?;
            first_byte(&mut one).await?;
            times.push(env.monotonic() - before);
        }
        times.sort();
        let at = |share: usize| times[ROUNDS * share / 100];
        println!("{what:30} p50 {:?} p90 {:?} max {:?}", at(50), at(90), times[ROUNDS - 1]);
        env.sleep(QUIET).await;
    }
    // One start after the other, each in place of the one before: more than any stock holds.
    let mut times = Vec::new();
    let mut last: Option<Started> = None;
    for _ in 0..ROUNDS {
        if let Some(last) = last.take() {
            last.sandbox.kill();
        }
        let before = env.monotonic();
        let mut one = sandboxes.start(python(code, "")).await?;
        first_byte(&mut one).await?;
        times.push(env.monotonic() - before);
        last = Some(one);
    }
    times.sort();
    let at = |share: usize| times[ROUNDS * share / 100];
    println!(
        "{:30} p50 {:?} p90 {:?} max {:?}",
        "each in place of the last",
        at(50),
        at(90),
        times[ROUNDS - 1]
    );
    sandboxes.shutdown().await;
    Ok(())
}

async fn first_byte(started: &mut Started) -> Outcome<()> {
    let output = tokio::net::unix::pipe::Receiver::from_owned_fd(started.output.try_clone()?)?;
    output.readable().await?;
    Ok(())
}

/// Does `work`, says so, and stays.
fn python(code: &Path, work: &str) -> Spec {
    Spec {
        id: "python".to_owned(),
        root: None,
        code_dir: Some(code.into()),
        opt_dirs: Vec::new(),
        binds: Vec::new(),
        program: "/usr/bin/python3".into(),
        args: vec![
            "-S".to_owned(),
            "-c".to_owned(),
            format!("{work}\nprint(1, flush=True)\nimport time; time.sleep(1000)"),
        ],
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
