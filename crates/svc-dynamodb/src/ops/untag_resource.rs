//! `UntagResource`

use api_dynamodb::UntagResourceInput;
use aws_wire::Result;

use crate::Ctx;
use crate::keys::TABLES;
use crate::table;

pub(crate) async fn untag_resource(cx: Ctx, input: UntagResourceInput) -> Result<()> {
    let key = table::of_arn(&cx, &input.resource_arn).await?;
    cx.kv
        .transact(|tx| {
            let mut table = table::find(tx, &key)?;
            table.tags.retain(|name, _| !input.tag_keys.contains(name));
            table.version += 1;
            Ok(TABLES.put(tx, &key, &table)?)
        })
        .await
}
