//! `ListPipes`: of the caller's account and region, by name.

use api_pipes::{ListPipesInput, ListPipesOutput};
use aws_wire::Result;
use kv::{Direction, Span, StartsWith};
use service::page;

use crate::Ctx;
use crate::keys::{PIPES, PipeKey};
use crate::pipe::{self, Desired, Pipe};

/// Rows read at once, while some are left out.
const ROWS: usize = 1000;

pub(crate) async fn list_pipes(cx: Ctx, input: ListPipesInput) -> Result<ListPipesOutput> {
    let snapshot = cx.kv.snapshot().await?;
    let (account, region) = (&*cx.caller.account, &*cx.caller.region);
    let prefix = input.name_prefix.as_deref().unwrap_or_default();
    let mut span = Span::prefix(&(account, region, StartsWith(prefix)));
    if let Some(token) = &input.next_token {
        span = span.after(&(account, region, after(token)?.as_str()));
    }
    let length = page::length(input.limit);
    let begins =
        |text: &str, prefix: &Option<String>| prefix.as_ref().is_none_or(|prefix| text.starts_with(prefix));
    let wanted = |(_, pipe): &(PipeKey, Pipe)| {
        Desired::of(input.desired_state).is_none_or(|desired| pipe.desired == desired)
            && input.current_state.is_none_or(|state| pipe.state.shown() == state)
            && begins(&pipe.source, &input.source_prefix)
            && begins(&pipe.target.arn, &input.target_prefix)
    };
    let mut found = Vec::new();
    while found.len() <= length {
        let rows = PIPES.scan(&snapshot, &span, ROWS, Direction::Forward)?;
        let more = rows.len() == ROWS;
        if let Some((last, _)) = rows.last() {
            span = span.after(last);
        }
        found.extend(rows.into_iter().filter(wanted));
        if !more {
            break;
        }
    }
    let next_token = page::cut(&mut found, length, |((.., name), _)| name);
    let pipes = found.into_iter().map(|(key, pipe)| api_pipes::Pipe {
        arn: Some(pipe::arn(&key)),
        name: Some(key.2),
        desired_state: Some(pipe.desired.shown()),
        current_state: Some(pipe.state.shown()),
        creation_time: pipe.created(),
        last_modified_time: pipe.modified(),
        state_reason: pipe.reason,
        source: Some(pipe.source),
        target: Some(pipe.target.arn),
        enrichment: pipe.enrichment.map(|enrichment| enrichment.arn),
    });
    Ok(ListPipesOutput { pipes: Some(pipes.collect()), next_token })
}

/// # Errors
/// 400 for what is no token of ours.
fn after(token: &str) -> Result<String> {
    page::after(token).ok_or_else(|| pipe::invalid("NextToken is not valid."))
}
