//! `GetSendQuota`: what was sent; nothing here bounds it.

use api_ses::{GetSendQuotaInput, GetSendQuotaOutput};
use aws_wire::Result;

use crate::statistics::{self, UNLIMITED};
use crate::{Ctx, account};

pub(crate) async fn get_send_quota(cx: Ctx, _input: GetSendQuotaInput) -> Result<GetSendQuotaOutput> {
    let (snapshot, now) = (cx.kv.snapshot().await?, cx.env.now().as_micros());
    Ok(GetSendQuotaOutput {
        max24_hour_send: Some(UNLIMITED),
        max_send_rate: Some(UNLIMITED),
        sent_last24_hours: Some(statistics::of_a_day(&snapshot, &account::key(&cx.caller), now)?),
    })
}
