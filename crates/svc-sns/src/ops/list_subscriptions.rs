//! `ListSubscriptions`: of all the caller's topics.

use api_sns::{ListSubscriptionsInput, ListSubscriptionsOutput};
use aws_wire::Result;
use kv::{Direction, Span};

use super::list_subscriptions_by_topic::show;
use crate::keys::SUBSCRIPTIONS;
use crate::refusal::invalid;
use crate::{Ctx, page, subscription};

pub(crate) async fn list_subscriptions(
    cx: Ctx,
    input: ListSubscriptionsInput,
) -> Result<ListSubscriptionsOutput> {
    let mut span = Span::prefix(&(&*cx.caller.account, &*cx.caller.region));
    if let Some(token) = &input.next_token {
        let last = subscription::key_of_arn(&page::after(token)?).ok_or_else(|| invalid("NextToken"))?;
        span = span.after(&last);
    }
    let mut rows =
        SUBSCRIPTIONS.scan(&cx.kv.snapshot().await?, &span, page::LENGTH + 1, Direction::Forward)?;
    let more = rows.len() > page::LENGTH;
    rows.truncate(page::LENGTH);
    let next_token = rows.last().filter(|_| more).map(|(key, _)| page::token(&subscription::arn(key)));
    let subscriptions = Some(rows.iter().map(|(key, subscription)| show(key, subscription)).collect());
    Ok(ListSubscriptionsOutput { subscriptions, next_token })
}
