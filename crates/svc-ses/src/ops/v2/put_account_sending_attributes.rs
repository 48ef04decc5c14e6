//! `PutAccountSendingAttributes`: nothing is sent while it is off.

use api_sesv2::{PutAccountSendingAttributesInput, PutAccountSendingAttributesOutput};
use aws_wire::Result;

use crate::{Ctx, account};

pub(crate) async fn put_account_sending_attributes(
    cx: Ctx,
    input: PutAccountSendingAttributesInput,
) -> Result<PutAccountSendingAttributesOutput> {
    account::change(&cx, |account| account.sending = input.sending_enabled.unwrap_or(false)).await?;
    Ok(PutAccountSendingAttributesOutput {})
}
