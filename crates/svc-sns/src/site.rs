//! Addresses that messages lead to: the certificate that signatures are checked with, and the links with which a
//! subscription is confirmed or ended by whoever was given them, without a key.

use std::sync::Arc;

use api_sns::{ConfirmSubscriptionInput, UnsubscribeInput};
use aws_wire::protocol::{encode_error, route};
use aws_wire::rest::insert_header;
use aws_wire::{AwsError, Body, Input as _, Request, Response, Result, Wire};
use http::Method;
use service::{Caller, Pending, Site, Visit};

use crate::ops::{confirm, only_owners, unsubscribe, unsubscribe_for_stranger};
use crate::{Ctx, Sns, signing};

pub(crate) struct SnsSite(pub Arc<Sns>);

impl Site for SnsSite {
    fn claims(&self, request: &Request) -> bool {
        request.method == Method::GET && (signing::is_certificate_path(&request.path) || is_link(request))
    }

    fn body_bytes_max(&self) -> usize {
        0
    }

    fn answer(&self, cx: service::Ctx, visit: Visit) -> Pending<Response> {
        let cx = cx.with_state(Arc::clone(&self.0));
        Box::pin(async move {
            let request_id = Arc::clone(&cx.request_id);
            serve(cx, visit).await.unwrap_or_else(|error| {
                if error.status >= 500 {
                    tracing::error!(request_id = &*request_id, cause = ?error.cause, "a link failed");
                }
                encode_error(api_sns::SERVICE.protocols[0], &api_sns::SERVICE, &error, &request_id)
            })
        })
    }
}

/// A request without a signature that confirms or ends a subscription. What is signed is a request like any other.
fn is_link(request: &Request) -> bool {
    let mut fields = request.query.split('&');
    let acts = fields.any(|field| matches!(field, "Action=ConfirmSubscription" | "Action=Unsubscribe"));
    let signed = |field: &str| field.starts_with("X-Amz-Signature=") || field.starts_with("Signature=");
    request.path == "/"
        && acts
        && request.header("authorization").is_none()
        && !request.query.split('&').any(signed)
}

async fn serve(cx: Ctx, visit: Visit) -> Result<Response> {
    let request = &visit.request;
    if signing::is_certificate_path(&request.path) {
        let pem = cx.state.signer.certificate(&cx, &request.path).await?;
        let Some(pem) = pem else { return Ok(Response::empty(404)) };
        let mut response = Response { body: Body::Whole(pem.into()), ..Response::empty(200) };
        insert_header(&mut response.headers, "content-type", "application/x-pem-file");
        return Ok(response);
    }
    let routed = route(&api_sns::SERVICE, request)?;
    let io = routed.operation.io.ok_or_else(AwsError::unknown_operation)?;
    let input = routed.decode(io, request)?;
    let cx = match request.header("host") {
        Some(host) => cx.reached_by(host),
        None => cx,
    };
    let request_id = Arc::clone(&cx.request_id);
    let output = if routed.operation.name == UnsubscribeInput::OPERATION.name {
        end(cx, UnsubscribeInput::from_value(input), visit.caller).await.map(Wire::into_value)
    } else {
        let input = ConfirmSubscriptionInput::from_value(input);
        confirm(cx, input, true).await.map(Wire::into_value)
    };
    Ok(routed.encode(&api_sns::SERVICE, io, output?, &request_id))
}

/// Ends a subscription for a stranger; its owner's own where nobody's signature is looked at, for whoever everybody is.
async fn end(cx: Ctx, input: UnsubscribeInput, caller: Result<Caller>) -> Result<()> {
    if unsubscribe_for_stranger(&cx, &input).await? {
        return Ok(());
    }
    let caller = caller.map_err(|_| only_owners())?;
    unsubscribe(cx.as_caller(caller), input).await
}
