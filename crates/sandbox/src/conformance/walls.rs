//! What a hostile function must not be able to see or do.

use std::net::TcpListener;

use super::{Bench, MB, read_all, read_until, within};
use crate::{Exit, Guarantee, Network};

pub async fn identity(bench: &Bench) {
    if !bench.gives(Guarantee::Unprivileged) {
        return;
    }
    let script = "import os, socket\n\
                  print(os.getuid(), os.getgid(), os.getgroups(), os.environ.get('HOME'), socket.gethostname())";
    // A group that the user namespace does not know shows as the overflow group; there must be none at all.
    assert_eq!(bench.answer(script).await, "993 993 [] None lambda");
    let (name, _) = bench.run(bench.shell("id -un")).await;
    assert_eq!(name, "sbx_user1051\n");
}

pub async fn no_privileges(bench: &Bench) {
    if !bench.gives(Guarantee::Unprivileged) {
        return;
    }
    let (status, _) =
        bench.run(bench.shell("grep -E '^(Cap...|NoNewPrivs|Seccomp):' /proc/self/status")).await;
    let zero = "0000000000000000";
    let expected = format!(
        "CapInh:\t{zero}\nCapPrm:\t{zero}\nCapEff:\t{zero}\nCapBnd:\t{zero}\nCapAmb:\t{zero}\nNoNewPrivs:\t1\nSeccomp:\t2\n"
    );
    assert_eq!(status, expected);
    let script = "import os\n\
                  for name, call in (('uid', lambda: os.setuid(0)), ('gid', lambda: os.setgid(0)),\n\
                  \x20       ('groups', lambda: os.setgroups([0])), ('chroot', lambda: os.chroot('/tmp')),\n\
                  \x20       ('node', lambda: os.mknod('/tmp/disk', 0o60666, os.makedev(254, 0)))):\n\
                  \x20   try: call(); print(name, 'worked')\n\
                  \x20   except PermissionError: pass\n\
                  \x20   except OSError as e: print(name, e) if e.errno != 22 else None\n\
                  open('/tmp/x', 'w').close(); os.chmod('/tmp/x', 0o6755)";
    assert_eq!(bench.answer(script).await, "");
}

pub async fn code_is_read_only(bench: &Bench) {
    if !bench.gives(Guarantee::CodeReadOnly) {
        return;
    }
    let script = "for d in /var/task /opt /var/runtime /usr /etc /dev / /proc/sys/kernel; do\n\
                  (echo x > $d/written) 2>/dev/null && echo $d\ndone; true";
    let (output, _) = bench.run(bench.shell(script)).await;
    assert_eq!(output, "");
}

pub async fn own_tmp(bench: &Bench) {
    if !bench.gives(Guarantee::OwnTmp) {
        return;
    }
    let script = "t=${TMPDIR:-/tmp}; ls -A $t; echo secret > $t/mine; cat $t/mine";
    let first = bench.run(bench.shell(script)).await.0;
    let second = bench.run(bench.shell(script)).await.0;
    assert_eq!((first.as_str(), second.as_str()), ("secret\n", "secret\n"));
    if bench.gives(Guarantee::TmpSize) {
        assert_eq!(bench.run(bench.shell("stat -c %a /tmp")).await.0, "1777\n");
        let execute = "cp /bin/true /tmp/t; /tmp/t && echo runs";
        assert_eq!(bench.run(bench.shell(execute)).await.0, "runs\n");
    }
}

const FILL: &str = "import os, errno\n\
                    total, block, f = 0, b'x' * (1 << 20), os.open('/tmp/big', os.O_CREAT | os.O_WRONLY)\n\
                    try:\n\
                    \x20   while total < LIMIT << 20: total += os.write(f, block)\n\
                    \x20   print('wrote', total >> 20)\n\
                    except OSError as e: print(errno.errorcode[e.errno], total >> 20)";

pub async fn tmp_is_full_at_its_size(bench: &Bench) {
    if !bench.gives(Guarantee::TmpSize) {
        return;
    }
    let mut spec = bench.python(&FILL.replace("LIMIT", "2000"));
    spec.ephemeral_bytes = 64 * MB;
    let (output, exit) = bench.run(spec).await;
    assert_eq!(exit, Exit::Code(0), "{output}");
    let written = output.trim_end().strip_prefix("ENOSPC ").and_then(|mb| mb.parse::<u64>().ok());
    assert!(written.is_some_and(|mb| (54..=64).contains(&mb)), "{output}");
}

pub async fn tmp_is_not_memory(bench: &Bench) {
    if !bench.gives(Guarantee::TmpOnDisk) {
        return;
    }
    let (output, exit) = bench.run(bench.python(&FILL.replace("LIMIT", "400"))).await;
    assert_eq!((output.as_str(), exit), ("wrote 400\n", Exit::Code(0)));
}

pub async fn host_files_are_hidden(bench: &Bench) {
    if !bench.gives(Guarantee::HostFilesHidden) {
        return;
    }
    let (output, _) =
        bench.run(bench.shell("ls -A /; ls -A /var /opt /tmp; cat /etc/shadow /proc/1/environ")).await;
    for visible in ["root\n", "home\n", "work\n", "sys\n", "boot\n", "shadow:\n", "host"] {
        assert!(!output.contains(visible), "{visible:?} in {output}");
    }
    let folder = bench.folder.path().to_string_lossy().into_owned();
    let (output, exit) = bench.run(bench.spec("/bin/ls", &[&folder])).await;
    assert_ne!(exit, Exit::Code(0), "{output}");
    // Nor by way of any process's root, working directory or descriptors.
    let script = "ls /proc/1/root/home /proc/self/root/home /proc/self/cwd/../../home 2>/dev/null; true";
    assert_eq!(bench.run(bench.shell(script)).await.0, "");
}

pub async fn host_processes_are_hidden(bench: &Bench) {
    if !bench.gives(Guarantee::HostProcessesHidden) {
        return;
    }
    let mut neighbour = bench.start(bench.shell("echo ready; sleep 1000")).await;
    read_until(&mut neighbour, "ready\n").await;
    let script = "import os\n\
                  print([p for p in os.listdir('/proc') if p.isdigit() and int(p) != os.getpid()])\n\
                  try: os.kill(-1, 0)\n\
                  except ProcessLookupError: print('nobody')";
    assert_eq!(bench.answer(script).await, "[]\nnobody");
    let host = std::process::id();
    let (output, _) = bench.run(bench.shell(&format!("kill -0 {host} 2>/dev/null && echo seen; true"))).await;
    assert_eq!(output, "");
    drop(neighbour.sandbox);
}

const CONNECT: &str = "import socket, errno\n\
                       try: socket.create_connection(('HOST', PORT), 2); print('connected')\n\
                       except OSError as e: print(errno.errorcode.get(e.errno, e))";

fn connect(host: &str, port: u16) -> String {
    CONNECT.replace("HOST", host).replace("PORT", &port.to_string())
}

pub async fn host_loopback_is_out_of_reach(bench: &Bench) {
    if !bench.gives(Guarantee::OwnLoopback) {
        return;
    }
    let listener = TcpListener::bind("127.0.0.1:0").expect("listen");
    let port = listener.local_addr().expect("address").port();
    assert_eq!(bench.answer(&connect("127.0.0.1", port)).await, "ECONNREFUSED");
    let abstract_name = "import os, socket\n\
                         s = socket.socket(socket.AF_UNIX); \n\
                         print(len(open('/proc/net/unix').readlines()))";
    // A line of headings, this very socket, and the nameless pair its first process reports through.
    let lines: usize = bench.answer(abstract_name).await.parse().expect("a number");
    assert!(lines <= 4, "{lines}");
}

pub async fn others_loopback_is_out_of_reach(bench: &Bench) {
    if !bench.gives(Guarantee::OwnLoopback) {
        return;
    }
    let serve = "import socket\n\
                 s = socket.socket(); s.bind(('0.0.0.0', 7777)); s.listen(); print('ready', flush=True); s.accept()";
    let mut neighbour = bench.start(bench.python(serve)).await;
    read_until(&mut neighbour, "ready\n").await;
    assert_eq!(bench.answer(&connect("127.0.0.1", 7777)).await, "ECONNREFUSED");
    // Its own door at the same address is not the neighbour's.
    let mut own = bench.start(bench.python(&connect("127.0.0.1", 9001))).await;
    assert_eq!(read_all(&mut own).await, "connected\n");
    let error = neighbour.runtime_api.accept().expect_err("nobody connected there");
    assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock);
    own.runtime_api.accept().expect("connected here");
    drop(neighbour.sandbox);
}

pub async fn no_way_out(bench: &Bench) {
    if !bench.gives(Guarantee::NetworkIsolated) {
        return;
    }
    for address in ["192.0.2.1", "169.254.169.254", "10.0.0.1"] {
        assert_eq!(bench.answer(&connect(address, 80)).await, "ENETUNREACH");
    }
    let mut spec = bench.shell("true");
    spec.network = Network::Outbound;
    if let Err(error) = within(bench.sandboxes.start(spec)).await {
        eprintln!("outbound network is not given: {error}");
    }
}

/// Calls by name, number and arguments; prints those that were not refused.
const CALLS: &str = "import ctypes, os, errno\n\
    libc = ctypes.CDLL(None, use_errno=True)\n\
    def refused(name, want, number, *args):\n\
    \x20   ctypes.set_errno(0)\n\
    \x20   r = libc.syscall(number, *args); e = ctypes.get_errno()\n\
    \x20   if r != -1 or e != want: print(name, r, errno.errorcode.get(e, e))\n";

pub async fn dangerous_calls_are_refused(bench: &Bench) {
    if !bench.gives(Guarantee::SystemCallFilter) || !cfg!(target_arch = "x86_64") {
        return;
    }
    let script = format!(
        "{CALLS}\
         for name, number in dict(mount=165, umount2=166, pivot_root=155, chroot=161, open_tree=428, move_mount=429,\n\
         \x20       fsopen=430, fsconfig=431, fsmount=432, fspick=433, mount_setattr=442, ptrace=101,\n\
         \x20       process_vm_readv=310, process_vm_writev=311, bpf=321, keyctl=250, add_key=248, request_key=249,\n\
         \x20       kexec_load=246, init_module=175, finit_module=313, delete_module=176, perf_event_open=298,\n\
         \x20       userfaultfd=323, io_uring_setup=425, reboot=169, swapon=167, acct=163, settimeofday=164,\n\
         \x20       clock_settime=227, adjtimex=159, quotactl=179, open_by_handle_at=304, name_to_handle_at=303,\n\
         \x20       iopl=172, ioperm=173, syslog=103, pidfd_getfd=438, kcmp=312, sethostname=170).items():\n\
         \x20   refused(name, errno.EPERM, number, 0, 0, 0, 0, 0)\n\
         refused('clone3', errno.ENOSYS, 435, 0, 0)\n\
         refused('setns', errno.ENOSYS, 308, 0, 0)\n\
         refused('x32', errno.ENOSYS, 0x40000000 + 165, 0, 0, 0, 0, 0)\n\
         refused('personality', errno.EPERM, 135, 0x0040000)\n\
         refused('TIOCSTI', errno.EPERM, 16, 0, 0x5412, 0)\n\
         refused('TIOCSTI high', errno.EPERM, 16, 0, ctypes.c_ulong(0x100005412), 0)\n\
         print('done')"
    );
    assert_eq!(bench.answer(&script).await, "done");
}

pub async fn dangerous_sockets_are_refused(bench: &Bench) {
    if !bench.gives(Guarantee::SystemCallFilter) {
        return;
    }
    let script = "import socket as s\n\
        for family, kind, protocol in ((17, 3, 0), (16, 3, 12), (16, 3, 9), (38, 5, 0), (40, 1, 0), (31, 3, 1), (29, 3, 1)):\n\
        \x20   try: s.socket(family, kind, protocol); print(family, protocol)\n\
        \x20   except OSError: pass\n\
        for family in (s.AF_INET, s.AF_INET6, s.AF_UNIX): s.socket(family)\n\
        s.socket(s.AF_NETLINK, s.SOCK_RAW, 0); s.socketpair(); print(s.getaddrinfo('localhost', 80)[0][4][0] != '')";
    assert_eq!(bench.answer(script).await, "True");
}

pub async fn namespaces_are_refused(bench: &Bench) {
    if !bench.gives(Guarantee::SystemCallFilter) || !cfg!(target_arch = "x86_64") {
        return;
    }
    let script = format!(
        "{CALLS}\
         for flag in (0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000, 0x80):\n\
         \x20   refused(f'unshare {{flag:x}}', errno.EPERM, 272, flag)\n\
         \x20   if flag != 0x80: refused(f'clone {{flag:x}}', errno.EPERM, 56, flag | 17, 0, 0, 0, 0)\n\
         import threading; t = threading.Thread(target=lambda: None); t.start(); t.join()\n\
         if os.fork() == 0: os._exit(0)\n\
         os.wait(); print('done')"
    );
    assert_eq!(bench.answer(&script).await, "done");
}

pub async fn proc_is_protected(bench: &Bench) {
    if !bench.gives(Guarantee::HostFilesHidden) {
        return;
    }
    let script = "import os\n\
        for path in ('sys/kernel/core_pattern', 'sys/kernel/hostname', 'sys/net/ipv4/ip_forward', 'sysrq-trigger',\n\
        \x20       'self/uid_map', 'self/oom_score_adj'):\n\
        \x20   try: os.open('/proc/' + path, os.O_WRONLY); print('writable', path)\n\
        \x20   except OSError: pass\n\
        for path in ('kcore', 'keys', 'timer_list', 'kallsyms', 'kmsg'):\n\
        \x20   try:\n\
        \x20       if open('/proc/' + path, 'rb').read(10).strip(b'0'): print('readable', path)\n\
        \x20   except OSError: pass\n\
        for path in ('meminfo', 'cpuinfo', 'stat', 'self/maps', 'self/status', 'self/cgroup', 'loadavg'):\n\
        \x20   open('/proc/' + path).read()\n\
        print(set(line.split(':')[2] for line in open('/proc/self/cgroup')))";
    let answer = bench.answer(script).await;
    // Its own group is all it sees of the host's groups; those it was not put into stay where the daemon is.
    assert!(answer.starts_with('{') && !answer.contains("lambent"), "{answer}");
}

pub async fn devices_are_few(bench: &Bench) {
    if !bench.gives(Guarantee::HostFilesHidden) {
        return;
    }
    let (output, _) =
        bench.run(bench.shell("ls /dev; head -c 4 /dev/zero | wc -c; echo x > /dev/null")).await;
    assert_eq!(output, "fd\nfull\nnull\nrandom\nstderr\nstdin\nstdout\nurandom\nzero\n4\n");
}

pub async fn first_process_is_out_of_reach(bench: &Bench) {
    if !bench.gives(Guarantee::HostProcessesHidden) {
        return;
    }
    // It is a copy of the spawner: its memory, descriptors and signals are not the function's.
    let script = "import os\n\
        for path in ('mem', 'environ', 'fd', 'maps', 'cwd'):\n\
        \x20   try: print(path, os.open('/proc/1/' + path, os.O_RDONLY))\n\
        \x20   except OSError: pass\n\
        for number in (1, 2, 9, 10, 12, 15, 19): os.kill(1, number)\n\
        print('alive')";
    assert_eq!(bench.answer(script).await, "alive");
}
