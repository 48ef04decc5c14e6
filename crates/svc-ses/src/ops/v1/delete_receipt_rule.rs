//! `DeleteReceiptRule`; one that is not there is no error.

use api_ses::{DeleteReceiptRuleInput, DeleteReceiptRuleOutput};
use aws_wire::Result;

use crate::{Ctx, receipt};

pub(crate) async fn delete_receipt_rule(
    cx: Ctx,
    input: DeleteReceiptRuleInput,
) -> Result<DeleteReceiptRuleOutput> {
    receipt::change(&cx, &input.rule_set_name, |set| {
        set.rules.retain(|rule| rule.name != input.rule_name);
        Ok(())
    })
    .await?;
    Ok(DeleteReceiptRuleOutput {})
}
