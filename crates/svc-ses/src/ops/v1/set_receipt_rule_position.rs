//! `SetReceiptRulePosition`: behind another rule, or first.

use api_ses::{SetReceiptRulePositionInput, SetReceiptRulePositionOutput};
use aws_wire::Result;

use crate::{Ctx, receipt};

pub(crate) async fn set_receipt_rule_position(
    cx: Ctx,
    input: SetReceiptRulePositionInput,
) -> Result<SetReceiptRulePositionOutput> {
    receipt::change(&cx, &input.rule_set_name, |set| {
        let position = receipt::position(set, &input.rule_name)?;
        let rule = set.rules.remove(position);
        receipt::insert(set, rule, input.after.as_deref())
    })
    .await?;
    Ok(SetReceiptRulePositionOutput {})
}
