//! `UpdateAccountSendingEnabled`: nothing is sent while it is off.

use api_ses::UpdateAccountSendingEnabledInput;
use aws_wire::Result;

use crate::{Ctx, account};

pub(crate) async fn update_account_sending_enabled(
    cx: Ctx,
    input: UpdateAccountSendingEnabledInput,
) -> Result<()> {
    account::change(&cx, |account| account.sending = input.enabled.unwrap_or(false)).await
}
