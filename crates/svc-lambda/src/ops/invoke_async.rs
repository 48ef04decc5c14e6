//! `InvokeAsync`: the deprecated way to put an event into a function's queue.

use api_lambda::{InvokeAsyncInput, InvokeAsyncOutput};
use aws_wire::Result;

use super::invoke::{check_json, not_found_of_latest};
use crate::Ctx;
use crate::asynchronous::{self, INVOKE_ASYNC_BYTES_MAX};
use crate::name::FunctionName;
use crate::trace::Trace;

pub(crate) async fn invoke_async(cx: Ctx, input: InvokeAsyncInput) -> Result<InvokeAsyncOutput> {
    let name = FunctionName::parse(&cx.caller, &input.function_name, None)?;
    asynchronous::check_size(&input.invoke_args, "Event", INVOKE_ASYNC_BYTES_MAX)?;
    let payload = check_json(input.invoke_args)?;
    let found = cx.state.versions.get(&cx, &name).await;
    found.map_err(|error| not_found_of_latest(error, &name))?;
    asynchronous::accept(&cx, &name, &cx.request_id, &payload, &Trace::of(&cx)).await?;
    Ok(InvokeAsyncOutput { status: Some(202) })
}
