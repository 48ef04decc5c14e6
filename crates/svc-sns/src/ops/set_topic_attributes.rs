//! `SetTopicAttributes`

use api_sns::SetTopicAttributesInput;
use aws_wire::Result;

use crate::keys::TOPICS;
use crate::refusal::invalid;
use crate::{Ctx, topic};

pub(crate) async fn set_topic_attributes(cx: Ctx, input: SetTopicAttributesInput) -> Result<()> {
    let (name, value) = (input.attribute_name, input.attribute_value.unwrap_or_default());
    cx.kv
        .transact(|tx| {
            let (key, mut topic) = topic::named(&cx, tx, &input.topic_arn, "SetTopicAttributes")?;
            if name == "FifoTopic" {
                return Err(invalid("AttributeName"));
            }
            topic::check_attribute("SetTopicAttributes", &name, &value, topic.is_fifo())?;
            topic.attributes.insert(name.clone(), value.clone());
            Ok(TOPICS.put(tx, &key, &topic)?)
        })
        .await
}
