//! `AddPermission`: a statement of the queue's policy, by its label.

use api_sqs::AddPermissionInput;
use aws_wire::Result;
use serde_json::{Value as Json, json};

use crate::keys::QUEUES;
use crate::refusal::invalid_value;
use crate::{Ctx, attributes, queue};

/// What a queue's owner may let others do.
const ACTIONS: [&str; 7] = [
    "*",
    "SendMessage",
    "ReceiveMessage",
    "DeleteMessage",
    "ChangeMessageVisibility",
    "GetQueueAttributes",
    "GetQueueUrl",
];

pub(crate) async fn add_permission(cx: Ctx, input: AddPermissionInput) -> Result<()> {
    if let Some(action) = input.actions.iter().find(|action| !ACTIONS.contains(&action.as_str())) {
        let reason = "Only the queue owner is allowed to invoke this action.";
        return Err(invalid_value(format!("SQS:{action}"), "ActionName", reason));
    }
    let is_account =
        |account: &String| account.len() == 12 && account.bytes().all(|digit| digit.is_ascii_digit());
    if let Some(account) = input.aws_account_ids.iter().find(|account| !is_account(account)) {
        return Err(invalid_value(account, "PrincipalId", "Unable to verify."));
    }
    cx.kv
        .transact(|tx| {
            let mut named = queue::named(&cx, tx, &input.queue_url, "AddPermission")?;
            let arn = named.arn();
            let mut document = named.queue.policy().unwrap_or_else(|| {
                json!({ "Version": "2012-10-17", "Id": format!("{arn}/SQSDefaultPolicy"), "Statement": [] })
            });
            let statements = queue::statements(&mut document);
            if statements.iter().any(|statement| statement["Sid"] == input.label.as_str()) {
                return Err(invalid_value(&input.label, "Label", "Already exists."));
            }
            let principals =
                input.aws_account_ids.iter().map(|account| format!("arn:aws:iam::{account}:root"));
            let actions = input.actions.iter().map(|action| format!("SQS:{action}"));
            statements.push(json!({
                "Sid": input.label,
                "Effect": "Allow",
                "Principal": { "AWS": one_or_all(principals.collect()) },
                "Action": one_or_all(actions.collect()),
                "Resource": arn,
            }));
            named.queue.attributes.insert("Policy".to_owned(), document.to_string());
            attributes::check_whole(tx, &named.key, &named.queue)?;
            Ok(QUEUES.put(tx, &named.key, &named.queue)?)
        })
        .await
}

fn one_or_all(mut texts: Vec<String>) -> Json {
    if texts.len() == 1 { texts.remove(0).into() } else { texts.into() }
}
