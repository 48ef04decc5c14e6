//! `DeleteArchive`: its events are removed after.

use api_events::{DeleteArchiveInput, DeleteArchiveOutput};
use aws_wire::Result;

use crate::bus::revise;
use crate::keys::{ARCHIVES, DOOMED};
use crate::{Ctx, archive, keys};

pub(crate) async fn delete_archive(cx: Ctx, input: DeleteArchiveInput) -> Result<DeleteArchiveOutput> {
    let key = keys::own(&cx, &input.archive_name);
    cx.kv
        .transact(|tx| {
            let archive = archive::find(tx, &key)?;
            ARCHIVES.delete(tx, &key)?;
            DOOMED.put(tx, &archive.id, &())?;
            revise(tx, &archive::bus_of(&key, &archive))
        })
        .await?;
    Ok(DeleteArchiveOutput {})
}
