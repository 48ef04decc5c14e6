//! What streams and consumers have in common: tags and a policy, by ARN.

use std::collections::BTreeMap;

use aws_wire::{AwsError, Result};
use kv::Read;

use crate::Ctx;
use crate::consumer::{self, Found};
use crate::keys::{CONSUMERS, STREAMS};
use crate::refusal::invalid;
use crate::stream::{self, Named};

pub(crate) enum Resource {
    Stream(Named),
    Consumer(Found),
}

/// What can be changed of one.
pub(crate) struct Facts<'a> {
    pub tags: &'a mut BTreeMap<String, String>,
    pub policy: &'a mut Option<String>,
}

impl Resource {
    pub(crate) fn tags(&self) -> &BTreeMap<String, String> {
        match self {
            Self::Stream(named) => &named.stream.tags,
            Self::Consumer(found) => &found.consumer.tags,
        }
    }

    pub(crate) fn policy(&self) -> Option<&str> {
        match self {
            Self::Stream(named) => named.stream.policy.as_deref(),
            Self::Consumer(found) => found.consumer.policy.as_deref(),
        }
    }
}

/// # Errors
/// 400 for what names neither, `ResourceNotFoundException` without it, `AccessDeniedException` for another account's.
pub(crate) fn find(
    cx: &Ctx,
    reader: &impl Read,
    operation: &'static str,
    arn: &str,
    id: Option<&str>,
) -> Result<Resource> {
    stream::refuse_id(operation, id)?;
    if arn.contains("/consumer/") {
        let asked = consumer::Asked { stream_arn: None, name: None, arn: Some(arn) };
        return consumer::find(cx, reader, &asked, operation).map(Resource::Consumer);
    }
    let key = stream::key_of_arn(arn).ok_or_else(|| invalid(format!("Invalid ResourceARN: {arn}")))?;
    stream::named(cx, reader, key, operation).map(Resource::Stream)
}

/// Changes tags or policy.
///
/// # Errors
/// As [`find`], and what `change` refuses.
pub(crate) async fn change(
    cx: &Ctx,
    operation: &'static str,
    arn: &str,
    id: Option<&str>,
    change: impl Fn(Facts<'_>) -> Result<()>,
) -> Result<()> {
    cx.kv
        .transact(|tx| {
            match find(cx, tx, operation, arn, id)? {
                Resource::Stream(mut named) => {
                    change(Facts { tags: &mut named.stream.tags, policy: &mut named.stream.policy })?;
                    STREAMS.put(tx, &named.key, &named.stream)?;
                }
                Resource::Consumer(mut found) => {
                    change(Facts { tags: &mut found.consumer.tags, policy: &mut found.consumer.policy })?;
                    CONSUMERS.put(tx, &(found.stream.stream.id, found.name.as_str()), &found.consumer)?;
                }
            }
            Ok::<_, AwsError>(())
        })
        .await
}
