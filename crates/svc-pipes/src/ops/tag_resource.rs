//! `TagResource`

use api_pipes::{TagResourceInput, TagResourceOutput};
use aws_wire::{AwsError, Result};

use crate::keys::PIPES;
use crate::{Ctx, pipe, tags};

pub(crate) async fn tag_resource(cx: Ctx, input: TagResourceInput) -> Result<TagResourceOutput> {
    cx.kv
        .transact(|tx| {
            let (key, mut pipe) = pipe::of_arn(&cx, tx, &input.resource_arn)?;
            pipe.tags.extend(input.tags.clone());
            tags::check(&pipe.tags)?;
            Ok::<_, AwsError>(PIPES.put(tx, &key, &pipe)?)
        })
        .await?;
    Ok(TagResourceOutput {})
}
