//! Forwarding: chooses a target group by weight, and asks its function, or one of its servers.

use aws_wire::rest::insert_header;
use aws_wire::{Response, Result};
use env::Env;
use execute_api::function::{self, Call, Failure};
use http_event::{Arrival, load_balancer, parts};

use super::{FUNCTION_BYTES_MAX, Passage, SERVER_NAME, refusal, server};
use crate::action::Weighted;
use crate::attributes::{self, DROP_INVALID_HEADERS, FORWARDED_FOR};
use crate::{Ctx, PRINCIPAL, condition, target_group};

const TRACE_BYTES_MAX: usize = 2048;

pub(super) async fn forward(cx: &Ctx, passage: &Passage<'_>, groups: &[Weighted]) -> Result<Response> {
    let request = &passage.visit.request;
    if request.header("upgrade").is_some_and(|to| to.eq_ignore_ascii_case("websocket")) {
        return Ok(refusal(400));
    }
    let Some(chosen) = choose(&cx.env, groups) else { return Ok(refusal(503)) };
    let (_, group) = target_group::named(cx, &cx.kv.snapshot().await?, &chosen.arn)?;
    let trace_id = trace(request.header("x-amzn-trace-id"), &cx.env);
    let headers = headers(passage, cx, &trace_id);
    if let Some(servers) = &group.servers {
        return server::ask(cx, passage, (&chosen.arn, &group, servers), headers).await;
    }
    let Some(target) = &group.target else { return Ok(refusal(503)) };
    if request.body.len() > FUNCTION_BYTES_MAX {
        return Ok(refusal(413));
    }
    let event = load_balancer::event(request, passage.path, headers, &chosen.arn, group.values());
    let call = Call {
        principal: PRINCIPAL,
        arn: target.clone(),
        source_arn: chosen.arn.clone(),
        role: None,
        payload: http_event::payload(&event).into(),
        timeout: attributes::idle_timeout(&passage.balancer.attributes),
        is_event: false,
    };
    let cx = cx.clone().with_trace(Some(trace_id.as_str().into()));
    let response = match function::invoke(&cx, call).await {
        Ok(returned) if returned.failed || returned.payload.len() > FUNCTION_BYTES_MAX => None,
        Ok(returned) => load_balancer::answer(&returned.payload, group.values()),
        Err(Failure::TimedOut) => return Ok(refusal(504)),
        Err(Failure::Refused(error)) => {
            tracing::debug!(target, %error, "a load balancer's function was not invoked");
            None
        }
    };
    let Some(mut response) = response else { return Ok(refusal(502)) };
    if !response.headers.contains_key("server") {
        insert_header(&mut response.headers, "server", SERVER_NAME);
    }
    Ok(response)
}

/// One of the groups, each as often as its weight says; none where nobody has any.
fn choose<'a>(env: &Env, groups: &'a [Weighted]) -> Option<&'a Weighted> {
    let total = groups.iter().map(|group| u64::from(group.weight)).sum::<u64>();
    if total == 0 {
        return None;
    }
    let mut random = [0; 8];
    if groups.len() > 1 {
        env.fill(&mut random);
    }
    let mut left = u64::from_be_bytes(random) % total;
    groups.iter().find(|group| {
        let weight = u64::from(group.weight);
        let found = left < weight;
        left = left.saturating_sub(weight);
        found
    })
}

/// The headers that the function sees.
fn headers(passage: &Passage<'_>, cx: &Ctx, trace_id: &str) -> Vec<(String, Vec<String>)> {
    let request = &passage.visit.request;
    let arrival = Arrival {
        domain_name: condition::host(request),
        request_id: &cx.request_id,
        trace_id,
        port: passage.port,
        peer: passage.visit.peer,
        now: cx.env.now(),
    };
    let mut headers = parts::headers(request, &arrival);
    let mode = passage.balancer.attributes.get(FORWARDED_FOR).map_or("append", String::as_str);
    let given = request.header("x-forwarded-for").map(str::to_owned);
    headers.retain_mut(|(name, values)| match (name.as_str(), mode, &given) {
        ("x-forwarded-for", "preserve", Some(given)) => {
            *values = vec![given.clone()];
            true
        }
        ("x-forwarded-for", "preserve" | "remove", _) => false,
        _ => true,
    });
    if attributes::flag(&passage.balancer.attributes, DROP_INVALID_HEADERS, false) {
        let is_valid =
            |name: &str| name.bytes().all(|letter| letter.is_ascii_alphanumeric() || letter == b'-');
        headers.retain(|(name, _)| is_valid(name));
    }
    headers
}

/// The `X-Amzn-Trace-Id` of a request that passed here: with a root of its own where it has none, else with the load
/// balancer's part of it.
fn trace(header: Option<&str>, env: &Env) -> String {
    let own = execute_api::trace_id(None, env);
    let Some(header) = header.filter(|header| header.len() <= TRACE_BYTES_MAX) else { return own };
    let fields = header.split(';').map(str::trim).filter(|field| !field.is_empty());
    let fields = fields.filter(|field| !field.starts_with("Self=")).collect::<Vec<_>>();
    let own = if fields.iter().any(|field| field.starts_with("Root=")) {
        own.replacen("Root", "Self", 1)
    } else {
        own
    };
    [&[own.as_str()], fields.as_slice()].concat().join(";")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weighted(weights: &[u32]) -> Vec<Weighted> {
        let group = |(at, weight): (usize, &u32)| Weighted { arn: at.to_string(), weight: *weight };
        weights.iter().enumerate().map(group).collect()
    }

    #[test]
    fn groups_are_chosen_by_weight() {
        let env = Env::system();
        assert!(choose(&env, &[]).is_none());
        assert!(choose(&env, &weighted(&[0, 0])).is_none());
        for _ in 0..100 {
            assert_eq!(choose(&env, &weighted(&[0, 3, 0])).expect("one").arn, "1");
        }
        let groups = weighted(&[1, 999]);
        let rare = (0..2000).filter(|_| choose(&env, &groups).expect("one").arn == "0").count();
        assert!(rare < 100, "{rare} of 2000 went to the group that is to have one of a thousand");
    }

    #[test]
    fn traces_begin_or_go_on() {
        let env = Env::system();
        assert!(trace(None, &env).starts_with("Root=1-"));
        let on = trace(Some("Root=1-5bdb40ca-556d8b0c50dc66f0511bf520;Sampled=1"), &env);
        assert!(on.starts_with("Self=1-"), "{on}");
        assert!(on.ends_with(";Root=1-5bdb40ca-556d8b0c50dc66f0511bf520;Sampled=1"), "{on}");
        let again = trace(Some(&on), &env);
        assert_eq!(again.matches("Self=").count(), 1, "{again}");
        let without = trace(Some("CalledFrom=app"), &env);
        assert!(without.starts_with("Root=1-") && without.ends_with(";CalledFrom=app"), "{without}");
    }
}
