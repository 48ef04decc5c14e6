//! `aws-chunked`: a payload in pieces, each with its length and perhaps its signature, as S3's clients stream it.
//!
//! ```text
//! 400;chunk-signature=0055…\r\n   1024 bytes   \r\n
//! 0;chunk-signature=b6c6…\r\n
//! x-amz-checksum-crc32c:sOO8/Q==\r\n          (only with a trailer)
//! x-amz-trailer-signature:d81f…\r\n           (only with a signed one)
//! \r\n
//! ```

use std::fmt;

use bytes::{Buf as _, BytesMut};

use crate::sigv4::{Signing, is_same};

/// A signed chunk is kept whole until its signature is checked, so it is bounded. Clients send 64 KB to 1 MB.
pub const CHUNK_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// A chunk's length and signature, or one line of the trailer.
const LINE_BYTES_MAX: usize = 1024;
/// S3 knows one checksum for each algorithm.
const TRAILER_LINES_MAX: usize = 16;
const TRAILER_SIGNATURE: &str = "x-amz-trailer-signature";

/// How a payload is framed: the value of `x-amz-content-sha256`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// `STREAMING-AWS4-HMAC-SHA256-PAYLOAD`
    Signed,
    /// `STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER`
    SignedWithTrailer,
    /// `STREAMING-UNSIGNED-PAYLOAD-TRAILER`
    UnsignedWithTrailer,
}

impl Framing {
    pub fn of(content_sha256: &str) -> Option<Self> {
        match content_sha256 {
            "STREAMING-AWS4-HMAC-SHA256-PAYLOAD" => Some(Self::Signed),
            "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER" => Some(Self::SignedWithTrailer),
            "STREAMING-UNSIGNED-PAYLOAD-TRAILER" => Some(Self::UnsignedWithTrailer),
            _ => None,
        }
    }

    fn has_signatures(self) -> bool {
        self != Self::UnsignedWithTrailer
    }

    fn has_trailer(self) -> bool {
        self != Self::Signed
    }
}

/// The chain of signatures: each covers its chunk and the signature before it, the first the request's own.
pub(crate) struct Chain {
    pub signing: Signing,
    pub previous: String,
}

impl Chain {
    fn advance(&mut self, expected: Option<String>, claimed: &str) -> Result<(), Error> {
        let expected = expected.filter(|expected| is_same(expected, claimed)).ok_or(Error::Signature)?;
        self.previous = expected;
        Ok(())
    }
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("a chunk's length is malformed")]
    Size,
    #[error("a chunk has more than {CHUNK_BYTES_MAX} bytes")]
    TooLarge,
    #[error("a chunk does not end where its length says")]
    End,
    #[error("the trailer is malformed")]
    Trailer,
    #[error("bytes after the last chunk")]
    After,
    #[error("the body ends inside a chunk")]
    Cut,
    #[error("a signature of a chunk or of the trailer is missing or wrong")]
    Signature,
    #[error("the payload has not the length that x-amz-decoded-content-length says")]
    Length,
    #[error("x-amz-decoded-content-length is missing or no number")]
    NoLength,
}

/// Takes the framing off a payload as it arrives. Holds no more than one chunk.
pub struct ChunkDecoder {
    framing: Framing,
    /// Absent when nobody demands that signatures be right.
    chain: Option<Chain>,
    state: State,
    buffer: BytesMut,
    /// How many bytes of payload may still come.
    expected: u64,
    trailer: Vec<(String, String)>,
}

enum State {
    Size,
    Data {
        left: u64,
        signature: Option<String>,
    },
    DataEnd,
    /// After a last chunk without trailer.
    End,
    Trailer,
    Done,
}

impl ChunkDecoder {
    pub(crate) fn new(framing: Framing, decoded_length: u64, chain: Option<Chain>) -> Self {
        let chain = chain.filter(|_| framing.has_signatures());
        Self {
            framing,
            chain,
            state: State::Size,
            buffer: BytesMut::new(),
            expected: decoded_length,
            trailer: Vec::new(),
        }
    }

    /// Reads on; appends what is payload, and verified, to `payload`.
    ///
    /// # Errors
    /// When the framing or a signature is wrong. The decoder is of no use after that.
    pub fn feed(&mut self, bytes: &[u8], payload: &mut BytesMut) -> Result<(), Error> {
        self.buffer.extend_from_slice(bytes);
        while self.step(payload)? {}
        Ok(())
    }

    /// The trailer's fields, once all has been fed.
    ///
    /// # Errors
    /// When the end is missing.
    pub fn finish(self) -> Result<Vec<(String, String)>, Error> {
        match self.state {
            State::Done if self.expected == 0 => Ok(self.trailer),
            State::Done => Err(Error::Length),
            _ => Err(Error::Cut),
        }
    }

    /// One step of the framing; whether there may be another with the bytes at hand.
    fn step(&mut self, payload: &mut BytesMut) -> Result<bool, Error> {
        match &mut self.state {
            State::Size => {
                let Some(line) = take_line(&mut self.buffer, Error::Size)? else { return Ok(false) };
                self.begin_chunk(&line)?;
            }
            State::Data { left, signature } => {
                let here = (self.buffer.len() as u64).min(*left);
                if self.chain.is_some() && here < *left {
                    return Ok(false);
                }
                let data = self.buffer.split_to(usize::try_from(here).expect("no longer than the buffer"));
                let data = data.freeze();
                *left -= here;
                let done = *left == 0;
                if let Some(chain) = &mut self.chain {
                    let claimed = signature.take().ok_or(Error::Signature)?;
                    chain.advance(chain.signing.of_chunk(&chain.previous, &data), &claimed)?;
                }
                payload.extend_from_slice(&data);
                if !done {
                    return Ok(false);
                }
                self.state = State::DataEnd;
            }
            State::DataEnd | State::End => {
                if self.buffer.len() < 2 {
                    return Ok(false);
                }
                if !self.buffer.starts_with(b"\r\n") {
                    return Err(Error::End);
                }
                self.buffer.advance(2);
                self.state = if matches!(self.state, State::End) { State::Done } else { State::Size };
            }
            State::Trailer => {
                let Some(line) = take_line(&mut self.buffer, Error::Trailer)? else { return Ok(false) };
                self.read_trailer(&line)?;
            }
            State::Done if self.buffer.is_empty() => return Ok(false),
            State::Done => return Err(Error::After),
        }
        Ok(true)
    }

    fn begin_chunk(&mut self, line: &str) -> Result<(), Error> {
        let (size, extension) = line.split_once(';').unwrap_or((line, ""));
        // `from_str_radix` alone would take a sign.
        if !size.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(Error::Size);
        }
        let size = u64::from_str_radix(size, 16).map_err(|_| Error::Size)?;
        let signature = extension.strip_prefix("chunk-signature=").map(str::to_owned);
        if self.chain.is_some() && size > CHUNK_BYTES_MAX {
            return Err(Error::TooLarge);
        }
        self.expected = self.expected.checked_sub(size).ok_or(Error::Length)?;
        if size > 0 {
            self.state = State::Data { left: size, signature };
            return Ok(());
        }
        if let Some(chain) = &mut self.chain {
            let expected = chain.signing.of_chunk(&chain.previous, &bytes::Bytes::new());
            chain.advance(expected, &signature.ok_or(Error::Signature)?)?;
        }
        self.state = if self.framing.has_trailer() { State::Trailer } else { State::End };
        Ok(())
    }

    fn read_trailer(&mut self, line: &str) -> Result<(), Error> {
        // AWS's documentation ends a field with `\n\r\n`, its clients with `\r\n`.
        let line = line.trim();
        if !line.is_empty() {
            let (name, value) = line.split_once(':').ok_or(Error::Trailer)?;
            if self.trailer.len() == TRAILER_LINES_MAX {
                return Err(Error::Trailer);
            }
            self.trailer.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
            return Ok(());
        }
        let signature = self.trailer.iter().position(|(name, _)| name == TRAILER_SIGNATURE);
        let signature = signature.map(|position| self.trailer.remove(position).1);
        if let Some(chain) = &mut self.chain {
            let expected = chain.signing.of_trailer(&chain.previous, &self.trailer);
            chain.advance(expected, &signature.ok_or(Error::Signature)?)?;
        }
        self.state = State::Done;
        Ok(())
    }
}

impl fmt::Debug for ChunkDecoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChunkDecoder").field("framing", &self.framing).finish_non_exhaustive()
    }
}

/// Takes a line off `buffer`; `None` when it has not all arrived.
fn take_line(buffer: &mut BytesMut, malformed: Error) -> Result<Option<String>, Error> {
    let searched = &buffer[..buffer.len().min(LINE_BYTES_MAX)];
    let Some(length) = searched.windows(2).position(|pair| pair == b"\r\n") else {
        return if buffer.len() >= LINE_BYTES_MAX { Err(malformed) } else { Ok(None) };
    };
    let line = buffer.split_to(length);
    buffer.advance(2);
    String::from_utf8(line.to_vec()).map(Some).map_err(|_| malformed)
}
