//! `ListReceiptRuleSets`: all of them, for there are few.

use api_ses::{ListReceiptRuleSetsInput, ListReceiptRuleSetsOutput};
use aws_wire::Result;

use super::describe_receipt_rule_set::metadata;
use crate::refusal::invalid;
use crate::{Ctx, account, receipt};

pub(crate) async fn list_receipt_rule_sets(
    cx: Ctx,
    input: ListReceiptRuleSetsInput,
) -> Result<ListReceiptRuleSetsOutput> {
    if input.next_token.is_some() {
        // None was ever given.
        return Err(invalid("The token is not valid."));
    }
    let sets = receipt::rule_sets(&cx.kv.snapshot().await?, &account::key(&cx.caller))?;
    let sets = sets.into_iter().map(|(name, set)| metadata(name, &set));
    Ok(ListReceiptRuleSetsOutput { rule_sets: Some(sets.collect()), next_token: None })
}
