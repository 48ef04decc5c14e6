//! `UpdateReceiptRule`

use api_ses::{UpdateReceiptRuleInput, UpdateReceiptRuleOutput};
use aws_wire::Result;

use crate::receipt::rule;
use crate::{Ctx, receipt};

pub(crate) async fn update_receipt_rule(
    cx: Ctx,
    input: UpdateReceiptRuleInput,
) -> Result<UpdateReceiptRuleOutput> {
    receipt::named(&cx, &input.rule_set_name).await?;
    let rule = rule::check(&cx, "UpdateReceiptRule", input.rule).await?;
    receipt::change(&cx, &input.rule_set_name, |set| {
        let position = receipt::position(set, &rule.name)?;
        set.rules[position].clone_from(&rule);
        Ok(())
    })
    .await?;
    Ok(UpdateReceiptRuleOutput {})
}
