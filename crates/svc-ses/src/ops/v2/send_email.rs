//! `SendEmail`, of 2019: a mail in parts, as bytes, or of a template.

use api_sesv2::{EmailContent, EmailTemplateContent, SendEmailInput, SendEmailOutput, Template, errors};
use aws_wire::Result;

use super::{attachments, headers, message_tags, recipients, refuse};
use crate::refusal::Refusal;
use crate::send::{self, Content, Order, V2_BYTES_MAX, send};
use crate::template::Rendered;
use crate::{Ctx, template};

const OPERATION: &str = "SendEmail";

pub(crate) async fn send_email(cx: Ctx, input: SendEmailInput) -> Result<SendEmailOutput> {
    refuse(
        OPERATION,
        &[
            ("EndpointId", input.endpoint_id.is_some()),
            ("TenantName", input.tenant_name.is_some()),
            ("ListManagementOptions", input.list_management_options.is_some()),
            ("ConfigurationOverrides", input.configuration_overrides.is_some()),
        ],
    )?;
    let [to, cc, bcc] = recipients(input.destination.unwrap_or_default());
    let mut order = Order {
        source: input.from_email_address,
        to,
        cc,
        bcc,
        reply_to: input.reply_to_addresses.unwrap_or_default(),
        return_path: input.feedback_forwarding_email_address,
        tags: message_tags(input.email_tags),
        configuration_set: input.configuration_set_name,
        bytes_max: V2_BYTES_MAX,
        arns: vec![
            ("FromEmailAddressIdentityArn", input.from_email_address_identity_arn),
            (
                "FeedbackForwardingEmailAddressIdentityArn",
                input.feedback_forwarding_email_address_identity_arn,
            ),
        ],
        operation: OPERATION,
        ..Order::default()
    };
    fill(&cx, &mut order, input.content).await?;
    Ok(SendEmailOutput { message_id: Some(send(&cx, order).await.map_err(Refusal::v2)?) })
}

/// Puts the content into the order.
async fn fill(cx: &Ctx, order: &mut Order, content: EmailContent) -> Result<()> {
    match (content.simple, content.raw, content.template) {
        (Some(message), None, None) => {
            order.content = Content::Simple(Rendered {
                subject: message.subject.data,
                text: message.body.text.map(|text| text.data),
                html: message.body.html.map(|html| html.data),
            });
            order.headers = headers(message.headers);
            order.attachments = attachments(OPERATION, message.attachments)?;
        }
        (None, Some(raw), None) => order.content = Content::Raw(raw.data),
        (None, None, Some(given)) => {
            let data = given.template_data.clone().unwrap_or_else(|| "{}".to_owned());
            let data = send::template_data(&data, None).map_err(Refusal::v2)?;
            let (name, template) = named(cx, OPERATION, &given).await?;
            order.content = Content::Template { name, template, data };
            order.headers = headers(given.headers);
            order.attachments = attachments(OPERATION, given.attachments)?;
        }
        _ => {
            return Err(errors::bad_request_exception(
                "Exactly one of Simple, Raw and Template must be given.",
            ));
        }
    }
    Ok(())
}

/// The template that is named, or that came with the request.
pub(super) async fn named(
    cx: &Ctx,
    operation: &str,
    given: &Template,
) -> Result<(String, template::Template)> {
    refuse(operation, &[("TemplateArn", given.template_arn.is_some())])?;
    match (&given.template_name, &given.template_content) {
        (Some(name), None) => Ok((name.clone(), send::template(cx, name).await.map_err(Refusal::v2)?)),
        (None, Some(EmailTemplateContent { subject, text, html })) => {
            let (subject, text, html) = (subject.clone(), text.clone(), html.clone());
            let template = template::Template { subject, text, html, ..template::Template::default() };
            template.check().map_err(|failure| errors::bad_request_exception(failure.to_string()))?;
            Ok((String::new(), template))
        }
        _ => Err(errors::bad_request_exception("Either a template's name or its content must be given.")),
    }
}
