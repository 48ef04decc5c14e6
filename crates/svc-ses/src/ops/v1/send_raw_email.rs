//! `SendRawEmail`: a mail as its bytes.

use api_ses::{SendRawEmailInput, SendRawEmailOutput};
use aws_wire::Result;

use super::tags;
use crate::Ctx;
use crate::refusal::Refusal;
use crate::send::{Content, Order, V1_BYTES_MAX, send};

pub(crate) async fn send_raw_email(cx: Ctx, input: SendRawEmailInput) -> Result<SendRawEmailOutput> {
    let order = Order {
        source: input.source,
        to: input.destinations.unwrap_or_default(),
        content: Content::Raw(input.raw_message.data),
        tags: tags(input.tags),
        configuration_set: input.configuration_set_name,
        bytes_max: V1_BYTES_MAX,
        arns: vec![
            ("FromArn", input.from_arn),
            ("SourceArn", input.source_arn),
            ("ReturnPathArn", input.return_path_arn),
        ],
        operation: "SendRawEmail",
        ..Order::default()
    };
    Ok(SendRawEmailOutput { message_id: send(&cx, order).await.map_err(Refusal::v1)? })
}
