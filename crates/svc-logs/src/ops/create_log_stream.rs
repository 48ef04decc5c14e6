//! `CreateLogStream`

use api_logs::{CreateLogStreamInput, errors};
use aws_wire::Result;

use crate::Ctx;
use crate::group;
use crate::keys::STREAMS;
use crate::stream::Stream;

pub(crate) async fn create_log_stream(cx: Ctx, input: CreateLogStreamInput) -> Result<()> {
    let group_key = group::key(&cx, &input.log_group_name);
    let stream = Stream {
        id: cx.env.uuid().into_bytes(),
        created_ms: cx.env.now().as_millis(),
        first_event_ms: None,
        last_event_ms: None,
        last_ingestion_ms: None,
        stored_bytes: 0,
        next: 0,
    };
    cx.kv
        .transact(|tx| {
            let key = (group::find(tx, &group_key)?.id, input.log_stream_name.as_str());
            if STREAMS.get(tx, &key)?.is_some() {
                return Err(errors::resource_already_exists_exception(
                    "The specified log stream already exists",
                ));
            }
            Ok(STREAMS.put(tx, &key, &stream)?)
        })
        .await
}
