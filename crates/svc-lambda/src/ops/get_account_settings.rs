//! `GetAccountSettings`: the account's limits in this region, and what it uses of them.

use api_lambda::{AccountLimit, AccountUsage, GetAccountSettingsInput, GetAccountSettingsOutput};
use aws_wire::Result;
use kv::{Direction, Span};

use crate::Ctx;
use crate::concurrency;
use crate::keys::{FUNCTIONS, VERSIONS};
use crate::package::{UNZIPPED_BYTES_MAX, ZIPPED_BYTES_MAX};

/// Code storage per account and region: 300 GB since 2026.
const CODE_BYTES_MAX: i64 = 300 * 1024 * 1024 * 1024;
const PAGE: usize = 1000;

pub(crate) async fn get_account_settings(
    cx: Ctx,
    _: GetAccountSettingsInput,
) -> Result<GetAccountSettingsOutput> {
    let snapshot = cx.kv.snapshot().await?;
    let (account, region) = (&*cx.caller.account, &*cx.caller.region);
    let mut span = Span::prefix(&(account, region));
    let (mut count, mut bytes) = (0, 0);
    loop {
        let page = FUNCTIONS.scan(&snapshot, &span, PAGE, Direction::Forward)?;
        count += page.len() as u64;
        bytes += page.iter().map(|(_, function)| function.wanted.code.size_bytes).sum::<u64>();
        let Some((last, _)) = page.last() else { break };
        span = Span::prefix(&(account, region)).after(last);
    }
    let mut span = Span::prefix(&(account, region));
    loop {
        let page = VERSIONS.scan(&snapshot, &span, PAGE, Direction::Forward)?;
        bytes += page.iter().map(|(_, published)| published.settings.code.size_bytes).sum::<u64>();
        let Some((last, _)) = page.last() else { break };
        span = Span::prefix(&(account, region)).after(last);
    }
    let unreserved = concurrency::unreserved(&cx, &snapshot, (account, region), None)?;
    Ok(GetAccountSettingsOutput {
        account_limit: Some(AccountLimit {
            total_code_size: Some(CODE_BYTES_MAX),
            code_size_unzipped: i64::try_from(UNZIPPED_BYTES_MAX).ok(),
            code_size_zipped: i64::try_from(ZIPPED_BYTES_MAX).ok(),
            concurrent_executions: Some(i32::try_from(concurrency::limit(&cx)).unwrap_or(i32::MAX)),
            unreserved_concurrent_executions: Some(i32::try_from(unreserved).unwrap_or(i32::MAX)),
        }),
        account_usage: Some(AccountUsage {
            total_code_size: i64::try_from(bytes).ok(),
            function_count: i64::try_from(count).ok(),
        }),
    })
}
