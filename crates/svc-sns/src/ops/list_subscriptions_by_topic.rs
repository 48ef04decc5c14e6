//! `ListSubscriptionsByTopic`

use api_sns::{ListSubscriptionsByTopicInput, ListSubscriptionsByTopicOutput, Subscription as Shown};
use aws_wire::Result;
use kv::{Direction, Span};

use crate::keys::{SUBSCRIPTIONS, SubscriptionKey};
use crate::subscription::{self, DELETED, PENDING, Subscription};
use crate::{Ctx, endpoint, page, topic};

pub(crate) async fn list_subscriptions_by_topic(
    cx: Ctx,
    input: ListSubscriptionsByTopicInput,
) -> Result<ListSubscriptionsByTopicOutput> {
    let snapshot = cx.kv.snapshot().await?;
    let (key, _) = topic::named(&cx, &snapshot, &input.topic_arn, "ListSubscriptionsByTopic")?;
    let mut span = Span::prefix(&(key.0.as_str(), key.1.as_str(), key.2.as_str()));
    if let Some(token) = &input.next_token {
        span = span.after(&(key.0.as_str(), key.1.as_str(), key.2.as_str(), page::after(token)?));
    }
    let mut rows = SUBSCRIPTIONS.scan(&snapshot, &span, page::LENGTH + 1, Direction::Forward)?;
    let more = rows.len() > page::LENGTH;
    rows.truncate(page::LENGTH);
    let next_token = rows.last().filter(|_| more).map(|((.., id), _)| page::token(id));
    let subscriptions = Some(rows.iter().map(|(key, subscription)| show(key, subscription)).collect());
    Ok(ListSubscriptionsByTopicOutput { subscriptions, next_token })
}

pub(crate) fn show(key: &SubscriptionKey, subscription: &Subscription) -> Shown {
    let arn = match subscription {
        Subscription { deleted: true, .. } => DELETED.to_owned(),
        pending if pending.is_pending() => PENDING.to_owned(),
        _ => subscription::arn(key),
    };
    Shown {
        subscription_arn: Some(arn),
        owner: Some(subscription.owner.clone()),
        protocol: Some(subscription.protocol.clone()),
        endpoint: Some(endpoint::shown(&subscription.endpoint)),
        topic_arn: Some(topic::arn(&(key.0.clone(), key.1.clone(), key.2.clone()))),
    }
}
