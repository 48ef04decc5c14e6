//! Custom domain names.

use api_apigatewayv2::{
    CreateDomainNameInput, CreateDomainNameOutput, DeleteDomainNameInput, GetDomainNameInput,
    GetDomainNameOutput, GetDomainNamesInput, GetDomainNamesOutput, RoutingMode, UpdateDomainNameInput,
    UpdateDomainNameOutput,
};
use aws_wire::Result;
use execute_api::domain::{self as domains, Domain, Refused};
use execute_api::keys::DOMAINS;
use execute_api::owner::Owner;
use kv::Span;

use super::recast;
use crate::domain::{check, key, shown};
use crate::refusal::{not_honoured, of_domain};
use crate::{Ctx, page, tags};

fn is_other(mode: Option<RoutingMode>) -> bool {
    mode.is_some_and(|mode| mode != RoutingMode::ApiMappingOnly)
}

pub(crate) async fn create_domain_name(
    cx: Ctx,
    input: CreateDomainNameInput,
) -> Result<CreateDomainNameOutput> {
    not_honoured(
        "CreateDomainName",
        &[
            ("MutualTlsAuthentication", input.mutual_tls_authentication.is_some()),
            ("RoutingMode", is_other(input.routing_mode)),
        ],
    )?;
    let name = domains::check_name(&input.domain_name, &cx.host).map_err(of_domain)?;
    let (key, owner) = (key(&cx, &name), Owner::of(&cx.caller));
    let domain = check(&cx, input.domain_name_configurations, None)?;
    let domain = Domain { tags: input.tags.unwrap_or_default(), ..domain };
    tags::check(&domain.tags)?;
    let created = cx.kv.transact(|tx| domains::create(tx, &key, &owner, &domain)).await;
    created.map_err(of_domain)?;
    cx.state.front.domains.changed(&cx.kv, &key).await?;
    Ok(recast(shown(&key, &domain)))
}

pub(crate) async fn get_domain_name(cx: Ctx, input: GetDomainNameInput) -> Result<GetDomainNameOutput> {
    let key = key(&cx, &input.domain_name);
    let domain = domains::find(&cx.kv.snapshot().await?, &key).map_err(of_domain)?;
    Ok(recast(shown(&key, &domain)))
}

pub(crate) async fn get_domain_names(cx: Ctx, input: GetDomainNamesInput) -> Result<GetDomainNamesOutput> {
    let (account, region) = (cx.caller.account.to_string(), cx.caller.region.to_string());
    let (rows, next_token) = page::rows(
        &cx.kv.snapshot().await?,
        &DOMAINS,
        Span::prefix(&(account, region)),
        (input.max_results.as_deref(), input.next_token.as_deref()),
        |name| key(&cx, name),
        |key| &key.2,
    )?;
    let items = rows.iter().map(|(key, domain)| shown(key, domain)).collect();
    Ok(GetDomainNamesOutput { items: Some(items), next_token })
}

pub(crate) async fn update_domain_name(
    cx: Ctx,
    input: UpdateDomainNameInput,
) -> Result<UpdateDomainNameOutput> {
    not_honoured(
        "UpdateDomainName",
        &[
            ("MutualTlsAuthentication", input.mutual_tls_authentication.is_some()),
            ("RoutingMode", is_other(input.routing_mode)),
        ],
    )?;
    let key = key(&cx, &input.domain_name);
    let changed = cx
        .kv
        .transact(|tx| {
            let before = domains::find(tx, &key)?;
            let domain = match &input.domain_name_configurations {
                Some(given) => check(&cx, Some(given.clone()), Some(&before))?,
                None => before,
            };
            DOMAINS.put(tx, &key, &domain)?;
            Ok::<_, Refused>(domain)
        })
        .await;
    Ok(recast(shown(&key, &changed.map_err(of_domain)?)))
}

pub(crate) async fn delete_domain_name(cx: Ctx, input: DeleteDomainNameInput) -> Result<()> {
    let key = key(&cx, &input.domain_name);
    cx.kv.transact(|tx| domains::delete(tx, &key)).await.map_err(of_domain)?;
    Ok(cx.state.front.domains.changed(&cx.kv, &key).await?)
}
