//! The service over the wire: raw requests in, answers out, an operation or a theme a file. One program for all: to
//! link one for each would take longer than to run them.

mod access;
mod archive;
mod buckets;
mod customer_keys;
mod listing;
mod objects;
mod parts;
mod settings;
mod strangers;
mod versions;
