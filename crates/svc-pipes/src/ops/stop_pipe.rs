//! `StopPipe`: a pipe is to be stopped; it is so beside the request.

use api_pipes::{StopPipeInput, StopPipeOutput};
use aws_wire::Result;

use crate::Ctx;
use crate::pipe::{self, Desired, State};

pub(crate) async fn stop_pipe(cx: Ctx, input: StopPipeInput) -> Result<StopPipeOutput> {
    let key = pipe::key(&cx, &input.name);
    let after = pipe::change(&cx, &key, |pipe| {
        pipe.state = State::Stopping;
        pipe.desired = Desired::Stopped;
    })
    .await?;
    Ok(StopPipeOutput {
        arn: Some(pipe::arn(&key)),
        name: Some(key.2),
        desired_state: Some(after.desired.shown()),
        current_state: Some(after.state.shown()),
        creation_time: after.created(),
        last_modified_time: after.modified(),
    })
}
