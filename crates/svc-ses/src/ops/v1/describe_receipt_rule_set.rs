//! `DescribeReceiptRuleSet`

use api_ses::{DescribeReceiptRuleSetInput, DescribeReceiptRuleSetOutput, ReceiptRuleSetMetadata};
use aws_wire::Result;
use env::Timestamp;

use crate::receipt::rule::{RuleSet, shown};
use crate::{Ctx, receipt};

pub(crate) async fn describe_receipt_rule_set(
    cx: Ctx,
    input: DescribeReceiptRuleSetInput,
) -> Result<DescribeReceiptRuleSetOutput> {
    let set = receipt::named(&cx, &input.rule_set_name).await?;
    Ok(DescribeReceiptRuleSetOutput {
        metadata: Some(metadata(input.rule_set_name, &set)),
        rules: Some(set.rules.into_iter().map(shown).collect()),
    })
}

pub(super) fn metadata(name: String, set: &RuleSet) -> ReceiptRuleSetMetadata {
    let created_timestamp = Some(Timestamp::from_millis(set.created));
    ReceiptRuleSetMetadata { name: Some(name), created_timestamp }
}
