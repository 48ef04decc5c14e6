//! `UpdateMaxRecordSize`

use api_kinesis::UpdateMaxRecordSizeInput;
use aws_wire::Result;

use crate::Ctx;
use crate::keys::StreamKey;
use crate::stream::{self, Asked, Stream};

pub(crate) async fn update_max_record_size(cx: Ctx, input: UpdateMaxRecordSizeInput) -> Result<()> {
    let asked = Asked {
        operation: "UpdateMaxRecordSize",
        name: None,
        arn: input.stream_arn.as_deref(),
        id: input.stream_id.as_deref(),
    };
    let set = |_: &StreamKey, stream: &mut Stream| {
        stream.record_kib_max = input.max_record_size_in_ki_b;
        Ok(())
    };
    stream::change(&cx, asked, set).await.map(drop)
}
