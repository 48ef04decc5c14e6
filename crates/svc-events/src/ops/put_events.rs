//! `PutEvents`: what is in order is stored at once; the rest is told entry by entry.

use api_events::{PutEventsInput, PutEventsOutput, PutEventsRequestEntry, PutEventsResultEntry};
use aws_wire::{AwsError, Result};

use crate::event::Draft;
use crate::ingest::{Arrival, ingest};
use crate::{Ctx, bus, policy};

/// Of all entries together.
const BYTES_MAX: usize = 1 << 20;
/// What an entry's time counts for.
const TIME_BYTES: usize = 14;

pub(crate) async fn put_events(cx: Ctx, input: PutEventsInput) -> Result<PutEventsOutput> {
    if input.endpoint_id.is_some() {
        return Err(AwsError::parameter_not_implemented("PutEvents", "EndpointId"));
    }
    if input.entries.iter().map(bytes).sum::<usize>() > BYTES_MAX {
        return Err(AwsError::validation("Total size of the entries in the request is over the limit."));
    }
    let snapshot = cx.kv.snapshot().await?;
    let (mut arrivals, mut results) = (Vec::new(), Vec::with_capacity(input.entries.len()));
    for entry in input.entries {
        let key = bus::key(&cx, entry.event_bus_name.as_deref());
        let bus = bus::get(&snapshot, &key)?;
        if let Some(bus) = &bus {
            policy::check(&cx, &key, bus)?;
        }
        let id = cx.env.uuid().to_string();
        let event = match check(&cx, &entry, &id) {
            Ok(event) => event,
            Err((code, message)) => {
                results.push(PutEventsResultEntry {
                    event_id: None,
                    error_code: Some(code.to_owned()),
                    error_message: Some(message),
                });
                continue;
            }
        };
        results.push(PutEventsResultEntry { event_id: Some(id), ..PutEventsResultEntry::default() });
        // AWS takes events for a bus that is not there, and nobody gets them.
        if bus.is_some() {
            let trace = entry.trace_header.or_else(|| cx.trace.as_deref().map(str::to_owned));
            arrivals.push(Arrival { bus: key, event, trace, hops: 0, replay: None });
        }
    }
    ingest(&cx, &arrivals).await?;
    let failed = results.iter().filter(|result| result.error_code.is_some()).count();
    Ok(PutEventsOutput { failed_entry_count: i32::try_from(failed).ok(), entries: Some(results) })
}

fn bytes(entry: &PutEventsRequestEntry) -> usize {
    let texts = [&entry.source, &entry.detail_type, &entry.detail].into_iter().flatten();
    let time = entry.time.map_or(0, |_| TIME_BYTES);
    time + texts.chain(entry.resources.iter().flatten()).map(String::len).sum::<usize>()
}

/// The event that an entry makes, or the code and the words that it fails with.
fn check(
    cx: &Ctx,
    entry: &PutEventsRequestEntry,
    id: &str,
) -> Result<Box<serde_json::value::RawValue>, (&'static str, String)> {
    let required = |name: &str, text: &'_ Option<String>| match text.as_deref() {
        None | Some("") => Err((
            "InvalidArgument",
            format!("Parameter {name} is not valid. Reason: {name} is a required argument."),
        )),
        Some(_) => Ok(()),
    };
    required("Source", &entry.source)?;
    required("DetailType", &entry.detail_type)?;
    required("Detail", &entry.detail)?;
    let source = entry.source.as_deref().unwrap_or_default();
    if source.starts_with("aws.") {
        return Err(("NotAuthorizedForSourceException", "Not authorized for the source.".to_owned()));
    }
    let draft = Draft {
        id: id.to_owned(),
        detail_type: entry.detail_type.as_deref().unwrap_or_default(),
        source,
        account: &cx.caller.account,
        at: entry.time.unwrap_or_else(|| cx.env.now()),
        region: &cx.caller.region,
        resources: entry.resources.as_deref().unwrap_or_default(),
        detail: entry.detail.as_deref().unwrap_or_default(),
    };
    draft.text().ok_or_else(|| ("MalformedDetail", "Detail is malformed.".to_owned()))
}
