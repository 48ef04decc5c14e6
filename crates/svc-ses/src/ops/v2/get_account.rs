//! `GetAccount`: what may be sent, and what was; nothing here bounds it.

use api_sesv2::{GetAccountInput, GetAccountOutput, SendQuota, SuppressionAttributes};
use aws_wire::Result;

use super::shown_reasons;
use crate::statistics::{self, UNLIMITED};
use crate::{Ctx, account};

pub(crate) async fn get_account(cx: Ctx, _input: GetAccountInput) -> Result<GetAccountOutput> {
    let (snapshot, owner) = (cx.kv.snapshot().await?, account::key(&cx.caller));
    let account = account::of(&snapshot, &owner)?;
    let quota = SendQuota {
        max24_hour_send: Some(UNLIMITED),
        max_send_rate: Some(UNLIMITED),
        sent_last24_hours: Some(statistics::of_a_day(&snapshot, &owner, cx.env.now().as_micros())?),
    };
    Ok(GetAccountOutput {
        dedicated_ip_auto_warmup_enabled: Some(false),
        enforcement_status: Some("HEALTHY".to_owned()),
        production_access_enabled: Some(true),
        send_quota: Some(quota),
        sending_enabled: Some(account.sending),
        suppression_attributes: Some(SuppressionAttributes {
            suppressed_reasons: Some(shown_reasons(&account.suppressed_reasons)),
            validation_attributes: None,
        }),
        ..GetAccountOutput::default()
    })
}
