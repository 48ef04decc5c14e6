//! An HTTP endpoint of the test's own.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::{Wire, soon};
use env::Env;
use serde_json::Value as Json;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Got {
    /// Milliseconds since the epoch, on the test's clock.
    pub at_ms: i64,
    pub method: String,
    pub path: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Got {
    pub fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str()).unwrap_or_default()
    }

    /// # Panics
    /// When its body is not JSON.
    pub fn json(&self) -> Json {
        serde_json::from_str(&self.body).expect("a body of JSON")
    }
}

/// What it answers; [`Hook::SILENCE`] is no answer at all.
pub struct Hook {
    /// Such as `127.0.0.1:40000`.
    pub address: String,
    shared: Arc<Shared>,
    server: tokio::task::JoinHandle<()>,
}

struct Shared {
    env: Env,
    got: Mutex<Vec<Got>>,
    answers: Mutex<VecDeque<&'static str>>,
    count: watch::Sender<usize>,
}

impl Hook {
    pub const SILENCE: &'static str = "";

    /// Answers these, such as `500 Oops` or `200 OK\r\nx-header: 1\n\na body`, one after the other, and `200 OK`
    /// afterwards.
    ///
    /// # Panics
    /// When no port is free.
    pub async fn new(wire: &Wire, answers: &[&'static str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let shared = Arc::new(Shared {
            env: wire.env.clone(),
            got: Mutex::default(),
            answers: Mutex::new(answers.iter().copied().collect()),
            count: watch::channel(0).0,
        });
        let server = tokio::spawn(serve(listener, Arc::clone(&shared)));
        Self { address, shared, server }
    }

    /// The requests so far, once there are so many.
    ///
    /// # Panics
    /// When they never come.
    pub async fn got(&self, count: usize) -> Vec<Got> {
        let mut counted = self.shared.count.subscribe();
        soon("requests to the endpoint", counted.wait_for(|seen| *seen >= count)).await.expect("it serves");
        self.shared.got.lock().expect("no panic while held").clone()
    }

    /// As [`Hook::got`], and moves the clock meanwhile: so little at a time that no request takes long by it.
    pub async fn got_later(&self, wire: &Wire, count: usize) -> Vec<Got> {
        let mut got = std::pin::pin!(self.got(count));
        loop {
            tokio::select! {
                biased;
                got = &mut got => return got,
                () = tokio::task::yield_now() => wire.clock.advance(Duration::from_millis(5)),
            }
        }
    }
}

impl Drop for Hook {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    while let Ok((stream, _)) = listener.accept().await {
        let shared = Arc::clone(&shared);
        tokio::spawn(async move { answer(stream, &shared).await });
    }
}

async fn answer(stream: TcpStream, shared: &Shared) -> Option<()> {
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    stream.read_line(&mut line).await.ok()?;
    let mut words = line.split(' ').map(str::to_owned);
    let (method, path) = (words.next()?, words.next()?);
    let mut headers = Vec::new();
    loop {
        line.clear();
        stream.read_line(&mut line).await.ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let mut got = Got { at_ms: shared.env.now().as_millis(), method, path, headers, body: String::new() };
    let mut body = vec![0; got.header("content-length").parse().unwrap_or(0)];
    stream.read_exact(&mut body).await.ok()?;
    got.body = String::from_utf8(body).ok()?;
    let answer = shared.answers.lock().expect("no panic while held").pop_front().unwrap_or("200 OK");
    shared.got.lock().expect("no panic while held").push(got);
    shared.count.send_modify(|count| *count += 1);
    if answer == Hook::SILENCE {
        std::future::pending::<()>().await;
    }
    let (head, body) = answer.split_once("\n\n").unwrap_or((answer, ""));
    let length = body.len();
    let answer = format!("HTTP/1.1 {head}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}");
    stream.get_mut().write_all(answer.as_bytes()).await.ok()
}
