//! AWS's own hosts inside a sandbox: their names lead to its loopback, and what it trusts vouches for who answers there.

use std::sync::Arc;

use aws_hosts::{Authority, Elsewhere, SUBJECT_HASH};
use env::Env;
use sandbox::Sandboxes as _;
use sandbox::conformance::{Bench, Folder, read_all, within};
use sandbox_namespace::{NamespaceSandboxes, Options};
use tokio::io::AsyncWriteExt as _;
use tokio_util::sync::CancellationToken;

/// Connects by name, trusting one file or folder, or whatever the interpreter trusts by itself.
const ASK: &str = "
import socket, ssl, sys
def ask(host, **trusted):
    try:
        context = ssl.create_default_context(**trusted)
        with socket.create_connection((host, 443), 30) as plain:
            with context.wrap_socket(plain, server_hostname=host) as secure: return secure.recv(9).decode()
    except (ssl.SSLCertVerificationError, socket.gaierror) as error: return type(error).__name__
host = 'a.b.s3.eu-west-1.amazonaws.com'
print(ask(host, cafile=sys.argv[1]), ask(host, capath='/etc/ssl/certs'), ask('example.org', cafile=sys.argv[1]))
print(ask(host, cafile=sys.argv[2]))
";

async fn greet(listener: std::net::TcpListener, authority: Arc<Authority>) {
    let acceptor = tokio_rustls::TlsAcceptor::from(authority.server().expect("a server"));
    let listener = tokio::net::TcpListener::from_std(listener).expect("watch listener");
    loop {
        let (stream, _) = listener.accept().await.expect("accept");
        // A client that trusts somebody else hangs up.
        if let Ok(mut stream) = acceptor.accept(stream).await {
            let _ = stream.write_all(b"who calls").await;
            let _ = stream.shutdown().await;
        }
    }
}

#[test]
fn hosts_of_aws_are_found_and_trusted() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("runtime").block_on(async {
        let env = Env::system();
        let new =
            || Arc::new(Authority::open(&Authority::create(&env).expect("made"), env.clone()).expect("read"));
        let (authority, other) = (new(), new());
        let folder = Folder::make(&std::env::temp_dir(), "hosts");
        std::fs::write(folder.path().join("code/other.pem"), other.certificate()).expect("write");
        let spawner = sandbox_spawner::Command { program: env!("CARGO_BIN_EXE_sandbox-trial").into() };
        let mut options = Options::new(spawner, folder.path().join("scratch"));
        options.authority = Some(sandbox_namespace::Authority {
            pem: authority.certificate().to_owned(),
            der: authority.der().to_vec(),
            subject_hash: SUBJECT_HASH.to_owned(),
        });
        let sandboxes = NamespaceSandboxes::open(options).await.expect("open");
        let trust = sandboxes.trust().expect("an authority");
        let bench = Bench { sandboxes: Arc::new(sandboxes), folder };

        let mut spec = bench.python(ASK);
        spec.args.extend([trust.authority.to_string_lossy().into_owned(), "/var/task/other.pem".to_owned()]);
        let mut started = bench.start(spec).await;
        let hosts = started.hosts.take().expect("hosts");
        let stop = CancellationToken::new();
        let names =
            tokio::spawn(aws_hosts::serve(hosts.names, Elsewhere::Unknown, env.clone(), stop.clone()));
        let greeter = tokio::spawn(greet(hosts.https, authority));
        let said = read_all(&mut started).await;
        assert_eq!(said, "who calls who calls gaierror\nSSLCertVerificationError\n");
        if let Some(bundle) = trust.bundle {
            let lines =
                format!("grep -c BEGIN {} /etc/ssl/certs/{SUBJECT_HASH}.0 | cut -d: -f2", bundle.display());
            let (counted, _) = bench.run(bench.shell(&lines)).await;
            let counts: Vec<u32> = counted.lines().map(|line| line.parse().expect("a number")).collect();
            assert!(matches!(counts[..], [all, 1] if all > 1), "{counted}");
        }
        stop.cancel();
        within(names).await.expect("served until then");
        greeter.abort();
        bench.close().await;
    });
}
