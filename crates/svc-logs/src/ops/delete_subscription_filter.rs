//! `DeleteSubscriptionFilter`: what is on its way arrives all the same.

use api_logs::{DeleteSubscriptionFilterInput, errors};
use aws_wire::{AwsError, Result};

use crate::keys::GROUPS;
use crate::{Ctx, group};

pub(crate) async fn delete_subscription_filter(cx: Ctx, input: DeleteSubscriptionFilterInput) -> Result<()> {
    let key = group::key(&cx, &input.log_group_name);
    cx.kv
        .transact(|tx| {
            let mut group = group::find(tx, &key)?;
            let before = group.filters.len();
            group.filters.retain(|filter| filter.name != input.filter_name);
            if group.filters.len() == before {
                return Err(errors::resource_not_found_exception(
                    "The specified subscription filter does not exist.",
                ));
            }
            Ok::<_, AwsError>(GROUPS.put(tx, &key, &group)?)
        })
        .await
}
