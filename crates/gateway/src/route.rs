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
    let named = |name: &str| apis.iter().copied().find(|api| api.name == name);
    let with_prefix = |prefix: &str| apis.iter().copied().find(|api| api.target_prefix == Some(prefix));
    let target = request.header("x-amz-target").and_then(|target| target.rsplit_once('.'));
    let targeted = target.and_then(|(prefix, _)| with_prefix(prefix));
    if let Some(scope) = scope
        && let Some(api) = named(&scope.service)
    {
        // DynamoDB and its Streams sign alike: there the target tells which.
        return Some(targeted.filter(|targeted| targeted.name == api.name).unwrap_or(api));
    }
    if target.is_some() {
        return targeted;
    }
    if let Some(rest) = request.path.strip_prefix("/service/") {
        return rest.split_once('/').and_then(|(prefix, _)| with_prefix(prefix));
    }
    let is_rest = |api: &Service| matches!(api.protocols[0], Protocol::RestJson | Protocol::RestXml);
    if let Some(api) = apis.iter().copied().find(|api| is_rest(api) && rest::route(api, request).is_some()) {
        return Some(api);
    }
    if let Some(version) = query_version(request) {
        return apis
            .iter()
            .copied()
            .find(|api| api.api_version == version && api.protocols.contains(&Protocol::Query));
    }
    request.header("host").and_then(|host| named(host.split(['.', ':']).next().unwrap_or_default()))
}

fn query_version(request: &Request) -> Option<&str> {
    let body = std::str::from_utf8(&request.body).ok()?;
    let mut fields = body.split('&').chain(request.query.split('&'));
    fields.find_map(|field| field.strip_prefix("Version="))
}
