//! SES: mail from templates and bytes, into a mailbox that can be read, with events of what became of it.
//!
//! One crate serves both APIs: `ses` of 2010 and `sesv2` of 2019 are two doors to the same identities, templates and
//! mails. Start with `send.rs`, the road of every mail, then `fate.rs` and `event.rs`; `outbox.rs` delivers events.
//! `refusal.rs` says in each API's words what both refuse.

mod account;
mod address;
mod configuration_set;
mod edge;
mod event;
mod fate;
mod identity;
mod keys;
mod mail;
mod mime;
mod ops;
mod outbox;
mod page;
mod receipt;
mod refusal;
mod relay;
mod send;
mod site;
mod smtp;
mod statistics;
mod suppression;
mod tagged;
mod template;

use std::sync::Arc;

use service::{Agenda, Service};
use tokio::net::TcpListener;

use ops::{v1, v2};
pub use relay::Relay;

/// The settings.
#[derive(Debug, Default)]
pub struct Config {
    /// Where mails go out; without one they stay in the mailbox.
    pub relay: Option<Relay>,
    /// Where mails come in; without it none do.
    pub inbound: Option<TcpListener>,
}

/// What SES holds in memory; all of it can be made anew.
#[derive(Default)]
pub(crate) struct Ses {
    /// Of the events under way.
    agenda: Agenda,
    /// Of the mails for the relay.
    errands: Agenda,
    /// Of the mails that came in.
    tasks: Agenda,
    relay: Option<Relay>,
    inbound: Option<TcpListener>,
}

pub(crate) type Ctx = service::Ctx<Ses>;

/// Both APIs and their operations.
pub fn services(config: Config) -> [Service; 2] {
    let state = Arc::new(Ses { relay: config.relay, inbound: config.inbound, ..Ses::default() });
    let v1 = Service::new(&api_ses::SERVICE, Arc::clone(&state))
        .op(v1::clone_receipt_rule_set)
        .op(v1::create_configuration_set)
        .op(v1::create_configuration_set_event_destination)
        .op(v1::create_receipt_rule)
        .op(v1::create_receipt_rule_set)
        .op(v1::create_template)
        .op(v1::delete_configuration_set)
        .op(v1::delete_configuration_set_event_destination)
        .op(v1::delete_identity)
        .op(v1::delete_receipt_rule)
        .op(v1::delete_receipt_rule_set)
        .op(v1::delete_template)
        .op(v1::delete_verified_email_address)
        .op(v1::describe_active_receipt_rule_set)
        .op(v1::describe_configuration_set)
        .op(v1::describe_receipt_rule)
        .op(v1::describe_receipt_rule_set)
        .op(v1::get_account_sending_enabled)
        .op(v1::get_identity_notification_attributes)
        .op(v1::get_identity_verification_attributes)
        .op(v1::get_send_quota)
        .op(v1::get_send_statistics)
        .op(v1::get_template)
        .op(v1::list_configuration_sets)
        .op(v1::list_identities)
        .op(v1::list_receipt_rule_sets)
        .op(v1::list_templates)
        .op(v1::list_verified_email_addresses)
        .op(v1::reorder_receipt_rule_set)
        .op(v1::send_bulk_templated_email)
        .op(v1::send_email)
        .op(v1::send_raw_email)
        .op(v1::send_templated_email)
        .op(v1::set_active_receipt_rule_set)
        .op(v1::set_identity_headers_in_notifications_enabled)
        .op(v1::set_identity_notification_topic)
        .op(v1::set_receipt_rule_position)
        .op(v1::test_render_template)
        .op(v1::update_account_sending_enabled)
        .op(v1::update_configuration_set_event_destination)
        .op(v1::update_configuration_set_sending_enabled)
        .op(v1::update_receipt_rule)
        .op(v1::update_template)
        .op(v1::verify_domain_identity)
        .op(v1::verify_email_address)
        .op(v1::verify_email_identity)
        .site(site::MailboxSite)
        .edge(edge::SesEdge::V1)
        .job("deliver events of mails", outbox::run)
        .job("send mails to the relay", relay::run)
        .job("take mails in", smtp::run)
        .job("follow receipt rules", receipt::run)
        .job("sweep what mails leave", outbox::sweep)
        .done();
    let v2 = Service::new(&api_sesv2::SERVICE, state)
        .op(v2::create_configuration_set)
        .op(v2::create_configuration_set_event_destination)
        .op(v2::create_email_identity)
        .op(v2::create_email_template)
        .op(v2::delete_configuration_set)
        .op(v2::delete_configuration_set_event_destination)
        .op(v2::delete_email_identity)
        .op(v2::delete_email_template)
        .op(v2::delete_suppressed_destination)
        .op(v2::get_account)
        .op(v2::get_configuration_set)
        .op(v2::get_configuration_set_event_destinations)
        .op(v2::get_email_identity)
        .op(v2::get_email_template)
        .op(v2::get_suppressed_destination)
        .op(v2::list_configuration_sets)
        .op(v2::list_email_identities)
        .op(v2::list_email_templates)
        .op(v2::list_suppressed_destinations)
        .op(v2::list_tags_for_resource)
        .op(v2::put_account_sending_attributes)
        .op(v2::put_account_suppression_attributes)
        .op(v2::put_configuration_set_sending_options)
        .op(v2::put_configuration_set_suppression_options)
        .op(v2::put_email_identity_configuration_set_attributes)
        .op(v2::put_suppressed_destination)
        .op(v2::send_bulk_email)
        .op(v2::send_email)
        .op(v2::tag_resource)
        .op(v2::test_render_email_template)
        .op(v2::untag_resource)
        .op(v2::update_configuration_set_event_destination)
        .op(v2::update_email_template)
        .edge(edge::SesEdge::V2)
        .done();
    [v1, v2]
}
