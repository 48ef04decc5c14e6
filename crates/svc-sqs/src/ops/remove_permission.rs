//! `RemovePermission`

use api_sqs::RemovePermissionInput;
use aws_wire::Result;

use crate::keys::QUEUES;
use crate::refusal::invalid_value;
use crate::{Ctx, queue};

pub(crate) async fn remove_permission(cx: Ctx, input: RemovePermissionInput) -> Result<()> {
    let unknown = || invalid_value(&input.label, "Label", "can't find label on existing policy.");
    cx.kv
        .transact(|tx| {
            let mut named = queue::named(&cx, tx, &input.queue_url, "RemovePermission")?;
            let mut document = named.queue.policy().ok_or_else(unknown)?;
            let statements = queue::statements(&mut document);
            let count = statements.len();
            statements.retain(|statement| statement["Sid"] != input.label.as_str());
            if statements.len() == count {
                return Err(unknown());
            }
            if statements.is_empty() {
                named.queue.attributes.remove("Policy");
            } else {
                named.queue.attributes.insert("Policy".to_owned(), document.to_string());
            }
            Ok(QUEUES.put(tx, &named.key, &named.queue)?)
        })
        .await
}
