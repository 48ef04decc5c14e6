//! AWS's wire, written once: every protocol reads into and writes from [`Value`], led by a shape's schema.
//!
//! Start with `protocol.rs`, which takes one request from bytes to a checked input and an output back to bytes.

mod body;
mod byte_stream;
pub mod cbor;
pub mod constraints;
mod error;
pub mod event_stream;
mod events;
pub mod json;
mod patterns;
pub mod protocol;
pub mod query;
pub mod rest;
pub mod schema;
mod text;
pub mod timestamp;
pub mod value;
pub mod xml;

pub use body::{Body, Pieces};
pub use byte_stream::{ByteStream, Source, Trailer};
pub use error::AwsError;
pub use events::{EventStream, Events};
pub use patterns::Patterns;
pub use protocol::{Request, Response, Routed};
pub use value::{Input, Value, Wire};

/// What an operation answers.
pub type Result<T, E = AwsError> = std::result::Result<T, E>;
