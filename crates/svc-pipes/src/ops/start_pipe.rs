//! `StartPipe`: a pipe is to be running; it is so beside the request.

use api_pipes::{StartPipeInput, StartPipeOutput};
use aws_wire::Result;

use crate::Ctx;
use crate::pipe::{self, Desired, State};

pub(crate) async fn start_pipe(cx: Ctx, input: StartPipeInput) -> Result<StartPipeOutput> {
    let key = pipe::key(&cx, &input.name);
    let after = pipe::change(&cx, &key, |pipe| {
        pipe.state = State::Starting;
        pipe.desired = Desired::Running;
    })
    .await?;
    Ok(StartPipeOutput {
        arn: Some(pipe::arn(&key)),
        name: Some(key.2),
        desired_state: Some(after.desired.shown()),
        current_state: Some(after.state.shown()),
        creation_time: after.created(),
        last_modified_time: after.modified(),
    })
}
