//! `PutRecord`: one record into the shard that its key leads to.

use api_kinesis::{PutRecordInput, PutRecordOutput};
use aws_wire::Result;

use crate::put::{self, Request};
use crate::refusal::dry_run;
use crate::stream::asked;
use crate::{Ctx, sequence, shard};

pub(crate) async fn put_record(cx: Ctx, input: PutRecordInput) -> Result<PutRecordOutput> {
    let named = asked!("PutRecord", input).find(&cx, &cx.kv.snapshot().await?)?;
    let request = Request {
        key: input.partition_key.as_deref(),
        data: &input.data,
        explicit_hash: input.explicit_hash_key.as_deref(),
    };
    let mut draft = request.check(&named.stream, "", put::chance(&cx, &named.stream))?;
    draft.above = put::above(&cx, &named, input.sequence_number_for_ordering.as_deref())?;
    if input.dry_run == Some(true) {
        return Err(dry_run());
    }
    let placed = put::store(&cx, &named, &[draft]).await.into_iter().next().expect("one for each record");
    let placed = placed.map_err(|failure| failure.error(&named.key))?;
    Ok(PutRecordOutput {
        shard_id: shard::name(placed.shard),
        sequence_number: sequence::shown(named.stream.id, placed.shard, placed.number),
        encryption_type: None,
    })
}
