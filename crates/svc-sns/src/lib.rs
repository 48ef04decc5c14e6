//! SNS: topics, subscriptions, and messages on their way from one to the other.
//!
//! Start with `ops/publish.rs`, which stores a message with whom it is for, and `outbox.rs`, which delivers it; by HTTP
//! `courier.rs` does.

mod courier;
mod dead_letter;
mod delivery_policy;
mod endpoint;
mod envelope;
mod filter;
mod keys;
mod letter;
mod message;
mod ops;
mod outbox;
mod page;
mod policy;
mod refusal;
mod signing;
mod site;
mod subscription;
mod target;
mod topic;

use std::sync::Arc;

use service::{Agenda, Service};

/// What SNS holds in memory; all of it can be made anew.
#[derive(Default)]
pub(crate) struct Sns {
    agenda: Agenda,
    holds: outbox::Holds,
    courier: courier::Courier,
    signer: signing::Signer,
}

pub(crate) type Ctx = service::Ctx<Sns>;

/// The service and its operations.
pub fn service() -> Service {
    Service::new(&api_sns::SERVICE, Arc::new(Sns::default()))
        .op(ops::add_permission)
        .op(ops::confirm_subscription)
        .op(ops::create_topic)
        .op(ops::delete_topic)
        .op(ops::get_subscription_attributes)
        .op(ops::get_topic_attributes)
        .op(ops::list_subscriptions)
        .op(ops::list_subscriptions_by_topic)
        .op(ops::list_tags_for_resource)
        .op(ops::list_topics)
        .op(ops::publish)
        .op(ops::publish_batch)
        .op(ops::remove_permission)
        .op(ops::set_subscription_attributes)
        .op(ops::set_topic_attributes)
        .op(ops::subscribe)
        .op(ops::tag_resource)
        .op(ops::unsubscribe)
        .op(ops::untag_resource)
        .site(site::SnsSite)
        .target("sns", target::check, target::deliver)
        .door("sns", target::admit)
        .job("deliver notifications", outbox::run)
        .job("sweep topics", outbox::run_sweep)
        .job("deliver notifications by HTTP", courier::run)
        .done()
}
