//! Which service a request is for.

use aws_auth::Scope;
use aws_wire::schema::{Protocol, Service};
use aws_wire::{Request, rest};

/// The API that `request` is for, by the surest sign it gives: the signature's scope, the operation's full name,
/// the path, the host.
pub fn service(
    apis: &[&'static Service],
    request: &Request,
    scope: Option<&Scope>,
) -> Option<&'static Service> {
    let is_rest = |api: &Service| matches!(api.protocols[0], Protocol::RestJson | Protocol::RestXml);
    let named = |name: &str| apis.iter().copied().find(|api| api.name == name);
    let with_prefix = |prefix: &str| apis.iter().copied().find(|api| api.target_prefix == Some(prefix));
    let target = request.header("x-amz-target").and_then(|target| target.rsplit_once('.'));
    let targeted = target.and_then(|(prefix, _)| with_prefix(prefix));
    if let Some(scope) = scope
        && let Some(api) = named(&scope.service)
    {
        // DynamoDB and its Streams sign alike: there the target tells which.
        let targeted = targeted.filter(|targeted| targeted.name == api.name);
        return Some(targeted.or_else(|| by_path(apis, request, &scope.service)).unwrap_or(api));
    }
    if target.is_some() {
        return targeted;
    }
    if let Some(rest) = request.path.strip_prefix("/service/") {
        return rest.split_once('/').and_then(|(prefix, _)| with_prefix(prefix));
    }
    if let Some(api) = apis.iter().copied().find(|api| is_rest(api) && rest::is_named(api, request)) {
        return Some(api);
    }
    if let Some(version) = query_version(request) {
        return apis
            .iter()
            .copied()
            .find(|api| api.api_version == version && api.protocols.contains(&Protocol::Query));
    }
    let by_host =
        request.header("host").and_then(|host| named(host.split(['.', ':']).next().unwrap_or_default()));
    // Last, for an API whose patterns fit any path; not where a signature says that another was meant.
    let fits =
        |api: &&&'static Service| is_rest(api) && scope.is_none() && rest::route(api, request).is_some();
    by_host.or_else(|| apis.iter().find(fits).copied())
}

/// SES's APIs and API Gateway's sign alike too: there the path tells which. `None` where one API alone has the name.
fn by_path(apis: &[&'static Service], request: &Request, name: &str) -> Option<&'static Service> {
    let mut alike = apis.iter().copied().filter(|api| api.name == name);
    if alike.clone().count() < 2 {
        return None;
    }
    alike.find(|api| api.protocols[0] == Protocol::RestJson && rest::route(api, request).is_some())
}

fn query_version(request: &Request) -> Option<&str> {
    let body = std::str::from_utf8(&request.body).ok()?;
    let mut fields = body.split('&').chain(request.query.split('&'));
    fields.find_map(|field| field.strip_prefix("Version="))
}
