//! `CreateReceiptRuleSet`

use api_ses::{CreateReceiptRuleSetInput, CreateReceiptRuleSetOutput};
use aws_wire::Result;

use crate::{Ctx, receipt};

pub(crate) async fn create_receipt_rule_set(
    cx: Ctx,
    input: CreateReceiptRuleSetInput,
) -> Result<CreateReceiptRuleSetOutput> {
    receipt::add_set(&cx, &input.rule_set_name, Vec::new()).await?;
    Ok(CreateReceiptRuleSetOutput {})
}
