//! `ConfirmSubscription`

use api_sns::{ConfirmSubscriptionInput, ConfirmSubscriptionOutput};
use aws_wire::Result;
use kv::Span;

use crate::keys::{SUBSCRIPTIONS, TOPICS};
use crate::refusal::{invalid, no_topic};
use crate::{Ctx, subscription, topic};

pub(crate) async fn confirm_subscription(
    cx: Ctx,
    input: ConfirmSubscriptionInput,
) -> Result<ConfirmSubscriptionOutput> {
    let key = topic::key_of_arn(&input.topic_arn).ok_or_else(|| invalid("TopicArn"))?;
    let of_topic = (key.0.as_str(), key.1.as_str(), key.2.as_str());
    let key = cx
        .kv
        .transact(|tx| {
            TOPICS.get(tx, &key)?.ok_or_else(no_topic)?;
            let all = SUBSCRIPTIONS.all(tx, &Span::prefix(&of_topic))?;
            // Whoever has the token was told it: that is the proof.
            let found =
                all.into_iter().find(|(_, known)| known.token.as_deref() == Some(input.token.as_str()));
            let (key, mut subscription) = found.ok_or_else(|| invalid("Token"))?;
            subscription.token = None;
            SUBSCRIPTIONS.put(tx, &key, &subscription)?;
            Ok::<_, aws_wire::AwsError>(key)
        })
        .await?;
    Ok(ConfirmSubscriptionOutput { subscription_arn: Some(subscription::arn(&key)) })
}
