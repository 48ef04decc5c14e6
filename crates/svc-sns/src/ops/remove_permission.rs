//! `RemovePermission`: a label that is not there is no error.

use api_sns::RemovePermissionInput;
use aws_wire::Result;

use crate::keys::TOPICS;
use crate::refusal::invalid;
use crate::{Ctx, topic};

pub(crate) async fn remove_permission(cx: Ctx, input: RemovePermissionInput) -> Result<()> {
    cx.kv
        .transact(|tx| {
            let (key, mut topic) = topic::named(&cx, tx, &input.topic_arn, "RemovePermission")?;
            let mut document = topic.policy(&key);
            let statements = document["Statement"].as_array_mut().ok_or_else(|| invalid("Policy"))?;
            statements.retain(|statement| statement["Sid"] != input.label.as_str());
            if statements.is_empty() {
                topic.attributes.remove("Policy");
            } else {
                topic.attributes.insert("Policy".to_owned(), document.to_string());
            }
            Ok(TOPICS.put(tx, &key, &topic)?)
        })
        .await
}
