//! `PutAccountSuppressionAttributes`: for which reasons the suppression list counts.

use api_sesv2::{PutAccountSuppressionAttributesInput, PutAccountSuppressionAttributesOutput};
use aws_wire::Result;

use super::{reasons, refuse};
use crate::{Ctx, account};

pub(crate) async fn put_account_suppression_attributes(
    cx: Ctx,
    input: PutAccountSuppressionAttributesInput,
) -> Result<PutAccountSuppressionAttributesOutput> {
    let operation = "PutAccountSuppressionAttributes";
    refuse(operation, &[("ValidationAttributes", input.validation_attributes.is_some())])?;
    let reasons = reasons(input.suppressed_reasons.unwrap_or_default());
    account::change(&cx, |account| account.suppressed_reasons.clone_from(&reasons)).await?;
    Ok(PutAccountSuppressionAttributesOutput {})
}
