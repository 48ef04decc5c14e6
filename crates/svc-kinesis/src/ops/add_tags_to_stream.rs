//! `AddTagsToStream`

use api_kinesis::AddTagsToStreamInput;
use aws_wire::Result;

use crate::Ctx;
use crate::keys::StreamKey;
use crate::stream::{self, Stream, asked};

pub(crate) async fn add_tags_to_stream(cx: Ctx, input: AddTagsToStreamInput) -> Result<()> {
    let add = |_: &StreamKey, stream: &mut Stream| stream::add_tags(&mut stream.tags, &input.tags);
    stream::change(&cx, asked!("AddTagsToStream", input), add).await.map(drop)
}
