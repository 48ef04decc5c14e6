//! `SetActiveReceiptRuleSet`: the rules that mails follow from now on, or none.

use api_ses::{SetActiveReceiptRuleSetInput, SetActiveReceiptRuleSetOutput};
use aws_wire::Result;

use crate::keys::{ACTIVE, RULE_SETS};
use crate::receipt::no_set;
use crate::{Ctx, account};

pub(crate) async fn set_active_receipt_rule_set(
    cx: Ctx,
    input: SetActiveReceiptRuleSetInput,
) -> Result<SetActiveReceiptRuleSetOutput> {
    let owner = account::key(&cx.caller);
    cx.kv
        .transact(|tx| match &input.rule_set_name {
            Some(name) => {
                RULE_SETS.get(tx, &(&owner.0, &owner.1, name))?.ok_or_else(|| no_set(name))?;
                Ok(ACTIVE.put(tx, &owner, name)?)
            }
            None => Ok::<_, aws_wire::AwsError>(ACTIVE.delete(tx, &owner)?),
        })
        .await?;
    Ok(SetActiveReceiptRuleSetOutput {})
}
