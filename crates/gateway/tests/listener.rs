//! The front door over sockets: panics, clients that hang up, bodies that are too large, bytes that are no HTTP.

use std::net::SocketAddr;
use std::sync::Arc;

use api_sts::{GetCallerIdentityInput, GetCallerIdentityOutput};
use service::Service;
use testkit::{Connection, Ground, soon};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

struct Served {
    address: SocketAddr,
    stop: CancellationToken,
    server: JoinHandle<()>,
}

async fn serve(service: Service) -> Served {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
    let address = listener.local_addr().expect("an address");
    let gateway = Ground::new().serve(vec![service]).gateway;
    let stop = CancellationToken::new();
    let stopped = stop.clone().cancelled_owned();
    let server = tokio::spawn(async move { gateway.serve(listener, stopped, std::future::pending()).await });
    Served { address, stop, server }
}

impl Served {
    async fn connect(&self) -> Connection {
        Connection::open(self.address).await.expect("the door is open")
    }
}

const QUERY: &str = "/?Action=GetCallerIdentity&Version=2011-06-15";

#[tokio::test]
async fn a_panic_is_a_500_and_the_server_lives() {
    let calls = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let service = Service::new(&api_sts::SERVICE, Arc::new(()))
        .op(move |_, _: GetCallerIdentityInput| {
            let call = calls.fetch_add(1, std::sync::atomic::Ordering::AcqRel);
            assert!(call != 0, "secret of ours");
            async move {
                assert!(call != 1, "secret of ours");
                Ok(GetCallerIdentityOutput::default())
            }
        })
        .done();
    let served = serve(service).await;
    let mut connection = served.connect().await;
    for _ in 0..2 {
        let reply = connection.send("GET", QUERY, &[], b"").await.expect("an answer");
        assert_eq!(reply.status, 500);
        assert!(
            reply
                .text()
                .contains("<Code>ServiceException</Code><Message>An internal error occurred.</Message>")
        );
        assert!(!reply.text().contains("secret"), "{}", reply.text());
    }
    let reply = connection.send("GET", QUERY, &[], b"").await.expect("the connection lives on");
    assert_eq!(reply.status, 200);
}

/// A service that tells when it begins and ends, and waits for the test in between.
fn slow() -> (Service, Arc<Semaphore>, mpsc::UnboundedReceiver<&'static str>) {
    let gate = Arc::new(Semaphore::new(0));
    let (told, events) = mpsc::unbounded_channel();
    let waits = Arc::clone(&gate);
    let service = Service::new(&api_sts::SERVICE, Arc::new(()))
        .op(move |_, _: GetCallerIdentityInput| {
            let (waits, told) = (Arc::clone(&waits), told.clone());
            async move {
                told.send("begun").expect("the test listens");
                waits.acquire().await.expect("never closed").forget();
                told.send("ended").expect("the test listens");
                Ok(GetCallerIdentityOutput::default())
            }
        })
        .done();
    (service, gate, events)
}

fn call() -> Vec<u8> {
    format!("GET {QUERY} HTTP/1.1\r\nhost: localhost\r\n\r\n").into_bytes()
}

#[tokio::test]
async fn a_client_that_hangs_up_cancels_nothing() {
    let (service, gate, mut events) = slow();
    let served = serve(service).await;
    let mut connection = served.connect().await;
    connection.write(&call()).await.expect("the door is open");
    assert_eq!(soon("the beginning", events.recv()).await, Some("begun"));
    drop(connection);
    // Another request is answered meanwhile: by then the server knows that the first client has gone.
    let mut other = served.connect().await;
    other.send("GET", "/_lambent/health", &[], b"").await.expect("an answer");
    gate.add_permits(1);
    assert_eq!(soon("the end", events.recv()).await, Some("ended"));
}

#[tokio::test]
async fn stopping_finishes_what_is_under_way_and_takes_nothing_new() {
    let (service, gate, mut events) = slow();
    let served = serve(service).await;
    let mut connection = served.connect().await;
    let mut idle = served.connect().await;
    idle.send("GET", "/_lambent/health", &[], b"").await.expect("an answer");
    connection.write(&call()).await.expect("the door is open");
    assert_eq!(soon("the beginning", events.recv()).await, Some("begun"));
    served.stop.cancel();
    assert!(soon("idle connections to close", idle.is_closed()).await);
    assert!(!served.server.is_finished());
    gate.add_permits(1);
    assert_eq!(soon("the answer", connection.read()).await.expect("an answer").status, 200);
    soon("the server to end", served.server).await.expect("no panic");
    assert!(Connection::open(served.address).await.is_err());
}

#[tokio::test]
async fn too_large_a_body_is_refused() {
    let served = serve(svc_sts::service()).await;
    let mut connection = served.connect().await;
    let length = 72 * 1024 * 1024 + 1;
    let scope =
        "AWS4-HMAC-SHA256 Credential=A/20261123/us-east-1/sts/aws4_request, SignedHeaders=host, Signature=0";
    let head = format!(
        "POST / HTTP/1.1\r\nhost: localhost\r\nauthorization: {scope}\r\ncontent-length: {length}\r\n\r\n"
    );
    connection.write(head.as_bytes()).await.expect("the door is open");
    let piece = vec![b'a'; 1024 * 1024];
    for _ in 0..=72 {
        // The server may have answered and closed before it has everything.
        if connection.write(&piece).await.is_err() {
            break;
        }
    }
    let reply = soon("an answer", connection.read()).await.expect("an answer");
    assert_eq!(reply.status, 413);
    let message = "<Code>RequestEntityTooLargeException</Code>\
                   <Message>Request must be smaller than 70167211 bytes for the requested operation</Message>";
    assert!(reply.text().contains(message), "{}", reply.text());
    let mut again = served.connect().await;
    assert_eq!(again.send("GET", QUERY, &[], b"").await.expect("an answer").status, 200);
}

#[tokio::test]
async fn what_is_no_http_is_refused_and_harms_nobody() {
    let served = serve(svc_sts::service()).await;
    for bytes in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 TLS \r\n\r\n"[..],
        b"GET\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
    ] {
        let mut connection = served.connect().await;
        connection.write(bytes).await.expect("the door is open");
        let reply = soon("an answer", connection.read()).await.expect("an answer");
        assert_eq!(reply.status, 400, "{}", String::from_utf8_lossy(bytes));
    }
    // A body that ends early is no request at all.
    let mut connection = served.connect().await;
    connection
        .write(b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\nx")
        .await
        .expect("the door is open");
    drop(connection);
    let mut connection = served.connect().await;
    let reply = connection.send("GET", "/_lambent/health", &[], b"").await.expect("an answer");
    assert_eq!((reply.status, reply.text()), (200, r#"{"status":"ready"}"#.to_owned()));
}
