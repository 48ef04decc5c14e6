//! An answer's body: all of it, or piece by piece as it comes.

use std::pin::Pin;
use std::{fmt, io};

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, TryStreamExt as _};

/// Pieces of a body. An error breaks it off, so that the client sees that it is not whole.
pub type Pieces = Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send>>;

pub enum Body {
    Whole(Bytes),
    Pieces(Pieces),
}

impl Body {
    pub fn pieces(pieces: impl Stream<Item = io::Result<Bytes>> + Send + 'static) -> Self {
        Self::Pieces(Box::pin(pieces))
    }

    /// The body, where it is there already.
    pub fn whole(&self) -> Option<&Bytes> {
        match self {
            Self::Whole(bytes) => Some(bytes),
            Self::Pieces(_) => None,
        }
    }

    /// Waits for all of it, which the caller knows to be little.
    ///
    /// # Errors
    /// When it breaks off.
    pub async fn collect(self) -> io::Result<Bytes> {
        match self {
            Self::Whole(bytes) => Ok(bytes),
            Self::Pieces(pieces) => Ok(pieces.try_collect::<Pile>().await?.0.freeze()),
        }
    }
}

#[derive(Default)]
struct Pile(BytesMut);

impl Extend<Bytes> for Pile {
    fn extend<I: IntoIterator<Item = Bytes>>(&mut self, pieces: I) {
        for piece in pieces {
            self.0.extend_from_slice(&piece);
        }
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole(bytes) => bytes.fmt(f),
            Self::Pieces(_) => f.write_str("Pieces"),
        }
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Self::Whole(bytes)
    }
}

impl From<String> for Body {
    fn from(text: String) -> Self {
        Self::Whole(text.into())
    }
}
