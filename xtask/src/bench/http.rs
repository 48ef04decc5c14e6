//! A client that costs next to nothing, so that what is measured is the server.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value as Json;

use crate::Error;

/// One keep-alive connection.
pub struct Connection {
    stream: TcpStream,
    reader: BufReader<TcpStream>,
}

impl Connection {
    pub fn open(address: &str) -> Result<Self, Error> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        Ok(Self { reader: BufReader::new(stream.try_clone()?), stream })
    }

    /// Sends one request and reads its answer's status and body.
    pub fn call(&mut self, method: &str, path: &str, body: &[u8]) -> Result<(u16, Vec<u8>), Error> {
        self.send(method, path, body)?;
        self.answer()
    }

    fn answer(&mut self) -> Result<(u16, Vec<u8>), Error> {
        let (status, length) = self.head()?;
        let mut answer = vec![0; length];
        self.reader.read_exact(&mut answer)?;
        Ok((status, answer))
    }

    pub(super) fn send(&mut self, method: &str, path: &str, body: &[u8]) -> Result<(), Error> {
        self.send_with(method, path, "", body)
    }

    /// `headers` are whole lines.
    fn send_with(&mut self, method: &str, path: &str, headers: &str, body: &[u8]) -> Result<(), Error> {
        let length = body.len();
        let mut request =
            format!("{method} {path} HTTP/1.1\r\nHost: bench\r\n{headers}Content-Length: {length}\r\n\r\n")
                .into_bytes();
        request.extend_from_slice(body);
        Ok(self.stream.write_all(&request)?)
    }

    /// The answer of an operation of a service that speaks awsJson.
    pub fn json(&mut self, target: &str, body: &Json) -> Result<Json, Error> {
        let headers = format!("Content-Type: application/x-amz-json-1.0\r\nX-Amz-Target: {target}\r\n");
        self.send_with("POST", "/", &headers, body.to_string().as_bytes())?;
        match self.answer()? {
            (200, answer) => Ok(serde_json::from_slice(&answer)?),
            (status, answer) => {
                Err(format!("{target}: {status} {}", String::from_utf8_lossy(&answer)).into())
            }
        }
    }

    /// Reads an answer's head: its status and how long its body is.
    pub(super) fn head(&mut self) -> Result<(u16, usize), Error> {
        let (mut status, mut length, mut line) = (0, 0, String::new());
        loop {
            line.clear();
            if self.reader.read_line(&mut line)? == 0 {
                return Err("the platform hung up".into());
            }
            let text = line.trim_end();
            if let Some(rest) = text.strip_prefix("HTTP/1.1 ") {
                status = rest.split(' ').next().unwrap_or_default().parse()?;
            } else if let Some((name, value)) = text.split_once(':') {
                if name.eq_ignore_ascii_case("content-length") {
                    length = value.trim().parse()?;
                }
            } else if text.is_empty() {
                break;
            }
        }
        Ok((status, length))
    }

    /// Reads one chunk of a body; false at its end.
    pub(super) fn chunk(&mut self) -> Result<bool, Error> {
        let mut line = String::new();
        self.reader.read_line(&mut line)?;
        let length = usize::from_str_radix(line.trim_end(), 16)?;
        self.reader.read_exact(&mut vec![0; length + 2])?;
        Ok(length > 0)
    }

    /// The body of a call that must succeed.
    pub fn expect(&mut self, method: &str, path: &str, body: &[u8]) -> Result<Vec<u8>, Error> {
        match self.call(method, path, body)? {
            (200..=299, answer) => Ok(answer),
            (status, answer) => {
                Err(format!("{method} {path}: {status} {}", String::from_utf8_lossy(&answer)).into())
            }
        }
    }

    /// How long a call that must succeed took.
    pub fn timed(&mut self, method: &str, path: &str, body: &[u8]) -> Result<Duration, Error> {
        let began = Instant::now();
        self.expect(method, path, body)?;
        Ok(began.elapsed())
    }
}

/// Requests per second of `clients` connections that each call again as soon as they are answered.
pub fn throughput(
    address: &str,
    clients: usize,
    time: Duration,
    method: &str,
    path: &str,
    body: &[u8],
) -> Result<f64, Error> {
    let stop = AtomicBool::new(false);
    let began = Instant::now();
    let total = std::thread::scope(|scope| {
        let workers = (0..clients).map(|_| {
            scope.spawn(|| -> Result<u64, String> {
                let mut connection = Connection::open(address).map_err(|error| error.to_string())?;
                let mut count = 0;
                while !stop.load(Ordering::Relaxed) {
                    connection.expect(method, path, body).map_err(|error| error.to_string())?;
                    count += 1;
                }
                Ok(count)
            })
        });
        let workers = workers.collect::<Vec<_>>();
        while began.elapsed() < time {
            std::thread::park_timeout(time.saturating_sub(began.elapsed()));
        }
        stop.store(true, Ordering::Relaxed);
        workers
            .into_iter()
            .map(|worker| worker.join().map_err(|_| "a client panicked".to_owned())?)
            .sum::<Result<u64, String>>()
    })?;
    #[expect(clippy::cast_precision_loss, reason = "a few million requests")]
    Ok(total as f64 / began.elapsed().as_secs_f64())
}
