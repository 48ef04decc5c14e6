//! `SendBulkEmail`: one template, a mail for each entry, each of which can fail alone.

use api_sesv2::{BulkEmailEntry, SendBulkEmailInput, SendBulkEmailOutput, errors};
use aws_wire::Result;

use super::send_email::named;
use super::{attachments, headers, message_tags, recipients, refuse, status};
use crate::Ctx;
use crate::refusal::Refusal;
use crate::send::{self, Content, Order, RECIPIENTS_MAX, V2_BYTES_MAX, template_data};

const OPERATION: &str = "SendBulkEmail";

pub(crate) async fn send_bulk_email(cx: Ctx, input: SendBulkEmailInput) -> Result<SendBulkEmailOutput> {
    refuse(
        OPERATION,
        &[
            ("EndpointId", input.endpoint_id.is_some()),
            ("TenantName", input.tenant_name.is_some()),
            ("ConfigurationOverrides", input.configuration_overrides.is_some()),
        ],
    )?;
    let entries = &input.bulk_email_entries;
    if entries.is_empty() || entries.len() > RECIPIENTS_MAX {
        let message = format!("BulkEmailEntries must have between 1 and {RECIPIENTS_MAX} members.");
        return Err(errors::bad_request_exception(message));
    }
    let given = input.default_content.template.clone();
    let given = given.ok_or_else(|| errors::bad_request_exception("A template must be given."))?;
    let (name, template) = named(&cx, OPERATION, &given).await?;
    let default_data = given.template_data.clone().unwrap_or_else(|| "{}".to_owned());
    template_data(&default_data, None).map_err(Refusal::v2)?;
    let attached = attachments(OPERATION, given.attachments.clone())?;
    let order = |entry: &BulkEmailEntry, content| {
        let [to, cc, bcc] = recipients(entry.destination.clone());
        Order {
            source: input.from_email_address.clone(),
            to,
            cc,
            bcc,
            reply_to: input.reply_to_addresses.clone().unwrap_or_default(),
            return_path: input.feedback_forwarding_email_address.clone(),
            content,
            tags: replaced(
                message_tags(input.default_email_tags.clone()),
                message_tags(entry.replacement_tags.clone()),
            ),
            configuration_set: input.configuration_set_name.clone(),
            headers: replaced(headers(given.headers.clone()), headers(entry.replacement_headers.clone())),
            attachments: attached.clone(),
            bytes_max: V2_BYTES_MAX,
            arns: vec![
                ("FromEmailAddressIdentityArn", input.from_email_address_identity_arn.clone()),
                (
                    "FeedbackForwardingEmailAddressIdentityArn",
                    input.feedback_forwarding_email_address_identity_arn.clone(),
                ),
            ],
            operation: OPERATION,
        }
    };
    send::check(&cx, &order(&entries[0], Content::default())).await.map_err(Refusal::v2)?;
    let mut results = Vec::with_capacity(entries.len());
    for entry in entries {
        let own = entry.replacement_email_content.as_ref();
        let own = own.and_then(|content| content.replacement_template.as_ref());
        let own = own.and_then(|template| template.replacement_template_data.as_deref());
        let sent = match template_data(&default_data, own.filter(|own| !own.is_empty())) {
            Ok(data) => {
                let content = Content::Template { name: name.clone(), template: template.clone(), data };
                send::send(&cx, order(entry, content)).await
            }
            Err(refusal) => Err(refusal),
        };
        results.push(status(sent));
    }
    Ok(SendBulkEmailOutput { bulk_email_entry_results: results })
}

/// An entry's own in place of those of the same name.
fn replaced(mut all: Vec<(String, String)>, own: Vec<(String, String)>) -> Vec<(String, String)> {
    all.retain(|(name, _)| own.iter().all(|(replacing, _)| replacing != name));
    all.extend(own);
    all
}
