//! The first byte of a response that the function still writes, and its last.

use std::time::{Duration, Instant};

use super::http::Connection;
use super::{Platform, Samples};
use crate::Error;

/// The second half comes 50 ms after the first.
const SAMPLES: usize = 100;

/// How long the first and the last byte of each of many streamed responses took.
pub fn measure(platform: &Platform, name: &str) -> Result<(Samples, Samples), Error> {
    let mut connection = Connection::open(&platform.address)?;
    let path = format!("/2021-11-15/functions/{name}/response-streaming-invocations");
    let mut ends = Vec::new();
    connection.stream("POST", &path, b"{}")?;
    let firsts = Samples::take(SAMPLES, || {
        let (first, end) = connection.stream("POST", &path, b"{}")?;
        ends.push(end);
        Ok(first)
    })?;
    let mut ends = ends.into_iter();
    let ends = Samples::take(SAMPLES, || ends.next().ok_or_else(|| "one for each first".into()))?;
    Ok((firsts, ends))
}

impl Connection {
    /// How long the first byte and the last of a response in chunks took.
    fn stream(&mut self, method: &str, path: &str, body: &[u8]) -> Result<(Duration, Duration), Error> {
        let began = Instant::now();
        self.send(method, path, body)?;
        let head = self.head()?;
        if head.status != 200 || head.length.is_some() {
            return Err(format!("{method} {path}: {}, no stream", head.status).into());
        }
        let mut first = None;
        while self.chunk()? {
            first.get_or_insert_with(|| began.elapsed());
        }
        Ok((first.ok_or("an empty stream")?, began.elapsed()))
    }
}
