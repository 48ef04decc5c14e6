//! `GetAccountSendingEnabled`

use api_ses::{GetAccountSendingEnabledInput, GetAccountSendingEnabledOutput};
use aws_wire::Result;

use crate::{Ctx, account};

pub(crate) async fn get_account_sending_enabled(
    cx: Ctx,
    _input: GetAccountSendingEnabledInput,
) -> Result<GetAccountSendingEnabledOutput> {
    let account = account::of(&cx.kv.snapshot().await?, &account::key(&cx.caller))?;
    Ok(GetAccountSendingEnabledOutput { enabled: Some(account.sending) })
}
