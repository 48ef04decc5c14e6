//! The service over the wire: raw requests in, answers out, a theme a file. One program for all: to link one for each
//! would take longer than to run them.

mod firing;
mod groups;
mod platform;
mod schedules;
