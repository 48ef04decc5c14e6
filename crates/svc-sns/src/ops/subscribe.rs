//! `Subscribe`: queues and functions at once, mail addresses once somebody confirms.

use api_sns::{SubscribeInput, SubscribeOutput};
use aws_wire::Result;
use kv::Span;

use crate::keys::SUBSCRIPTIONS;
use crate::refusal::invalid;
use crate::subscription::{self, Subscription};
use crate::{Ctx, filter, topic};

const FILTER_POLICIES_MAX: usize = 200;

pub(crate) async fn subscribe(cx: Ctx, input: SubscribeInput) -> Result<SubscribeOutput> {
    let endpoint =
        input.endpoint.filter(|endpoint| !endpoint.is_empty()).ok_or_else(|| invalid("Endpoint"))?;
    let (id, token) =
        (cx.env.uuid().to_string(), format!("{}{}", cx.env.uuid().simple(), cx.env.uuid().simple()));
    let attributes = input.attributes.unwrap_or_default();
    let (key, subscription) = cx
        .kv
        .transact(|tx| {
            let (topic_key, topic) = topic::named(&cx, tx, &input.topic_arn, "Subscribe")?;
            let to_confirm = subscription::check_endpoint(&topic, &input.protocol, &endpoint)?;
            let (account, region, name) = topic_key.clone();
            let of_topic = Span::prefix(&(account.as_str(), region.as_str(), name.as_str()));
            let present = SUBSCRIPTIONS.all(tx, &of_topic)?;
            let same = present
                .iter()
                .find(|(_, known)| known.protocol == input.protocol && known.endpoint == endpoint);
            if let Some((key, known)) = same {
                if !attributes.is_empty() && known.attributes != attributes {
                    return Err(invalid(
                        "Attributes Reason: Subscription already exists with different attributes",
                    ));
                }
                return Ok((key.clone(), known.clone()));
            }
            let subscription = Subscription {
                protocol: input.protocol.clone(),
                endpoint: endpoint.clone(),
                owner: cx.caller.account.to_string(),
                attributes: attributes.clone(),
                token: to_confirm.then(|| token.clone()),
            };
            subscription::check_attributes("Subscribe", &topic_key, &subscription)?;
            let filtered =
                present.iter().filter(|(_, known)| known.attribute("FilterPolicy").is_some()).count();
            if filtered >= FILTER_POLICIES_MAX && subscription.attribute("FilterPolicy").is_some() {
                return Err(filter::too_many());
            }
            let key = (account, region, name, id.clone());
            SUBSCRIPTIONS.put(tx, &key, &subscription)?;
            Ok((key, subscription))
        })
        .await?;
    if let Some(token) = &subscription.token {
        // No mail is sent; whoever runs the platform can confirm in the addressee's place.
        tracing::warn!(endpoint = subscription.endpoint, token, "a subscription waits for its confirmation");
    }
    let pending = subscription.token.is_some() && input.return_subscription_arn != Some(true);
    // AWS's own words for an answer without the ARN.
    let arn = if pending { "pending confirmation".to_owned() } else { subscription::arn(&key) };
    Ok(SubscribeOutput { subscription_arn: Some(arn) })
}
