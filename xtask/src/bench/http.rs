//! A client that costs next to nothing, so that what is measured is the server.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value as Json;

use crate::Error;

/// One keep-alive connection; opened again when the server ends it with an answer, as some do.
pub struct Connection {
    address: String,
    stream: TcpStream,
    reader: BufReader<TcpStream>,
}

/// What a client needs of an answer's head.
pub(super) struct Head {
    pub status: u16,
    /// `None` for a body that comes in chunks, or ends with the connection.
    pub length: Option<usize>,
    chunked: bool,
    closes: bool,
}

/// The least that is read of a body at once.
const PIECE_BYTES: usize = 256 * 1024;

impl Connection {
    pub fn open(address: &str) -> Result<Self, Error> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        Ok(Self { address: address.to_owned(), reader: BufReader::new(stream.try_clone()?), stream })
    }

    /// Sends one request and reads its answer's status and body.
    pub fn call(&mut self, method: &str, path: &str, body: &[u8]) -> Result<(u16, Vec<u8>), Error> {
        self.call_with(method, path, "", body)
    }

    /// As `call`, with more headers, which are whole lines.
    pub fn call_with(
        &mut self,
        method: &str,
        path: &str,
        headers: &str,
        body: &[u8],
    ) -> Result<(u16, Vec<u8>), Error> {
        self.send_with(method, path, headers, body)?;
        self.answer()
    }

    fn answer(&mut self) -> Result<(u16, Vec<u8>), Error> {
        let head = self.head()?;
        let mut answer = Vec::new();
        match head.length {
            Some(length) => {
                answer.resize(length, 0);
                self.reader.read_exact(&mut answer)?;
            }
            None if head.chunked => while self.chunk_into(&mut answer)? {},
            None => {
                self.reader.read_to_end(&mut answer)?;
            }
        }
        if head.closes {
            *self = Self::open(&self.address)?;
        }
        Ok((head.status, answer))
    }

    /// Fetches what is at `path` and throws it away; how many bytes it were.
    pub fn discard(&mut self, path: &str) -> Result<u64, Error> {
        self.send("GET", path, b"")?;
        let head = self.head()?;
        let Head { status: 200, length: Some(length), .. } = head else {
            return Err(format!("GET {path}: {}, or no length", head.status).into());
        };
        let (mut left, mut piece) = (length, vec![0; PIECE_BYTES]);
        while left > 0 {
            let room = left.min(PIECE_BYTES);
            match self.reader.read(&mut piece[..room])? {
                0 => return Err(format!("GET {path}: the answer ends too early").into()),
                count => left -= count,
            }
        }
        if head.closes {
            *self = Self::open(&self.address)?;
        }
        Ok(length as u64)
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

    /// Reads an answer's head.
    pub(super) fn head(&mut self) -> Result<Head, Error> {
        let mut head = Head { status: 0, length: None, chunked: false, closes: false };
        let mut line = String::new();
        loop {
            line.clear();
            if self.reader.read_line(&mut line)? == 0 {
                return Err("the platform hung up".into());
            }
            let text = line.trim_end();
            if let Some(rest) = text.strip_prefix("HTTP/1.") {
                head.closes = rest.starts_with('0');
                head.status = rest.split(' ').nth(1).unwrap_or_default().parse()?;
            } else if let Some((name, value)) = text.split_once(':') {
                let value = value.trim();
                if name.eq_ignore_ascii_case("content-length") {
                    head.length = Some(value.parse()?);
                } else if name.eq_ignore_ascii_case("transfer-encoding") {
                    head.chunked = value.eq_ignore_ascii_case("chunked");
                } else if name.eq_ignore_ascii_case("connection") {
                    head.closes = value.eq_ignore_ascii_case("close");
                }
            } else if text.is_empty() {
                break;
            }
        }
        if matches!(head.status, 204 | 304) {
            head.length = Some(0);
        }
        Ok(head)
    }

    /// Reads one chunk of a body; false at its end.
    pub(super) fn chunk(&mut self) -> Result<bool, Error> {
        self.chunk_into(&mut Vec::new())
    }

    fn chunk_into(&mut self, body: &mut Vec<u8>) -> Result<bool, Error> {
        let mut line = String::new();
        self.reader.read_line(&mut line)?;
        let length = usize::from_str_radix(line.trim_end(), 16)?;
        let before = body.len();
        body.resize(before + length + 2, 0);
        self.reader.read_exact(&mut body[before..])?;
        body.truncate(before + length);
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
    rate(clients, time, || {
        let mut connection = Connection::open(address)?;
        Ok(move || connection.expect(method, path, body).map(drop))
    })
}

/// Calls per second of so many clients, each with a connection of its own that `open` gives.
fn rate<C: FnMut() -> Result<(), Error>>(
    clients: usize,
    time: Duration,
    open: impl Fn() -> Result<C, Error> + Sync,
) -> Result<f64, Error> {
    let stop = AtomicBool::new(false);
    let began = Instant::now();
    let total = std::thread::scope(|scope| {
        let workers = (0..clients).map(|_| {
            scope.spawn(|| -> Result<u64, String> {
                let mut call = open().map_err(|error| error.to_string())?;
                let mut count = 0;
                while !stop.load(Ordering::Relaxed) {
                    call().map_err(|error| error.to_string())?;
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
