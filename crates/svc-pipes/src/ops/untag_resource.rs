//! `UntagResource`

use api_pipes::{UntagResourceInput, UntagResourceOutput};
use aws_wire::{AwsError, Result};

use crate::keys::PIPES;
use crate::{Ctx, pipe};

pub(crate) async fn untag_resource(cx: Ctx, input: UntagResourceInput) -> Result<UntagResourceOutput> {
    cx.kv
        .transact(|tx| {
            let (key, mut pipe) = pipe::of_arn(&cx, tx, &input.resource_arn)?;
            input.tag_keys.iter().for_each(|name| drop(pipe.tags.remove(name)));
            Ok::<_, AwsError>(PIPES.put(tx, &key, &pipe)?)
        })
        .await?;
    Ok(UntagResourceOutput {})
}
