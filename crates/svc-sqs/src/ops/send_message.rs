//! `SendMessage`: checks one message against its queue, stores it, wakes a waiting receiver.

use api_sqs::{SendMessageInput, SendMessageOutput};
use aws_wire::Result;
use env::Uuid;

use crate::draft::Request;
use crate::{Ctx, queue, send};

pub(crate) async fn send_message(cx: Ctx, input: SendMessageInput) -> Result<SendMessageOutput> {
    let named = queue::find(&cx, &input.queue_url, "SendMessage").await?;
    let draft = [Request::from(input).check(&named.queue, &cx.caller.principal.user_id)?];
    let sent = send::store(&cx, &named, &draft).await?;
    let ([draft], sent) = (draft, sent.into_iter().next().expect("one for each draft"));
    Ok(SendMessageOutput {
        md5_of_message_body: Some(draft.content.body_md5),
        md5_of_message_attributes: draft.attributes_md5,
        md5_of_message_system_attributes: draft.system_md5,
        message_id: Some(Uuid::from_bytes(sent.id).to_string()),
        sequence_number: sent.sequence.map(|sequence| sequence.to_string()),
    })
}
