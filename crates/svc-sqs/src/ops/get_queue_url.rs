//! `GetQueueUrl`

use api_sqs::{GetQueueUrlInput, GetQueueUrlOutput};
use aws_wire::Result;

use crate::keys::QUEUES;
use crate::{Ctx, policy, queue};

pub(crate) async fn get_queue_url(cx: Ctx, input: GetQueueUrlInput) -> Result<GetQueueUrlOutput> {
    let account = input.queue_owner_aws_account_id.unwrap_or_else(|| cx.caller.account.to_string());
    let key = (account, cx.caller.region.to_string(), input.queue_name);
    let queue = QUEUES.get(&cx.kv.snapshot().await?, &key)?.ok_or_else(queue::does_not_exist)?;
    policy::check(&cx, &key, &queue, "GetQueueUrl")?;
    Ok(GetQueueUrlOutput { queue_url: Some(queue::url(&cx, &key)) })
}
