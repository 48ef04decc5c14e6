//! The road of a request to a load balancer: find the listener, choose the rule, do what it says.

mod forward;
mod redirect;
mod server;

use std::sync::Arc;

use aws_wire::rest::insert_header;
use aws_wire::{Request, Response, Result};
use execute_api::address::{self, split, without_port};
use kv::Span;
use service::{Caller, Pending, Site, Visit};

use crate::action::{Does, Fixed};
use crate::attributes::{self, SERVER};
use crate::condition::Sight;
use crate::keys::{LISTENERS, LOAD_BALANCERS, ListenerKey, NameKey, OWNERS, PORTS};
use crate::listener::Listener;
use crate::load_balancer::LoadBalancer;
use crate::{Balancers, Ctx, condition, keys};

/// The largest body that is taken; it is held whole.
const BODY_BYTES_MAX: usize = 32 << 20;
/// The largest body that a function is sent, and answers with.
const FUNCTION_BYTES_MAX: usize = 1 << 20;
/// Where load balancers are for clients that do not resolve names below `localhost`.
const PATH: &str = "/_aws/elb/";
const LABEL: &str = "elb";
/// The listener that a name without a port is for, where there is one.
const PORT: u16 = 80;
const SERVER_NAME: &str = "awselb/2.0";

/// Every load balancer at the platform's own port, by host and by path.
pub(crate) struct NamedSite(pub Arc<Balancers>);

/// All listeners of one port.
pub(crate) struct PortSite {
    pub state: Arc<Balancers>,
    pub port: u16,
}

impl Site for NamedSite {
    fn claims(&self, request: &Request) -> bool {
        Address::of(request).is_some()
    }

    fn body_bytes_max(&self) -> usize {
        BODY_BYTES_MAX
    }

    fn too_large(&self) -> Option<Response> {
        Some(refusal(413))
    }

    fn answer(&self, cx: service::Ctx, visit: Visit) -> Pending<Response> {
        let cx = cx.with_state(Arc::clone(&self.0));
        Box::pin(async move { answered(&cx, named(&cx, &visit).await) })
    }
}

impl Site for PortSite {
    fn claims(&self, _request: &Request) -> bool {
        true
    }

    fn body_bytes_max(&self) -> usize {
        BODY_BYTES_MAX
    }

    fn too_large(&self) -> Option<Response> {
        Some(refusal(413))
    }

    fn answer(&self, cx: service::Ctx, visit: Visit) -> Pending<Response> {
        let (cx, port) = (cx.with_state(Arc::clone(&self.state)), self.port);
        Box::pin(async move { answered(&cx, at_port(&cx, &visit, port).await) })
    }
}

fn answered(cx: &Ctx, answer: Result<Response>) -> Response {
    answer.unwrap_or_else(|error| {
        tracing::error!(request_id = &*cx.request_id, cause = ?error.cause, "a load balancer failed");
        refusal(500)
    })
}

/// Which load balancer a request to the platform's own port is for.
struct Address {
    /// The first label of its host, in small letters.
    label: String,
    /// The listener's.
    port: Option<u16>,
    /// Percent-encoded.
    path: String,
}

impl Address {
    /// `{label}.{region}.elb.…`, and `/_aws/elb/{label}/{port}/…`.
    fn of(request: &Request) -> Option<Self> {
        if let Some(rest) = request.path.strip_prefix(PATH) {
            let (label, rest) = split(rest);
            let (port, path) = split(rest.strip_prefix('/').unwrap_or_default());
            let path = if path.is_empty() { "/" } else { path };
            let port = Some(port.parse().ok()?);
            return Some(Self { label: label.to_ascii_lowercase(), port, path: path.to_owned() });
        }
        let mut labels = without_port(request.header("host")?).split('.');
        let (label, _region, mark) = (labels.next()?, labels.next()?, labels.next()?);
        let found = mark.eq_ignore_ascii_case(LABEL) && !label.is_empty();
        let label = label.to_ascii_lowercase();
        found.then(|| Self { label, port: None, path: request.path.clone() })
    }
}

/// A request on its way through a listener.
struct Passage<'a> {
    visit: &'a Visit,
    path: &'a str,
    /// The port that the client came to.
    port: u16,
    balancer: &'a LoadBalancer,
    listener: &'a Listener,
}

async fn named(cx: &Ctx, visit: &Visit) -> Result<Response> {
    let Some(address) = Address::of(&visit.request) else { return Ok(nowhere()) };
    let snapshot = cx.kv.snapshot().await?;
    let Some(owner) = OWNERS.get(&snapshot, &address.label)? else { return Ok(nowhere()) };
    let key = owner.key();
    let Some(balancer) = LOAD_BALANCERS.get(&snapshot, &key)? else { return Ok(nowhere()) };
    let (account, region, name) = &key;
    let listeners = LISTENERS.all(&snapshot, &Span::prefix(&(account, region, name.as_str())))?;
    let mut listeners = listeners.into_iter().map(|(_, listener)| listener).collect::<Vec<_>>();
    listeners.sort_by_key(|listener| (listener.port != PORT, listener.port));
    let listener = match address.port {
        Some(port) => listeners.iter().find(|listener| listener.port == port),
        None => listeners.first(),
    };
    let Some(listener) = listener else { return Ok(nowhere()) };
    let port = address::port(&visit.request);
    serve(cx, &key, Passage { visit, path: &address.path, port, balancer: &balancer, listener }).await
}

async fn at_port(cx: &Ctx, visit: &Visit, port: u16) -> Result<Response> {
    let snapshot = cx.kv.snapshot().await?;
    let host = condition::host(&visit.request);
    let rows = PORTS.all(&snapshot, &Span::prefix(&(port,)))?;
    let only = rows.len() == 1;
    let mut names = Vec::new();
    for ((_, account, region, name), id) in rows {
        let key: ListenerKey = (account, region, name, id);
        let of = keys::load_balancer(&key);
        let Some(balancer) = LOAD_BALANCERS.get(&snapshot, &of)? else { continue };
        let dns_name = balancer.dns_name(&of.1);
        if !only && !dns_name.eq_ignore_ascii_case(host) {
            names.push(dns_name);
            continue;
        }
        let Some(listener) = LISTENERS.get(&snapshot, &key)? else { continue };
        let path = &visit.request.path;
        let passage = Passage { visit, path, port, balancer: &balancer, listener: &listener };
        return serve(cx, &of, passage).await;
    }
    Ok(shared(&names))
}

async fn serve(cx: &Ctx, (account, region, _): &NameKey, passage: Passage<'_>) -> Result<Response> {
    let cx = &cx.as_caller(Caller::root(account, region));
    let request = &passage.visit.request;
    let sight =
        Sight { request, path: passage.path, host: condition::host(request), peer: passage.visit.peer };
    let action = passage.listener.choose(&sight);
    let mut response = match &action.does {
        Does::Forward(groups) => forward::forward(cx, &passage, groups).await?,
        Does::Redirect(to) => redirect::redirect(to, &passage),
        Does::Fixed(fixed) => answer_fixed(fixed),
    };
    for (name, value) in attributes::response_headers(&passage.listener.attributes) {
        insert_header(&mut response.headers, &name, value);
    }
    if !attributes::flag(&passage.listener.attributes, SERVER, true) {
        response.headers.remove("server");
    }
    Ok(response)
}

fn answer_fixed(fixed: &Fixed) -> Response {
    let mut response = Response::empty(fixed.status);
    let kind = fixed.content_type.as_deref().unwrap_or("text/plain");
    insert_header(&mut response.headers, "content-type", &format!("{kind}; charset=utf-8"));
    insert_header(&mut response.headers, "server", SERVER_NAME);
    response.body = fixed.body.clone().unwrap_or_default().into();
    response
}

/// A page that says nothing but a status.
fn refusal(status: u16) -> Response {
    let title = match status {
        301 => "301 Moved Permanently",
        302 => "302 Found",
        400 => "400 Bad Request",
        413 => "413 Request Entity Too Large",
        502 => "502 Bad Gateway",
        503 => "503 Service Temporarily Unavailable",
        504 => "504 Gateway Time-out",
        _ => "500 Internal Server Error",
    };
    let page = format!(
        "<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<center><h1>{title}</h1></center>\r\n</body>\r\n\
         </html>\r\n"
    );
    let mut response = Response::empty(status);
    insert_header(&mut response.headers, "content-type", "text/html");
    insert_header(&mut response.headers, "server", SERVER_NAME);
    response.body = page.into();
    response
}

fn text(status: u16, said: String) -> Response {
    let mut response = Response::empty(status);
    insert_header(&mut response.headers, "content-type", "text/plain; charset=utf-8");
    response.body = said.into();
    response
}

fn nowhere() -> Response {
    text(404, "No load balancer has this name and a listener at this port.\n".to_owned())
}

/// The answer where it can't be told whose a request is.
fn shared(names: &[String]) -> Response {
    let said =
        format!("Several load balancers listen at this port; call one by name: {}\n", names.join(", "));
    text(421, said)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::{HeaderMap, HeaderValue, Method};

    use super::*;

    #[test]
    fn load_balancers_are_found_by_host_and_by_path() {
        let check = |host: &'static str, path: &str, expected: Option<(&str, Option<u16>, &str)>| {
            let headers = HeaderMap::from_iter([(http::header::HOST, HeaderValue::from_static(host))]);
            let (method, query, body) = (Method::GET, String::new(), Bytes::new());
            let request = Request { method, path: path.to_owned(), query, headers, body };
            let found = Address::of(&request);
            let found = found.as_ref().map(|at| (at.label.as_str(), at.port, at.path.as_str()));
            assert_eq!(found, expected, "{host} {path}");
        };
        check("N-1.us-east-1.elb.localhost:4566", "/a", Some(("n-1", None, "/a")));
        check("n-1.us-east-1.elb.amazonaws.com", "/", Some(("n-1", None, "/")));
        check("localhost:4566", "/_aws/elb/n-1/80/a//b", Some(("n-1", Some(80), "/a//b")));
        check("localhost:4566", "/_aws/elb/n-1/80", Some(("n-1", Some(80), "/")));
        check("localhost:4566", "/_aws/elb/n-1/x/a", None);
        check("elb.us-east-1.amazonaws.com", "/", None);
        check("localhost:4566", "/", None);
    }
}
