//! `SetSubscriptionAttributes`

use api_sns::SetSubscriptionAttributesInput;
use aws_wire::Result;

use crate::keys::SUBSCRIPTIONS;
use crate::{Ctx, subscription};

pub(crate) async fn set_subscription_attributes(
    cx: Ctx,
    input: SetSubscriptionAttributesInput,
) -> Result<()> {
    let (name, value) = (input.attribute_name, input.attribute_value.unwrap_or_default());
    cx.kv
        .transact(|tx| {
            let (key, mut subscription) = subscription::named(&cx, tx, &input.subscription_arn)?;
            subscription.attributes.insert(name.clone(), value.clone());
            let topic_key = (key.0.clone(), key.1.clone(), key.2.clone());
            subscription::check_attributes("SetSubscriptionAttributes", &topic_key, &subscription)?;
            Ok(SUBSCRIPTIONS.put(tx, &key, &subscription)?)
        })
        .await
}
