//! `ConfirmSubscription`: by whoever has the token; a token confirms again what it confirmed.

use api_sns::{ConfirmSubscriptionInput, ConfirmSubscriptionOutput};
use aws_wire::{AwsError, Result};
use kv::Span;

use crate::keys::{SUBSCRIPTIONS, TOPICS};
use crate::refusal::{invalid, no_topic};
use crate::{Ctx, subscription, topic};

pub(crate) async fn confirm_subscription(
    cx: Ctx,
    input: ConfirmSubscriptionInput,
) -> Result<ConfirmSubscriptionOutput> {
    confirm(cx, input, false).await
}

/// Confirms for somebody who signed the request, or for a stranger.
///
/// # Errors
/// 404 without the topic, 400 for a token that is none or not valid any more.
pub(crate) async fn confirm(
    cx: Ctx,
    input: ConfirmSubscriptionInput,
    stranger: bool,
) -> Result<ConfirmSubscriptionOutput> {
    let key = topic::key_of_arn(&input.topic_arn).ok_or_else(|| invalid("TopicArn"))?;
    let of_topic = (key.0.as_str(), key.1.as_str(), key.2.as_str());
    // The flag counts only where a signature stands behind it.
    let guarded = !stranger && input.authenticate_on_unsubscribe.as_deref() == Some("true");
    let now = cx.env.now().as_micros();
    let key = cx
        .kv
        .transact(|tx| {
            TOPICS.get(tx, &key)?.ok_or_else(no_topic)?;
            let all = SUBSCRIPTIONS.all(tx, &Span::prefix(&of_topic))?;
            // Whoever has the token was told it: that is the proof.
            let token = Some(input.token.as_str());
            let found = all.into_iter().find(|(_, known)| {
                known.token.as_deref() == token || known.confirmed_with.as_deref() == token
            });
            let (key, mut subscription) = found.ok_or_else(|| invalid("Token"))?;
            if subscription.is_confirmed() {
                return Ok(key);
            }
            if subscription.token.as_deref() != token || subscription.lapses_by(now) {
                return Err(invalid("Token"));
            }
            subscription.confirmed_with = subscription.token.take();
            subscription.confirmed_by_stranger = stranger;
            subscription.guarded = guarded;
            subscription.deleted = false;
            SUBSCRIPTIONS.put(tx, &key, &subscription)?;
            Ok::<_, AwsError>(key)
        })
        .await?;
    Ok(ConfirmSubscriptionOutput { subscription_arn: Some(subscription::arn(&key)) })
}
