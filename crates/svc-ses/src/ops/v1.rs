//! The operations of the API of 2010, one file each, and how its requests are read.

mod clone_receipt_rule_set;
mod create_configuration_set;
mod create_configuration_set_event_destination;
mod create_receipt_rule;
mod create_receipt_rule_set;
mod create_template;
mod delete_configuration_set;
mod delete_configuration_set_event_destination;
mod delete_identity;
mod delete_receipt_rule;
mod delete_receipt_rule_set;
mod delete_template;
mod delete_verified_email_address;
mod describe_active_receipt_rule_set;
mod describe_configuration_set;
mod describe_receipt_rule;
mod describe_receipt_rule_set;
mod get_account_sending_enabled;
mod get_identity_notification_attributes;
mod get_identity_verification_attributes;
mod get_send_quota;
mod get_send_statistics;
mod get_template;
mod list_configuration_sets;
mod list_identities;
mod list_receipt_rule_sets;
mod list_templates;
mod list_verified_email_addresses;
mod reorder_receipt_rule_set;
mod send_bulk_templated_email;
mod send_email;
mod send_raw_email;
mod send_templated_email;
mod set_active_receipt_rule_set;
mod set_identity_headers_in_notifications_enabled;
mod set_identity_notification_topic;
mod set_receipt_rule_position;
mod test_render_template;
mod update_account_sending_enabled;
mod update_configuration_set_event_destination;
mod update_configuration_set_sending_enabled;
mod update_receipt_rule;
mod update_template;
mod verify_domain_identity;
mod verify_email_address;
mod verify_email_identity;

use api_ses::{BulkEmailStatus, Destination, EventDestination, EventType, MessageTag};
use aws_wire::{AwsError, Result};

use crate::Ctx;
use crate::configuration_set::{self, Destination as Stored};
use crate::refusal::{Decision, Refusal};

pub(crate) use clone_receipt_rule_set::clone_receipt_rule_set;
pub(crate) use create_configuration_set::create_configuration_set;
pub(crate) use create_configuration_set_event_destination::create_configuration_set_event_destination;
pub(crate) use create_receipt_rule::create_receipt_rule;
pub(crate) use create_receipt_rule_set::create_receipt_rule_set;
pub(crate) use create_template::create_template;
pub(crate) use delete_configuration_set::delete_configuration_set;
pub(crate) use delete_configuration_set_event_destination::delete_configuration_set_event_destination;
pub(crate) use delete_identity::delete_identity;
pub(crate) use delete_receipt_rule::delete_receipt_rule;
pub(crate) use delete_receipt_rule_set::delete_receipt_rule_set;
pub(crate) use delete_template::delete_template;
pub(crate) use delete_verified_email_address::delete_verified_email_address;
pub(crate) use describe_active_receipt_rule_set::describe_active_receipt_rule_set;
pub(crate) use describe_configuration_set::describe_configuration_set;
pub(crate) use describe_receipt_rule::describe_receipt_rule;
pub(crate) use describe_receipt_rule_set::describe_receipt_rule_set;
pub(crate) use get_account_sending_enabled::get_account_sending_enabled;
pub(crate) use get_identity_notification_attributes::get_identity_notification_attributes;
pub(crate) use get_identity_verification_attributes::get_identity_verification_attributes;
pub(crate) use get_send_quota::get_send_quota;
pub(crate) use get_send_statistics::get_send_statistics;
pub(crate) use get_template::get_template;
pub(crate) use list_configuration_sets::list_configuration_sets;
pub(crate) use list_identities::list_identities;
pub(crate) use list_receipt_rule_sets::list_receipt_rule_sets;
pub(crate) use list_templates::list_templates;
pub(crate) use list_verified_email_addresses::list_verified_email_addresses;
pub(crate) use reorder_receipt_rule_set::reorder_receipt_rule_set;
pub(crate) use send_bulk_templated_email::send_bulk_templated_email;
pub(crate) use send_email::send_email;
pub(crate) use send_raw_email::send_raw_email;
pub(crate) use send_templated_email::send_templated_email;
pub(crate) use set_active_receipt_rule_set::set_active_receipt_rule_set;
pub(crate) use set_identity_headers_in_notifications_enabled::set_identity_headers_in_notifications_enabled;
pub(crate) use set_identity_notification_topic::set_identity_notification_topic;
pub(crate) use set_receipt_rule_position::set_receipt_rule_position;
pub(crate) use test_render_template::test_render_template;
pub(crate) use update_account_sending_enabled::update_account_sending_enabled;
pub(crate) use update_configuration_set_event_destination::update_configuration_set_event_destination;
pub(crate) use update_configuration_set_sending_enabled::update_configuration_set_sending_enabled;
pub(crate) use update_receipt_rule::update_receipt_rule;
pub(crate) use update_template::update_template;
pub(crate) use verify_domain_identity::verify_domain_identity;
pub(crate) use verify_email_address::verify_email_address;
pub(crate) use verify_email_identity::verify_email_identity;

fn tags(given: Option<Vec<MessageTag>>) -> Vec<(String, String)> {
    given.unwrap_or_default().into_iter().map(|tag| (tag.name, tag.value)).collect()
}

/// To, copies, blind copies.
fn recipients(given: Destination) -> [Vec<String>; 3] {
    [given.to_addresses, given.cc_addresses, given.bcc_addresses].map(Option::unwrap_or_default)
}

/// A destination's spelling of an event in the API of 2019.
fn matching(event: EventType) -> &'static str {
    match event {
        EventType::Send => "SEND",
        EventType::Reject => "REJECT",
        EventType::Bounce => "BOUNCE",
        EventType::Complaint => "COMPLAINT",
        EventType::Delivery => "DELIVERY",
        EventType::Open => "OPEN",
        EventType::Click => "CLICK",
        EventType::RenderingFailure => "RENDERING_FAILURE",
    }
}

/// Checks a destination that is to be stored.
async fn destination(
    cx: &Ctx,
    operation: &str,
    set: &str,
    given: EventDestination,
) -> Result<(String, Stored)> {
    let refused = |member: &str| AwsError::parameter_not_implemented(operation, member);
    if given.kinesis_firehose_destination.is_some() {
        return Err(refused("KinesisFirehoseDestination"));
    }
    if given.cloud_watch_destination.is_some() {
        return Err(refused("CloudWatchDestination"));
    }
    for event in &given.matching_event_types {
        if matches!(event, EventType::Open | EventType::Click) {
            return Err(refused(&format!("MatchingEventTypes {}", event.as_str())));
        }
    }
    let topic = given.sns_destination.ok_or_else(|| {
        crate::refusal::invalid("An event destination needs exactly one of its kinds of destinations.")
    })?;
    let invalid = |refusal: Refusal| match refusal {
        Refusal::Invalid(message) => api_ses::errors::invalid_sns_destination_exception(message)
            .with("ConfigurationSetName", set)
            .with("EventDestinationName", given.name.as_str()),
        other => other.v1(),
    };
    configuration_set::check_target(cx, operation, "SNSDestination", &topic.topic_arn)
        .await
        .map_err(invalid)?;
    let stored = Stored {
        enabled: given.enabled.unwrap_or(false),
        events: given.matching_event_types.into_iter().map(|event| matching(event).to_owned()).collect(),
        arn: topic.topic_arn,
    };
    Ok((given.name, stored))
}

/// How one mail of many ended.
fn status(sent: Decision<String>) -> api_ses::BulkEmailDestinationStatus {
    let (status, error, message_id) = match sent {
        Ok(id) => (BulkEmailStatus::Success, None, Some(id)),
        Err(refusal) => {
            let status = match &refusal {
                Refusal::Rejected(_) => BulkEmailStatus::MessageRejected,
                Refusal::Invalid(_) => BulkEmailStatus::InvalidParameterValue,
                Refusal::NoConfigurationSet(_) => BulkEmailStatus::ConfigurationSetDoesNotExist,
                Refusal::NoTemplate(_) => BulkEmailStatus::TemplateDoesNotExist,
                Refusal::AccountPaused => BulkEmailStatus::AccountSendingPaused,
                Refusal::ConfigurationSetPaused(_) => BulkEmailStatus::ConfigurationSetSendingPaused,
                Refusal::Other(error) if error.status >= 500 => BulkEmailStatus::TransientFailure,
                Refusal::Other(_) => BulkEmailStatus::Failed,
            };
            (status, Some(refusal.message()), None)
        }
    };
    api_ses::BulkEmailDestinationStatus { status: Some(status), error, message_id }
}
