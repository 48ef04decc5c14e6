//! `CreateReceiptRule`: first in its set, unless it says after which.

use api_ses::{CreateReceiptRuleInput, CreateReceiptRuleOutput, errors};
use aws_wire::Result;

use crate::receipt::rule::{self, RULES_MAX};
use crate::{Ctx, receipt};

pub(crate) async fn create_receipt_rule(
    cx: Ctx,
    input: CreateReceiptRuleInput,
) -> Result<CreateReceiptRuleOutput> {
    receipt::named(&cx, &input.rule_set_name).await?;
    let rule = rule::check(&cx, "CreateReceiptRule", input.rule).await?;
    receipt::change(&cx, &input.rule_set_name, |set| {
        if receipt::position(set, &rule.name).is_ok() {
            let message = format!("Rule already exists: {}", rule.name);
            return Err(errors::already_exists_exception(message).with("Name", rule.name.as_str()));
        }
        if set.rules.len() >= RULES_MAX {
            let message = format!("A rule set has at most {RULES_MAX} rules.");
            return Err(errors::limit_exceeded_exception(message));
        }
        receipt::insert(set, rule.clone(), input.after.as_deref())
    })
    .await?;
    Ok(CreateReceiptRuleOutput {})
}
