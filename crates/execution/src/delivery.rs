//! Brings telemetry to an extension, over a socket in its own sandbox.
//!
//! Whoever listens there is hostile for all we know: every step has a bound, and nobody waits for it but its own
//! deliveries. A frozen sandbox answers nobody, so time counts only while it is awake.

use std::net::Ipv4Addr;
use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::Bytes;
use env::Env;
use http::Request;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::environment::Environment;
use crate::subscription::Destination;
use crate::telemetry::Subscriber;

/// How long one attempt may take.
const ATTEMPT_MAX: Duration = Duration::from_secs(5);
const ATTEMPTS_MAX: usize = 3;
/// Between attempts: the extension may still be about to listen.
const PAUSE: Duration = Duration::from_millis(100);
/// What a receiver may answer.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

#[derive(Default)]
struct Connection {
    http: Option<SendRequest<Full<Bytes>>>,
    tcp: Option<TcpStream>,
    /// Drives the HTTP connection; dropped with it.
    driver: JoinSet<()>,
}

/// Delivers until the subscriber or the environment is gone.
pub(crate) async fn run(
    subscriber: Arc<Subscriber>,
    environment: Weak<Environment>,
    env: Env,
    mut frozen: watch::Receiver<bool>,
) {
    let mut connection = Connection::default();
    while let Some(batch) = subscriber.batch(&env).await {
        let mut arrived = false;
        for attempt in 0..ATTEMPTS_MAX {
            if attempt > 0 {
                awake(env.sleep(PAUSE), &mut frozen).await;
            }
            if frozen.wait_for(|frozen| !frozen).await.is_err() {
                return;
            }
            let sent = {
                let sending = connection.send(&subscriber.asked.destination, &batch, &environment);
                within(sending, &env, &mut frozen).await
            };
            arrived = sent.is_some();
            if arrived {
                break;
            }
            connection = Connection::default();
        }
        if !arrived {
            tracing::debug!(extension = subscriber.name, "deliver telemetry");
        }
        subscriber.sent(&batch, arrived, env.now());
    }
}

/// Waits for `future`, and then until the sandbox is awake.
async fn awake(future: impl Future<Output = ()>, frozen: &mut watch::Receiver<bool>) {
    future.await;
    // The sender is the environment's: without one there is nothing to wait for.
    let _ = frozen.wait_for(|frozen| !frozen).await;
}

/// What `sending` gives, unless it takes too long while the sandbox is awake.
async fn within(
    sending: impl Future<Output = Option<()>>,
    env: &Env,
    frozen: &mut watch::Receiver<bool>,
) -> Option<()> {
    tokio::pin!(sending);
    let mut left = ATTEMPT_MAX;
    loop {
        let began = env.monotonic();
        tokio::select! {
            sent = &mut sending => return sent,
            () = env.sleep(left) => return None,
            frozen_now = frozen.wait_for(|frozen| *frozen) => drop(frozen_now.ok()?),
        }
        left = left.saturating_sub(env.monotonic() - began);
        // Gone for good, the task is dropped.
        frozen.wait_for(|frozen| !frozen).await.ok()?;
    }
}

impl Connection {
    async fn send(
        &mut self,
        destination: &Destination,
        batch: &[String],
        environment: &Weak<Environment>,
    ) -> Option<()> {
        match destination {
            Destination::Http { port, host, path, method } => {
                let kept = match self.http.take() {
                    Some(mut sender) => sender.ready().await.is_ok().then_some(sender),
                    None => None,
                };
                let mut sender = match kept {
                    Some(sender) => sender,
                    None => self.open_http(*port, environment).await?,
                };
                let body = Bytes::from(format!("[{}]", batch.join(",")));
                let request = Request::builder()
                    .method(*method)
                    .uri(path)
                    .header("host", host)
                    .header("content-type", "application/json")
                    .body(Full::new(body))
                    .ok()?;
                let answer = sender.send_request(request).await.ok()?;
                let is_success = answer.status().is_success();
                // Read to its end so that the connection serves again.
                let read = Limited::new(answer.into_body(), ANSWER_BYTES_MAX).collect().await;
                self.http = read.is_ok().then_some(sender);
                is_success.then_some(())
            }
            Destination::Tcp { port } => {
                let mut stream = match self.tcp.take() {
                    Some(stream) => stream,
                    None => connect(*port, environment).await?,
                };
                let mut lines = batch.join("\n");
                lines.push('\n');
                stream.write_all(lines.as_bytes()).await.ok()?;
                self.tcp = Some(stream);
                Some(())
            }
        }
    }

    async fn open_http(
        &mut self,
        port: u16,
        environment: &Weak<Environment>,
    ) -> Option<SendRequest<Full<Bytes>>> {
        let stream = connect(port, environment).await?;
        let mut builder = http1::Builder::new();
        builder.max_buf_size(ANSWER_BYTES_MAX);
        let (sender, driver) = builder.handshake(TokioIo::new(stream)).await.ok()?;
        self.driver = JoinSet::new();
        self.driver.spawn(async move {
            // Its end shows at the sender.
            let _ = driver.await;
        });
        Some(sender)
    }
}

async fn connect(port: u16, environment: &Weak<Environment>) -> Option<TcpStream> {
    let environment = environment.upgrade()?;
    let socket = environment.socket().await.ok()?;
    drop(environment);
    let socket = TcpSocket::from_std_stream(socket.into());
    let stream = socket.connect((Ipv4Addr::LOCALHOST, port).into()).await.ok()?;
    stream.set_nodelay(true).ok()?;
    Some(stream)
}
