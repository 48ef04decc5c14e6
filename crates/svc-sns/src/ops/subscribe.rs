//! `Subscribe`: queues and functions at once, HTTP endpoints and mail addresses once somebody confirms.

use api_sns::{SubscribeInput, SubscribeOutput};
use aws_wire::Result;
use kv::Span;

use crate::envelope::Confirmation;
use crate::keys::{LETTERS, SUBSCRIPTIONS};
use crate::refusal::invalid;
use crate::subscription::{self, Subscription};
use crate::{Ctx, filter, letter, topic};

const FILTER_POLICIES_MAX: usize = 200;

pub(crate) async fn subscribe(cx: Ctx, input: SubscribeInput) -> Result<SubscribeOutput> {
    let endpoint =
        input.endpoint.filter(|endpoint| !endpoint.is_empty()).ok_or_else(|| invalid("Endpoint"))?;
    let (id, token) = (cx.env.uuid().to_string(), subscription::token(&cx));
    let (now, question) = (cx.env.now().as_micros(), letter::Draft::draw(&cx));
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
            let (key, mut subscription) = match same {
                Some((_, known)) if !attributes.is_empty() && known.attributes != attributes => {
                    return Err(invalid(
                        "Attributes Reason: Subscription already exists with different attributes",
                    ));
                }
                Some((key, known)) if known.is_confirmed() => return Ok((key.clone(), known.clone())),
                // Whoever asks again is asked again.
                Some((key, known)) => (key.clone(), Subscription { deleted: false, ..known.clone() }),
                None => {
                    let owner = cx.caller.account.to_string();
                    let subscription =
                        Subscription::new(&input.protocol, &endpoint, owner, attributes.clone());
                    ((account, region, name, id.clone()), subscription)
                }
            };
            subscription::check_attributes("Subscribe", &topic_key, &subscription)?;
            let filtered = present
                .iter()
                .filter(|(known_key, known)| *known_key != key && known.attribute("FilterPolicy").is_some())
                .count();
            if filtered >= FILTER_POLICIES_MAX && subscription.attribute("FilterPolicy").is_some() {
                return Err(filter::too_many());
            }
            if to_confirm {
                let arn = subscription::arn(&key);
                subscription.ask(tx, &arn, &token, now)?;
                if subscription.by_http() {
                    let letter = question.letter(&topic, Confirmation::Subscribing { token: token.clone() });
                    LETTERS.put(tx, &(arn.as_str(), now, question.row), &letter)?;
                }
            }
            SUBSCRIPTIONS.put(tx, &key, &subscription)?;
            Ok((key, subscription))
        })
        .await?;
    let arn = subscription::arn(&key);
    match &subscription.token {
        Some(_) if subscription.by_http() => cx.state.courier.added(&arn, now),
        // No mail is sent; whoever runs the platform can confirm in the addressee's place.
        Some(token) => {
            tracing::warn!(
                endpoint = subscription.endpoint,
                token,
                "a subscription waits for its confirmation"
            );
        }
        None => {}
    }
    let pending = !subscription.is_confirmed() && input.return_subscription_arn != Some(true);
    // AWS's own words for an answer without the ARN.
    let arn = if pending { "pending confirmation".to_owned() } else { arn };
    Ok(SubscribeOutput { subscription_arn: Some(arn) })
}
