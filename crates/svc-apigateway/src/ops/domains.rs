//! Custom domain names.

use api_apigateway::{
    CreateDomainNameInput, DeleteDomainNameInput, DomainName as Shown, GetDomainNameInput,
    GetDomainNamesInput, GetDomainNamesOutput, ResourceOwner, UpdateDomainNameInput,
};
use aws_wire::Result;
use execute_api::domain::{self as domains, Refused};
use execute_api::keys::DOMAINS;
use execute_api::owner::Owner;
use kv::Span;

use crate::domain::{check, key, patched, shown};
use crate::refusal::{not_honoured, of_domain};
use crate::{Ctx, page, patch};

pub(crate) async fn create_domain_name(cx: Ctx, input: CreateDomainNameInput) -> Result<Shown> {
    let name = domains::check_name(&input.domain_name, &cx.host).map_err(of_domain)?;
    let (key, owner) = (key(&cx, &name), Owner::of(&cx.caller));
    let domain = check(&cx, input)?;
    let created = cx.kv.transact(|tx| domains::create(tx, &key, &owner, &domain)).await;
    created.map_err(of_domain)?;
    cx.state.front.domains.changed(&cx.kv, &key).await?;
    Ok(shown(&key, &domain))
}

pub(crate) async fn get_domain_name(cx: Ctx, input: GetDomainNameInput) -> Result<Shown> {
    not_honoured("GetDomainName", &[("domainNameId", input.domain_name_id.is_some())])?;
    let key = key(&cx, &input.domain_name);
    let domain = domains::find(&cx.kv.snapshot().await?, &key).map_err(of_domain)?;
    Ok(shown(&key, &domain))
}

pub(crate) async fn get_domain_names(cx: Ctx, input: GetDomainNamesInput) -> Result<GetDomainNamesOutput> {
    // Others' are shared by access associations, which nobody has here.
    if input.resource_owner == Some(ResourceOwner::OtherAccounts) {
        return Ok(GetDomainNamesOutput { items: Some(Vec::new()), position: None });
    }
    let (account, region) = (cx.caller.account.to_string(), cx.caller.region.to_string());
    let (rows, position) = page::rows(
        &cx.kv.snapshot().await?,
        &DOMAINS,
        Span::prefix(&(account, region)),
        (input.limit, input.position.as_deref()),
        |name| key(&cx, name),
        |key| &key.2,
    )?;
    let items = rows.iter().map(|(key, domain)| shown(key, domain)).collect();
    Ok(GetDomainNamesOutput { items: Some(items), position })
}

pub(crate) async fn update_domain_name(cx: Ctx, input: UpdateDomainNameInput) -> Result<Shown> {
    not_honoured("UpdateDomainName", &[("domainNameId", input.domain_name_id.is_some())])?;
    let patches = patch::read(input.patch_operations)?;
    let key = key(&cx, &input.domain_name);
    let changed = cx
        .kv
        .transact(|tx| {
            let domain = patches.iter().try_fold(domains::find(tx, &key)?, patched)?;
            DOMAINS.put(tx, &key, &domain)?;
            Ok::<_, Refused>(domain)
        })
        .await;
    Ok(shown(&key, &changed.map_err(of_domain)?))
}

pub(crate) async fn delete_domain_name(cx: Ctx, input: DeleteDomainNameInput) -> Result<()> {
    not_honoured("DeleteDomainName", &[("domainNameId", input.domain_name_id.is_some())])?;
    let key = key(&cx, &input.domain_name);
    cx.kv.transact(|tx| domains::delete(tx, &key)).await.map_err(of_domain)?;
    Ok(cx.state.front.domains.changed(&cx.kv, &key).await?)
}
