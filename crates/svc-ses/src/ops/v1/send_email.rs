//! `SendEmail`, of 2010.

use api_ses::{SendEmailInput, SendEmailOutput};
use aws_wire::Result;

use super::{recipients, tags};
use crate::Ctx;
use crate::refusal::Refusal;
use crate::send::{Content, Order, V1_BYTES_MAX, send};
use crate::template::Rendered;

pub(crate) async fn send_email(cx: Ctx, input: SendEmailInput) -> Result<SendEmailOutput> {
    let [to, cc, bcc] = recipients(input.destination);
    let body = input.message.body;
    let rendered = Rendered {
        subject: input.message.subject.data,
        text: body.text.map(|text| text.data),
        html: body.html.map(|html| html.data),
    };
    let order = Order {
        source: Some(input.source),
        to,
        cc,
        bcc,
        reply_to: input.reply_to_addresses.unwrap_or_default(),
        return_path: input.return_path,
        content: Content::Simple(rendered),
        tags: tags(input.tags),
        configuration_set: input.configuration_set_name,
        bytes_max: V1_BYTES_MAX,
        arns: vec![("SourceArn", input.source_arn), ("ReturnPathArn", input.return_path_arn)],
        operation: "SendEmail",
        ..Order::default()
    };
    Ok(SendEmailOutput { message_id: send(&cx, order).await.map_err(Refusal::v1)? })
}
