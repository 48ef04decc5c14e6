//! `DescribeActiveReceiptRuleSet`: nothing where none is active.

use api_ses::{DescribeActiveReceiptRuleSetInput, DescribeActiveReceiptRuleSetOutput};
use aws_wire::Result;

use super::describe_receipt_rule_set::metadata;
use crate::receipt::rule::shown;
use crate::{Ctx, account, receipt};

pub(crate) async fn describe_active_receipt_rule_set(
    cx: Ctx,
    _input: DescribeActiveReceiptRuleSetInput,
) -> Result<DescribeActiveReceiptRuleSetOutput> {
    let active = receipt::active(&cx.kv.snapshot().await?, &account::key(&cx.caller))?;
    let Some((name, set)) = active else { return Ok(DescribeActiveReceiptRuleSetOutput::default()) };
    Ok(DescribeActiveReceiptRuleSetOutput {
        metadata: Some(metadata(name, &set)),
        rules: Some(set.rules.into_iter().map(shown).collect()),
    })
}
