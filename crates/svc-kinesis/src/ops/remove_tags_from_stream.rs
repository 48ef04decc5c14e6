//! `RemoveTagsFromStream`: a tag that is not there is no error.

use api_kinesis::RemoveTagsFromStreamInput;
use aws_wire::Result;

use crate::Ctx;
use crate::keys::StreamKey;
use crate::stream::{self, Stream, asked};

pub(crate) async fn remove_tags_from_stream(cx: Ctx, input: RemoveTagsFromStreamInput) -> Result<()> {
    let remove = |_: &StreamKey, stream: &mut Stream| {
        stream.tags.retain(|key, _| !input.tag_keys.contains(key));
        Ok(())
    };
    stream::change(&cx, asked!("RemoveTagsFromStream", input), remove).await.map(drop)
}
