//! `AddPermission`: a statement of the topic's policy, by its label.

use api_sns::AddPermissionInput;
use aws_wire::Result;
use serde_json::json;

use crate::keys::TOPICS;
use crate::refusal::invalid;
use crate::{Ctx, topic};

/// What a topic's owner may let others do.
const ACTIONS: [&str; 8] = [
    "Publish",
    "Subscribe",
    "GetTopicAttributes",
    "SetTopicAttributes",
    "AddPermission",
    "RemovePermission",
    "DeleteTopic",
    "ListSubscriptionsByTopic",
];

pub(crate) async fn add_permission(cx: Ctx, input: AddPermissionInput) -> Result<()> {
    if let Some(action) = input.action_name.iter().find(|action| !ACTIONS.contains(&action.as_str())) {
        return Err(invalid(format!("Policy statement action out of service scope! {action}")));
    }
    cx.kv
        .transact(|tx| {
            let (key, mut topic) = topic::named(&cx, tx, &input.topic_arn, "AddPermission")?;
            let mut document = topic.policy(&key);
            let statements = document["Statement"].as_array_mut().ok_or_else(|| invalid("Policy"))?;
            if statements.iter().any(|statement| statement["Sid"] == input.label.as_str()) {
                return Err(invalid("Statement already exists"));
            }
            let principals =
                input.aws_account_id.iter().map(|account| format!("arn:aws:iam::{account}:root"));
            let actions = input.action_name.iter().map(|action| format!("SNS:{action}"));
            statements.push(json!({
                "Sid": input.label,
                "Effect": "Allow",
                "Principal": { "AWS": principals.collect::<Vec<_>>() },
                "Action": actions.collect::<Vec<_>>(),
                "Resource": input.topic_arn,
            }));
            let document = document.to_string();
            topic::check_attribute("AddPermission", "Policy", &document, topic.is_fifo())?;
            topic.attributes.insert("Policy".to_owned(), document);
            Ok(TOPICS.put(tx, &key, &topic)?)
        })
        .await
}
