//! The way out: to a host that stands for the outside world, in a network namespace of the test's own; and to
//! nothing on this machine.

use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use sandbox::conformance::{Bench, Folder, read_all, read_until, within};
use sandbox::{Exit, Guarantee, Network, Sandboxes, Spec};
use sandbox_namespace::{NamespaceSandboxes, Options, Outbound, Subnet};

/// The outside: TCP and UDP on 7 and 53 answer with what they got, and tell how many datagrams there were. Whoever asks
/// for a name's address is told 192.0.2.7.
const SERVER: &str = "
import socket, threading, sys
seen = []
def tcp(port):
    s = socket.create_server(('0.0.0.0', port), backlog=1024)
    def one(c, a):
        with c:
            c.sendall(b'hello ')
            while data := c.recv(65536): c.sendall(data)
            c.sendall(b' bye')
    while True: threading.Thread(target=one, args=s.accept(), daemon=True).start()
def udp(port):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(('0.0.0.0', port))
    while True:
        data, who = s.recvfrom(65535); seen.append(who)
        s.sendto(name(data) if port == 53 and len(data) > 16 else str(len(seen)).encode() if data == b'?' else b'echo ' + data, who)
def name(data):
    is_v4 = data[-4:] == b'\\0\\1\\0\\1'
    found = b'\\xc0\\x0c\\0\\1\\0\\1\\0\\0\\0\\x3c\\0\\4' + bytes([192, 0, 2, 7])
    return data[:2] + b'\\x81\\x80\\0\\1\\0' + bytes([is_v4]) + data[8:] + (found if is_v4 else b'')
for port in (7, 53):
    for f in (tcp, udp): threading.Thread(target=f, args=(port,), daemon=True).start()
print('ready', flush=True)
sys.stdin.read()
";

/// Prelude of scripts: what a connection or a datagram is answered with.
const ASK: &str = "
import socket
def tcp(host, port):
    try:
        with socket.create_connection((host, port), 5) as s:
            s.sendall(b'x'); s.shutdown(socket.SHUT_WR); got = b''
            while data := s.recv(65536): got += data
            return got.decode() or 'nothing'
    except OSError as e: return type(e).__name__
def udp(host, port, wait=0.5):
    try:
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(wait)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        s.sendto(b'y', (host, port)); data, who = s.recvfrom(65535)
        return f'{data.decode()} from {who[0]}:{who[1]}'
    except OSError as e: return type(e).__name__
";

/// A machine beyond this one's, on a cable between them.
struct World {
    server: Child,
    cable: String,
    host: Ipv4Addr,
    outside: Ipv4Addr,
}

impl World {
    /// `number` keeps the tests of one run apart, the process id those of several.
    fn make(number: u8) -> Self {
        let process = std::process::id();
        // Of a range kept for tests between networks.
        let [_, _, high, low] = process.to_be_bytes();
        let address = |last: u8| Ipv4Addr::new(198, 18 + (high & 1), low, number * 4 + last);
        let mut server = Command::new("unshare")
            .args(["--net", "python3", "-c", SERVER])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("start the outside");
        let mut line = String::new();
        BufReader::new(server.stdout.as_mut().expect("output")).read_line(&mut line).expect("ready");
        assert_eq!(line, "ready\n");
        let (cable, inside) = (format!("lt{process}n{number}"), server.id().to_string());
        let world = Self { server, cable: cable.clone(), host: address(1), outside: address(2) };
        run("ip", &["link", "add", &cable, "type", "veth", "peer", "name", "out0", "netns", &inside]);
        run("ip", &["addr", "add", &format!("{}/30", world.host), "dev", &cable]);
        run("ip", &["link", "set", &cable, "up"]);
        for command in [
            vec!["addr", "add", &format!("{}/30", world.outside), "dev", "out0"],
            vec!["link", "set", "out0", "up"],
            vec!["link", "set", "lo", "up"],
        ] {
            run("nsenter", &[&["-t", &inside, "-n", "ip"], command.as_slice()].concat());
        }
        world
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["link", "del", &self.cable]).status();
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

fn run(program: &str, args: &[&str]) {
    let status = Command::new(program).args(args).status().expect(program);
    assert!(status.success(), "{program} {args:?}");
}

/// Runs `test` with sandboxes that `options` has been let change; not at all where there is no way out.
fn with<F: Future<Output = ()>>(
    name: &str,
    options: impl FnOnce(&mut Options),
    test: impl FnOnce(Arc<Bench>, Arc<NamespaceSandboxes>) -> F,
) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("runtime").block_on(async {
        let folder = Folder::make(&std::env::temp_dir(), &format!("outbound-{name}"));
        let spawner = sandbox_spawner::Command { program: env!("CARGO_BIN_EXE_sandbox-trial").into() };
        let mut all = Options {
            ready_max: 2,
            network: Network::Outbound,
            ..Options::new(spawner, folder.path().join("scratch"))
        };
        options(&mut all);
        let sandboxes = Arc::new(NamespaceSandboxes::open(all).await.expect("open"));
        let bench = Arc::new(Bench { sandboxes: sandboxes.clone(), folder });
        if bench.gives(Guarantee::OutboundNetwork) {
            test(bench, sandboxes.clone()).await;
        }
        within(sandboxes.shutdown()).await;
    });
}

fn script(bench: &Bench, text: &str) -> Spec {
    Spec { network: Network::Outbound, ..bench.python(&format!("{ASK}\n{text}")) }
}

async fn answer(bench: &Bench, text: &str) -> String {
    let (output, exit) = bench.run(script(bench, text)).await;
    assert_eq!(exit, Exit::Code(0), "{output}");
    output.trim_end().to_owned()
}

/// Names of AWS's hosts are the sandbox's own server's; for others it sends on to the next.
#[test]
fn names_of_the_outside_are_found() {
    let world = World::make(7);
    let outside = world.outside;
    let change = |options: &mut Options| options.outbound.resolvers = vec![outside];
    with("names", change, |bench, _| async move {
        let text = "for name in ('elsewhere.example', 'sqs.us-east-1.amazonaws.com'):\n\
                    \x20   print(sorted({found[4][0] for found in socket.getaddrinfo(name, 443)}))";
        let mut started = bench.start(script(&bench, text)).await;
        let hosts = started.hosts.take().expect("hosts");
        let stop = tokio_util::sync::CancellationToken::new();
        let elsewhere = aws_hosts::Elsewhere::Refused;
        let served = tokio::spawn(aws_hosts::serve(hosts.names, elsewhere, env::Env::system(), stop.clone()));
        assert_eq!(read_all(&mut started).await, "['192.0.2.7']\n['127.0.0.1']\n");
        stop.cancel();
        within(served).await.expect("served");
    });
}

#[test]
fn the_outside_is_reached() {
    let world = World::make(0);
    let outside = world.outside;
    let change = |options: &mut Options| options.outbound.resolvers = vec![outside];
    with("reach", change, |bench, _| async move {
        assert_eq!(answer(&bench, &format!("print(tcp('{outside}', 7))")).await, "hello x bye");
        let expected = format!("echo y from {outside}:7");
        assert_eq!(answer(&bench, &format!("print(udp('{outside}', 7, 10))")).await, expected);
        // Nobody listens there: the connection is made and then broken.
        assert_eq!(answer(&bench, &format!("print(tcp('{outside}', 9))")).await, "ConnectionResetError");
        let resolver = "print(udp(open('/etc/resolv.conf').read().split()[3], 53, 10))";
        assert_eq!(answer(&bench, resolver).await, format!("echo y from {outside}:53"));
        let connected = format!(
            "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(10); s.connect(('{outside}', 7))\n\
             for n in range(50):\n\
             \x20   s.send(bytes([n]) * 1000 * n); assert s.recv(65535) == b'echo ' + bytes([n]) * 1000 * n\n\
             print(s.getsockname()[0])"
        );
        assert_eq!(answer(&bench, &connected).await, "169.254.76.1");
        let much = format!(
            "import threading\n\
             s = socket.create_connection(('{outside}', 7)); block = bytes(range(256)) * 4096\n\
             def send():\n\
             \x20   for _ in range(32): s.sendall(block)\n\
             \x20   s.shutdown(socket.SHUT_WR)\n\
             threading.Thread(target=send).start(); got = bytearray()\n\
             while data := s.recv(1 << 20): got += data\n\
             assert got == b'hello ' + block * 32 + b' bye'; print(len(got))"
        );
        assert_eq!(answer(&bench, &much).await, (32 * (1 << 20) + 10).to_string());
    });
}

#[test]
fn copies_have_a_way_out_of_their_own() {
    let world = World::make(9);
    let outside = world.outside;
    with(
        "copies",
        |_| {},
        |bench, _| async move {
            if !bench.gives(Guarantee::Snapshots) {
                return;
            }
            let told = "import os; host, port = os.environ['DOOR'].split(':')\n\
                    socket.create_connection((host, int(port))).recv(1); os.fork() and os._exit(0)";
            let text = format!(
                "kept = socket.create_connection(('{outside}', 7))\n{told}\nprint(kept.recv(9), tcp('{outside}', 7))"
            );
            let door = sandbox::DoorVar::address("DOOR", sandbox::Door::RuntimeApi);
            let spec = Spec { doors: vec![door], ..script(&bench, &text) };
            let started = bench.start(spec.clone()).await;
            let listener = started.runtime_api.try_clone().expect("clone listener");
            let listener = tokio::net::TcpListener::from_std(listener).expect("watch listener");
            let (asked, _) = within(listener.accept()).await.expect("accept");
            let template = within(started.sandbox.snapshot(Box::new(move || drop(asked)))).await;
            let template = template.expect("take a snapshot");
            for _ in 0..2 {
                let mut copy = within(template.start(spec.clone())).await.expect("start a copy");
                assert_eq!(read_all(&mut copy).await, "b'' hello x bye\n");
                assert_eq!(within(copy.exit).await, Exit::Code(0));
            }
        },
    );
}

#[test]
fn this_machine_is_not_reached() {
    let world = World::make(1);
    let listener = TcpListener::bind("0.0.0.0:0").expect("listen");
    let port = listener.local_addr().expect("address").port();
    let receiver = UdpSocket::bind(("0.0.0.0", port)).expect("receive");
    for socket in [listener.set_nonblocking(true), receiver.set_nonblocking(true)] {
        socket.expect("do not block");
    }
    let listed = Command::new("ip").args(["-4", "-o", "addr"]).output().expect("list addresses");
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    let mut addresses: Vec<_> =
        listed.lines().filter_map(|line| line.split_whitespace().nth(3)?.split('/').next()).collect();
    let (host, outside) = (world.host.to_string(), world.outside);
    assert!(addresses.contains(&host.as_str()), "{addresses:?}");
    let broadcast = Ipv4Addr::from(u32::from(outside) + 1).to_string();
    addresses.extend([
        "127.0.0.1",
        "127.1.2.3",
        "0.0.0.0",
        "169.254.169.254",
        "255.255.255.255",
        "224.0.0.1",
    ]);
    addresses.push(&broadcast);
    let text = format!(
        "for host in {addresses:?}:\n\
         \x20   print(host, tcp(host, {port}), udp(host, {port}, 0.2))\n\
         \x20   if host not in ('255.255.255.255', '224.0.0.1'): print(host, tcp(host, 22), udp(host, 53, 0.2))\n\
         print(tcp('{outside}', 7))"
    );
    with(
        "machine",
        |_| {},
        |bench, _| async move {
            let output = answer(&bench, &text).await;
            eprintln!("{output}");
            // The script works, as its last line shows; none of the others tells of an answer.
            assert!(output.ends_with("\nhello x bye"), "{output}");
            assert!(!output.contains(" from ") && !output.contains("nothing"), "{output}");
            assert_eq!(output.matches("hello").count(), 1, "{output}");
            // A connection that was made would wait here.
            let nobody = listener.accept().expect_err("nobody connected");
            assert_eq!(nobody.kind(), std::io::ErrorKind::WouldBlock);
            let nothing = receiver.recv(&mut [0; 9]).expect_err("nothing received");
            assert_eq!(nothing.kind(), std::io::ErrorKind::WouldBlock);
        },
    );
    drop(world);
}

#[test]
fn others_are_not_reached() {
    with(
        "others",
        |_| {},
        |bench, _| async move {
            let serve = "s = socket.create_server(('0.0.0.0', 7777)); print('up', flush=True); s.accept(); print('bad')";
            let mut other = bench.start(script(&bench, serve)).await;
            read_until(&mut other, "up\n").await;
            let text = "print(tcp('169.254.76.1', 7777), udp('169.254.76.1', 7777))";
            assert_eq!(answer(&bench, text).await, "ConnectionRefusedError TimeoutError");
            other.sandbox.kill();
            assert_eq!(read_all(&mut other).await, "");
            // Its own listener is reached at every address of its own, and at no other.
            let text = "import threading; s = socket.create_server(('0.0.0.0', 7777)); d = '192.0.2.1'\n\
                    def one():\n    while True: c = s.accept()[0]; c.recv(9); c.sendall(b'me'); c.close()\n\
                    threading.Thread(target=one, daemon=True).start()\n\
                    print(tcp('127.0.0.1', 7777)[:2], tcp('169.254.76.1', 7777)[:2], end='')";
            assert!(answer(&bench, text).await.starts_with("me me"));
        },
    );
}

#[test]
fn isolated_stays_isolated() {
    let world = World::make(2);
    let outside = world.outside;
    with(
        "isolated",
        |_| {},
        |bench, _| async move {
            // Made on demand beside a stock of the other kind.
            let text = format!("{ASK}\nprint(tcp('{outside}', 7), udp('{outside}', 7))");
            assert_eq!(bench.answer(&text).await, "OSError OSError");
            assert_eq!(answer(&bench, &format!("print(tcp('{outside}', 7))")).await, "hello x bye");
        },
    );
    drop(world);
}

#[test]
fn refused_networks_are_refused() {
    let world = World::make(3);
    let outside = world.outside;
    let refused = vec![Subnet { network: outside, bits: 24 }];
    let outbound = Outbound { refused, ..Outbound::default() };
    // The kind not kept ready is made when asked for.
    let change = |options: &mut Options| {
        options.outbound = outbound;
        options.network = Network::Isolated;
    };
    with("refused", change, |bench, _| async move {
        let text = format!("print(tcp('{outside}', 7), udp('{outside}', 7))");
        assert_eq!(answer(&bench, &text).await, "ConnectionResetError TimeoutError");
    });
    drop(world);
}

/// A datagram sent in the name of an outside host must not make that host talk to another, for ever.
#[test]
fn false_senders_are_not_heard() {
    let world = World::make(4);
    let outside = world.outside;
    with(
        "false",
        |_| {},
        |bench, _| async move {
            let text = format!(
                "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(0.3)\n\
             s.bind(('{outside}', 7777)); s.sendto(b'y', ('{outside}', 53))\n\
             try: print(s.recvfrom(99))\n\
             except OSError as e: print(type(e).__name__)\n\
             s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(10)\n\
             s.sendto(b'?', ('{outside}', 53)); print(s.recv(99).decode())"
            );
            assert_eq!(answer(&bench, &text).await, "TimeoutError\n1");
        },
    );
    drop(world);
}

#[test]
fn many_connections_are_bounded() {
    let world = World::make(5);
    let outside = world.outside;
    with(
        "many",
        |_| {},
        |bench, _| async move {
            let text = format!(
                "made = []\n\
             for n in range(600):\n\
             \x20   try: made.append(socket.create_connection(('{outside}', 7), 10))\n\
             \x20   except ConnectionResetError: pass\n\
             good = 0\n\
             for s in made:\n\
             \x20   try: good += s.recv(6) == b'hello '\n\
             \x20   except OSError: pass\n\
             for s in made: s.close()\n\
             u = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(300)]\n\
             for s in u: s.settimeout(10); s.sendto(b'y', ('{outside}', 7)); s.recv(9)\n\
             import time; time.sleep(0.2)\n\
             print(good, tcp('{outside}', 7))"
            );
            assert_eq!(answer(&bench, &text).await, "512 hello x bye");
        },
    );
    drop(world);
}

#[test]
fn the_relay_ends_with_its_sandboxes() {
    with(
        "end",
        |_| {},
        |bench, sandboxes| async move {
            let spawner = sandboxes.spawner_pid().await.expect("pid");
            let mut started = bench
                .start(script(&bench, "print('up', flush=True); input = 1\nimport time; time.sleep(1000)"))
                .await;
            read_until(&mut started, "up\n").await;
            let relay = relay_below(spawner).expect("a relay");
            let status = std::fs::read_to_string(format!("/proc/{relay}/status")).expect("status");
            for line in
                ["CapEff:\t0000000000000000", "CapBnd:\t0000000000000000", "NoNewPrivs:\t1", "Seccomp:\t2"]
            {
                assert!(status.contains(line), "{line}: {status}");
            }
            assert!(!status.contains("Uid:\t0"), "{status}");
            run("kill", &["-KILL", &relay]);
            // Connections are lost, and so are those that had them; another spawner takes over.
            assert_eq!(within(started.exit).await, Exit::Signal(9));
            assert_eq!(answer(&bench, "print('again')").await, "again");
            let spawner = sandboxes.spawner_pid().await.expect("pid");
            let relay = relay_below(spawner).expect("another relay");
            // With the stockroom and the spawner killed at once nobody is left to tell it.
            let stockroom =
                children(&spawner.to_string()).into_iter().find(|child| !children(child).is_empty());
            run("kill", &["-KILL", &stockroom.expect("a stockroom"), &spawner.to_string()]);
            until_gone(&relay).await;
            assert_eq!(answer(&bench, "print('again')").await, "again");
            let relay = relay_below(sandboxes.spawner_pid().await.expect("pid")).expect("a third relay");
            within(sandboxes.shutdown()).await;
            until_gone(&relay).await;
        },
    );
}

/// Whoever collects it may take a moment.
async fn until_gone(pid: &str) {
    let is_there = || std::fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| !line.is_empty());
    within(async {
        while is_there() {
            env::Env::system().sleep(std::time::Duration::from_millis(5)).await;
        }
    })
    .await;
}

fn children(pid: &str) -> Vec<String> {
    let list = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    list.split_whitespace().map(str::to_owned).collect()
}

fn relay_below(spawner: u32) -> Option<String> {
    let mut below = children(&spawner.to_string()).into_iter().flat_map(|child| children(&child));
    let is_relay = |pid: &String| {
        std::fs::read_to_string(format!("/proc/{pid}/cmdline")).is_ok_and(|line| line.contains("__relay"))
    };
    below.find(is_relay)
}
