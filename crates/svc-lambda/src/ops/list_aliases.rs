//! `ListAliases`: a function's aliases by name, or those that lead to one version, page by page.

use api_lambda::{ListAliasesInput, ListAliasesOutput};
use aws_wire::Result;

use crate::Ctx;
use crate::alias;
use crate::page;
use crate::policy;
use crate::versions::find;

pub(crate) async fn list_aliases(cx: Ctx, input: ListAliasesInput) -> Result<ListAliasesOutput> {
    let name = policy::named(&cx, "ListAliases", &input.function_name, None).await?.latest()?;
    find(&cx, &name).await?;
    let after = input.marker.as_deref().map(page::after).transpose()?;
    let wanted = input.function_version.as_deref();
    let aliases = alias::all(&cx.kv.snapshot().await?, &name.key())?;
    let mut aliases = aliases
        .into_iter()
        .map(|(_, alias)| alias)
        .filter(|alias| after.as_ref().is_none_or(|after| alias.name > *after))
        .filter(|alias| wanted.is_none_or(|wanted| alias.leads_to(wanted)))
        .collect::<Vec<_>>();
    let next_marker =
        page::cut(&mut aliases, page::limit(input.max_items)).map(|last| page::marker(&last.name));
    let aliases = aliases.iter().map(|alias| alias.shown(&name)).collect();
    Ok(ListAliasesOutput { aliases: Some(aliases), next_marker })
}
