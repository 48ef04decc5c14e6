//! Programs that are started ahead and claimed.
//!
//! Each program here is Python that waits as a runtime does, and then runs what its environment's `SCRIPT` says.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use super::{Bench, Guarantee, door_vars, read_all, serve_once, within};
use crate::{Booted, Error, Exit, Result, Spec, Started};

const WAIT: &str = "\n\
    fd = int(os.environ.pop('_LAMBENT_BOOT_FD'))\n\
    for name in os.environ: os.environ[name] = os.environ[name]\n\
    os.write(fd, b'.')\n\
    told = b''.join(iter(lambda: os.read(fd, 65536), b''))\n\
    os.close(fd)\n\
    folder, *environment = told.split(b'\\0')[:-1]\n\
    for name in list(os.environ): del os.environ[name]\n\
    for variable in environment: os.environb[variable.partition(b'=')[0]] = variable.partition(b'=')[2]\n\
    os.chdir(folder)\n\
    exec(os.environ['SCRIPT'])\n";

/// What a program is started from ahead, that does `before` and then waits.
fn spec(bench: &Bench, before: &str) -> Spec {
    bench.python(&format!("import os, sys\n{before}{WAIT}"))
}

async fn boot(bench: &Bench, spec: &Spec) -> Option<Result<Box<dyn Booted>>> {
    boot_with(bench, spec, &[]).await
}

async fn boot_with(bench: &Bench, spec: &Spec, more: &[(&str, &str)]) -> Option<Result<Box<dyn Booted>>> {
    let env = [&[("PATH", "/usr/bin:/bin"), ("AHEAD", "yes")][..], more].concat();
    let env = env.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    match within(bench.sandboxes.boot(spec.booting(env))).await {
        Err(Error::Unsupported { .. }) => {
            eprintln!("not checked: nothing can be started ahead here");
            None
        }
        other => Some(other),
    }
}

/// Claims a program that does `before` while it is nobody's, for `script`; `None` where that can't be.
async fn claimed(bench: &Bench, before: &str, script: &str, with: impl Fn(&mut Spec)) -> Option<Started> {
    let mut spec = spec(bench, before);
    let booted = boot(bench, &spec).await?.expect("start ahead");
    assert!(booted.is_alive());
    spec.env.push(("SCRIPT".to_owned(), script.to_owned()));
    with(&mut spec);
    Some(within(booted.claim(spec)).await.expect("claim"))
}

async fn run(bench: &Bench, before: &str, script: &str, with: impl Fn(&mut Spec)) -> Option<(String, Exit)> {
    let mut started = claimed(bench, before, script, with).await?;
    let output = read_all(&mut started).await;
    Some((output.trim_end().to_owned(), within(started.exit).await))
}

pub async fn a_program_started_ahead_is_claimed(bench: &Bench) {
    let layer = bench.folder.path().join("layer");
    fs::create_dir_all(&layer).expect("make layer");
    fs::write(layer.join("of-layer"), "").expect("write layer");
    fs::write(bench.folder.path().join("code/of-code"), "").expect("write code");
    let script = "open('/tmp/own', 'w').close()\n\
        print(os.getcwd(), *os.listdir('/var/task'), *os.listdir('/opt'), *os.listdir('/tmp'))\n\
        sys.exit(7)";
    let with = |spec: &mut Spec| spec.opt_dirs = vec![layer.clone()];
    let Some((output, exit)) = run(bench, "", script, with).await else { return };
    assert_eq!((output.as_str(), exit), ("/var/task of-code of-layer own", Exit::Code(7)));
}

/// While a program waits there is nothing of anybody in its sandbox, and nobody to talk to.
pub async fn a_program_started_ahead_sees_nothing(bench: &Bench) {
    fs::write(bench.folder.path().join("code/of-code"), "").expect("write code");
    let before = "seen = [os.listdir(f) for f in ('/var/task', '/opt', '/tmp')], sorted(os.environ), os.getcwd()\n\
        fds = sorted(int(f) for f in os.listdir('/proc/self/fd'))\n\
        try: open('/tmp/x', 'w'); seen += ('wrote',)\n\
        except OSError: pass";
    let script = "print(seen, len(fds), sorted(os.environ))";
    let Some((output, _)) = run(bench, before, script, |_| ()).await else { return };
    let seen = "([[], [], []], ['AHEAD', 'LC_CTYPE', 'PATH', '_LAMBENT_BOOT_FD'], '/var/task')";
    // Standard streams, the one that it waits at, and that of the listing.
    assert_eq!(output, format!("{seen} 6 ['PATH', 'SCRIPT']"));
}

/// Nothing tells a claimed program from one that was started for its spec.
pub async fn a_claimed_program_is_like_any_other(bench: &Bench) {
    let script = "import re\n\
        text = open('/proc/self/environ').read().rstrip('\\0').split('\\0')\n\
        print(sorted(text) == sorted(f'{n}={v}' for n, v in os.environ.items()), len(text))\n\
        print(*sorted(f for f in os.listdir('/proc/self/fd')))\n\
        print(len({os.readlink(f'/proc/self/fd/{f}') for f in (1, 2, 3)}), os.readlink('/proc/self/fd/0'))\n\
        status = dict(re.findall(r'(\\w+):\\t(.*)', open('/proc/self/status').read()))\n\
        print({status[n] for n in ('CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb')})\n\
        print(status['NoNewPrivs'], status['Seccomp'], os.getuid(), os.getpid())\n\
        print(*[n for n in os.listdir('/proc') if n.isdigit()])\n\
        print(sorted(l.split()[1] for l in open('/proc/self/mounts')))";
    let Some((claimed, exit)) = run(bench, "", script, |_| ()).await else { return };
    assert_eq!(exit, Exit::Code(0), "{claimed}");
    let mut plain = bench.python(&format!("import os, sys\n{script}"));
    plain.env.push(("SCRIPT".to_owned(), script.to_owned()));
    let (plain, _) = bench.run(plain).await;
    // The interpreter of a plain one adds a variable by itself.
    let told = |text: &str| text.lines().skip(1).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(told(&claimed), told(&plain));
    assert!(claimed.starts_with("True 2\n"), "{claimed}");
}

pub async fn a_claimed_program_reaches_the_doors(bench: &Bench) {
    let script = "import socket\n\
        host, port = os.environ['RUNTIME_API'].split(':')\n\
        with socket.create_connection((host, int(port))) as door:\n\
        \x20   door.sendall(b'hello'); print(door.recv(9).decode())";
    let Some(mut started) = claimed(bench, "", script, |spec| spec.doors = door_vars()).await else { return };
    let listener = started.runtime_api.try_clone().expect("clone listener");
    assert_eq!(serve_once(listener, "welcome").await, "hello");
    assert_eq!(read_all(&mut started).await, "welcome\n");
}

/// A program that comes with the function is executed by the claim, in a sandbox that was made ahead.
pub async fn a_functions_own_program_is_executed_by_the_claim(bench: &Bench) {
    let program = bench.folder.path().join("code/bootstrap");
    let write = |text: &str| {
        fs::write(&program, text).expect("write program");
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("make it executable");
    };
    write("#!/bin/sh\npwd; env | sort | grep -v ^_; ls /proc/self/fd /tmp; echo $$ $#\nexit 7\n");
    let spec = Spec { program: "/var/task/bootstrap".into(), args: Vec::new(), ..bench.shell("") };
    let claimed = async |spec: &Spec| {
        let booted = boot(bench, spec).await?.expect("start ahead");
        assert!(booted.is_alive());
        Some(within(booted.claim(spec.clone())).await)
    };
    let Some(started) = claimed(&spec).await else { return };
    let mut started = started.expect("claim");
    let output = read_all(&mut started).await;
    assert_eq!(within(started.exit).await, Exit::Code(7), "{output}");
    let (plain, _) = bench.run(spec.clone()).await;
    assert_eq!(output.trim_end(), plain.trim_end());

    // What can't be executed is what it would be of a start.
    write("#!/missing\n");
    let Some(refused) = claimed(&spec).await else { return };
    assert!(matches!(refused, Err(Error::Execute { .. })));
}

/// A program that can't set its working directory and environment finds both set.
pub async fn a_program_started_ahead_is_placed(bench: &Bench) {
    // By the C library's functions, of which the interpreter has copies.
    let script = "import ctypes\n\
        libc = ctypes.CDLL(None)\n\
        libc.getenv.restype = ctypes.c_char_p\n\
        fd = int(os.environ['_LAMBENT_BOOT_FD'])\n\
        os.write(fd, b':')\n\
        told = os.read(fd, 9) + os.read(fd, 9)\n\
        os.close(fd)\n\
        values = [libc.getenv(name) for name in (b'PLACED', b'EMPTY', b'AHEAD', b'_LAMBENT_BOOT_FD')]\n\
        print(told, values, os.getcwd(), os.listdir('.'), os.readlink('/proc/self/cwd'))\n\
        print(open('/proc/self/environ').read().rstrip('\\0').split('\\0'))";
    fs::write(bench.folder.path().join("code/of-code"), "").expect("write code");
    let mut spec = bench.python(&format!("import os\n{script}"));
    spec.cwd = "/var/task".into();
    // Without one, Python sets a locale in its environment.
    let Some(booted) = boot_with(bench, &spec, &[("LC_ALL", "C.UTF-8")]).await else { return };
    let named = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    spec.env = vec![named("PLACED", "yes"), named("EMPTY", "")];
    let mut started = within(booted.expect("start ahead").claim(spec)).await.expect("claim");
    let output = read_all(&mut started).await;
    let seen = "b'.' [b'yes', b'', None, None] /var/task ['of-code'] /var/task\n['PLACED=yes', 'EMPTY=']\n";
    assert_eq!(output, seen);
    let mut many = bench.python(&format!("import os\n{script}"));
    let Some(booted) = boot_with(bench, &many, &[("LC_ALL", "C.UTF-8")]).await else { return };
    many.env = (0..300).map(|number| named(&format!("V{number}"), "")).collect();
    let claimed = within(booted.expect("start ahead").claim(many)).await;
    assert!(matches!(claimed, Err(Error::Build { .. })), "its list of variables has an end");
}

/// A program started ahead can be what others are copied from, each claimed as it could have been itself.
pub async fn a_program_started_ahead_may_be_a_template(bench: &Bench) {
    let fork = "\n\
        fd = int(os.environ.pop('_LAMBENT_BOOT_FD'))\n\
        for name in os.environ: os.environ[name] = os.environ[name]\n\
        os.write(fd, b'.')\n\
        assert os.read(fd, 1) == b'\\1'\n\
        os.close(fd)\n\
        if os.fork(): os._exit(9)\n\
        environment = dict(v.split('=', 1) for v in open('/proc/self/environ').read().split('\\0') if v)\n\
        exec(environment['SCRIPT'])\n";
    let spec = bench.python(&format!("import os, sys\nmade = ['ahead']{fork}"));
    let Some(booted) = boot(bench, &spec).await else { return };
    let template = match within(booted.expect("start ahead").into_template()).await {
        Err(Error::Unsupported { .. }) => return,
        template => template.expect("take a snapshot"),
    };
    let layer = bench.folder.path().join("layer");
    fs::create_dir_all(&layer).expect("make layer");
    fs::write(layer.join("of-layer"), "").expect("write layer");
    let nobodys = spec.booting(vec![("PATH".to_owned(), "/usr/bin:/bin".to_owned())]);
    for number in 0..2 {
        let held = within(template.hold(nobodys.clone())).await.expect("make a copy ahead");
        assert!(held.is_alive());
        let script = "import signal\n\
            open('/tmp/own', 'w').close()\n\
            made.append('here')\n\
            print(made, *os.listdir('/opt'), *os.listdir('/tmp'), environment['NUMBER'], sorted(environment), flush=True)\n\
            held = bytearray(400 << 20)\n\
            print('held')";
        let mut own = Spec { opt_dirs: vec![layer.clone()], ..spec.clone() };
        own.env.extend(
            [("SCRIPT", script), ("NUMBER", &number.to_string())].map(|(n, v)| (n.to_owned(), v.to_owned())),
        );
        let mut started = within(held.claim(own)).await.expect("claim");
        let output = read_all(&mut started).await;
        assert_eq!(output, format!("['ahead', 'here'] of-layer own {number} ['NUMBER', 'PATH', 'SCRIPT']\n"));
        if bench.gives(Guarantee::MemoryLimit) {
            assert_eq!(within(started.exit).await, Exit::OutOfMemory);
        }
    }
    let other = Spec { args: Vec::new(), ..spec.clone() };
    let held = within(template.hold(nobodys.clone())).await.expect("make a copy ahead");
    assert!(matches!(within(held.claim(other)).await, Err(Error::InvalidSpec(_))));
    // It is there for as long as it has copies.
    let held = within(template.hold(nobodys)).await.expect("make a copy ahead");
    drop(template);
    let mut own = spec;
    own.env.push(("SCRIPT".to_owned(), "print(made)".to_owned()));
    let mut started = within(held.claim(own)).await.expect("claim");
    assert_eq!(read_all(&mut started).await, "['ahead']\n");
    assert_eq!(within(started.exit).await, Exit::Code(0));
}

/// Bounds are those of who claims, whatever the program used before.
pub async fn a_claimed_program_has_its_own_bounds(bench: &Bench) {
    let script = "import errno\n\
        try:\n\
        \x20   with open('/tmp/large', 'wb') as f:\n\
        \x20       for _ in range(200): f.write(bytes(1 << 20))\n\
        except OSError as error: print(error.errno == errno.ENOSPC, flush=True)\n\
        held = bytearray(400 << 20)\n\
        print('held')";
    let with = |spec: &mut Spec| spec.ephemeral_bytes = 64 << 20;
    let Some((output, exit)) = run(bench, "", script, with).await else { return };
    if bench.gives(Guarantee::TmpSize) && bench.gives(Guarantee::TmpOnDisk) {
        assert!(output.starts_with("True"), "{output}");
    }
    if bench.gives(Guarantee::MemoryLimit) {
        assert_eq!(exit, Exit::OutOfMemory, "{output}");
    }
    let with = |spec: &mut Spec| spec.memory_bytes = 1024 << 20;
    let Some((output, exit)) = run(bench, "", "held = bytearray(400 << 20); print('held')", with).await
    else {
        return;
    };
    assert_eq!((output.as_str(), exit), ("held", Exit::Code(0)));
}

pub async fn a_program_started_ahead_may_end(bench: &Bench) {
    let too_soon = spec(bench, "sys.exit(1)");
    let Some(booted) = boot(bench, &too_soon).await else { return };
    assert!(matches!(booted, Err(Error::Build { .. })));
    let missing = Spec { program: "/usr/bin/missing".into(), ..bench.shell("") };
    assert!(matches!(boot(bench, &missing).await, Some(Err(Error::Execute { .. }))));
    // One that is ready, and then is no more, can be told from others, and can't be claimed.
    let later =
        spec(bench, "import threading, signal; threading.Timer(0.05, os.kill, (os.getpid(), 9)).start()");
    let Some(Ok(booted)) = boot(bench, &later).await else { return };
    within(async {
        while booted.is_alive() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert!(within(booted.claim(later)).await.is_err());
    // Others are as they were.
    bench.run(bench.shell("echo")).await;
}

pub async fn only_the_same_can_be_claimed(bench: &Bench) {
    let base = spec(bench, "");
    for change in [
        (|spec| spec.args.push("more".to_owned())) as fn(&mut Spec),
        |spec| spec.limits.processes += 1,
        |spec| spec.program = "/usr/bin/env".into(),
        |spec| spec.companions.programs.push("/bin/true".into()),
        |spec| spec.env.push(("ZERO".to_owned(), "\0".to_owned())),
    ] {
        let Some(booted) = boot(bench, &base).await else { return };
        let mut other = base.clone();
        change(&mut other);
        let claimed = within(booted.expect("start ahead").claim(other)).await;
        assert!(matches!(claimed, Err(Error::InvalidSpec(_))));
    }
    let Some(booted) = boot(bench, &base).await else { return };
    let gone = Spec { code_dir: Some(bench.folder.path().join("gone")), ..base };
    let claimed = within(booted.expect("start ahead").claim(gone)).await;
    assert!(matches!(claimed, Err(Error::Build { .. })), "what can't be bound is an error");
}
