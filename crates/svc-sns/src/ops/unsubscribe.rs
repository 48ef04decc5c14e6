//! `Unsubscribe`: a subscription that is not there is no error.

use api_sns::{UnsubscribeInput, errors};
use aws_wire::{AwsError, Result};

use crate::envelope::Confirmation;
use crate::keys::{LETTERS, SUBSCRIPTIONS, TOPICS};
use crate::refusal::invalid;
use crate::{Ctx, letter, subscription};

pub(crate) async fn unsubscribe(cx: Ctx, input: UnsubscribeInput) -> Result<()> {
    let key = subscription::key_of_arn(&input.subscription_arn).ok_or_else(|| invalid("SubscriptionArn"))?;
    cx.kv
        .transact(|tx| {
            if SUBSCRIPTIONS.get(tx, &key)?.is_none() {
                return Ok(());
            }
            subscription::named(&cx, tx, &input.subscription_arn)?;
            Ok(SUBSCRIPTIONS.delete(tx, &key)?)
        })
        .await
}

/// Unsubscribes for somebody who followed an `UnsubscribeURL`: the endpoint is told, and has two days to take it back.
/// `false` for what was subscribed without a confirmation, such as a queue: that only its owner ends.
///
/// # Errors
/// 403 for a subscription that wants a signature.
pub(crate) async fn unsubscribe_for_stranger(cx: &Ctx, input: &UnsubscribeInput) -> Result<bool> {
    let key = subscription::key_of_arn(&input.subscription_arn).ok_or_else(|| invalid("SubscriptionArn"))?;
    let arn = subscription::arn(&key);
    let (token, now, question) = (subscription::token(cx), cx.env.now().as_micros(), letter::Draft::draw(cx));
    let (ended, told) = cx
        .kv
        .transact(|tx| {
            let topic = TOPICS.get(tx, &(key.0.as_str(), key.1.as_str(), key.2.as_str()))?;
            let known = SUBSCRIPTIONS.get(tx, &key)?.filter(|known| !known.deleted);
            let Some((topic, mut subscription)) = topic.zip(known) else { return Ok((true, false)) };
            if subscription.confirmed_with.is_none() {
                return Ok((false, false));
            }
            if subscription.guarded {
                return Err(only_owners());
            }
            subscription.ask(tx, &arn, &token, now)?;
            subscription.deleted = true;
            SUBSCRIPTIONS.put(tx, &key, &subscription)?;
            if !subscription.by_http() {
                return Ok((true, false));
            }
            let letter = question.letter(&topic, Confirmation::Unsubscribed { token: token.clone() });
            LETTERS.put(tx, &(arn.as_str(), now, question.row), &letter)?;
            Ok::<_, AwsError>((true, true))
        })
        .await?;
    if told {
        cx.state.courier.added(&arn, now);
    }
    Ok(ended)
}

pub(crate) fn only_owners() -> AwsError {
    errors::authorization_error_exception("The subscription is ended by a signed request of its owner's only")
}
