//! Programs beside the program, and the platform's way to what they listen on.

use std::io::Read;
use std::os::fd::OwnedFd;

use super::{Bench, read_companions_until, read_until, within};
use crate::{Companions, Error, Exit, Guarantee, Signal, Spec};

impl Bench {
    /// A spec with these shell scripts as companions.
    fn with_companions(&self, spec: Spec, scripts: &[&str]) -> Spec {
        use std::os::unix::fs::PermissionsExt;
        let layer = self.folder.path().join("layer");
        let folder = layer.join("extensions");
        std::fs::create_dir_all(&folder).expect("make layer");
        let programs = scripts.iter().enumerate().map(|(number, script)| {
            let file = folder.join(number.to_string());
            std::fs::write(&file, format!("#!/bin/sh\n{script}\n")).expect("write companion");
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).expect("make executable");
            format!("/opt/extensions/{number}").into()
        });
        let companions = Companions {
            programs: programs.collect(),
            env: vec![
                ("PATH".to_owned(), "/usr/bin:/bin".to_owned()),
                ("WHO".to_owned(), "companion".to_owned()),
            ],
            cwd: "/var/task".into(),
        };
        Spec { opt_dirs: vec![layer], companions, ..spec }
    }
}

pub async fn companions_run_beside(bench: &Bench) {
    let spec =
        bench.with_companions(bench.shell("echo program; exec sleep 1000"), &["echo $WHO; sleep 1000"]);
    let mut started = bench.start(spec).await;
    started.sandbox.begin().expect("begin");
    assert_eq!(read_until(&mut started, "program\n").await, "program\n", "the companion has another pipe");
    assert_eq!(read_companions_until(&started, "companion\n").await, "companion\n");
    started.sandbox.kill();
    for companion in started.companions {
        assert_eq!(within(companion).await, Exit::Signal(9));
    }
    assert_eq!(within(started.exit).await, Exit::Signal(9));
}

pub async fn a_companions_end_is_told(bench: &Bench) {
    let spec = bench.with_companions(bench.shell("true"), &["sleep 1000", "exit 3", "kill -9 $$"]);
    let mut started = bench.start(spec).await;
    let mut ends = std::mem::take(&mut started.companions).into_iter();
    let _first = ends.next().expect("three companions");
    assert_eq!(within(ends.next().expect("three companions")).await, Exit::Code(3));
    assert_eq!(within(ends.next().expect("three companions")).await, Exit::Signal(9));
}

pub async fn the_program_waits_for_its_companions(bench: &Bench) {
    let spec = bench.with_companions(bench.shell("echo here; exec sleep 1000"), &["exit 0"]);
    let mut started = bench.start(spec).await;
    // By then a program that did not wait would have written.
    within(started.companions.remove(0)).await;
    assert_eq!(read_now(&started.output).expect_err("silence").kind(), std::io::ErrorKind::WouldBlock);
    started.sandbox.begin().expect("begin");
    read_until(&mut started, "here\n").await;
}

pub async fn companions_outlive_the_program(bench: &Bench) {
    let spec = bench.with_companions(bench.shell("exit 5"), &["sleep 1000", "sleep 1000"]);
    let started = bench.start(spec).await;
    started.sandbox.begin().expect("begin");
    assert_eq!(within(started.exit).await, Exit::Code(5));
    assert_eq!(read_now(&started.output).expect("the end of the pipe"), 0, "its pipe ends with the program");
    let socket = within(started.sandbox.socket()).await;
    assert!(socket.is_ok(), "the sandbox is still there");
    started.sandbox.kill();
    for companion in started.companions {
        assert_eq!(within(companion).await, Exit::Signal(9));
    }
}

fn read_now(output: &OwnedFd) -> std::io::Result<usize> {
    std::fs::File::from(output.try_clone()?).read(&mut [0; 64])
}

pub async fn a_killed_program_leaves_its_companions(bench: &Bench) {
    let spec = bench
        .with_companions(bench.shell("echo here; trap '' TERM; while :; do sleep 1; done"), &["sleep 1000"]);
    let mut started = bench.start(spec).await;
    started.sandbox.begin().expect("begin");
    read_until(&mut started, "here\n").await;
    started.sandbox.signal(Signal::Kill).expect("kill");
    assert_eq!(within(started.exit).await, Exit::Signal(9));
    assert!(within(started.sandbox.socket()).await.is_ok(), "the sandbox is still there");
}

pub async fn missing_companion_is_an_error(bench: &Bench) {
    let mut spec = bench.with_companions(bench.shell("true"), &["sleep 1000"]);
    spec.companions.programs.push("/opt/extensions/missing".into());
    let error = within(bench.sandboxes.start(spec)).await.err().expect("no such companion");
    let Error::Execute { program, .. } = error else { panic!("{error}") };
    assert!(program.ends_with("extensions/missing"), "{program}");
    super::hello(bench).await;
}

pub async fn a_program_that_waited_and_is_missing_ends(bench: &Bench) {
    let spec = bench.with_companions(bench.spec("/var/task/bootstrap", &[]), &["sleep 1000"]);
    let started = bench.start(spec).await;
    started.sandbox.begin().expect("begin");
    assert_eq!(within(started.exit).await, Exit::Code(127));
}

pub async fn sockets_lead_inside(bench: &Bench) {
    let script = "import socket, os\n\
                  s = socket.create_server(('127.0.0.1', 0)); print(s.getsockname()[1], flush=True)\n\
                  for _ in range(2): c, _ = s.accept(); print(c.recv(100).decode(), flush=True)";
    let mut started = bench.start(bench.python(script)).await;
    let port = read_until(&mut started, "\n").await.trim().parse::<u16>().expect("a port");
    for _ in 0..2 {
        let socket = within(started.sandbox.socket()).await.expect("socket");
        let socket = tokio::net::TcpSocket::from_std_stream(socket.into());
        let stream = within(socket.connect(([127, 0, 0, 1], port).into())).await.expect("connect");
        let mut stream = stream.into_std().expect("a socket");
        stream.set_nonblocking(false).expect("block");
        std::io::Write::write_all(&mut stream, b"ping").expect("write");
        read_until(&mut started, "ping\n").await;
    }
}

pub async fn the_sandbox_has_a_name(bench: &Bench) {
    if !bench.gives(Guarantee::HostFilesHidden) {
        return;
    }
    let script =
        "import socket; print(socket.gethostbyname('sandbox.localdomain'), socket.gethostbyname('sandbox'))";
    assert_eq!(bench.answer(script).await, "127.0.0.1 127.0.0.1");
}
