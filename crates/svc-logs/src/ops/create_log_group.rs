//! `CreateLogGroup`

use api_logs::{CreateLogGroupInput, LogGroupClass, errors};
use aws_wire::{AwsError, Result};

use crate::Ctx;
use crate::group::{self, Group};
use crate::keys::GROUPS;

pub(crate) async fn create_log_group(cx: Ctx, input: CreateLogGroupInput) -> Result<()> {
    let unhonoured = [
        ("kmsKeyId", input.kms_key_id.is_some()),
        (
            "logGroupClass other than STANDARD",
            input.log_group_class.is_some_and(|c| c != LogGroupClass::Standard),
        ),
        ("deletionProtectionEnabled", input.deletion_protection_enabled == Some(true)),
    ];
    if let Some((parameter, _)) = unhonoured.iter().find(|(_, asked)| *asked) {
        return Err(AwsError::parameter_not_implemented("CreateLogGroup", parameter));
    }
    let key = group::key(&cx, &input.log_group_name);
    let group = Group {
        id: cx.env.uuid().into_bytes(),
        created_ms: cx.env.now().as_millis(),
        tags: input.tags.unwrap_or_default(),
        filters: Vec::new(),
    };
    cx.kv
        .transact(|tx| {
            if GROUPS.get(tx, &key)?.is_some() {
                return Err(errors::resource_already_exists_exception(
                    "The specified log group already exists",
                ));
            }
            Ok(GROUPS.put(tx, &key, &group)?)
        })
        .await
}
