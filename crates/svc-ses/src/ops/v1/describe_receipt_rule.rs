//! `DescribeReceiptRule`

use api_ses::{DescribeReceiptRuleInput, DescribeReceiptRuleOutput};
use aws_wire::Result;

use crate::receipt::rule::shown;
use crate::{Ctx, receipt};

pub(crate) async fn describe_receipt_rule(
    cx: Ctx,
    input: DescribeReceiptRuleInput,
) -> Result<DescribeReceiptRuleOutput> {
    let mut set = receipt::named(&cx, &input.rule_set_name).await?;
    let position = receipt::position(&set, &input.rule_name)?;
    Ok(DescribeReceiptRuleOutput { rule: Some(shown(set.rules.swap_remove(position))) })
}
