//! `RegisterStreamConsumer`

use std::collections::BTreeMap;

use api_kinesis::{RegisterStreamConsumerInput, RegisterStreamConsumerOutput, errors};
use aws_wire::{AwsError, Result};
use kv::Span;

use crate::Ctx;
use crate::consumer::{self, Consumer};
use crate::keys::CONSUMERS;
use crate::stream::{self, Asked};

/// Consumers of one stream.
const CONSUMERS_MAX: usize = 20;

pub(crate) async fn register_stream_consumer(
    cx: Ctx,
    input: RegisterStreamConsumerInput,
) -> Result<RegisterStreamConsumerOutput> {
    let mut tags = BTreeMap::new();
    stream::add_tags(&mut tags, &input.tags.unwrap_or_default())?;
    let consumer = Consumer { created_ms: cx.env.now().as_millis(), tags, policy: None };
    let asked = Asked {
        operation: "RegisterStreamConsumer",
        name: None,
        arn: Some(&input.stream_arn),
        id: input.stream_id.as_deref(),
    };
    let name = &input.consumer_name;
    let named = cx
        .kv
        .transact(|tx| {
            let named = asked.find(&cx, tx)?;
            let (account, _, stream) = &named.key;
            let present = CONSUMERS.all(tx, &Span::prefix(&(named.stream.id,)))?;
            if present.iter().any(|((_, present), _)| present == name) {
                return Err(errors::resource_in_use_exception(format!(
                    "Consumer {name} under stream {stream} already exists for account {account}."
                )));
            }
            if present.len() >= CONSUMERS_MAX {
                return Err(errors::limit_exceeded_exception(format!(
                    "Stream {stream} under account {account} has {CONSUMERS_MAX} registered consumers, the most it can \
                     have."
                )));
            }
            CONSUMERS.put(tx, &(named.stream.id, name.as_str()), &consumer)?;
            Ok::<_, AwsError>(named)
        })
        .await?;
    Ok(RegisterStreamConsumerOutput { consumer: consumer::shown(&named.key, name, &consumer) })
}
