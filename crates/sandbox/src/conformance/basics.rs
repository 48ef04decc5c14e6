//! What any sandbox does, however little it isolates.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::{Bench, door_vars, read_all, read_until, serve_once, within};
use crate::{Bind, Error, Exit, Guarantee, IMAGE_DIRECTORIES, IMAGE_FILES, Signal, Spec};

pub async fn hello(bench: &Bench) {
    let (output, exit) = bench.run(bench.shell("echo hello")).await;
    assert_eq!((output.as_str(), exit), ("hello\n", Exit::Code(0)));
}

pub async fn environment_is_exact(bench: &Bench) {
    let mut spec = bench.spec("/usr/bin/env", &["-0"]);
    spec.env = vec![("A".to_owned(), "1 = ü\n".to_owned()), ("EMPTY".to_owned(), String::new())];
    let (output, exit) = bench.run(spec).await;
    assert_eq!(exit, Exit::Code(0));
    // A plain process is told where its temporary directory is.
    let lines: Vec<_> = output.split_terminator('\0').filter(|line| !line.starts_with("TMPDIR=")).collect();
    assert_eq!(lines, ["A=1 = ü\n", "EMPTY="]);
}

pub async fn door_addresses_are_told(bench: &Bench) {
    let mut spec = bench.shell("echo $RUNTIME_API $ENDPOINT");
    spec.doors = door_vars();
    let mut started = bench.start(spec).await;
    let told = read_all(&mut started).await;
    assert_eq!(told, format!("{} http://{}\n", started.runtime_api_address, started.platform_address));
}

pub async fn working_directory(bench: &Bench) {
    fs::write(bench.folder.path().join("code/marker"), "here").expect("write code");
    let (output, _) = bench.run(bench.shell("cat ./marker")).await;
    assert_eq!(output, "here");
}

pub async fn code_is_seen(bench: &Bench) {
    let bootstrap = bench.folder.path().join("code/bootstrap");
    fs::write(&bootstrap, "#!/bin/sh\necho \"from $0 with $1\"\n").expect("write code");
    fs::set_permissions(&bootstrap, fs::Permissions::from_mode(0o755)).expect("make executable");
    let (output, exit) = bench.run(bench.spec("/var/task/bootstrap", &["it"])).await;
    assert_eq!(exit, Exit::Code(0), "{output}");
    assert!(output.contains("bootstrap with it"), "{output}");
}

pub async fn layers_are_merged(bench: &Bench) {
    // As many as Lambda takes, with paths as long as those of packages, and a colon.
    let layer = |number: usize| {
        let name = format!("l:{number}-{}", "0123456789abcdef".repeat(4));
        let dir = bench.folder.path().join(name);
        fs::create_dir_all(dir.join("python/sub")).expect("make layer");
        for file in ["both", &format!("only{number}"), &format!("python/sub/{number}")] {
            fs::write(dir.join(file), number.to_string()).expect("write layer");
        }
        dir
    };
    let layers = (1..=5).map(layer).collect::<Vec<_>>();
    fs::write(layers[1].join("kind"), "a file").expect("write layer");
    fs::create_dir(layers[2].join("kind")).expect("make a folder where a file is below");
    let script = "cd $OPT; cat only1 only5 both; ls python/sub | tr '\\n' ' '; test -d kind && echo folder";
    let told = |opt_dirs: Vec<_>| {
        let mut spec = Spec { opt_dirs, ..bench.shell(script) };
        spec.env.push(("OPT".to_owned(), "/opt".to_owned()));
        async { bench.run(spec).await.0 }
    };
    assert_eq!(told(layers.clone()).await, "1551 2 3 4 5 folder\n");
    let reversed = layers.iter().rev().cloned().collect::<Vec<_>>();
    assert_eq!(told(reversed).await, "1511 2 3 4 5 ");
    // One that comes twice counts where it comes last.
    let twice = [&layers[..], &layers[..1]].concat();
    assert_eq!(told(twice).await, "1511 2 3 4 5 folder\n");
}

pub async fn layers_are_read_only(bench: &Bench) {
    if !bench.gives(Guarantee::CodeReadOnly) {
        return;
    }
    let layers = ["l1", "l2"].map(|name| {
        let dir = bench.folder.path().join(name);
        fs::create_dir_all(&dir).expect("make layer");
        fs::write(dir.join(name), name).expect("write layer");
        fs::set_permissions(&dir, fs::Permissions::from_mode(0o777)).expect("open to all");
        dir
    });
    for count in [1, 2] {
        let mut spec = bench.shell("echo x > /opt/new; echo x > /opt/l1; cat /opt/l1");
        spec.opt_dirs = layers[..count].to_vec();
        let (output, _) = bench.run(spec).await;
        assert!(output.ends_with("l1") && output.contains("ead-only file system"), "{output}");
    }
}

/// An image of one static program would do; here the host's own `/usr` stands in, below another root.
pub async fn an_image_is_the_root(bench: &Bench) {
    let image = bench.folder.path().join("image");
    for dir in IMAGE_DIRECTORIES.iter().chain(&["usr", "etc", "image", "var/task/own"]) {
        fs::create_dir_all(image.join(dir)).expect("make image");
    }
    for file in IMAGE_FILES {
        fs::write(image.join(file), "the image's").expect("write image");
    }
    fs::write(image.join("etc/passwd"), "of the image").expect("write image");
    for link in ["bin", "lib", "lib64", "sbin"] {
        std::os::unix::fs::symlink(format!("usr/{link}"), image.join(link)).expect("link");
    }
    // Links that lead up or away are the image's own affair.
    std::os::unix::fs::symlink("../../../../../../etc/passwd", image.join("image/up")).expect("link");
    std::os::unix::fs::symlink("/etc/passwd", image.join("image/away")).expect("link");
    fs::set_permissions(&image, fs::Permissions::from_mode(0o755)).expect("open to all");
    let script = "ls / | tr '\\n' ' '; cat /etc/passwd /image/up /image/away; echo; \
                  grep -c localhost /etc/hosts; echo hidden > /new; echo own > /tmp/new && cat /tmp/new; \
                  echo out > /dev/null; ls /dev | grep -c null; cat /proc/self/comm; pwd; ls; cat /opt/layer";
    let layer = bench.folder.path().join("layer");
    fs::create_dir_all(&layer).expect("make layer");
    fs::write(layer.join("layer"), "a layer").expect("write layer");
    fs::write(bench.folder.path().join("code/mine"), "").expect("write code");
    let mut spec = bench.shell(script);
    spec.root = Some(image);
    spec.opt_dirs = vec![layer];
    spec.binds = vec![Bind { host: "/usr".into(), inside: "/usr".into() }];
    let own_code = Spec { code_dir: None, ..spec.clone() };
    for (spec, code) in [(spec, "mine"), (own_code, "own")] {
        let mut started = match bench.sandboxes.start(spec).await {
            Ok(started) => started,
            Err(Error::Unsupported { .. }) => {
                eprintln!("not checked: an image cannot be the root here");
                return;
            }
            Err(error) => panic!("{error}"),
        };
        let output = read_all(&mut started).await;
        let root = "bin dev etc image lib lib64 opt proc sbin tmp usr var ";
        let read = "of the imageof the imageof the image\n2\n";
        assert!(output.starts_with(&format!("{root}{read}")), "{output}");
        assert!(output.contains("ead-only file system"), "{output}");
        assert!(output.ends_with(&format!("own\n1\ncat\n/var/task\n{code}\na layer")), "{output}");
        assert_eq!(within(started.exit).await, Exit::Code(0));
    }
}

pub async fn binds_are_seen(bench: &Bench) {
    // Parents that the sandbox's user may not pass do not matter.
    let closed = bench.folder.path().join("closed");
    fs::create_dir_all(closed.join("runtime")).expect("make bind");
    fs::write(closed.join("runtime/file"), "bound").expect("write bind");
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o700)).expect("close parent");
    let mut spec = bench.spec("/bin/cat", &["/var/runtime/file"]);
    spec.binds = vec![Bind { host: closed.join("runtime"), inside: "/var/runtime".into() }];
    let (output, _) = bench.run(spec).await;
    assert_eq!(output, "bound");
}

pub async fn exit_code(bench: &Bench) {
    assert_eq!(bench.run(bench.shell("exit 7")).await.1, Exit::Code(7));
}

pub async fn kill_signal(bench: &Bench) {
    let script = "import os; os.kill(os.getpid(), 9)";
    assert_eq!(bench.run(bench.python(script)).await.1, Exit::Signal(9));
}

pub async fn abort_signal(bench: &Bench) {
    assert_eq!(bench.run(bench.python("import os; os.abort()")).await.1, Exit::Signal(6));
}

pub async fn terminate_is_delivered(bench: &Bench) {
    let script = "import signal, sys, os\n\
                  signal.signal(15, lambda *_: (os.write(1, b'bye'), os._exit(3)))\n\
                  os.write(1, b'ready')\n\
                  while True: signal.pause()";
    let mut started = bench.start(bench.python(script)).await;
    read_until(&mut started, "ready").await;
    started.sandbox.signal(Signal::Terminate).expect("signal");
    assert_eq!(read_all(&mut started).await, "bye");
    assert_eq!(within(started.exit).await, Exit::Code(3));
}

pub async fn terminate_ends(bench: &Bench) {
    let mut started = bench.start(bench.shell("echo ready; exec sleep 1000")).await;
    read_until(&mut started, "ready").await;
    started.sandbox.signal(Signal::Terminate).expect("signal");
    assert_eq!(within(started.exit).await, Exit::Signal(15));
}

pub async fn missing_program_is_an_error(bench: &Bench) {
    let error =
        bench.sandboxes.start(bench.spec("/var/task/bootstrap", &[])).await.err().expect("no program");
    assert!(matches!(error, Error::Execute { .. }), "{error}");
    // And the next start works.
    hello(bench).await;
}

pub async fn missing_code_is_an_error(bench: &Bench) {
    let mut spec = bench.shell("true");
    spec.code_dir = Some(bench.folder.path().join("nowhere"));
    let error = bench.sandboxes.start(spec).await.err().expect("no code");
    assert!(matches!(error, Error::Build { .. }), "{error}");
    hello(bench).await;
}

pub async fn zero_byte_is_refused(bench: &Bench) {
    let mut spec = bench.shell("true");
    spec.env.push(("A".to_owned(), "b\0c".to_owned()));
    assert!(matches!(bench.sandboxes.start(spec).await.err(), Some(Error::InvalidSpec(_))));
}

pub async fn kill_ends_everything(bench: &Bench) {
    let mut started =
        bench.start(bench.shell("setsid sleep 1000 & (sleep 1000 &) ; echo ready; sleep 1000")).await;
    read_until(&mut started, "ready\n").await;
    started.sandbox.kill();
    assert_eq!(within(&mut started.exit).await, Exit::Signal(9));
    // The pipe ends only when every process that holds it is gone.
    assert_eq!(read_all(&mut started).await, "");
}

pub async fn dropping_kills(bench: &Bench) {
    let mut started = bench.start(bench.shell("sleep 1000 & echo ready; sleep 1000")).await;
    read_until(&mut started, "ready\n").await;
    let exit = started.exit;
    drop(started.sandbox);
    assert_eq!(within(exit).await, Exit::Signal(9));
}

pub async fn program_end_ends_everything(bench: &Bench) {
    let mut started = bench.start(bench.shell("setsid sleep 1000 & exit 4")).await;
    assert_eq!(within(&mut started.exit).await, Exit::Code(4));
    assert_eq!(read_all(&mut started).await, "");
}

pub async fn three_descriptors_are_one_pipe(bench: &Bench) {
    let script = "echo one; echo two >&2; echo three >&3; echo four > /dev/stdout; cat | wc -c";
    let (output, _) = bench.run(bench.shell(script)).await;
    assert_eq!(output, "one\ntwo\nthree\nfour\n0\n");
}

pub async fn only_own_descriptors(bench: &Bench) {
    let script = "import os; print(sorted(int(fd) for fd in os.listdir('/proc/self/fd'))[:-1])";
    assert_eq!(bench.answer(script).await, "[0, 1, 2, 3]");
}

pub async fn both_doors_answer(bench: &Bench) {
    let script = "import socket, os\n\
                  for address in (os.environ['RUNTIME_API'], os.environ['ENDPOINT'][7:]):\n\
                  \x20   host, port = address.split(':')\n\
                  \x20   s = socket.create_connection((host, int(port)))\n\
                  \x20   s.sendall(b'ping'); print(s.recv(100).decode())";
    let mut spec = bench.python(script);
    spec.doors = door_vars();
    let mut started = bench.start(spec).await;
    let runtime_api = started.runtime_api.try_clone().expect("clone listener");
    let platform = started.platform.try_clone().expect("clone listener");
    assert_eq!(serve_once(runtime_api, "runtime").await, "ping");
    assert_eq!(serve_once(platform, "platform").await, "ping");
    assert_eq!(read_all(&mut started).await, "runtime\nplatform\n");
}

pub async fn hosts_of_aws_answer(bench: &Bench) {
    let script = "import socket\n\
                  s = socket.create_connection(('127.0.0.1', 443)); s.sendall(b'ping'); print(s.recv(100).decode())\n\
                  s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(30)\n\
                  s.sendto(b'name', ('127.0.0.1', 53)); print(s.recv(100).decode())";
    if !bench.gives(Guarantee::OwnLoopback) {
        // Those ports are the host's there.
        assert!(bench.start(bench.shell("true")).await.hosts.is_none());
        return;
    }
    let mut started = bench.start(bench.python(script)).await;
    let hosts = started.hosts.take().expect("hosts");
    assert_eq!(serve_once(hosts.https, "secure").await, "ping");
    let names = tokio::net::UdpSocket::from_std(hosts.names).expect("watch socket");
    let mut question = [0; 16];
    let (length, from) = within(names.recv_from(&mut question)).await.expect("a question");
    assert_eq!(&question[..length], b"name");
    within(names.send_to(b"here", from)).await.expect("answer");
    assert_eq!(read_all(&mut started).await, "secure\nhere\n");
}

pub async fn standard_limits(bench: &Bench) {
    let script = "import resource as r\n\
                  print([r.getrlimit(k)[0] for k in (r.RLIMIT_NOFILE, r.RLIMIT_STACK, r.RLIMIT_MEMLOCK, r.RLIMIT_CORE)])";
    assert_eq!(bench.answer(script).await, "[1024, 8388608, 65536, 0]");
}

pub async fn output_ends_with_last_writer(bench: &Bench) {
    let (output, _) = bench.run(bench.shell("echo early; exec 1>&- 2>&- 3>&-; sleep 0.01")).await;
    assert_eq!(output, "early\n");
}

pub async fn dropped_start_leaves_nothing(bench: &Bench) {
    for _ in 0..8 {
        let marker = bench.shell("sleep 1000");
        let mut start = bench.sandboxes.start(marker);
        // One poll sends the request; nobody waits for the answer.
        std::future::poll_fn(|cx| {
            let _ = start.as_mut().poll(cx);
            std::task::Poll::Ready(())
        })
        .await;
        drop(start);
    }
    hello(bench).await;
}

/// More than are kept ready, and with a large environment each, so that queues fill up on the way.
pub async fn many_at_once(bench: &Bench) {
    const STARTS: usize = 60;
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..STARTS {
        let sandboxes = bench.sandboxes.clone();
        let mut spec = bench.shell("echo $NUMBER");
        spec.env.push(("NUMBER".to_owned(), number.to_string()));
        spec.env.push(("LARGE".to_owned(), "x".repeat(30_000)));
        tasks.spawn(async move {
            let mut started = within(sandboxes.start(spec)).await.expect("start");
            let output = read_all(&mut started).await;
            (output, within(started.exit).await, number)
        });
    }
    while let Some(done) = tasks.join_next().await {
        let (output, exit, number) = done.expect("task");
        assert_eq!((output, exit), (format!("{number}\n"), Exit::Code(0)));
    }
}
