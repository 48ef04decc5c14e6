//! Event source mappings over the wire: what is in a queue or a stream invokes functions.

mod kinesis;
mod platform;
mod queues;
mod streams;
mod windows;
