//! `PublishBatch`: what is in order is stored at once; the rest is told entry by entry.

use std::collections::BTreeSet;

use api_sns::{
    BatchResultErrorEntry, PublishBatchInput, PublishBatchOutput, PublishBatchResultEntry, errors,
};
use aws_wire::schema::Fault;
use aws_wire::{AwsError, Result};

use super::publish::store;
use crate::message::Request;
use crate::{Ctx, topic};

const ENTRIES_MAX: usize = 10;
const BYTES_MAX: usize = 262_144;

pub(crate) async fn publish_batch(cx: Ctx, input: PublishBatchInput) -> Result<PublishBatchOutput> {
    let (key, topic) = topic::named(&cx, &cx.kv.snapshot().await?, &input.topic_arn, "Publish")?;
    let entries = input.publish_batch_request_entries;
    check_ids(entries.iter().map(|entry| entry.id.as_str()), entries.len())?;
    let requests = entries.into_iter().map(|entry| {
        let request = Request {
            message: entry.message,
            subject: entry.subject,
            structure: entry.message_structure,
            attributes: entry.message_attributes.unwrap_or_default(),
            group: entry.message_group_id,
            deduplication: entry.message_deduplication_id,
        };
        (entry.id, request)
    });
    let requests = requests.collect::<Vec<_>>();
    let bytes_max = BYTES_MAX.max(topic.message_bytes_max());
    if requests.iter().map(|(_, request)| request.bytes()).sum::<usize>() > bytes_max {
        return Err(errors::batch_request_too_long_exception(
            "The length of all the batch messages put together is more than the limit.",
        ));
    }
    let (mut ids, mut messages, mut failed) = (Vec::new(), Vec::new(), Vec::new());
    for (id, request) in requests {
        match request.check(&topic, cx.env.uuid().to_string(), cx.env.now().as_millis()) {
            Ok(message) => {
                ids.push(id);
                messages.push(message);
            }
            Err(error) => failed.push(show(id, &error)),
        }
    }
    let published = if messages.is_empty() { Vec::new() } else { store(&cx, &key, messages).await? };
    let successful = ids.into_iter().zip(published).map(|(id, published)| PublishBatchResultEntry {
        id: Some(id),
        message_id: Some(published.message_id),
        sequence_number: topic.is_fifo().then(|| published.sequence.to_string()),
    });
    Ok(PublishBatchOutput { successful: Some(successful.collect()), failed: Some(failed) })
}

fn show(id: String, error: &AwsError) -> BatchResultErrorEntry {
    BatchResultErrorEntry {
        id,
        code: error.query_code.map_or_else(|| error.code.to_string(), str::to_owned),
        message: error.message.clone(),
        sender_fault: error.fault == Fault::Client,
    }
}

fn check_ids<'a>(ids: impl Iterator<Item = &'a str>, count: usize) -> Result<()> {
    if count == 0 {
        return Err(errors::empty_batch_request_exception("The batch request doesn't contain any entries."));
    }
    if count > ENTRIES_MAX {
        return Err(errors::too_many_entries_in_batch_request_exception(
            "The batch request contains more entries than permissible.",
        ));
    }
    let letters = |letter: u8| letter.is_ascii_alphanumeric() || matches!(letter, b'-' | b'_');
    let mut seen = BTreeSet::new();
    for id in ids {
        if id.is_empty() || id.len() > 80 || !id.bytes().all(letters) {
            return Err(errors::invalid_batch_entry_id_exception(
                "The Id of a batch entry in a batch request doesn't abide by the specification.",
            ));
        }
        if !seen.insert(id) {
            return Err(errors::batch_entry_ids_not_distinct_exception(
                "Two or more batch entries in the request have the same Id.",
            ));
        }
    }
    Ok(())
}
