//! `ListTopics`

use api_sns::{ListTopicsInput, ListTopicsOutput, Topic};
use aws_wire::Result;
use kv::{Direction, Span};

use crate::keys::TOPICS;
use crate::{Ctx, page, topic};

pub(crate) async fn list_topics(cx: Ctx, input: ListTopicsInput) -> Result<ListTopicsOutput> {
    let (account, region) = (&*cx.caller.account, &*cx.caller.region);
    let mut span = Span::prefix(&(account, region));
    if let Some(token) = &input.next_token {
        span = span.after(&(account, region, page::after(token)?));
    }
    let mut rows = TOPICS.scan(&cx.kv.snapshot().await?, &span, page::LENGTH + 1, Direction::Forward)?;
    let more = rows.len() > page::LENGTH;
    rows.truncate(page::LENGTH);
    let next_token = rows.last().filter(|_| more).map(|((.., name), _)| page::token(name));
    let topics = rows.iter().map(|(key, _)| Topic { topic_arn: Some(topic::arn(key)) });
    Ok(ListTopicsOutput { topics: Some(topics.collect()), next_token })
}
