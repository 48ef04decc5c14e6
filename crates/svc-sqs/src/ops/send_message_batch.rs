//! `SendMessageBatch`: what is in order is stored at once; the rest is told entry by entry.

use api_sqs::{SendMessageBatchInput, SendMessageBatchOutput, SendMessageBatchResultEntry};
use aws_wire::Result;
use env::Uuid;

use crate::draft::Request;
use crate::{Ctx, batch, queue, send};

pub(crate) async fn send_message_batch(
    cx: Ctx,
    input: SendMessageBatchInput,
) -> Result<SendMessageBatchOutput> {
    let named = queue::find(&cx, &input.queue_url, "SendMessage").await?;
    batch::check(input.entries.iter().map(|entry| entry.id.as_str()), "SendMessageBatchRequestEntry")?;
    let requests = input.entries.into_iter().map(|entry| (entry.id.clone(), Request::from(entry)));
    let requests = requests.collect::<Vec<_>>();
    batch::check_size(requests.iter().map(|(_, request)| request.bytes()).sum())?;
    let (mut ids, mut drafts, mut failed) = (Vec::new(), Vec::new(), Vec::new());
    for (id, request) in requests {
        match request.check(&named.queue, &cx.caller.principal.user_id) {
            Ok(draft) => {
                ids.push(id);
                drafts.push(draft);
            }
            Err(error) => failed.push(batch::failed(id, &error)),
        }
    }
    let sent = if drafts.is_empty() { Vec::new() } else { send::store(&cx, &named, &drafts).await? };
    let successful =
        ids.into_iter().zip(drafts).zip(sent).map(|((id, draft), sent)| SendMessageBatchResultEntry {
            id,
            message_id: Uuid::from_bytes(sent.id).to_string(),
            md5_of_message_body: draft.content.body_md5,
            md5_of_message_attributes: draft.attributes_md5,
            md5_of_message_system_attributes: draft.system_md5,
            sequence_number: sent.sequence.map(|sequence| sequence.to_string()),
        });
    Ok(SendMessageBatchOutput { successful: successful.collect(), failed })
}
