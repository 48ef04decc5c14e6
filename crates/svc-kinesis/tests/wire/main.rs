//! The service over the wire: raw requests in, answers out, an operation or a theme a file. One program for all: to
//! link one for each would take longer than to run them.

mod cbor;
mod delivery;
mod fanout;
mod order;
mod policies;
mod reading;
mod records;
mod resharding;
mod retention;
mod streams;
mod tags;
mod throttling;
