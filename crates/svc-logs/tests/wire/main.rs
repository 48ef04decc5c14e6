//! The service over the wire: raw requests in, answers out, an operation or a theme a file. One program for all: to
//! link one for each would take longer than to run them.

mod create_log_group;
mod create_log_stream;
mod delete_log_group;
mod describe_log_groups;
mod describe_log_streams;
mod filter_log_events;
mod get_log_events;
mod put_log_events;
mod subscription_filters;
mod unserved;
