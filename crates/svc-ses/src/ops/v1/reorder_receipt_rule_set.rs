//! `ReorderReceiptRuleSet`: all rules of a set, in another order.

use api_ses::{ReorderReceiptRuleSetInput, ReorderReceiptRuleSetOutput};
use aws_wire::Result;

use crate::refusal::invalid;
use crate::{Ctx, receipt};

pub(crate) async fn reorder_receipt_rule_set(
    cx: Ctx,
    input: ReorderReceiptRuleSetInput,
) -> Result<ReorderReceiptRuleSetOutput> {
    receipt::change(&cx, &input.rule_set_name, |set| {
        let mut ordered = Vec::with_capacity(set.rules.len());
        for name in &input.rule_names {
            let position = receipt::position(set, name)?;
            ordered.push(set.rules.remove(position));
        }
        if !set.rules.is_empty() {
            return Err(invalid("The order must name every rule of the set, each once."));
        }
        set.rules = ordered;
        Ok(())
    })
    .await?;
    Ok(ReorderReceiptRuleSetOutput {})
}
