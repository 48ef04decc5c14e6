//! The road of a request to a distribution: find it and the behavior, ask the viewer's function, look into the cache, ask
//! the origin with its two functions, ask the viewer's other function, answer.

mod answer;
pub(crate) mod cache;
mod edge;
mod fetch;
mod freshness;
mod headers;
mod key;
mod origin;
mod page;

use std::net::IpAddr;
use std::sync::Arc;

use api_cloudfront::EventType;
use aws_wire::rest::insert_header;
use aws_wire::{Request, Response, Result};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE as BASE64;
use bytes::Bytes;
use execute_api::address::{split, without_port};
use http::{HeaderMap, Method};
use service::{Pending, Site, Visit};

use crate::keys::{Key, NAMES};
use crate::plan::{Behavior, Plan};
use crate::{Ctx, Edge};
use edge::Scene;
use page::{ERROR, Refusal};

/// Where distributions are for clients that do not resolve names below `localhost`.
const PATH: &str = "/_aws/cloudfront/";
const LABEL: &str = "cloudfront";
/// The largest body that is passed on: AWS's bound is fifty gigabytes, and bodies here are held whole.
const BODY_BYTES_MAX: usize = 32 << 20;
const URL_BYTES_MAX: usize = 8192;
/// Of the place where this platform is.
const POP: &str = "LCL50-P1";

/// Every distribution: by its own host, by its alternate names, and by path.
pub(crate) struct DistributionSite(pub Arc<Edge>);

impl Site for DistributionSite {
    fn claims(&self, request: &Request) -> bool {
        Address::of(&self.0, request).is_some()
    }

    fn body_bytes_max(&self) -> usize {
        BODY_BYTES_MAX
    }

    fn too_large(&self) -> Option<Response> {
        Some(Refusal::new(413, "Request entity too large.").page(""))
    }

    fn answer(&self, cx: service::Ctx, visit: Visit) -> Pending<Response> {
        let cx = cx.with_state(Arc::clone(&self.0));
        Box::pin(async move {
            let mut random = [0; 39];
            cx.env.fill(&mut random);
            let request_id = BASE64.encode(random);
            let answered = serve(&cx, &visit, &request_id).await;
            let (mut response, result) = answered.unwrap_or_else(|error| {
                tracing::error!(request_id = &*cx.request_id, cause = ?error.cause, "a distribution failed");
                refused(&Refusal::new(500, "Internal error."), &request_id)
            });
            insert_header(&mut response.headers, "x-cache", &format!("{result} from cloudfront"));
            insert_header(&mut response.headers, "x-amz-cf-pop", POP);
            insert_header(&mut response.headers, "x-amz-cf-id", &request_id);
            response
        })
    }
}

/// Which distribution a request is for.
struct Address {
    /// The first label of its own host, its id, or an alternate name.
    name: String,
    /// Percent-encoded.
    path: String,
}

impl Address {
    fn of(edge: &Edge, request: &Request) -> Option<Self> {
        if let Some(rest) = request.path.strip_prefix(PATH) {
            let (name, path) = split(rest);
            let path = if path.is_empty() { "/" } else { path };
            return Some(Self { name: name.to_ascii_lowercase(), path: path.to_owned() });
        }
        let host = without_port(request.header("host")?).to_ascii_lowercase();
        let mut labels = host.split('.');
        let (first, second) = (labels.next()?, labels.next()?);
        let path = request.path.clone();
        if second == LABEL && !first.is_empty() && labels.next().is_some() {
            return Some(Self { name: first.to_owned(), path });
        }
        edge.names.of(&host).map(|_| Self { name: host, path })
    }

    async fn distribution(&self, cx: &Ctx) -> Result<Option<Key>> {
        match cx.state.names.of(&self.name) {
            Some(key) => Ok(Some(key)),
            // At a start the names may not have been read yet.
            None => Ok(NAMES.get(&cx.kv.snapshot().await?, &self.name)?),
        }
    }
}

/// A request as its viewer sent it, and as functions changed it.
#[derive(Clone)]
struct Viewer {
    method: Method,
    /// Percent-encoded.
    path: String,
    query: String,
    headers: HeaderMap,
    body: Bytes,
    peer: IpAddr,
    request_id: String,
}

impl Viewer {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// A response, and what `X-Cache` begins with.
type Answer = (Response, &'static str);

/// What it says of itself in `Via`.
fn via(label: &str) -> String {
    format!("1.1 {label}.cloudfront.net (CloudFront)")
}

fn refused(refusal: &Refusal, request_id: &str) -> Answer {
    (refusal.page(request_id), refusal.result)
}

/// A request on its way through a distribution.
struct Passage<'a> {
    cx: &'a Ctx,
    plan: &'a Plan,
    visit: &'a Visit,
}

async fn serve(cx: &Ctx, visit: &Visit, request_id: &str) -> Result<Answer> {
    let nowhere = || refused(&Refusal::new(403, "Bad request. No distribution has this name."), request_id);
    let Some(address) = Address::of(&cx.state, &visit.request) else { return Ok(nowhere()) };
    let Some(key) = address.distribution(cx).await? else { return Ok(nowhere()) };
    let Some(plan) = cx.state.names.plan(cx, &key).await? else { return Ok(nowhere()) };
    if !plan.enabled {
        return Ok(refused(&Refusal::new(403, "Bad request. The distribution is disabled."), request_id));
    }
    let request = &visit.request;
    let viewer = Viewer {
        method: request.method.clone(),
        path: address.path,
        query: request.query.clone(),
        headers: request.headers.clone(),
        body: request.body.clone(),
        peer: visit.peer,
        request_id: request_id.to_owned(),
    };
    let passage = Passage { cx, plan: &plan, visit };
    Ok(passage.pass(viewer).await.unwrap_or_else(|refusal| refused(&refusal, request_id)))
}

impl Passage<'_> {
    /// # Errors
    /// Why there is only a page that says so.
    async fn pass(&self, mut viewer: Viewer) -> std::result::Result<Answer, Refusal> {
        let plan = self.plan;
        let own = via(&plan.label);
        if viewer
            .headers
            .get_all("via")
            .iter()
            .any(|via| String::from_utf8_lossy(via.as_bytes()).contains(&own))
        {
            return Err(Refusal::new(403, "Request blocked: the distribution is its own origin."));
        }
        if viewer.path.len() + viewer.query.len() > URL_BYTES_MAX {
            return Err(Refusal::new(414, "The URL is too long."));
        }
        let behavior = plan.behavior(&viewer.path);
        if !behavior.methods.iter().any(|method| method.as_str() == viewer.method.as_str()) {
            return Err(Refusal::new(
                403,
                "This distribution is not configured to allow the HTTP request method that was used for this request. \
                 The distribution supports only cachable requests.",
            ));
        }
        if let Some(generated) = self.ask_viewer_request(behavior, &mut viewer).await? {
            return Ok(self.decorated(behavior, &viewer, (generated, "LambdaGeneratedResponse")));
        }
        // An object at the root; below it, folders have none.
        if viewer.path == "/" && !plan.root_object.is_empty() {
            viewer.path = format!("/{}", plan.root_object);
        }
        let fetched = self.fetch(behavior, &viewer).await;
        let answer = fetched.unwrap_or_else(|refusal| refused(&refusal, &viewer.request_id));
        let status = answer.0.status;
        if status >= 400 {
            let answer = self.with_error_page(&viewer, answer).await;
            return Ok(self.decorated(behavior, &viewer, answer));
        }
        let (mut response, result) = self.decorated(behavior, &viewer, answer);
        self.ask_viewer_response(behavior, &viewer, &mut response).await?;
        Ok((answer::finished(&viewer, response), result))
    }

    /// What the function of the viewer's request answers itself; else the request is as it made it.
    async fn ask_viewer_request(
        &self,
        behavior: &Behavior,
        viewer: &mut Viewer,
    ) -> std::result::Result<Option<Response>, Refusal> {
        let event = EventType::ViewerRequest;
        let Some(function) = behavior.function(event) else { return Ok(None) };
        let scene = Scene {
            plan: self.plan,
            viewer,
            headers: &viewer.headers,
            query: &viewer.query,
            origin: None,
            response: None,
        };
        let returned = edge::ask(self.cx, function, &scene).await?;
        if returned.contains_key("status") {
            return edge::read_response(event, &returned).map(Some);
        }
        let changed = edge::read_request(event, &returned, viewer.method.as_str(), &viewer.headers, None)?;
        viewer.path = changed.path;
        viewer.query = changed.query;
        viewer.headers = changed.headers;
        if let Some(body) = changed.body {
            viewer.body = body;
        }
        Ok(None)
    }

    async fn ask_viewer_response(
        &self,
        behavior: &Behavior,
        viewer: &Viewer,
        response: &mut Response,
    ) -> std::result::Result<(), Refusal> {
        let event = EventType::ViewerResponse;
        let Some(function) = behavior.function(event) else { return Ok(()) };
        let scene = Scene {
            plan: self.plan,
            viewer,
            headers: &viewer.headers,
            query: &viewer.query,
            origin: None,
            response: Some((response.status, &response.headers)),
        };
        let returned = edge::ask(self.cx, function, &scene).await?;
        edge::apply_response(event, &returned, response)
    }

    /// With the page that the distribution has for its error, where that can be had.
    async fn with_error_page(&self, viewer: &Viewer, (response, result): Answer) -> Answer {
        let configured = self.plan.error_response(response.status);
        let page = configured.and_then(|one| Some((one, one.response_page_path.as_deref()?)));
        let Some((configured, path)) = page.filter(|(_, path)| !path.is_empty()) else {
            return (response, if result == "Hit" || result == "Miss" { ERROR } else { result });
        };
        let viewer = Viewer {
            method: Method::GET,
            path: path.to_owned(),
            query: String::new(),
            body: Bytes::new(),
            ..viewer.clone()
        };
        match self.fetch(self.plan.behavior(path), &viewer).await {
            Ok((mut page, _)) if page.status < 400 => {
                let code = configured.response_code.as_deref().and_then(|code| code.parse().ok());
                page.status = code.unwrap_or(response.status);
                page.headers.remove("content-length");
                (page, ERROR)
            }
            _ => (response, ERROR),
        }
    }

    /// With the headers that every response of the behavior has.
    fn decorated(&self, behavior: &Behavior, viewer: &Viewer, (mut response, result): Answer) -> Answer {
        let own = via(&self.plan.label);
        let before = response.headers.get("via").and_then(|via| via.to_str().ok()).map(str::to_owned);
        let chain = before.map_or_else(|| own.clone(), |via| format!("{via}, {own}"));
        insert_header(&mut response.headers, "via", &chain);
        if let Some(policy) = &behavior.response_headers {
            headers::apply(policy, viewer, &mut response);
        }
        (response, result)
    }
}
