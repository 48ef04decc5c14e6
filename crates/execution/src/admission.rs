//! Who may run: every function's share of its account's concurrency, and how fast a function may go and grow.
//!
//! A function with reserved concurrency has a share of its own, which caps it and which nobody else can use. All
//! others have what is left in common. Environments that are provisioned are set aside in the same way: from the
//! function's share if it has one, else from what is left.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use crate::limits::{ThrottleReason, Throttled};
use crate::version::Version;

/// How fast one function may go and grow.
#[derive(Clone, Copy, Debug)]
pub struct Rates {
    /// Environments that a function may gain in ten seconds; what is not used does not add up.
    pub scaling_per_10_s: u32,
    /// Invocations a second for each unit of concurrency; `None` is no bound.
    pub requests_per_unit: Option<u32>,
}

impl Default for Rates {
    fn default() -> Self {
        Self { scaling_per_10_s: 1000, requests_per_unit: Some(10) }
    }
}

/// An account and a region.
type Place = (Arc<str>, Arc<str>);

pub(crate) struct Admission {
    concurrency_max: u32,
    rates: Rates,
    accounts: Mutex<HashMap<Place, Arc<Account>>>,
    /// By the function's ARN.
    shares: Mutex<HashMap<String, Arc<Share>>>,
}

impl Admission {
    pub(crate) fn new(concurrency_max: usize, rates: Rates) -> Self {
        Self {
            concurrency_max: u32::try_from(concurrency_max).unwrap_or(u32::MAX),
            rates,
            accounts: Mutex::default(),
            shares: Mutex::default(),
        }
    }

    /// The share of a version's function.
    pub(crate) fn share_of(&self, version: &Version) -> Arc<Share> {
        self.share(&version.function_arn, &version.account, &version.region)
    }

    pub(crate) fn share(&self, function_arn: &str, account: &Arc<str>, region: &Arc<str>) -> Arc<Share> {
        let mut shares = self.shares.lock().expect("no panic while held");
        if let Some(share) = shares.get(function_arn) {
            return Arc::clone(share);
        }
        let place = (Arc::clone(account), Arc::clone(region));
        let mut accounts = self.accounts.lock().expect("no panic while held");
        let account = accounts.entry(place).or_insert_with(|| Arc::new(Account::new(self.concurrency_max)));
        let share = Share { account: Arc::clone(account), rates: self.rates, state: Mutex::default() };
        let share = Arc::new(share);
        shares.insert(function_arn.to_owned(), Arc::clone(&share));
        share
    }

    /// The function is gone: what it had reserved is everybody's again. Invocations under way still count.
    pub(crate) fn forget(&self, function_arn: &str) {
        let share = self.shares.lock().expect("no panic while held").remove(function_arn);
        if let Some(share) = share {
            share.reserve(None);
        }
    }
}

/// What the functions of one account and region have in common.
struct Account {
    concurrency_max: u32,
    /// The sum of what functions have reserved.
    reserved: AtomicU32,
    /// Provisioned environments of functions that have reserved nothing.
    provisioned: AtomicU32,
    /// Invocations of functions that have reserved nothing: those on demand in the upper half, those in provisioned
    /// environments in the lower. One word, so that both are checked at once.
    running: AtomicU64,
}

impl Account {
    fn new(concurrency_max: u32) -> Self {
        Self {
            concurrency_max,
            reserved: AtomicU32::new(0),
            provisioned: AtomicU32::new(0),
            running: AtomicU64::new(0),
        }
    }

    /// What functions that have reserved nothing may use.
    fn unreserved(&self) -> u32 {
        self.concurrency_max.saturating_sub(self.reserved.load(Ordering::Acquire))
    }

    fn admit(&self, class: Class) -> Result<(), Throttled> {
        let unreserved = self.unreserved();
        let on_demand_max = unreserved.saturating_sub(self.provisioned.load(Ordering::Acquire));
        let admitted = self.running.fetch_update(Ordering::AcqRel, Ordering::Acquire, |running| {
            let (on_demand, provisioned) = (running >> 32, running & u64::from(u32::MAX));
            let full = on_demand + provisioned >= u64::from(unreserved)
                || (class == Class::OnDemand && on_demand >= u64::from(on_demand_max));
            (!full).then(|| running + class.one())
        });
        match admitted {
            Ok(_) => Ok(()),
            Err(_) => Err(Throttled(ThrottleReason::ConcurrentInvocationLimitExceeded)),
        }
    }

    fn leave(&self, class: Class) {
        self.running.fetch_sub(class.one(), Ordering::AcqRel);
    }
}

/// In which kind of environment an invocation runs, as its share counts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    OnDemand,
    Provisioned,
}

impl Class {
    /// One invocation in [`Account::running`].
    fn one(self) -> u64 {
        match self {
            Self::OnDemand => 1 << 32,
            Self::Provisioned => 1,
        }
    }
}

/// One function's share.
pub(crate) struct Share {
    account: Arc<Account>,
    rates: Rates,
    state: Mutex<ShareState>,
}

#[derive(Default)]
struct ShareState {
    reserved: Option<u32>,
    /// Provisioned environments that are ready, idle or at work.
    provisioned: u32,
    /// Provisioned environments asked for.
    provisioned_target: u32,
    /// Invocations that run.
    on_demand: u32,
    in_provisioned: u32,
    requests: Bucket,
    starts: Bucket,
}

impl Share {
    /// Reserves concurrency, 0 to run nothing, or gives it back.
    pub(crate) fn reserve(&self, reserved: Option<u32>) {
        let mut state = self.state();
        let before = std::mem::replace(&mut state.reserved, reserved);
        let account = &self.account;
        account.reserved.fetch_add(reserved.unwrap_or(0), Ordering::AcqRel);
        account.reserved.fetch_sub(before.unwrap_or(0), Ordering::AcqRel);
        match (before, reserved) {
            (None, Some(_)) => account.provisioned.fetch_sub(state.provisioned, Ordering::AcqRel),
            (Some(_), None) => account.provisioned.fetch_add(state.provisioned, Ordering::AcqRel),
            _ => 0,
        };
    }

    /// A version's target has changed from `before` to `target`.
    pub(crate) fn provision(&self, before: u32, target: u32) {
        let mut state = self.state();
        state.provisioned_target = (state.provisioned_target + target).saturating_sub(before);
    }

    /// Environments that nobody else may take the room of.
    pub(crate) fn entitled(&self) -> usize {
        let state = self.state();
        state.reserved.unwrap_or(0).max(state.provisioned_target) as usize
    }

    pub(crate) fn has_reserved(&self) -> bool {
        self.state().reserved.is_some()
    }

    /// One more provisioned environment is ready, or one less is there.
    pub(crate) fn count_provisioned(&self, is_one_more: bool) {
        let mut state = self.state();
        let in_account = state.reserved.is_none();
        if is_one_more {
            state.provisioned += 1;
            self.account.provisioned.fetch_add(u32::from(in_account), Ordering::AcqRel);
        } else {
            state.provisioned -= 1;
            self.account.provisioned.fetch_sub(u32::from(in_account), Ordering::AcqRel);
        }
    }

    /// Lets one invocation in.
    ///
    /// # Errors
    /// With AWS's reason, when the share or the account is used up, or the function goes too fast.
    pub(crate) fn admit(self: &Arc<Self>, class: Class, now: Duration) -> Result<Running, Throttled> {
        let mut state = self.state();
        if let Some(reserved) = state.reserved {
            let on_demand_max = reserved.saturating_sub(state.provisioned);
            if state.on_demand + state.in_provisioned >= reserved
                || (class == Class::OnDemand && state.on_demand >= on_demand_max)
            {
                return Err(Throttled(match reserved {
                    0 => ThrottleReason::NothingReserved,
                    _ => ThrottleReason::ReservedFunctionConcurrentInvocationLimitExceeded,
                }));
            }
        }
        if let Some(per_unit) = self.rates.requests_per_unit {
            let units = state.reserved.unwrap_or_else(|| self.account.unreserved());
            let per_second = f64::from(units) * f64::from(per_unit);
            // Of no units at all, none is left: that is the better reason.
            if units > 0 && !state.requests.has(now, per_second, per_second) {
                return Err(Throttled(state.rate_exceeded()));
            }
        }
        let in_account = state.reserved.is_none();
        if in_account {
            self.account.admit(class)?;
        }
        state.requests.spend();
        *state.running(class) += 1;
        Ok(Running { share: Arc::clone(self), class, in_account })
    }

    /// Lets one environment be started for an invocation.
    ///
    /// # Errors
    /// With AWS's reason, when the function grows too fast.
    pub(crate) fn grow(&self, now: Duration) -> Result<(), Throttled> {
        let mut state = self.state();
        let most = f64::from(self.rates.scaling_per_10_s);
        if !state.starts.has(now, most / 10.0, most) {
            return Err(Throttled(state.rate_exceeded()));
        }
        state.starts.spend();
        Ok(())
    }

    /// A start that was let in was not needed after all.
    pub(crate) fn shrink(&self) {
        self.state().starts.give_back();
    }

    fn state(&self) -> MutexGuard<'_, ShareState> {
        self.state.lock().expect("no panic while held")
    }
}

impl ShareState {
    fn running(&mut self, class: Class) -> &mut u32 {
        match class {
            Class::OnDemand => &mut self.on_demand,
            Class::Provisioned => &mut self.in_provisioned,
        }
    }

    fn rate_exceeded(&self) -> ThrottleReason {
        match self.reserved {
            Some(_) => ThrottleReason::ReservedFunctionInvocationRateLimitExceeded,
            None => ThrottleReason::FunctionInvocationRateLimitExceeded,
        }
    }
}

/// One invocation that counts against its function's share.
pub(crate) struct Running {
    share: Arc<Share>,
    class: Class,
    /// Whether it counts in what functions without reserved concurrency have in common: as it was when it began.
    in_account: bool,
}

impl Drop for Running {
    fn drop(&mut self) {
        let mut state = self.share.state();
        *state.running(self.class) -= 1;
        if self.in_account {
            self.share.account.leave(self.class);
        }
    }
}

/// A token bucket, by what was taken out of it: its size may change with every call.
#[derive(Default)]
struct Bucket {
    spent: f64,
    /// By the monotonic clock.
    at: Duration,
}

impl Bucket {
    /// Whether there is one left in a bucket of `most` that is refilled with so many a second.
    fn has(&mut self, now: Duration, per_second: f64, most: f64) -> bool {
        let passed = now.saturating_sub(self.at).as_secs_f64();
        self.spent = (self.spent - passed * per_second).max(0.0);
        self.at = now;
        self.spent + 1.0 <= most
    }

    fn spend(&mut self) {
        self.spent += 1.0;
    }

    fn give_back(&mut self) {
        self.spent = (self.spent - 1.0).max(0.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NO_TIME: Duration = Duration::ZERO;

    fn admission(concurrency_max: usize, rates: Rates) -> Admission {
        Admission::new(concurrency_max, rates)
    }

    fn share(admission: &Admission, name: &str) -> Arc<Share> {
        admission.share(name, &"1".into(), &"r".into())
    }

    fn fast() -> Rates {
        Rates { requests_per_unit: None, ..Rates::default() }
    }

    fn on_demand(share: &Arc<Share>, count: usize) -> (Vec<Running>, Option<ThrottleReason>) {
        let mut running = Vec::new();
        for _ in 0..count {
            match share.admit(Class::OnDemand, NO_TIME) {
                Ok(one) => running.push(one),
                Err(Throttled(reason)) => return (running, Some(reason)),
            }
        }
        (running, None)
    }

    #[test]
    fn a_reserved_share_caps_its_function_and_is_nobody_elses() {
        use ThrottleReason::{
            ConcurrentInvocationLimitExceeded as Account, NothingReserved,
            ReservedFunctionConcurrentInvocationLimitExceeded as Own,
        };
        let admission = admission(10, fast());
        let (own, other) = (share(&admission, "own"), share(&admission, "other"));
        own.reserve(Some(4));
        let (flood, reason) = on_demand(&other, 20);
        assert_eq!((flood.len(), reason), (6, Some(Account)));
        let (mine, reason) = on_demand(&own, 20);
        assert_eq!((mine.len(), reason), (4, Some(Own)));
        own.reserve(Some(0));
        drop(mine);
        assert_eq!(on_demand(&own, 1).1, Some(NothingReserved));
        assert_eq!(on_demand(&other, 20).0.len(), 4);
        own.reserve(None);
        drop(flood);
        let both = (on_demand(&other, 6), on_demand(&own, 20));
        assert_eq!((both.0.0.len(), both.1.0.len()), (6, 4));
    }

    #[test]
    fn what_began_unreserved_ends_unreserved() {
        let admission = admission(10, fast());
        let own = share(&admission, "own");
        let (before, _) = on_demand(&own, 10);
        own.reserve(Some(5));
        assert_eq!(on_demand(&own, 1).0.len(), 0, "what runs already counts against the share");
        drop(before);
        assert_eq!(on_demand(&share(&admission, "other"), 20).0.len(), 5);
        admission.forget("own");
        assert_eq!(on_demand(&share(&admission, "other"), 20).0.len(), 10);
    }

    #[test]
    fn provisioned_environments_are_set_aside() {
        let admission = admission(10, fast());
        let (own, other) = (share(&admission, "own"), share(&admission, "other"));
        (0..3).for_each(|_| own.count_provisioned(true));
        let (flood, _) = on_demand(&other, 20);
        assert_eq!(flood.len(), 7);
        let inside = (0..3).map(|_| own.admit(Class::Provisioned, NO_TIME)).collect::<Result<Vec<_>, _>>();
        assert!(inside.is_ok());
        assert!(own.admit(Class::OnDemand, NO_TIME).is_err(), "it spills over into what is in common");
        drop((flood, inside));
        own.reserve(Some(3));
        assert_eq!(on_demand(&own, 1).0.len(), 0, "all of the share is provisioned");
        assert_eq!(on_demand(&other, 20).0.len(), 7);
        (0..3).for_each(|_| own.count_provisioned(false));
        assert_eq!(on_demand(&own, 9).0.len(), 3);
    }

    #[test]
    fn rates_are_buckets_that_do_not_add_up() {
        let admission = admission(1000, Rates { scaling_per_10_s: 20, requests_per_unit: Some(10) });
        let own = share(&admission, "own");
        own.reserve(Some(1));
        let calls = |at: u64, count: usize| {
            let now = Duration::from_millis(at);
            (0..count).filter(|_| own.admit(Class::OnDemand, now).is_ok()).count()
        };
        assert_eq!((calls(0, 30), calls(0, 1), calls(100, 5), calls(100_000, 30)), (10, 0, 1, 10));
        let Err(Throttled(reason)) = own.admit(Class::OnDemand, Duration::from_secs(100)) else {
            panic!("the bucket is empty")
        };
        assert_eq!(reason, ThrottleReason::ReservedFunctionInvocationRateLimitExceeded);

        let grown = |at: u64, count: usize| {
            (0..count).filter(|_| own.grow(Duration::from_millis(at)).is_ok()).count()
        };
        assert_eq!((grown(0, 30), grown(500, 5), grown(90_000, 30)), (20, 1, 20));
        own.shrink();
        assert_eq!(grown(90_000, 2), 1);
        own.reserve(None);
        assert_eq!(
            own.grow(Duration::from_secs(90)),
            Err(Throttled(ThrottleReason::FunctionInvocationRateLimitExceeded))
        );
    }
}
