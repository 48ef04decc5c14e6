//! From the cache, or from the origin and into the cache.

use std::time::Duration;

use api_cloudfront::EventType;
use aws_wire::Response;
use aws_wire::rest::insert_header;
use http::{HeaderMap, Method};

use super::cache::{Cache, Content, Entry, Found, Turn};
use super::edge::{self, Scene};
use super::origin::{self, Outgoing};
use super::page::{ERROR, Refusal};
use super::{Answer, Passage, Viewer, answer, freshness, key};
use crate::plan::Behavior;

const HIT: &str = "Hit";
const MISS: &str = "Miss";
const REFRESHED: &str = "RefreshHit";
const GENERATED: &str = "LambdaGeneratedResponse";
/// For how long nobody waits for what was not to be kept.
const PASSING: Duration = Duration::from_secs(10);

/// A response of the origin's, or of its function.
struct Staged {
    response: Response,
    is_generated: bool,
}

impl Staged {
    fn result(&self) -> &'static str {
        match (self.is_generated, self.response.status) {
            (true, _) => GENERATED,
            (false, 400..) => ERROR,
            (false, _) => MISS,
        }
    }
}

impl Passage<'_> {
    /// # Errors
    /// Why there is none.
    pub(super) async fn fetch(&self, behavior: &Behavior, viewer: &Viewer) -> Result<Answer, Refusal> {
        let caching = &behavior.caching;
        let is_kept = !caching.is_off()
            && behavior.cached_methods.iter().any(|method| method.as_str() == viewer.method.as_str());
        let cache = &self.cx.state.cache;
        let now = self.cx.env.now();
        if !is_kept {
            let staged = self.stage(behavior, viewer, true, None).await?;
            let result = staged.result();
            return Ok((staged.response, result));
        }
        if viewer.method == Method::HEAD {
            let whole = Viewer { method: Method::GET, ..viewer.clone() };
            let kept = cache.peek(&key::key(&self.plan.id, behavior, &whole));
            if let Some(answer) = kept.filter(|entry| entry.is_fresh(now)).and_then(|entry| hit(&entry, now))
            {
                return Ok(answer);
            }
        }
        let key = key::key(&self.plan.id, behavior, viewer);
        let asks_part = viewer.headers.contains_key("range");
        let (stale, turn) = if asks_part {
            // A part is no response that others could have; it is cut out of what is kept, or passed on.
            (cache.peek(&key), None)
        } else {
            match cache.find(&key).await {
                Found::Entry(entry) => (Some(entry), None),
                Found::Turn(turn) => (None, Some(turn)),
            }
        };
        // Others may have been waited for.
        let now = self.cx.env.now();
        let fresh = stale.as_ref().filter(|entry| entry.is_fresh(now));
        if let Some(answer) = fresh.and_then(|entry| hit(entry, now)) {
            return Ok(answer);
        }
        if asks_part {
            let staged = self.stage(behavior, viewer, true, None).await?;
            let result = staged.result();
            return Ok((staged.response, result));
        }
        self.renew(behavior, viewer, key, stale.as_deref(), turn).await
    }

    /// Fetches a response and keeps it, where it is to be kept.
    async fn renew(
        &self,
        behavior: &Behavior,
        viewer: &Viewer,
        key: String,
        stale: Option<&Entry>,
        turn: Option<Turn<'_>>,
    ) -> Result<Answer, Refusal> {
        let (cache, era) = (&self.cx.state.cache, self.cx.state.cache.era(&self.plan.id));
        let before = stale.map(|entry| &entry.content);
        let fetched = async {
            let staged = self.stage(behavior, viewer, false, before).await?;
            Ok::<_, Refusal>(Staged { response: answer::gathered(staged.response).await?, ..staged })
        };
        let fetched = fetched.await;
        let now = self.cx.env.now();
        let failed = fetched.as_ref().map_or(true, |staged| staged.response.status >= 500);
        if failed
            && let Some((response, _)) =
                stale.and_then(|entry| entry.response(now)).filter(|kept| kept.0.status < 400)
        {
            // What is old is better than nothing.
            return Ok((response, HIT));
        }
        let mut staged = fetched?;
        let mut result = staged.result();
        if staged.response.status == 304
            && let Some(Content::Response { status, headers, body, is_generated }) = before
        {
            let mut merged = headers.clone();
            for (name, value) in &staged.response.headers {
                if !matches!(name.as_str(), "content-length" | "content-encoding" | "etag" | "vary") {
                    merged.insert(name.clone(), value.clone());
                }
            }
            let response = Response { status: *status, headers: merged, body: body.clone().into() };
            staged = Staged { response, is_generated: *is_generated };
            result = REFRESHED;
        } else {
            let takes = key::encoding(&behavior.caching, &viewer.headers).unwrap_or_default();
            if behavior.compress && takes.contains("gzip") {
                answer::compress(&mut staged.response);
            }
        }
        let Staged { response, is_generated } = staged;
        let ttl_s = match response.status {
            status @ 400.. => {
                let least = self.plan.error_ttl_s(status);
                freshness::error_ttl_s(&behavior.caching, least, &response.headers, now)
            }
            206 | 304 => 0,
            _ => freshness::ttl_s(&behavior.caching, &response.headers, now),
        };
        let (content, until) = match response.body.whole().filter(|_| ttl_s > 0) {
            Some(body) => {
                let (status, headers, body) = (response.status, response.headers.clone(), body.clone());
                let until = now.after(Duration::from_secs(ttl_s));
                (Content::Response { status, headers, body, is_generated }, until)
            }
            None => (Content::Passing, now.after(PASSING)),
        };
        cache.keep(key, turn, era, Cache::entry(&self.plan.id, &viewer.path, content, now, until));
        Ok((response, result))
    }

    /// Asks the origin, and its functions before and after. A whole response is asked for, unless the viewer's own
    /// conditions go along; `stale` is what there is already.
    async fn stage(
        &self,
        behavior: &Behavior,
        viewer: &Viewer,
        with_conditions: bool,
        stale: Option<&Content>,
    ) -> Result<Staged, Refusal> {
        let gone = || Refusal::new(502, "The behavior's origin is gone.");
        let mut origin = self.plan.origin(&behavior.origin_id).ok_or_else(gone)?.clone();
        let mut sent = key::sent_headers(behavior, viewer, &origin.domain, &self.plan.label, with_conditions);
        if let Some(Content::Response { headers, .. }) = stale {
            ask_whether_changed(headers, &mut sent);
        }
        let mut outgoing = Outgoing {
            method: viewer.method.clone(),
            path: viewer.path.clone(),
            query: key::sent_query(behavior, viewer),
            headers: sent,
            body: viewer.body.clone(),
        };
        let event = EventType::OriginRequest;
        if let Some(function) = behavior.function(event) {
            let scene = Scene {
                plan: self.plan,
                viewer,
                headers: &outgoing.headers,
                query: &outgoing.query,
                origin: Some(&origin),
                response: None,
            };
            let returned = edge::ask(self.cx, function, &scene).await?;
            if returned.contains_key("status") {
                let response = edge::read_response(event, &returned)?;
                return Ok(Staged { response, is_generated: true });
            }
            let method = viewer.method.as_str();
            let changed = edge::read_request(event, &returned, method, &outgoing.headers, Some(&origin))?;
            outgoing.path = changed.path;
            outgoing.query = changed.query;
            outgoing.headers = changed.headers;
            if let Some(body) = changed.body {
                outgoing.body = body;
            }
            origin = changed.origin.unwrap_or(origin);
        }
        let mut response = origin::ask(self.cx, self.plan, self.visit, &origin, outgoing.clone()).await?;
        let event = EventType::OriginResponse;
        if let Some(function) = behavior.function(event) {
            let asked = Viewer { path: outgoing.path.clone(), ..viewer.clone() };
            let scene = Scene {
                plan: self.plan,
                viewer: &asked,
                headers: &outgoing.headers,
                query: &outgoing.query,
                origin: Some(&origin),
                response: Some((response.status, &response.headers)),
            };
            let returned = edge::ask(self.cx, function, &scene).await?;
            edge::apply_response(event, &returned, &mut response)?;
        }
        Ok(Staged { response, is_generated: false })
    }
}

fn hit(entry: &Entry, now: env::Timestamp) -> Option<Answer> {
    let (response, is_generated) = entry.response(now)?;
    let result = match response.status {
        400.. => ERROR,
        _ if is_generated => GENERATED,
        _ => HIT,
    };
    Some((response, result))
}

/// So that the origin need not send again what is kept.
fn ask_whether_changed(kept: &HeaderMap, sent: &mut HeaderMap) {
    let text = |name: &str| kept.get(name).and_then(|value| value.to_str().ok());
    if let Some(etag) = text("etag") {
        // What was made smaller here has a tag that the origin knows without its mark.
        let etag =
            if text("content-encoding") == Some("gzip") { etag.trim_start_matches("W/") } else { etag };
        insert_header(sent, "if-none-match", etag);
    }
    if let Some(modified) = text("last-modified") {
        insert_header(sent, "if-modified-since", modified);
    }
}
