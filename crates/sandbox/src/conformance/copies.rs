//! Templates and their copies.
//!
//! Each program here is Python that connects to the Runtime API's door, is told when to fork, and in every copy asks
//! the door again for what to run.

use std::io::{Read, Write};
use std::net::TcpListener;

use super::{Bench, Guarantee, door_vars, read_all, read_until, within};
use crate::{Error, Exit, Result, Signal, Spec, Started, Template};

const BEFORE: &str = "import os, sys, socket, random\n\
    def ask():\n\
    \x20   host, port = os.environ['RUNTIME_API'].split(':')\n\
    \x20   with socket.create_connection((host, int(port))) as door:\n\
    \x20       door.sendall(b'?')\n\
    \x20       return b''.join(iter(lambda: door.recv(65536), b'')).decode()\n";
const FORK: &str = "\nask()\n\
    if os.fork(): os._exit(9)\n\
    exec(ask())\n";

/// Answers the next question at a door.
fn answer(listener: &TcpListener, text: String) {
    let listener = listener.try_clone().expect("clone listener");
    std::thread::spawn(move || {
        listener.set_nonblocking(false).expect("block");
        let Ok((mut stream, _)) = listener.accept() else { return };
        let _ = stream.read(&mut [0; 1]);
        let _ = stream.write_all(text.as_bytes());
    });
}

/// Runs `init`, then takes a snapshot. The sandbox is to be kept: its end is the template's.
async fn snapshot(bench: &Bench, init: &str) -> (Started, Result<Box<dyn Template>>) {
    let mut spec = bench.python(&format!("{BEFORE}{init}{FORK}"));
    spec.doors = door_vars();
    // For all copies together.
    spec.limits.processes = 16 * 1024;
    let mut started = bench.start(spec).await;
    let listener =
        tokio::net::TcpListener::from_std(started.runtime_api.try_clone().expect("clone listener"));
    let (stream, _) = within(listener.expect("watch listener").accept()).await.expect("accept");
    let mut stream = stream.into_std().expect("take stream");
    let mut question = [0; 1];
    stream.set_nonblocking(false).expect("block");
    stream.read_exact(&mut question).expect("read the question");
    // Dropping the stream answers it.
    let template = within(started.sandbox.snapshot(Box::new(move || drop(stream)))).await;
    if let Err(error @ (Error::Build { .. } | Error::Spawner(_))) = &template {
        started.sandbox.kill();
        panic!("{error}: {}", read_all(&mut started).await);
    }
    (started, template)
}

async fn template(bench: &Bench, init: &str) -> (Started, Box<dyn Template>) {
    let (started, template) = snapshot(bench, init).await;
    (started, template.expect("take a snapshot"))
}

/// Starts a copy that runs `script`.
async fn copy(bench: &Bench, template: &dyn Template, script: &str) -> Started {
    copy_with(bench, template, script, 128).await
}

async fn copy_with(bench: &Bench, template: &dyn Template, script: &str, memory_mb: u64) -> Started {
    let mut spec = bench.python("");
    spec.doors = door_vars();
    spec.memory_bytes = memory_mb << 20;
    let started = within(template.start(spec)).await.expect("start a copy");
    answer(&started.runtime_api, script.to_owned());
    started
}

/// Runs `script` in a copy to its end: everything it wrote, and how it ended.
async fn run(bench: &Bench, template: &dyn Template, script: &str) -> (String, Exit) {
    let mut started = copy(bench, template, script).await;
    let output = read_all(&mut started).await;
    (output.trim_end().to_owned(), within(started.exit).await)
}

pub async fn copies_go_on(bench: &Bench) {
    if !bench.gives(Guarantee::Snapshots) {
        let (_started, template) = snapshot(bench, "").await;
        assert!(matches!(template, Err(Error::Unsupported { .. })));
        return;
    }
    let (_kept, template) = template(bench, "made = ['in', 'init']; first = random.random()").await;
    let script = "made.append('here'); print(made, random.random() == first, random.random()); sys.exit(7)";
    let (one, exit) = run(bench, &*template, script).await;
    assert_eq!(exit, Exit::Code(7), "{one}");
    assert!(one.starts_with("['in', 'init', 'here'] False "), "{one}");
    let (other, _) = run(bench, &*template, script).await;
    assert_ne!(one, other, "Python's random numbers begin anew in every copy");
    let (_, exit) = run(bench, &*template, "os.kill(os.getpid(), 15)").await;
    assert_eq!(exit, Exit::Signal(15));
    let (_, exit) = run(bench, &*template, "os.abort()").await;
    assert_eq!(exit, Exit::Signal(6), "a signal to the own thread arrives");
    let told = copy(bench, &*template, "import time; time.sleep(1000)").await;
    told.sandbox.signal(Signal::Terminate).expect("signal");
    assert_eq!(within(told.exit).await, Exit::Signal(15));
}

/// A copy that is made ahead has run nothing before it is claimed, and is then as any other.
pub async fn copies_wait_until_they_are_claimed(bench: &Bench) {
    if !bench.gives(Guarantee::Snapshots) {
        return;
    }
    let (_kept, template) = template(bench, "").await;
    let mut spec = bench.python("");
    spec.doors = door_vars();
    let held = within(template.hold(spec.clone())).await.expect("make a copy ahead");
    let unused = within(template.hold(spec.clone())).await.expect("make another");
    assert!(held.is_alive() && unused.is_alive());
    let other = Spec { memory_bytes: spec.memory_bytes * 2, ..spec.clone() };
    assert!(matches!(within(unused.claim(other)).await, Err(Error::InvalidSpec(_))));
    let mut started = within(held.claim(Spec { id: "wanted".to_owned(), ..spec })).await.expect("claim");
    answer(&started.runtime_api, "print(os.listdir('/tmp')); sys.exit(5)".to_owned());
    assert_eq!(read_all(&mut started).await, "[]\n");
    assert_eq!(within(started.exit).await, Exit::Code(5));
    let (output, _) = run(bench, &*template, "print('others are as they were')").await;
    assert_eq!(output, "others are as they were");
}

/// What is held ends with whoever holds it, and when it is killed from outside.
pub async fn copies_that_wait_may_end(bench: &Bench) {
    if !bench.gives(Guarantee::Snapshots) {
        return;
    }
    let (kept, template) = template(bench, "").await;
    let mut spec = bench.python("");
    spec.doors = door_vars();
    drop(within(template.hold(spec.clone())).await.expect("make a copy ahead"));
    let held = within(template.hold(spec.clone())).await.expect("make a copy ahead");
    drop(template);
    kept.sandbox.kill();
    within(async {
        while held.is_alive() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert!(within(held.claim(spec)).await.is_err());
    bench.run(bench.shell("echo")).await;
}

/// One copy's processes are not counted against another's limit, nor against new copies.
pub async fn copies_have_limits_of_their_own(bench: &Bench) {
    if !bench.gives(Guarantee::Snapshots) || !bench.gives(Guarantee::ProcessLimit) {
        return;
    }
    let (_kept, template) = template(bench, "").await;
    let bomb = "import time\n\
         count = 0\n\
         try:\n\
         \x20   while count < 3000:\n\
         \x20       if os.fork() == 0: time.sleep(1000)\n\
         \x20       count += 1\n\
         except OSError: pass\n\
         print(500 < count < 1100, flush=True); time.sleep(1000)";
    let mut bomb = copy_with(bench, &*template, bomb, 2048).await;
    assert_eq!(read_until(&mut bomb, "\n").await, "True\n");
    let (output, exit) = run(bench, &*template, "print(os.waitpid(os.fork() or os._exit(0), 0)[1])").await;
    assert_eq!((output.as_str(), exit), ("0", Exit::Code(0)));
}

/// A program that wants all orphans for itself does not get a copy's program, which nobody would collect then.
pub async fn copies_are_collected(bench: &Bench) {
    if !bench.gives(Guarantee::Snapshots) {
        return;
    }
    let (_kept, template) =
        template(bench, "import ctypes; assert ctypes.CDLL(None).prctl(36, 1) == 0").await;
    for _ in 0..2 {
        let (_, exit) = run(bench, &*template, "sys.exit(7)").await;
        assert_eq!(exit, Exit::Code(7));
    }
}

pub async fn copies_are_apart(bench: &Bench) {
    if !bench.gives(Guarantee::Snapshots) {
        return;
    }
    let (_kept, template) = template(bench, "").await;
    let mut one = copy(
        bench,
        &*template,
        "open('/tmp/mine', 'w').close()\n\
         tcp = socket.create_server(('127.0.0.1', 7000))\n\
         local = socket.socket(socket.AF_UNIX); local.bind('\\0mine'); local.listen()\n\
         print('here', flush=True)\n\
         ask(); print('still here')",
    )
    .await;
    read_until(&mut one, "here\n").await;
    let (other, exit) = run(
        bench,
        &*template,
        "import signal\n\
         print(os.listdir('/tmp'), [p for p in os.listdir('/proc') if p.isdigit()] == [str(os.getpid())])\n\
         for family, address in ((socket.AF_INET, ('127.0.0.1', 7000)), (socket.AF_UNIX, '\\0mine')):\n\
         \x20   try: socket.socket(family).connect(address); print('connected')\n\
         \x20   except ConnectionRefusedError: print('refused')\n\
         signal.signal(signal.SIGTERM, signal.SIG_IGN)\n\
         os.kill(0, signal.SIGTERM)\n\
         try: os.kill(-1, signal.SIGTERM)\n\
         except ProcessLookupError: pass\n\
         for pid in range(2, 400):\n\
         \x20   try: pid == os.getpid() or os.kill(pid, signal.SIGKILL)\n\
         \x20   except ProcessLookupError: pass\n\
         print('done')",
    )
    .await;
    assert_eq!((other.as_str(), exit), ("[] True\nrefused\nrefused\ndone", Exit::Code(0)));
    answer(&one.runtime_api, String::new());
    assert_eq!(read_all(&mut one).await, "still here\n");
    assert_eq!(within(one.exit).await, Exit::Code(0));
}

pub async fn copies_have_no_rights(bench: &Bench) {
    if !bench.gives(Guarantee::Snapshots) {
        return;
    }
    let (_kept, template) = template(bench, "").await;
    let (output, exit) = run(
        bench,
        &*template,
        "import ctypes\n\
         status = dict(line.strip('\\n').split(':\\t', 1) for line in open('/proc/self/status') if ':\\t' in line)\n\
         print({int(status[c], 16) for c in status if c.startswith('Cap')}, status['NoNewPrivs'], status['Seccomp'])\n\
         print(os.getuid(), os.getgid(), os.getgroups(), os.getsid(0) == os.getpid(), os.getppid())\n\
         libc = ctypes.CDLL(None, use_errno=True)\n\
         call = lambda *a: (libc.syscall(*a), ctypes.get_errno())\n\
         own = os.open('/proc/self/ns/net', os.O_RDONLY)\n\
         print(call(308, own, 0), call(272, 0x10000000), call(165, 0, 0, 0, 0, 0), call(101, 16, 1, 0, 0))\n\
         for path in ('/proc/1/fd', '/proc/1/ns/net', '/var/task/new', '/proc/sys/kernel/hostname'):\n\
         \x20   try: (os.listdir(path) if path.endswith('fd') else open(path, 'w')); print('open', path)\n\
         \x20   except OSError: print('closed')",
    )
    .await;
    let expected =
        "{0} 1 2\n993 993 [] True 0\n(-1, 38) (-1, 1) (-1, 1) (-1, 1)\nclosed\nclosed\nclosed\nclosed";
    assert_eq!((output.as_str(), exit), (expected, Exit::Code(0)));
}

pub async fn copies_have_their_own(bench: &Bench) {
    if !bench.gives(Guarantee::Snapshots) {
        return;
    }
    std::fs::write(bench.folder.path().join("code/file"), "text").expect("write code");
    let (_kept, template) = template(bench, "number = os.getpid()").await;
    let (output, exit) = run(
        bench,
        &*template,
        "import subprocess, resource\n\
         print(os.getcwd(), open('/var/task/file').read(), os.environ['RUNTIME_API'], socket.gethostname())\n\
         print(sorted(map(int, os.listdir('/proc/self/fd')))[:4], os.getpid() != number)\n\
         print(subprocess.run(['/bin/echo', 'child'], capture_output=True, text=True).stdout.strip())\n\
         print(resource.getrlimit(resource.RLIMIT_NOFILE), resource.getrlimit(resource.RLIMIT_CORE))\n\
         print(os.statvfs('/tmp').f_blocks * os.statvfs('/tmp').f_frsize >> 20 > 400)\n\
         open('/tmp/x', 'w').write('y'); print(open('/tmp/x').read(), len({os.readlink(f'/proc/self/fd/{n}') for n in (1, 2, 3)}))\n\
         print(all('..' not in line for line in open('/proc/self/cgroup')))\n\
         os.write(3, b'three\\n')",
    )
    .await;
    let expected = "/var/task text 127.0.0.1:9001 lambda\n[0, 1, 2, 3] True\nchild\n(1024, 1024) (0, 0)\nTrue\ny 1\nTrue\nthree";
    let sorted = |text: &str| {
        let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    assert_eq!((sorted(&output), exit), (sorted(expected), Exit::Code(0)));
}

pub async fn copies_run_out_of_memory_alone(bench: &Bench) {
    if !bench.gives(Guarantee::Snapshots) || !bench.gives(Guarantee::MemoryLimit) {
        return;
    }
    let (_kept, template) = template(bench, "block = b'x' * 20_000_000").await;
    let mut one = copy(bench, &*template, "print('here', flush=True); ask(); print(len(block))").await;
    read_until(&mut one, "here\n").await;
    let (output, exit) = run(bench, &*template, "hog = bytearray(300_000_000); print('got it')").await;
    assert_eq!((output.as_str(), exit), ("", Exit::OutOfMemory));
    answer(&one.runtime_api, String::new());
    assert_eq!(read_all(&mut one).await, "20000000\n");
    // What is shared with the template is counted there, not in each copy.
    let again = copy(bench, &*template, "ask()").await;
    if bench.gives(Guarantee::Usage) {
        let used = again.sandbox.usage().expect("usage").memory_now_bytes.expect("memory");
        assert!(used < 20_000_000, "{used} bytes");
    }
}

pub async fn copies_at_once(bench: &Bench) {
    if !bench.gives(Guarantee::Snapshots) {
        return;
    }
    let (_kept, template) = template(bench, "").await;
    let template = &*template;
    let one = async |_| run(bench, template, "print(os.urandom(16).hex(), random.random())").await.0;
    let (a, b, c, d, e, f) = tokio::join!(one(0), one(1), one(2), one(3), one(4), one(5));
    let outputs = std::collections::BTreeSet::from([a, b, c, d, e, f]);
    assert_eq!(outputs.len(), 6, "{outputs:?}");
}

pub async fn copies_end_with_their_template(bench: &Bench) {
    if !bench.gives(Guarantee::Snapshots) {
        return;
    }
    let (kept, template) = template(bench, "").await;
    let mut one = copy(bench, &*template, "print('here', flush=True); ask()").await;
    read_until(&mut one, "here\n").await;
    kept.sandbox.kill();
    assert_eq!(within(one.exit).await, Exit::Signal(9));
    within(kept.exit).await;
    let error = within(template.start(bench.python(""))).await.err().expect("no copies of what is gone");
    assert!(matches!(error, Error::Build { .. }), "{error}");
}

pub async fn connections_end_at_a_snapshot(bench: &Bench) {
    if !bench.gives(Guarantee::Snapshots) {
        return;
    }
    let init = "host, port = os.environ['ENDPOINT'][7:].split(':'); kept = socket.create_connection((host, int(port)))\n\
                again = os.dup(1)";
    let (_kept, template) = template(bench, init).await;
    let script = "print(kept.recv(10))\n\
                  try: kept.send(b'x')\n\
                  except BrokenPipeError: print('broken')\n\
                  sys.stdout.flush(); os.write(again, b'out')\n\
                  new = socket.create_connection((host, int(port)), 5)";
    let (output, exit) = run(bench, &*template, script).await;
    assert_eq!((output.as_str(), exit), ("b''\nbroken\nout", Exit::Code(0)));
}

/// What the program left in `/tmp` is every copy's own.
pub async fn tmp_is_carried_along(bench: &Bench) {
    if !bench.gives(Guarantee::Snapshots) {
        return;
    }
    let init = "os.makedirs('/tmp/a/b'); os.chmod('/tmp/a/b', 0o750)\n\
                with open('/tmp/a/b/file', 'w') as f: f.write('kept')\n\
                os.chmod('/tmp/a/b/file', 0o640); os.utime('/tmp/a/b/file', (1, 2)); os.symlink('/etc/passwd', '/tmp/link')";
    let (_kept, template) = template(bench, init).await;
    for _ in 0..2 {
        let script = "path = '/tmp/a/b/file'; s = os.stat(path)\n\
                      print(open(path).read(), oct(s.st_mode), s.st_uid, s.st_mtime, oct(os.stat('/tmp/a/b').st_mode))\n\
                      print(os.readlink('/tmp/link'), os.lstat('/tmp/link').st_uid, sorted(os.listdir('/tmp')))\n\
                      open(path, 'a').write('changed'); os.remove('/tmp/link')";
        let (output, exit) = run(bench, &*template, script).await;
        let expected = "kept 0o100640 993 2.0 0o40750\n/etc/passwd 993 ['a', 'link']";
        assert_eq!((output.as_str(), exit), (expected, Exit::Code(0)));
    }
}

pub async fn sockets_lead_into_copies(bench: &Bench) {
    if !bench.gives(Guarantee::Snapshots) {
        return;
    }
    let (_kept, template) = template(bench, "").await;
    let script = "s = socket.create_server(('127.0.0.1', 0)); print(s.getsockname()[1], flush=True)\n\
                  c, _ = s.accept(); print(c.recv(100).decode())";
    let mut one = copy(bench, &*template, script).await;
    let port = read_until(&mut one, "\n").await.trim().parse::<u16>().expect("a port");
    let socket = within(one.sandbox.socket()).await.expect("socket");
    let socket = tokio::net::TcpSocket::from_std_stream(socket.into());
    let stream = within(socket.connect(([127, 0, 0, 1], port).into())).await.expect("connect");
    let mut stream = stream.into_std().expect("a socket");
    stream.set_nonblocking(false).expect("block");
    stream.write_all(b"ping").expect("write");
    drop(stream);
    assert_eq!(read_all(&mut one).await, "ping\n");
}

pub async fn files_are_opened_anew(bench: &Bench) {
    if !bench.gives(Guarantee::Snapshots) {
        return;
    }
    std::fs::write(bench.folder.path().join("code/file"), "0123456789").expect("write code");
    let init = "file = os.open('/var/task/file', os.O_RDONLY); os.read(file, 3)";
    let (_kept, template) = template(bench, init).await;
    for _ in 0..2 {
        let (output, _) = run(bench, &*template, "print(os.read(file, 3))").await;
        assert_eq!(output, "b'345'");
    }
}

pub async fn what_copies_would_share_is_refused(bench: &Bench) {
    if !bench.gives(Guarantee::Snapshots) {
        return;
    }
    for (init, expected) in [
        (
            "import threading; threading.Thread(target=__import__('time').sleep, args=(99,), daemon=True).start()",
            "2 threads",
        ),
        ("import subprocess; child = subprocess.Popen(['/bin/sleep', '99'])", "2 processes"),
        ("pipe = os.pipe()", "pipe:"),
        ("pair = socket.socketpair()", "socket"),
        ("listener = socket.create_server(('127.0.0.1', 0))", "socket"),
        ("import mmap; shared = mmap.mmap(-1, 4096)", "shares memory"),
        ("import select; waiting = select.epoll()", "eventpoll"),
        ("file = open('/tmp/file', 'w')", "/tmp/file"),
        ("os.mkfifo('/tmp/pipe')", "in /tmp"),
        ("[open(f'/tmp/{n}', 'w').close() for n in range(10001)]", "in /tmp"),
        ("with open('/tmp/holes', 'w') as f: f.truncate(300 << 20)", "in /tmp"),
        ("folder = os.open('/var/task', os.O_RDONLY)", "/var/task"),
        ("own = os.open('/proc/self/ns/net', os.O_RDONLY)", "net:"),
    ] {
        let (_kept, template) = snapshot(bench, init).await;
        let error = template.err().unwrap_or_else(|| panic!("refused: {init}"));
        assert!(matches!(&error, Error::NoSnapshot(reason) if reason.contains(expected)), "{init}: {error}");
    }
}

/// A hostile program that does something else when it is told to fork gains nothing.
pub async fn only_a_fork_is_a_snapshot(bench: &Bench) {
    if !bench.gives(Guarantee::Snapshots) {
        return;
    }
    for init in [
        "ask(); os._exit(0)",
        "ask(); os.execv('/bin/sleep', ['sleep', '9'])",
        "ask(); import threading; threading.Thread(target=print).start()",
        "ask(); import subprocess; subprocess.run(['/bin/true'])",
        // While it is watched the filter would let `setns` through.
        "ask(); import ctypes; ctypes.CDLL(None).syscall(308, 1, 0)",
    ] {
        let (_kept, template) = snapshot(bench, init).await;
        let error = template.err().unwrap_or_else(|| panic!("refused: {init}"));
        assert!(matches!(error, Error::NoSnapshot(_)), "{init}: {error}");
    }
}
