//! `PutTraceSegments`: stores the segments that can be read, has them exported, and tells which could not.

use api_xray::{PutTraceSegmentsInput, PutTraceSegmentsOutput, UnprocessedTraceSegment};
use aws_wire::{AwsError, Result};

use crate::Ctx;
use crate::document::Document;
use crate::keys::{FORMAT, SEGMENTS, Segment};

/// Segments in one transaction: of the largest documents, some megabytes.
const SEGMENTS_AT_ONCE: usize = 50;

pub(crate) async fn put_trace_segments(
    cx: Ctx,
    input: PutTraceSegmentsInput,
) -> Result<PutTraceSegmentsOutput> {
    let (mut segments, mut unprocessed) = (Vec::new(), Vec::new());
    let (account, region) = (&*cx.caller.account, &*cx.caller.region);
    for document in input.trace_segment_documents {
        match Document::read(&document) {
            Ok(read) => {
                let key = (account.to_owned(), region.to_owned(), read.trace_id, read.id);
                segments.push((key, Segment { format: FORMAT, document }));
            }
            Err(rejected) => unprocessed.push(UnprocessedTraceSegment {
                id: rejected.id,
                error_code: Some(rejected.code.to_owned()),
                message: None,
            }),
        }
    }
    // A segment that was sent in progress is replaced when it is sent whole.
    for some in segments.chunks(SEGMENTS_AT_ONCE) {
        let put = |tx: &mut kv::Tx| some.iter().try_for_each(|(key, segment)| SEGMENTS.put(tx, key, segment));
        cx.kv.transact(|tx| Ok::<_, AwsError>(put(tx)?)).await?;
    }
    if let Some(exporter) = &cx.state.exporter {
        segments.iter().for_each(|(_, segment)| exporter.offer(&segment.document));
    }
    Ok(PutTraceSegmentsOutput { unprocessed_trace_segments: Some(unprocessed) })
}
