//! The operations, one file each.

mod create_log_group;
mod create_log_stream;
mod delete_log_group;
mod delete_subscription_filter;
mod describe_log_groups;
mod describe_log_streams;
mod describe_subscription_filters;
mod filter_log_events;
mod get_log_events;
mod put_log_events;
mod put_subscription_filter;

pub(crate) use create_log_group::create_log_group;
pub(crate) use create_log_stream::create_log_stream;
pub(crate) use delete_log_group::delete_log_group;
pub(crate) use delete_subscription_filter::delete_subscription_filter;
pub(crate) use describe_log_groups::describe_log_groups;
pub(crate) use describe_log_streams::describe_log_streams;
pub(crate) use describe_subscription_filters::describe_subscription_filters;
pub(crate) use filter_log_events::filter_log_events;
pub(crate) use get_log_events::get_log_events;
pub(crate) use put_log_events::put_log_events;
pub(crate) use put_subscription_filter::put_subscription_filter;
