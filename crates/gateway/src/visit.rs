//! The road of a request to an address that a service has beside its API: authenticate, answer.

use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex};

use aws_auth::{DEFAULT_ACCOUNT, DEFAULT_REGION};
use aws_wire::protocol::encode_error;
use aws_wire::{AwsError, Request, Response};
use futures_util::FutureExt as _;
use service::{Caller, Principal, Upgrade, Visit};

use crate::pipeline::{log_failure, panic_text};
use crate::{Gateway, OwnSite};

impl Gateway {
    pub(crate) async fn visit(
        &self,
        (api, site): OwnSite,
        mut request: Request,
        peer: IpAddr,
        upgrade: Option<Upgrade>,
        request_id: Arc<str>,
    ) -> Response {
        let now = self.0.platform.env().now();
        let name = site.signed_for().unwrap_or(api.name);
        let identity = self.0.authenticator.authenticate(name, &mut request, now).await;
        let caller = identity.map(|identity| {
            let principal = Principal { arn: identity.arn, user_id: identity.user_id };
            Caller { account: identity.account, region: identity.region, principal: principal.into() }
        });
        let own = Caller::root(DEFAULT_ACCOUNT, DEFAULT_REGION);
        let cx = self.0.platform.ctx(own, Arc::clone(&request_id));
        let authenticator = Arc::clone(&self.0.authenticator);
        let upgrade = Mutex::new(upgrade);
        let answered = site.answer(cx, Visit { request, peer, caller, authenticator, upgrade });
        AssertUnwindSafe(answered).catch_unwind().await.unwrap_or_else(|panic| {
            let error = AwsError::internal(panic_text(&*panic));
            log_failure(api, &error, &request_id);
            encode_error(api.protocols[0], api, &error, &request_id)
        })
    }
}

/// The answer to a body larger than the site takes.
pub(crate) fn too_large((api, site): &OwnSite, request_id: &str) -> Response {
    if let Some(response) = site.too_large() {
        return response;
    }
    let error = AwsError::common("RequestEntityTooLargeException", 413, "Request Entity Too Large");
    encode_error(api.protocols[0], api, &error, request_id)
}
