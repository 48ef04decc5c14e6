//! The operations of the API of 2019, one file each, and how its requests are read.

mod create_configuration_set;
mod create_configuration_set_event_destination;
mod create_email_identity;
mod create_email_template;
mod delete_configuration_set;
mod delete_configuration_set_event_destination;
mod delete_email_identity;
mod delete_email_template;
mod delete_suppressed_destination;
mod get_account;
mod get_configuration_set;
mod get_configuration_set_event_destinations;
mod get_email_identity;
mod get_email_template;
mod get_suppressed_destination;
mod list_configuration_sets;
mod list_email_identities;
mod list_email_templates;
mod list_suppressed_destinations;
mod list_tags_for_resource;
mod put_account_sending_attributes;
mod put_account_suppression_attributes;
mod put_configuration_set_sending_options;
mod put_configuration_set_suppression_options;
mod put_email_identity_configuration_set_attributes;
mod put_suppressed_destination;
mod send_bulk_email;
mod send_email;
mod tag_resource;
mod test_render_email_template;
mod untag_resource;
mod update_configuration_set_event_destination;
mod update_email_template;

use std::collections::BTreeMap;

use api_sesv2::{
    Attachment, AttachmentContentDisposition, BulkEmailStatus, Destination, EventDestinationDefinition,
    EventType, MessageHeader, MessageTag, SuppressionListReason, Tag, errors,
};
use aws_wire::{AwsError, Result};

use crate::Ctx;
use crate::configuration_set::{self, Destination as Stored};
use crate::mime;
use crate::refusal::{Decision, Refusal};

/// Of a resource, as everywhere.
const TAGS_MAX: usize = 50;
/// Of one mail, as AWS's quota.
const ATTACHMENTS_MAX: usize = 100;

pub(crate) use create_configuration_set::create_configuration_set;
pub(crate) use create_configuration_set_event_destination::create_configuration_set_event_destination;
pub(crate) use create_email_identity::create_email_identity;
pub(crate) use create_email_template::create_email_template;
pub(crate) use delete_configuration_set::delete_configuration_set;
pub(crate) use delete_configuration_set_event_destination::delete_configuration_set_event_destination;
pub(crate) use delete_email_identity::delete_email_identity;
pub(crate) use delete_email_template::delete_email_template;
pub(crate) use delete_suppressed_destination::delete_suppressed_destination;
pub(crate) use get_account::get_account;
pub(crate) use get_configuration_set::get_configuration_set;
pub(crate) use get_configuration_set_event_destinations::get_configuration_set_event_destinations;
pub(crate) use get_email_identity::get_email_identity;
pub(crate) use get_email_template::get_email_template;
pub(crate) use get_suppressed_destination::get_suppressed_destination;
pub(crate) use list_configuration_sets::list_configuration_sets;
pub(crate) use list_email_identities::list_email_identities;
pub(crate) use list_email_templates::list_email_templates;
pub(crate) use list_suppressed_destinations::list_suppressed_destinations;
pub(crate) use list_tags_for_resource::list_tags_for_resource;
pub(crate) use put_account_sending_attributes::put_account_sending_attributes;
pub(crate) use put_account_suppression_attributes::put_account_suppression_attributes;
pub(crate) use put_configuration_set_sending_options::put_configuration_set_sending_options;
pub(crate) use put_configuration_set_suppression_options::put_configuration_set_suppression_options;
pub(crate) use put_email_identity_configuration_set_attributes::put_email_identity_configuration_set_attributes;
pub(crate) use put_suppressed_destination::put_suppressed_destination;
pub(crate) use send_bulk_email::send_bulk_email;
pub(crate) use send_email::send_email;
pub(crate) use tag_resource::tag_resource;
pub(crate) use test_render_email_template::test_render_email_template;
pub(crate) use untag_resource::untag_resource;
pub(crate) use update_configuration_set_event_destination::update_configuration_set_event_destination;
pub(crate) use update_email_template::update_email_template;

/// 501 for each of these that is there.
fn refuse(operation: &str, given: &[(&str, bool)]) -> Result<()> {
    match given.iter().find(|(_, there)| *there) {
        Some((name, _)) => Err(AwsError::parameter_not_implemented(operation, name)),
        None => Ok(()),
    }
}

fn message_tags(given: Option<Vec<MessageTag>>) -> Vec<(String, String)> {
    given.unwrap_or_default().into_iter().map(|tag| (tag.name, tag.value)).collect()
}

fn headers(given: Option<Vec<MessageHeader>>) -> Vec<(String, String)> {
    given.unwrap_or_default().into_iter().map(|header| (header.name, header.value)).collect()
}

/// To, copies, blind copies.
fn recipients(given: Destination) -> [Vec<String>; 3] {
    [given.to_addresses, given.cc_addresses, given.bcc_addresses].map(Option::unwrap_or_default)
}

/// Reads attachments. How they are encoded in the mail is ours to choose: what is asked for is checked by nobody who
/// reads it.
fn attachments(operation: &str, given: Option<Vec<Attachment>>) -> Result<Vec<mime::Attachment>> {
    let given = given.unwrap_or_default();
    if given.len() > ATTACHMENTS_MAX {
        return Err(errors::bad_request_exception(format!(
            "At most {ATTACHMENTS_MAX} attachments are allowed."
        )));
    }
    let read = |one: Attachment| {
        refuse(operation, &[("ContentTransferEncoding", one.content_transfer_encoding.is_some())])?;
        let content_type = one.content_type.unwrap_or_default();
        if [&content_type, &one.file_name].iter().any(|text| text.chars().any(char::is_control)) {
            return Err(errors::bad_request_exception(format!("Invalid attachment <{}>.", one.file_name)));
        }
        Ok(mime::Attachment {
            name: one.file_name,
            content_type,
            content: one.raw_content,
            inline: one.content_disposition == Some(AttachmentContentDisposition::Inline),
            content_id: one.content_id,
            description: one.content_description,
        })
    };
    given.into_iter().map(read).collect()
}

/// # Errors
/// 400 for more than fifty tags, and for keys that are none.
fn tags(given: Option<Vec<Tag>>) -> Result<BTreeMap<String, String>> {
    let tags =
        given.unwrap_or_default().into_iter().map(|tag| (tag.key, tag.value)).collect::<BTreeMap<_, _>>();
    check_tags(&tags).map(|()| tags)
}

fn check_tags(tags: &BTreeMap<String, String>) -> Result<()> {
    if tags.len() > TAGS_MAX {
        return Err(errors::bad_request_exception(format!("A resource has at most {TAGS_MAX} tags.")));
    }
    let is_key = |key: &String| (1..=128).contains(&key.chars().count()) && !key.starts_with("aws:");
    match tags.keys().find(|key| !is_key(key)) {
        Some(key) => Err(errors::bad_request_exception(format!("Invalid tag key <{key}>."))),
        None => Ok(()),
    }
}

fn shown_tags(tags: BTreeMap<String, String>) -> Vec<Tag> {
    tags.into_iter().map(|(key, value)| Tag { key, value }).collect()
}

fn reasons(given: Vec<SuppressionListReason>) -> Vec<String> {
    let mut reasons = given.into_iter().map(|reason| reason.as_str().to_owned()).collect::<Vec<_>>();
    reasons.sort();
    reasons.dedup();
    reasons
}

fn shown_reasons(reasons: &[String]) -> Vec<SuppressionListReason> {
    reasons.iter().filter_map(|reason| reason.parse().ok()).collect()
}

/// Checks a destination that is to be stored.
async fn destination(cx: &Ctx, operation: &str, given: EventDestinationDefinition) -> Result<Stored> {
    refuse(
        operation,
        &[
            ("KinesisFirehoseDestination", given.kinesis_firehose_destination.is_some()),
            ("CloudWatchDestination", given.cloud_watch_destination.is_some()),
            ("PinpointDestination", given.pinpoint_destination.is_some()),
        ],
    )?;
    let events = given.matching_event_types.unwrap_or_default();
    if events.is_empty() {
        return Err(errors::bad_request_exception("An event destination needs matching event types."));
    }
    for event in &events {
        let unheard = matches!(
            event,
            EventType::Open | EventType::Click | EventType::DeliveryDelay | EventType::Subscription
        );
        refuse(operation, &[(&format!("MatchingEventTypes {}", event.as_str()), unheard)])?;
    }
    let (member, arn) = match (given.sns_destination, given.event_bridge_destination) {
        (Some(topic), None) => ("SnsDestination", topic.topic_arn),
        (None, Some(bus)) => ("EventBridgeDestination", bus.event_bus_arn),
        _ => {
            return Err(errors::bad_request_exception(
                "An event destination needs exactly one of its kinds of destinations.",
            ));
        }
    };
    let service = if member == "SnsDestination" { "sns" } else { "events" };
    if arn.split(':').nth(2) != Some(service) {
        return Err(errors::bad_request_exception(format!("Invalid ARN <{arn}>.")));
    }
    configuration_set::check_target(cx, operation, member, &arn).await.map_err(Refusal::v2)?;
    let events = events.into_iter().map(|event| event.as_str().to_owned()).collect();
    Ok(Stored { enabled: given.enabled.unwrap_or(false), events, arn })
}

/// How one mail of many ended.
fn status(sent: Decision<String>) -> api_sesv2::BulkEmailEntryResult {
    let (status, error, message_id) = match sent {
        Ok(id) => (BulkEmailStatus::Success, None, Some(id)),
        Err(refusal) => {
            let status = match &refusal {
                Refusal::Rejected(_) => BulkEmailStatus::MessageRejected,
                Refusal::Invalid(_) => BulkEmailStatus::InvalidParameter,
                Refusal::NoConfigurationSet(_) => BulkEmailStatus::ConfigurationSetNotFound,
                Refusal::NoTemplate(_) => BulkEmailStatus::TemplateNotFound,
                Refusal::AccountPaused => BulkEmailStatus::AccountSendingPaused,
                Refusal::ConfigurationSetPaused(_) => BulkEmailStatus::ConfigurationSetSendingPaused,
                Refusal::Other(error) if error.status >= 500 => BulkEmailStatus::TransientFailure,
                Refusal::Other(_) => BulkEmailStatus::Failed,
            };
            (status, Some(refusal.message()), None)
        }
    };
    api_sesv2::BulkEmailEntryResult { status: Some(status), error, message_id }
}
