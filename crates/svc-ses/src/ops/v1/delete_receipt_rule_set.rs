//! `DeleteReceiptRuleSet`: not the active one; one that is not there is no error.

use api_ses::{DeleteReceiptRuleSetInput, DeleteReceiptRuleSetOutput, errors};
use aws_wire::Result;

use crate::keys::{ACTIVE, RULE_SETS};
use crate::{Ctx, account};

pub(crate) async fn delete_receipt_rule_set(
    cx: Ctx,
    input: DeleteReceiptRuleSetInput,
) -> Result<DeleteReceiptRuleSetOutput> {
    let (owner, name) = (account::key(&cx.caller), input.rule_set_name);
    cx.kv
        .transact(|tx| {
            if ACTIVE.get(tx, &owner)?.as_deref() == Some(name.as_str()) {
                let message = format!("Cannot delete active rule set: {name}");
                return Err(errors::cannot_delete_exception(message).with("Name", name.as_str()));
            }
            Ok(RULE_SETS.delete(tx, &(&owner.0, &owner.1, &name))?)
        })
        .await?;
    Ok(DeleteReceiptRuleSetOutput {})
}
