//! `CloneReceiptRuleSet`

use api_ses::{CloneReceiptRuleSetInput, CloneReceiptRuleSetOutput};
use aws_wire::Result;

use crate::{Ctx, receipt};

pub(crate) async fn clone_receipt_rule_set(
    cx: Ctx,
    input: CloneReceiptRuleSetInput,
) -> Result<CloneReceiptRuleSetOutput> {
    let original = receipt::named(&cx, &input.original_rule_set_name).await?;
    receipt::add_set(&cx, &input.rule_set_name, original.rules).await?;
    Ok(CloneReceiptRuleSetOutput {})
}
