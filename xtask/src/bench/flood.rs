//! Many connections with one request again and again, from one thread: where what a client takes is the server's loss.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use rustix::event::{Timespec, epoll};
use rustix::fd::OwnedFd;

use crate::Error;

/// More than any answer of a load takes.
const ANSWERED_WITHIN: Duration = Duration::from_secs(20);
/// Connections that are looked at at once.
const READY_MAX: usize = 64;

/// One connection for one request, whose answers are all as long as the first: it is spared all but sending and reading.
struct Repeating {
    stream: TcpStream,
    answer: Vec<u8>,
    /// What has come of the answer under way, in bytes.
    read: usize,
}

impl Repeating {
    /// The first call.
    fn open(address: &str, request: &[u8]) -> Result<Self, Error> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        // An answer that is shorter is none that was expected.
        stream.set_read_timeout(Some(ANSWERED_WITHIN))?;
        stream.write_all(request)?;
        let mut reader = BufReader::new(stream.try_clone()?);
        let (mut answer, mut body) = (Vec::new(), 0);
        while !answer.ends_with(b"\r\n\r\n") {
            let mut line = Vec::new();
            if reader.read_until(b'\n', &mut line)? == 0 {
                return Err("the platform hung up".into());
            }
            let text = String::from_utf8_lossy(&line).to_ascii_lowercase();
            if let Some(length) = text.strip_prefix("content-length:") {
                body = length.trim().parse()?;
            }
            answer.extend(line);
        }
        let head = answer.len();
        answer.resize(head + body, 0);
        reader.read_exact(&mut answer[head..])?;
        let repeating = Self { stream, answer, read: 0 };
        repeating.check()?;
        Ok(repeating)
    }

    /// Reads what has come; whether that was the end of an answer.
    fn read(&mut self) -> Result<bool, Error> {
        match self.stream.read(&mut self.answer[self.read..])? {
            0 => return Err("the platform hung up".into()),
            count => self.read += count,
        }
        if self.read < self.answer.len() {
            return Ok(false);
        }
        self.read = 0;
        self.check()?;
        Ok(true)
    }

    fn check(&self) -> Result<(), Error> {
        if self.answer.starts_with(b"HTTP/1.1 2") {
            return Ok(());
        }
        Err(format!("an answer that was not expected: {}", String::from_utf8_lossy(&self.answer)).into())
    }
}

/// Requests per second of `clients` connections that each call again as soon as they are answered.
pub fn flood(
    address: &str,
    clients: usize,
    time: Duration,
    method: &str,
    path: &str,
    body: &[u8],
) -> Result<f64, Error> {
    let head = format!("{method} {path} HTTP/1.1\r\nHost: bench\r\nContent-Length: {}\r\n\r\n", body.len());
    let request = [head.as_bytes(), body].concat();
    let ready = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    let mut connections = Vec::with_capacity(clients);
    for number in 0..clients {
        let connection = Repeating::open(address, &request)?;
        epoll::add(
            &ready,
            &connection.stream,
            epoll::EventData::new_u64(number as u64),
            epoll::EventFlags::IN,
        )?;
        connections.push(connection);
    }
    let began = Instant::now();
    for connection in &mut connections {
        connection.stream.write_all(&request)?;
    }
    let mut count = 0_u32;
    while began.elapsed() < time {
        for number in answering(&ready)? {
            let connection = &mut connections[number];
            if connection.read()? {
                count += 1;
                connection.stream.write_all(&request)?;
            }
        }
    }
    Ok(f64::from(count) / began.elapsed().as_secs_f64())
}

/// The connections at which something has come; waits for one.
fn answering(ready: &OwnedFd) -> Result<Vec<usize>, Error> {
    let mut events = Vec::<epoll::Event>::with_capacity(READY_MAX);
    let within = Timespec { tv_sec: ANSWERED_WITHIN.as_secs().try_into()?, tv_nsec: 0 };
    epoll::wait(ready, rustix::buffer::spare_capacity(&mut events), Some(&within))?;
    if events.is_empty() {
        return Err("the platform answers nobody".into());
    }
    Ok(events.iter().map(|event| usize::try_from(event.data.u64()).expect("a connection's number")).collect())
}
