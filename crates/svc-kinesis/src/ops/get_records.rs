//! `GetRecords`: the next records of a shard.

use api_kinesis::{GetRecordsInput, GetRecordsOutput};
use aws_wire::Result;

use crate::iterator::Iterator;
use crate::refusal::{dry_run, invalid, no_shard};
use crate::{Ctx, page, read, shard, stream};

const RECORDS_MAX: usize = 10_000;
const BYTES_MAX: usize = 10 << 20;

pub(crate) async fn get_records(cx: Ctx, input: GetRecordsInput) -> Result<GetRecordsOutput> {
    stream::refuse_id("GetRecords", input.stream_id.as_deref())?;
    let iterator = Iterator::decode(&input.shard_iterator)?;
    if input.stream_arn.is_some_and(|arn| arn != stream::arn(&iterator.key)) {
        return Err(invalid("StreamARN is not the one of the ShardIterator."));
    }
    read::check_age(iterator.made_ms, cx.env.now())?;
    let missing = || no_shard(&shard::name(iterator.shard), &iterator.key);
    let named = stream::named(&cx, &cx.kv.snapshot().await?, iterator.key.clone(), "GetRecords");
    let named =
        named.map_err(|error| if error.code == "ResourceNotFoundException" { missing() } else { error })?;
    if named.stream.id != iterator.stream {
        return Err(missing());
    }
    if input.dry_run == Some(true) {
        return Err(dry_run());
    }
    cx.state.throttle.check_read(&cx, &named, iterator.shard)?;
    let limit = page::length(input.limit, RECORDS_MAX);
    let page = read::page(&cx, &named, iterator.shard, iterator.from, limit, BYTES_MAX).await?;
    cx.state.throttle.gave(&cx, &named, iterator.shard, page.bytes);
    // A shard that was split or merged says where to go on, once it is read to its end.
    let children = match page.over {
        true => {
            Some(shard::children(&shard::all(&cx.kv.snapshot().await?, named.stream.id)?, iterator.shard))
        }
        false => None,
    };
    let next = Iterator { from: page.next, made_ms: cx.env.now().as_millis(), ..iterator };
    Ok(GetRecordsOutput {
        records: page.records,
        next_shard_iterator: (!page.over).then(|| next.encode()),
        millis_behind_latest: Some(page.behind_ms),
        child_shards: children,
    })
}
