//! `ListBuckets`: the account's buckets by name.

use api_s3::{Bucket as Shown, ListBucketsInput, ListBucketsOutput};
use aws_wire::Result;
use env::Timestamp;
use kv::{Direction, Span, StartsWith};

use crate::keys::{BUCKETS, BUCKETS_OF};
use crate::listing::After;
use crate::{Ctx, access, errors};

const PAGE_MAX: usize = 10_000;
const SCAN: usize = 1000;

pub(crate) async fn list_buckets(cx: Ctx, input: ListBucketsInput) -> Result<ListBucketsOutput> {
    let buckets_max = input.max_buckets.map_or(Ok(PAGE_MAX), usize::try_from);
    let buckets_max = buckets_max.ok().filter(|max| (1..=PAGE_MAX).contains(max)).ok_or_else(|| {
        let message = "Argument maxBuckets must be an integer between 1 and 10000";
        errors::invalid_argument("max-buckets", "", message)
    })?;
    let after = input.continuation_token.as_deref().map(After::of_token).transpose()?;
    let account = &*cx.caller.account;
    let prefix = input.prefix.as_deref().unwrap_or_default();
    let all = Span::prefix(&(account, StartsWith(prefix)));
    let mut span = all.clone();
    if let Some(After::Key(name)) = after {
        span = span.after(&(account, name.as_str()));
    }
    let snapshot = cx.kv.snapshot().await?;
    let (mut buckets, mut next) = (Vec::<Shown>::new(), None);
    'pages: loop {
        let rows = BUCKETS_OF.scan(&snapshot, &span, SCAN, Direction::Forward)?;
        let full = rows.len() == SCAN;
        let Some(((_, last), ())) = rows.last() else { break };
        span = all.clone().after(&(account, last.as_str()));
        for ((_, name), ()) in rows {
            let Some(bucket) = BUCKETS.get(&snapshot, &name)? else { continue };
            if input.bucket_region.as_ref().is_some_and(|region| *region != bucket.region) {
                continue;
            }
            if buckets.len() == buckets_max {
                let last = buckets.last().and_then(|bucket| bucket.name.clone()).unwrap_or_default();
                next = Some(After::Key(last).token());
                break 'pages;
            }
            buckets.push(Shown {
                bucket_arn: Some(bucket.arn()),
                name: Some(name),
                creation_date: Some(Timestamp::from_millis(bucket.created_ms)),
                bucket_region: Some(bucket.region),
            });
        }
        if !full {
            break;
        }
    }
    Ok(ListBucketsOutput {
        buckets: Some(buckets),
        owner: Some(access::owner(account)),
        continuation_token: next,
        prefix: input.prefix,
    })
}
