//! Health checks of functions and servers, for target groups that ask for them and are forwarded to. What they found is
//! memory: a start begins anew. A group of a function has one target, and requests are forwarded to it healthy or not,
//! as AWS does where no target is healthy.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use api_elbv2::{TargetHealth, TargetHealthReasonEnum, TargetHealthStateEnum};
use aws_wire::Result;
use env::Signal;
use execute_api::function::{self, Call, Failure};
use http_event::load_balancer;
use kv::{Read, Span};
use service::Caller;
use tokio::task::JoinSet;

use crate::keys::{LISTENERS, NameKey, TARGET_GROUPS};
use crate::server::{Server, Servers};
use crate::target_group::{HealthCheck, TargetGroup};
use crate::{Ctx, PRINCIPAL, arn};

/// How long the store is left alone after it failed.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The ARN of a group, and a target of it: a function, or an address with its port.
type Target = (String, String);

/// What is known of targets.
#[derive(Default)]
pub(crate) struct Checks {
    /// Groups, targets or those who forward to them changed.
    pub(crate) news: Signal,
    known: Mutex<BTreeMap<Target, Known>>,
}

struct Known {
    health: Health,
    /// On the monotonic clock.
    due: Duration,
    under_way: bool,
}

/// What checks have found so far.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Health {
    /// So many failures, and no success yet.
    Initial(u32),
    /// So many failures in a row.
    Healthy(u32),
    /// So many successes in a row, and why it last failed.
    Unhealthy(u32, Failed),
}

/// Why a check failed.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Failed {
    Status(u16),
    TimedOut,
    Otherwise,
}

impl Health {
    fn after(self, outcome: Result<(), Failed>, check: &HealthCheck) -> Self {
        match (self, outcome) {
            (Self::Initial(_) | Self::Healthy(_), Ok(())) => Self::Healthy(0),
            (Self::Initial(failures) | Self::Healthy(failures), Err(failed))
                if failures + 1 >= check.unhealthy =>
            {
                Self::Unhealthy(0, failed)
            }
            (Self::Initial(failures), Err(_)) => Self::Initial(failures + 1),
            (Self::Healthy(failures), Err(_)) => Self::Healthy(failures + 1),
            (Self::Unhealthy(successes, _), Ok(())) if successes + 1 >= check.healthy => Self::Healthy(0),
            (Self::Unhealthy(successes, failed), Ok(())) => Self::Unhealthy(successes + 1, failed),
            (Self::Unhealthy(..), Err(failed)) => Self::Unhealthy(0, failed),
        }
    }

    fn show(&self) -> TargetHealth {
        use TargetHealthReasonEnum as Reason;
        use TargetHealthStateEnum as State;
        match self {
            Self::Initial(_) => {
                shown(State::Initial, Reason::ElbInitialHealthChecking, "Initial health checks in progress")
            }
            Self::Healthy(_) => TargetHealth { state: Some(State::Healthy), reason: None, description: None },
            Self::Unhealthy(_, Failed::Status(status)) => {
                let description = format!("Health checks failed with these codes: [{status}]");
                shown(State::Unhealthy, Reason::TargetResponseCodeMismatch, &description)
            }
            Self::Unhealthy(_, Failed::TimedOut) => {
                shown(State::Unhealthy, Reason::TargetTimeout, "Request timed out")
            }
            Self::Unhealthy(_, Failed::Otherwise) => {
                shown(State::Unhealthy, Reason::TargetFailedHealthChecks, "Health checks failed")
            }
        }
    }
}

fn shown(state: TargetHealthStateEnum, reason: TargetHealthReasonEnum, description: &str) -> TargetHealth {
    TargetHealth { state: Some(state), reason: Some(reason), description: Some(description.to_owned()) }
}

/// How a target is; `target` is what is asked about.
pub(crate) fn of(cx: &Ctx, arn: &str, group: &TargetGroup, target: &str, in_use: bool) -> TargetHealth {
    use TargetHealthReasonEnum as Reason;
    use TargetHealthStateEnum as State;
    if !targets(group).any(|known| known == target) {
        let description = "Target is not registered to the target group";
        return shown(State::Unused, Reason::TargetNotRegistered, description);
    }
    if !in_use {
        let description = "Target group is not configured to receive traffic from the load balancer";
        return shown(State::Unused, Reason::TargetNotInUse, description);
    }
    if !group.health_check.enabled {
        let description = "Health checks are not enabled for this target";
        return shown(State::Unavailable, Reason::TargetHealthCheckDisabled, description);
    }
    let known = known(cx);
    let health = known.get(&(arn.to_owned(), target.to_owned())).map(|known| &known.health);
    health.unwrap_or(&Health::Initial(0)).show()
}

/// Of a server that was taken out.
pub(crate) fn draining() -> TargetHealth {
    shown(
        TargetHealthStateEnum::Draining,
        TargetHealthReasonEnum::TargetDeregistrationInProgress,
        "Target deregistration is in progress",
    )
}

/// Whether requests may go to a server: its checks found it well.
pub(crate) fn is_well(cx: &Ctx, arn: &str, group: &TargetGroup, target: &str) -> bool {
    let found = |known: &Known| matches!(known.health, Health::Healthy(_));
    !group.health_check.enabled || known(cx).get(&(arn.to_owned(), target.to_owned())).is_some_and(found)
}

/// The targets of a group that get requests.
fn targets(group: &TargetGroup) -> impl Iterator<Item = &String> {
    let servers = group.servers.iter().flat_map(|servers| servers.in_service().map(|(id, _)| id));
    group.target.iter().chain(servers)
}

fn known(cx: &Ctx) -> MutexGuard<'_, BTreeMap<Target, Known>> {
    cx.state.checks.known.lock().expect("no panic while held")
}

/// The ARNs of all target groups that a listener or a rule forwards to.
///
/// # Errors
/// Those of the store.
fn in_use(reader: &impl Read) -> Result<BTreeSet<String>> {
    let listeners = LISTENERS.all(reader, &Span::all())?;
    let groups =
        listeners.iter().flat_map(|(_, listener)| listener.actions().flat_map(|action| action.groups()));
    Ok(groups.map(|group| group.arn.clone()).collect())
}

/// Checks what is due, and sleeps until something is.
pub(crate) async fn run(cx: Ctx) {
    let mut news = cx.state.checks.news.listen();
    let mut under_way = JoinSet::new();
    loop {
        let next = begin(&cx, &mut under_way).await.unwrap_or_else(|error| {
            tracing::error!(%error, "look for health checks");
            Some(RETRY_AFTER)
        });
        let due = async {
            match next {
                Some(wait) => cx.env.sleep(wait).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = news.changed() => {}
            () = due => {}
            Some(_) = under_way.join_next() => {}
        }
    }
}

/// Begins the checks that are due; how long until the next is.
async fn begin(cx: &Ctx, under_way: &mut JoinSet<()>) -> Result<Option<Duration>> {
    let snapshot = cx.kv.snapshot().await?;
    let groups = TARGET_GROUPS.all(&snapshot, &Span::all())?;
    let mut wanted = groups.into_iter().filter(|(_, group)| group.health_check.enabled).peekable();
    let used = if wanted.peek().is_some() { in_use(&snapshot)? } else { BTreeSet::new() };
    let now = cx.env.monotonic();
    // Held to the end, so that what a check finds meanwhile is not lost.
    let mut known = known(cx);
    let mut before = std::mem::take(&mut *known);
    let mut next = None::<Duration>;
    for (key, group) in wanted {
        let arn = arn::target_group(&key, &group.id);
        if !used.contains(&arn) {
            continue;
        }
        for target in targets(&group) {
            let of = (arn.clone(), target.clone());
            let fresh = Known { health: Health::Initial(0), due: now, under_way: false };
            let mut own = before.remove(&of).unwrap_or(fresh);
            if own.due <= now && !own.under_way {
                own.due = now + group.health_check.interval();
                own.under_way = true;
                under_way.spawn(check(cx.clone(), key.clone(), of.clone(), group.clone()));
            }
            let wait = own.due.saturating_sub(now);
            // One that is still under way is looked at when it ends.
            if !own.under_way || !wait.is_zero() {
                next = Some(next.map_or(wait, |next| next.min(wait)));
            }
            known.insert(of, own);
        }
    }
    Ok(next)
}

async fn check(cx: Ctx, (account, region, _): NameKey, of: Target, group: TargetGroup) {
    let (arn, target) = &of;
    let outcome = match group.servers.as_ref().map(|servers| (servers, servers.all.get(target))) {
        Some((servers, Some(server))) => visit(&cx, &group, servers, server).await,
        Some((_, None)) => return,
        None => ask(&cx.as_caller(Caller::root(&account, &region)), arn, &group, target).await,
    };
    let mut known = known(&cx);
    if let Some(own) = known.get_mut(&of) {
        own.under_way = false;
        own.health = own.health.clone().after(outcome, &group.health_check);
    }
}

/// Asks a server how it is.
async fn visit(cx: &Ctx, group: &TargetGroup, servers: &Servers, server: &Server) -> Result<(), Failed> {
    let check = &group.health_check;
    let mut address = server.address;
    address.set_port(servers.check_port.unwrap_or(address.port()));
    let request = http::Request::get(format!("http://{address}{}", check.path))
        .header("user-agent", "ELB-HealthChecker/2.0")
        .header("accept-encoding", "gzip, compressed")
        .header("connection", "close")
        .body(bytes::Bytes::new())
        .map_err(|_| Failed::Otherwise)?;
    match cx.state.client.head_of(&cx.env, request, check.timeout()).await {
        Ok(answer) if check.fits(answer.status().as_u16()) => Ok(()),
        Ok(answer) => Err(Failed::Status(answer.status().as_u16())),
        Err(http_client::Error::TimedOut) => Err(Failed::TimedOut),
        Err(_) => Err(Failed::Otherwise),
    }
}

async fn ask(cx: &Ctx, arn: &str, group: &TargetGroup, target: &str) -> Result<(), Failed> {
    let event = load_balancer::health_check(&group.health_check.path, arn, group.values());
    let call = Call {
        principal: PRINCIPAL,
        arn: target.to_owned(),
        source_arn: arn.to_owned(),
        role: None,
        payload: http_event::payload(&event).into(),
        timeout: group.health_check.timeout(),
        is_event: false,
    };
    match function::invoke(cx, call).await {
        Ok(returned) if returned.failed => Err(Failed::Otherwise),
        Ok(returned) => match load_balancer::answer(&returned.payload, group.values()) {
            Some(answer) if group.health_check.fits(answer.status) => Ok(()),
            Some(answer) => Err(Failed::Status(answer.status)),
            None => Err(Failed::Otherwise),
        },
        Err(Failure::TimedOut) => Err(Failed::TimedOut),
        Err(Failure::Refused(_)) => Err(Failed::Otherwise),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn health_follows_what_checks_find_in_a_row() {
        let check = HealthCheck { healthy: 2, unhealthy: 2, ..HealthCheck::default() };
        let mut health = Health::Initial(0);
        let failed = || Err(Failed::Status(500));
        for (outcome, expected) in [
            (failed(), Health::Initial(1)),
            (failed(), Health::Unhealthy(0, Failed::Status(500))),
            (Ok(()), Health::Unhealthy(1, Failed::Status(500))),
            (Err(Failed::TimedOut), Health::Unhealthy(0, Failed::TimedOut)),
            (Ok(()), Health::Unhealthy(1, Failed::TimedOut)),
            (Ok(()), Health::Healthy(0)),
            (failed(), Health::Healthy(1)),
            (Ok(()), Health::Healthy(0)),
        ] {
            health = health.after(outcome, &check);
            assert_eq!(health, expected);
        }
    }
}
