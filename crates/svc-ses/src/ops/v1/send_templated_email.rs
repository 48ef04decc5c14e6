//! `SendTemplatedEmail`. Data that does not fit its template is no error here: the mail ends as a rendering failure.

use api_ses::{SendTemplatedEmailInput, SendTemplatedEmailOutput};
use aws_wire::{AwsError, Result};

use super::{recipients, tags};
use crate::Ctx;
use crate::refusal::Refusal;
use crate::send::{Content, Order, V1_BYTES_MAX, send, template, template_data};

pub(crate) async fn send_templated_email(
    cx: Ctx,
    input: SendTemplatedEmailInput,
) -> Result<SendTemplatedEmailOutput> {
    if input.template_arn.is_some() {
        return Err(AwsError::parameter_not_implemented("SendTemplatedEmail", "TemplateArn"));
    }
    let content = Content::Template {
        template: template(&cx, &input.template).await.map_err(Refusal::v1)?,
        data: template_data(&input.template_data, None).map_err(Refusal::v1)?,
        name: input.template,
    };
    let [to, cc, bcc] = recipients(input.destination);
    let order = Order {
        source: Some(input.source),
        to,
        cc,
        bcc,
        reply_to: input.reply_to_addresses.unwrap_or_default(),
        return_path: input.return_path,
        content,
        tags: tags(input.tags),
        configuration_set: input.configuration_set_name,
        bytes_max: V1_BYTES_MAX,
        arns: vec![("SourceArn", input.source_arn), ("ReturnPathArn", input.return_path_arn)],
        operation: "SendTemplatedEmail",
        ..Order::default()
    };
    Ok(SendTemplatedEmailOutput { message_id: send(&cx, order).await.map_err(Refusal::v1)? })
}
