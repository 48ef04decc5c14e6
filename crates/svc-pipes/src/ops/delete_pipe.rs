//! `DeletePipe`: the pipe ends what it has under way, and is gone.

use api_pipes::{DeletePipeInput, DeletePipeOutput};
use aws_wire::Result;

use crate::Ctx;
use crate::pipe::{self, State};

pub(crate) async fn delete_pipe(cx: Ctx, input: DeletePipeInput) -> Result<DeletePipeOutput> {
    let key = pipe::key(&cx, &input.name);
    let after = pipe::change(&cx, &key, |pipe| {
        pipe.state = State::Deleting;
    })
    .await?;
    Ok(DeletePipeOutput {
        arn: Some(pipe::arn(&key)),
        name: Some(key.2),
        desired_state: Some(after.desired_shown()),
        current_state: Some(after.state.shown()),
        creation_time: after.created(),
        last_modified_time: after.modified(),
    })
}
