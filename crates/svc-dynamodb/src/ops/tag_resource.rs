//! `TagResource`

use api_dynamodb::TagResourceInput;
use aws_wire::Result;

use crate::Ctx;
use crate::keys::TABLES;
use crate::table;
use crate::value::wrong;

use super::create_table::tags;

const TAGS_MAX: usize = 50;

pub(crate) async fn tag_resource(cx: Ctx, input: TagResourceInput) -> Result<()> {
    let key = table::of_arn(&cx, &input.resource_arn).await?;
    let new = tags(input.tags)?;
    cx.kv
        .transact(|tx| {
            let mut table = table::find(tx, &key)?;
            table.tags.extend(new.clone());
            if table.tags.len() > TAGS_MAX {
                return Err(wrong("Too many tags"));
            }
            table.version += 1;
            Ok(TABLES.put(tx, &key, &table)?)
        })
        .await
}
