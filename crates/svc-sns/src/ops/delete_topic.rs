//! `DeleteTopic`: the topic and its subscriptions; a topic that is not there is no error.

use api_sns::DeleteTopicInput;
use aws_wire::Result;
use kv::Span;

use crate::keys::{DUPLICATES, SEQUENCES, SUBSCRIPTIONS, TOPICS};
use crate::refusal::invalid;
use crate::{Ctx, policy, topic};

pub(crate) async fn delete_topic(cx: Ctx, input: DeleteTopicInput) -> Result<()> {
    let key = topic::key_of_arn(&input.topic_arn).ok_or_else(|| invalid("TopicArn"))?;
    let of_topic = (key.0.as_str(), key.1.as_str(), key.2.as_str());
    cx.kv
        .transact(|tx| {
            let Some(topic) = TOPICS.get(tx, &key)? else { return Ok(()) };
            policy::check(&cx, &key, &topic, "DeleteTopic")?;
            TOPICS.delete(tx, &key)?;
            SEQUENCES.delete(tx, &key)?;
            SUBSCRIPTIONS.delete_all(tx, &Span::prefix(&of_topic))?;
            Ok(DUPLICATES.delete_all(tx, &Span::prefix(&of_topic))?)
        })
        .await
}
