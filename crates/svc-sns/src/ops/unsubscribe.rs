//! `Unsubscribe`: a subscription that is not there is no error.

use api_sns::UnsubscribeInput;
use aws_wire::Result;

use crate::keys::SUBSCRIPTIONS;
use crate::refusal::invalid;
use crate::{Ctx, subscription};

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
