//! Pipes over the wire: raw requests in, answers out, an operation or a theme a file.

mod flow;
mod pipes;
mod platform;
mod streams;
mod targets;
