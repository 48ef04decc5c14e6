//! `DeleteLogGroup`: the group is gone at once; its streams and events are removed beside the request.

use api_logs::DeleteLogGroupInput;
use aws_wire::Result;

use crate::Ctx;
use crate::group;
use crate::keys::{DOOMED, GROUPS};

pub(crate) async fn delete_log_group(cx: Ctx, input: DeleteLogGroupInput) -> Result<()> {
    let key = group::key(&cx, &input.log_group_name);
    cx.kv
        .transact(|tx| {
            let group = group::find(tx, &key)?;
            GROUPS.delete(tx, &key)?;
            Ok(DOOMED.put(tx, &group.id, &())?)
        })
        .await
}
