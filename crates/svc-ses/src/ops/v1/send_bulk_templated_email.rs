//! `SendBulkTemplatedEmail`: one template, a mail for each destination, each of which can fail alone.

use api_ses::{SendBulkTemplatedEmailInput, SendBulkTemplatedEmailOutput};
use aws_wire::{AwsError, Result};

use super::{recipients, status, tags};
use crate::Ctx;
use crate::refusal::{Refusal, invalid};
use crate::send::{self, Content, Order, RECIPIENTS_MAX, V1_BYTES_MAX, template, template_data};

pub(crate) async fn send_bulk_templated_email(
    cx: Ctx,
    input: SendBulkTemplatedEmailInput,
) -> Result<SendBulkTemplatedEmailOutput> {
    if input.template_arn.is_some() {
        return Err(AwsError::parameter_not_implemented("SendBulkTemplatedEmail", "TemplateArn"));
    }
    if input.destinations.is_empty() || input.destinations.len() > RECIPIENTS_MAX {
        return Err(invalid(format!("Destinations must have between 1 and {RECIPIENTS_MAX} members.")));
    }
    let found = template(&cx, &input.template).await.map_err(Refusal::v1)?;
    template_data(&input.default_template_data, None).map_err(Refusal::v1)?;
    let order = |destination: &api_ses::BulkEmailDestination, content| {
        let [to, cc, bcc] = recipients(destination.destination.clone());
        let mut all = tags(input.default_tags.clone());
        for (name, value) in tags(destination.replacement_tags.clone()) {
            all.retain(|(known, _)| *known != name);
            all.push((name, value));
        }
        Order {
            source: Some(input.source.clone()),
            to,
            cc,
            bcc,
            reply_to: input.reply_to_addresses.clone().unwrap_or_default(),
            return_path: input.return_path.clone(),
            content,
            tags: all,
            configuration_set: input.configuration_set_name.clone(),
            bytes_max: V1_BYTES_MAX,
            arns: vec![
                ("SourceArn", input.source_arn.clone()),
                ("ReturnPathArn", input.return_path_arn.clone()),
            ],
            operation: "SendBulkTemplatedEmail",
            ..Order::default()
        }
    };
    send::check(&cx, &order(&input.destinations[0], Content::default())).await.map_err(Refusal::v1)?;
    let mut statuses = Vec::with_capacity(input.destinations.len());
    for destination in &input.destinations {
        let own = destination.replacement_template_data.as_deref();
        let sent = match template_data(&input.default_template_data, own) {
            Ok(data) => {
                let content =
                    Content::Template { name: input.template.clone(), template: found.clone(), data };
                send::send(&cx, order(destination, content)).await
            }
            Err(refusal) => Err(refusal),
        };
        statuses.push(status(sent));
    }
    Ok(SendBulkTemplatedEmailOutput { status: statuses })
}
