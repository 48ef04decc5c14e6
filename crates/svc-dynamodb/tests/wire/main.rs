//! The service over the wire: raw requests in, answers out, an operation or a theme a file. One program for all: to
//! link one for each would take longer than to run them.

mod backups;
mod collections;
mod exports;
mod imports;
mod items;
mod model;
mod partiql;
mod queries;
mod replication;
mod streams;
mod tables;
mod transactions;
