//! Whatever dies, and however: no process, cgroup, mount or loop device stays behind.

use std::io::BufRead;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

use env::Env;
use sandbox::conformance::{DEADLINE, Folder, read_until, within};
use sandbox::{Door, DoorVar, Exit, Guarantee, Limits, Network, Sandboxes, Spec, Started, Template};
use sandbox_namespace::{NamespaceSandboxes, Options};
use sandbox_spawner::{Command, group_folder};

const TRIAL: &str = env!("CARGO_BIN_EXE_sandbox-trial");

/// What is there of the sandboxes of one scratch folder.
#[derive(Debug, Default, PartialEq, Eq)]
struct Traces {
    processes: Vec<String>,
    groups: Vec<PathBuf>,
    disks: Vec<String>,
}

fn traces(scratch: &Path) -> Traces {
    let folder = group_folder(scratch);
    let mut traces = Traces::default();
    for entry in std::fs::read_dir("/proc").expect("list processes").flatten() {
        let cgroup = std::fs::read_to_string(entry.path().join("cgroup")).unwrap_or_default();
        let command = std::fs::read_to_string(entry.path().join("cmdline")).unwrap_or_default();
        if cgroup.contains(&folder) {
            traces.processes.push(format!("{} {command}", entry.file_name().to_string_lossy()));
        }
    }
    find_groups(Path::new("/sys/fs/cgroup"), &folder, 4, &mut traces.groups);
    for entry in std::fs::read_dir("/sys/block").expect("list block devices").flatten() {
        let image = std::fs::read_to_string(entry.path().join("loop/backing_file")).unwrap_or_default();
        if image.starts_with(&*scratch.to_string_lossy()) {
            traces.disks.push(image);
        }
    }
    traces
}

/// Folders named `name` and everything in them.
fn find_groups(dir: &Path, name: &str, depth: usize, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            continue;
        }
        if entry.file_name() == name {
            found.push(entry.path());
        } else if depth > 0 {
            find_groups(&entry.path(), name, depth - 1, found);
        }
    }
}

/// Waits until `look` sees `wanted`, which only the kernel and other processes can bring about.
async fn until<T: PartialEq + std::fmt::Debug>(wanted: T, mut look: impl FnMut() -> T) {
    let env = Env::system();
    loop {
        let seen = look();
        if seen == wanted {
            return;
        }
        assert!(env.monotonic() < DEADLINE, "waited too long for {wanted:?}: {seen:?}");
        env.sleep(Duration::from_millis(5)).await;
    }
}

async fn until_no_traces(scratch: &Path) {
    until(Traces::default(), || traces(scratch)).await;
}

fn run<F: Future<Output = ()>>(test: F) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("runtime").block_on(test);
}

async fn open(scratch: &Path) -> NamespaceSandboxes {
    let options = Options::new(Command { program: TRIAL.into() }, scratch.to_owned());
    NamespaceSandboxes::open(Options { ready_max: 2, ..options }).await.expect("open")
}

fn sleeper(folder: &Folder) -> Spec {
    Spec {
        id: "sleeper".to_owned(),
        root: None,
        code_dir: Some(folder.path().join("code")),
        opt_dirs: Vec::new(),
        binds: Vec::new(),
        program: "/bin/sh".into(),
        args: vec![
            "-c".to_owned(),
            "setsid sleep 1000 & echo ready; echo > /tmp/file; sleep 1000".to_owned(),
        ],
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

/// A daemon of its own; killed with the test, too, should that fail.
struct Daemon(Child);

impl Daemon {
    fn kill(&mut self) {
        self.0.kill().expect("kill daemon");
        self.0.wait().expect("collect daemon");
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A daemon with one sandbox in it; gives its spawner's pid, too.
fn daemon(folder: &Folder) -> (Daemon, String) {
    let mut child = std::process::Command::new(TRIAL)
        .args([folder.path().join("scratch"), folder.path().join("code")])
        .stdout(Stdio::piped())
        .spawn()
        .expect("start daemon");
    let mut line = String::new();
    let mut output = std::io::BufReader::new(child.stdout.take().expect("output"));
    output.read_line(&mut line).expect("hear that it is ready");
    (Daemon(child), line.trim().to_owned())
}

fn kill(signal: &str, pid: &str) {
    let status = std::process::Command::new("kill").args([signal, pid]).status().expect("run kill");
    assert!(status.success(), "kill {signal} {pid}");
}

fn folder(name: &str) -> (Folder, PathBuf) {
    let folder = Folder::make(&std::env::temp_dir(), name);
    let scratch = folder.path().join("scratch");
    std::fs::create_dir_all(&scratch).expect("make scratch");
    (folder, scratch)
}

#[test]
fn daemon_killed() {
    run(async {
        let (folder, scratch) = folder("daemon-killed");
        let (mut daemon, spawner) = daemon(&folder);
        if Path::new("/proc/self").metadata().is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0)
        {
            assert!(!traces(&scratch).processes.is_empty());
        } else {
            eprintln!("not root: sandboxes have no cgroups to find their processes by");
        }
        daemon.kill();
        until_no_traces(&scratch).await;
        until(false, || Path::new("/proc").join(&spawner).exists()).await;
    });
}

#[test]
fn daemon_and_spawner_killed() {
    run(async {
        let (folder, scratch) = folder("spawner-killed-too");
        let (mut daemon, spawner) = daemon(&folder);
        kill("-STOP", &spawner);
        daemon.kill();
        kill("-KILL", &spawner);
        until_no_traces(&scratch).await;
    });
}

#[test]
fn everything_killed_is_swept_by_the_next() {
    run(async {
        let (folder, scratch) = folder("all-killed");
        let (mut daemon, spawner) = daemon(&folder);
        let children = std::fs::read_to_string(format!("/proc/{spawner}/task/{spawner}/children"));
        let stockroom = children.expect("list children").split(' ').next().expect("stockroom").to_owned();
        kill("-STOP", &spawner);
        kill("-KILL", &stockroom);
        kill("-KILL", &spawner);
        daemon.kill();
        until(Vec::new(), || traces(&scratch).processes).await;
        eprintln!("left by three kills: {:?}", traces(&scratch).groups);
        let sandboxes = open(&scratch).await;
        let started = sandboxes.start(sleeper(&folder)).await.expect("start");
        drop(started);
        sandboxes.shutdown().await;
        until_no_traces(&scratch).await;
    });
}

#[test]
fn spawner_killed_is_replaced() {
    run(async {
        let (folder, scratch) = folder("spawner-killed");
        let sandboxes = open(&scratch).await;
        let started = sandboxes.start(sleeper(&folder)).await.expect("start");
        kill("-KILL", &sandboxes.spawner_pid().await.expect("pid").to_string());
        assert_eq!(within(started.exit).await, Exit::Signal(9));
        let mut started = within(sandboxes.start(sleeper(&folder))).await.expect("start again");
        read_until(&mut started, "ready\n").await;
        sandboxes.shutdown().await;
        until_no_traces(&scratch).await;
    });
}

/// A program that forks when its Runtime API door has been told.
fn forks_when_told(folder: &Folder) -> Spec {
    let script = "import os, socket, time\n\
                  host, port = os.environ['DOOR'].split(':')\n\
                  socket.create_connection((host, int(port))).recv(1)\n\
                  os.fork() and os._exit(0)\n\
                  print('ready', flush=True); time.sleep(1000)";
    Spec {
        program: "/usr/bin/python3".into(),
        args: ["-I", "-S", "-c", script].map(str::to_owned).to_vec(),
        doors: vec![DoorVar::address("DOOR", Door::RuntimeApi)],
        ..sleeper(folder)
    }
}

async fn template(sandboxes: &NamespaceSandboxes, folder: &Folder) -> (Started, Box<dyn Template>) {
    let started = sandboxes.start(forks_when_told(folder)).await.expect("start");
    let listener = started.runtime_api.try_clone().expect("clone listener");
    let listener = tokio::net::TcpListener::from_std(listener).expect("watch listener");
    let (asked, _) = within(listener.accept()).await.expect("accept");
    let template = within(started.sandbox.snapshot(Box::new(move || drop(asked)))).await;
    (started, template.expect("take a snapshot"))
}

#[test]
fn a_killed_keeper_takes_template_and_copies_along() {
    run(async {
        let (folder, scratch) = folder("keeper-killed");
        let sandboxes = open(&scratch).await;
        if !sandboxes.describe().gives(Guarantee::Snapshots) {
            return;
        }
        let (kept, template) = template(&sandboxes, &folder).await;
        let mut copy = within(template.start(sleeper(&folder))).await.expect("start a copy");
        read_until(&mut copy, "ready\n").await;
        let spawner = sandboxes.spawner_pid().await.expect("pid");
        let children = std::fs::read_to_string(format!("/proc/{spawner}/task/{spawner}/children"));
        // Of all its children it is the one that traces.
        let traced = |pid: &&str| {
            let status =
                |pid: &str| std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
            let tracer = format!("TracerPid:\t{pid}\n");
            let all = std::fs::read_dir("/proc").expect("list processes").flatten();
            all.into_iter().any(|entry| status(&entry.file_name().to_string_lossy()).contains(&tracer))
        };
        let children = children.expect("list children");
        let keeper = children.split_whitespace().find(traced).expect("a keeper").to_owned();
        kill("-KILL", &keeper);
        assert_eq!(within(kept.exit).await, Exit::Signal(9));
        assert_eq!(within(copy.exit).await, Exit::Signal(9));
        assert!(within(template.start(sleeper(&folder))).await.is_err());
        sandboxes.shutdown().await;
        until_no_traces(&scratch).await;
    });
}

#[test]
fn copies_leave_counts_flat() {
    run(async {
        let (folder, scratch) = folder("many-copies");
        let sandboxes = open(&scratch).await;
        if !sandboxes.describe().gives(Guarantee::Snapshots) {
            return;
        }
        let spawner = sandboxes.spawner_pid().await.expect("pid");
        let count = |path: String| std::fs::read_dir(path).map_or(0, Iterator::count);
        let (_kept, template) = template(&sandboxes, &folder).await;
        let counts = || {
            let groups: usize =
                traces(&scratch).groups.iter().map(|dir| count(dir.display().to_string())).sum();
            let processes = traces(&scratch).processes.len();
            (count(format!("/proc/{spawner}/fd")), groups, processes, traces(&scratch).disks.len())
        };
        let one = || async {
            let mut copy = within(template.start(sleeper(&folder))).await.expect("start a copy");
            read_until(&mut copy, "ready\n").await;
            copy.sandbox.kill();
            assert_eq!(within(copy.exit).await, Exit::Signal(9));
        };
        one().await;
        let env = Env::system();
        env.sleep(Duration::from_millis(300)).await;
        let before = counts();
        for _ in 0..50 {
            one().await;
        }
        // Starts that nobody waits for any more.
        for _ in 0..10 {
            drop(tokio::time::timeout(Duration::from_millis(2), template.start(sleeper(&folder))).await);
        }
        // The parts that were made for them serve the next ones.
        for _ in 0..10 {
            one().await;
        }
        until(before, counts).await;
        sandboxes.shutdown().await;
        until_no_traces(&scratch).await;
    });
}

#[test]
fn many_starts_leave_counts_flat() {
    run(async {
        let (folder, scratch) = folder("many-starts");
        let sandboxes = open(&scratch).await;
        let spawner = sandboxes.spawner_pid().await.expect("pid");
        let count = |path: String| std::fs::read_dir(path).map_or(0, Iterator::count);
        let counts = || {
            let mounts = std::fs::read_to_string(format!("/proc/{spawner}/mountinfo")).unwrap_or_default();
            let groups: usize =
                traces(&scratch).groups.iter().map(|dir| count(dir.display().to_string())).sum();
            (
                count(format!("/proc/{spawner}/fd")),
                mounts.lines().count(),
                groups,
                traces(&scratch).disks.len(),
            )
        };
        let one = || async {
            let mut started = sandboxes.start(sleeper(&folder)).await.expect("start");
            read_until(&mut started, "ready\n").await;
            started.sandbox.kill();
            assert_eq!(within(started.exit).await, Exit::Signal(9));
        };
        one().await;
        // The stock is full again and the last sandbox taken apart when nothing changes any more.
        let env = Env::system();
        env.sleep(Duration::from_millis(300)).await;
        let before = counts();
        for _ in 0..100 {
            one().await;
        }
        until(before, counts).await;
        sandboxes.shutdown().await;
        until_no_traces(&scratch).await;
    });
}
