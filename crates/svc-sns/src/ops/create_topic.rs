//! `CreateTopic`: creates a topic, or names the one that is there with the same attributes.

use std::collections::BTreeMap;

use api_sns::{CreateTopicInput, CreateTopicOutput};
use aws_wire::{AwsError, Result};

use crate::Ctx;
use crate::keys::TOPICS;
use crate::refusal::invalid;
use crate::topic::{self, Topic};

pub(crate) async fn create_topic(cx: Ctx, input: CreateTopicInput) -> Result<CreateTopicOutput> {
    if input.data_protection_policy.is_some() {
        return Err(AwsError::parameter_not_implemented("CreateTopic", "DataProtectionPolicy"));
    }
    let mut given = input.attributes.unwrap_or_default();
    let fifo = given.get("FifoTopic").is_some_and(|value| value == "true");
    if !topic::is_name(&input.name) || input.name.ends_with(".fifo") != fifo {
        return Err(invalid("Topic Name"));
    }
    for (name, value) in &given {
        topic::check_attribute("CreateTopic", name, value, fifo)?;
    }
    given.retain(|_, value| !value.is_empty());
    let tags = topic::tags(input.tags.unwrap_or_default())?;
    let key = (cx.caller.account.to_string(), cx.caller.region.to_string(), input.name);
    let topic = Topic { attributes: given, tags };
    cx.kv
        .transact(|tx| match TOPICS.get(tx, &key)? {
            Some(present) if !same(&present.attributes, &topic.attributes) => {
                Err(invalid("Attributes Reason: Topic already exists with different attributes"))
            }
            Some(present) if !topic.tags.is_empty() && present.tags != topic.tags => {
                Err(invalid("Tags Reason: Topic already exists with different tags"))
            }
            Some(_) => Ok(()),
            None => Ok(TOPICS.put(tx, &key, &topic)?),
        })
        .await?;
    Ok(CreateTopicOutput { topic_arn: Some(topic::arn(&key)) })
}

/// Whether all that is asked for is there already.
fn same(present: &BTreeMap<String, String>, asked: &BTreeMap<String, String>) -> bool {
    asked.iter().all(|(name, value)| present.get(name) == Some(value))
}
