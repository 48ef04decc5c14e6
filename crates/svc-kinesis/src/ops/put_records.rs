//! `PutRecords`: up to 500 records, of which some may fail.

use api_kinesis::{PutRecordsInput, PutRecordsOutput, PutRecordsResultEntry};
use aws_wire::Result;

use crate::put::{self, Failure, Placed, Request};
use crate::refusal::{dry_run, invalid, no_stream};
use crate::stream::{Named, asked};
use crate::{Ctx, sequence, shard};

/// Data and partition keys of one request.
const BYTES_MAX: usize = 10 << 20;

pub(crate) async fn put_records(cx: Ctx, input: PutRecordsInput) -> Result<PutRecordsOutput> {
    let named = asked!("PutRecords", input).find(&cx, &cx.kv.snapshot().await?)?;
    let requests = input.records.iter().map(|record| Request {
        key: record.partition_key.as_deref(),
        data: &record.data,
        explicit_hash: record.explicit_hash_key.as_deref(),
    });
    let mut drafts = Vec::with_capacity(input.records.len());
    let mut bytes = 0;
    for (position, request) in requests.enumerate() {
        bytes += request.bytes();
        let path = format!("records.{}.member.", position + 1);
        drafts.push(request.check(&named.stream, &path, put::chance(&cx, &named.stream))?);
    }
    if bytes > BYTES_MAX {
        return Err(invalid("Records size exceeds 10 MB limit"));
    }
    if input.dry_run == Some(true) {
        return Err(dry_run());
    }
    let placed = put::store(&cx, &named, &drafts).await;
    if placed.iter().all(|placed| placed.as_ref().err() == Some(&Failure::Gone)) {
        return Err(no_stream(&named.key));
    }
    let failed = placed.iter().filter(|placed| placed.is_err()).count();
    let records = placed.into_iter().map(|placed| match placed {
        Ok(Placed { shard, number }) => PutRecordsResultEntry {
            sequence_number: Some(sequence::shown(named.stream.id, shard, number)),
            shard_id: Some(shard::name(shard)),
            ..PutRecordsResultEntry::default()
        },
        Err(failure) => refused(&named, failure),
    });
    let records = records.collect();
    Ok(PutRecordsOutput { failed_record_count: i32::try_from(failed).ok(), records, encryption_type: None })
}

fn refused(named: &Named, failure: Failure) -> PutRecordsResultEntry {
    let code = match failure {
        Failure::Throttled(_) => "ProvisionedThroughputExceededException",
        Failure::Gone | Failure::Failed => "InternalFailure",
    };
    PutRecordsResultEntry {
        error_code: Some(code.to_owned()),
        error_message: failure.error(&named.key).message,
        ..PutRecordsResultEntry::default()
    }
}
