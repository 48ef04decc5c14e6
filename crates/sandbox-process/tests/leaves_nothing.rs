//! A killed daemon takes its functions' processes along, those that left their session too.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use env::Env;
use sandbox::conformance::{DEADLINE, Folder};

/// Gone, or ended and only waiting to be collected.
fn ended(pid: &str) -> bool {
    let status = std::fs::read_to_string(Path::new("/proc").join(pid).join("status")).unwrap_or_default();
    status.is_empty() || status.contains("State:\tZ")
}

#[test]
fn daemon_killed() {
    let folder = Folder::make(&std::env::temp_dir(), "process-daemon-killed");
    let mut daemon = std::process::Command::new(env!("CARGO_BIN_EXE_sandbox-process-spawner"))
        .args([folder.path().join("scratch"), folder.path().join("code")])
        .stdout(Stdio::piped())
        .spawn()
        .expect("start daemon");
    let mut line = String::new();
    BufReader::new(daemon.stdout.take().expect("output")).read_line(&mut line).expect("hear its processes");
    let pids: Vec<_> = line.split_whitespace().collect();
    let running = pids.len() == 2 && pids.iter().all(|pid| !ended(pid));
    daemon.kill().expect("kill daemon");
    daemon.wait().expect("collect daemon");
    assert!(running, "{line:?}");

    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("runtime");
    runtime.block_on(async {
        let env = Env::system();
        while !pids.iter().all(|pid| ended(pid)) {
            assert!(env.monotonic() < DEADLINE, "still there: {pids:?}");
            env.sleep(Duration::from_millis(5)).await;
        }
    });
}
