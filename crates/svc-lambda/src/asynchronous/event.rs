//! An event's life as a state machine: what follows an attempt. Pure: no I/O, no clock.

use std::time::Duration;

use bytes::Bytes;
use env::Timestamp;
use serde::{Deserialize, Serialize};

/// An event as it is stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Event {
    /// Of this layout; readers of a later one still read it.
    pub format: u32,
    /// The same through all attempts.
    pub request_id: String,
    /// As the caller named it; none is `$LATEST`.
    pub qualifier: Option<String>,
    /// JSON.
    pub payload: String,
    /// `X-Amzn-Trace-Id`, without this function's own pass.
    pub trace: String,
    /// Microseconds since the epoch.
    pub accepted_us: i64,
    /// Attempts, of any end.
    pub invokes: u32,
    /// Attempts that the function failed.
    pub failures: u32,
    /// Attempts in a row that did not reach the function.
    pub back_offs: u32,
    /// What the function answered last.
    pub last: Option<Answer>,
}

/// What a function answered, for records of an event's end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Answer {
    pub executed_version: String,
    pub failed: bool,
    /// As the function gave it. Absent when it was too large to keep until the next attempt.
    pub payload: Option<String>,
}

/// Something to be done, as it is stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Work {
    Invoke(Event),
    Deliver(Parcel),
}

/// A record or a dead letter on its way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Parcel {
    /// Of this layout; readers of a later one still read it.
    pub format: u32,
    /// An ARN.
    pub target: String,
    pub kind: ParcelKind,
    /// The event's.
    pub request_id: String,
    /// Unqualified: on whose behalf it is sent.
    pub function_arn: String,
    pub qualified_arn: String,
    /// The execution role.
    pub role: String,
    pub body: String,
    /// With the function's own pass.
    pub trace: String,
    /// Microseconds since the epoch.
    pub created_us: i64,
    /// Attempts so far.
    pub tries: u32,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum ParcelKind {
    OnSuccess,
    OnFailure,
    DeadLetter { error_code: u16, error_message: String },
}

/// What applies to a function's events at the moment.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Plan {
    pub retries_max: u32,
    pub age_max: Duration,
    pub on_success: Option<String>,
    pub on_failure: Option<String>,
    pub dead_letter: Option<String>,
    pub role: String,
}

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Attempted {
    /// The function ran, and failed or not.
    Answered { payload: Bytes, failed: bool, executed_version: String },
    /// Too many run.
    Throttled,
    /// Nothing of this function may run: its reserved concurrency is 0.
    Barred,
    /// A failure of ours, or the function can't run now.
    Unavailable,
    /// The function, or the version or alias that was named, is gone.
    Gone,
    /// It went round in a loop.
    Recursive,
    /// The platform is being taken down: it counts as if it had never been.
    Interrupted,
}

/// An event's end, in AWS's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Condition {
    Success,
    RetriesExhausted,
    EventAgeExceeded,
}

/// What follows.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Next {
    Again(Timestamp),
    Ended(Condition),
    Gone,
    /// It stays as it is stored.
    Left,
}

/// What a function's answer may have to be kept with the event until its next attempt.
const KEPT_ANSWER_BYTES_MAX: usize = 256 * 1024;
/// AWS waits a minute before the first retry and two before the second.
const RETRY_STEP: Duration = Duration::from_secs(60);
const BACK_OFF_FIRST: Duration = Duration::from_secs(1);
const BACK_OFF_MAX: Duration = Duration::from_secs(300);
/// How long a record or a dead letter is tried: as long as an event may be at most.
const PARCEL_AGE_MAX: Duration = Duration::from_secs(21_600);

impl Event {
    /// Whether it is too old for another attempt.
    pub(crate) fn has_expired(&self, plan: &Plan, now: Timestamp) -> bool {
        now >= self.expires(plan)
    }

    fn expires(&self, plan: &Plan) -> Timestamp {
        Timestamp::from_micros(self.accepted_us).after(plan.age_max)
    }

    /// What follows an attempt; keeps in the event what the next one and its end need.
    pub(crate) fn step(&mut self, attempted: Attempted, plan: &Plan, now: Timestamp) -> Next {
        self.invokes += 1;
        match attempted {
            Attempted::Answered { payload, failed, executed_version } => {
                self.back_offs = 0;
                self.failures += u32::from(failed);
                let payload = String::from_utf8_lossy(&payload).into_owned();
                self.last = Some(Answer { executed_version, failed, payload: Some(payload) });
                if !failed {
                    return Next::Ended(Condition::Success);
                }
                if self.failures > plan.retries_max {
                    return Next::Ended(Condition::RetriesExhausted);
                }
                self.forget_large_answer();
                self.again(now.after(RETRY_STEP * self.failures), plan)
            }
            Attempted::Throttled | Attempted::Unavailable => {
                let due = now.after(back_off(self.back_offs));
                self.back_offs = self.back_offs.saturating_add(1);
                self.again(due, plan)
            }
            Attempted::Barred | Attempted::Recursive => Next::Ended(Condition::RetriesExhausted),
            Attempted::Gone => Next::Gone,
            Attempted::Interrupted => {
                self.invokes -= 1;
                Next::Left
            }
        }
    }

    /// At `due`, or when it expires: its end is told no later than that.
    fn again(&self, due: Timestamp, plan: &Plan) -> Next {
        Next::Again(due.min(self.expires(plan)))
    }

    fn forget_large_answer(&mut self) {
        if let Some(last) = &mut self.last
            && last.payload.as_ref().is_some_and(|payload| payload.len() > KEPT_ANSWER_BYTES_MAX)
        {
            last.payload = None;
        }
    }
}

impl Parcel {
    /// When it is tried again, unless it is too old.
    pub(crate) fn again(&mut self, now: Timestamp) -> Option<Timestamp> {
        let due = now.after(back_off(self.tries));
        self.tries = self.tries.saturating_add(1);
        (now.since(Timestamp::from_micros(self.created_us)) < PARCEL_AGE_MAX).then_some(due)
    }
}

/// 1 s, 2 s, 4 s … 5 min.
fn back_off(before: u32) -> Duration {
    BACK_OFF_MAX.min(BACK_OFF_FIRST.saturating_mul(2u32.saturating_pow(before)))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn event() -> Event {
        Event {
            format: 1,
            request_id: "id".to_owned(),
            qualifier: None,
            payload: "{}".to_owned(),
            trace: String::new(),
            accepted_us: 0,
            invokes: 0,
            failures: 0,
            back_offs: 0,
            last: None,
        }
    }

    pub(crate) fn plan() -> Plan {
        Plan {
            retries_max: 2,
            age_max: Duration::from_secs(21_600),
            on_success: None,
            on_failure: None,
            dead_letter: None,
            role: String::new(),
        }
    }

    fn failed() -> Attempted {
        Attempted::Answered { payload: "{}".into(), failed: true, executed_version: "1".to_owned() }
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_secs(seconds)
    }

    #[test]
    fn a_failing_function_is_tried_after_one_and_two_minutes() {
        let mut event = event();
        assert_eq!(event.step(failed(), &plan(), at(1)), Next::Again(at(61)));
        assert_eq!(event.step(failed(), &plan(), at(61)), Next::Again(at(181)));
        assert_eq!(event.step(failed(), &plan(), at(181)), Next::Ended(Condition::RetriesExhausted));
        assert_eq!((event.invokes, event.failures), (3, 3));
    }

    #[test]
    fn throttles_back_off_until_the_event_expires() {
        let (mut event, plan) = (event(), Plan { age_max: Duration::from_secs(60), ..plan() });
        let mut now = at(0);
        let mut waits = Vec::new();
        while !event.has_expired(&plan, now) {
            let Next::Again(due) = event.step(Attempted::Throttled, &plan, now) else { panic!("throttled") };
            waits.push(due.since(now).as_secs());
            now = due;
        }
        assert_eq!((waits, now), (vec![1, 2, 4, 8, 16, 29], at(60)));
        assert_eq!(back_off(20), BACK_OFF_MAX);
        assert_eq!(back_off(u32::MAX), BACK_OFF_MAX);
    }

    #[test]
    fn throttles_are_no_failures_and_failures_end_back_off() {
        let mut event = event();
        for _ in 0..5 {
            event.step(Attempted::Unavailable, &plan(), at(0));
        }
        assert_eq!(event.step(failed(), &plan(), at(0)), Next::Again(at(60)));
        assert_eq!((event.back_offs, event.failures, event.invokes), (0, 1, 6));
        assert_eq!(event.step(Attempted::Throttled, &plan(), at(60)), Next::Again(at(61)));
    }

    #[test]
    fn ends_without_a_retry() {
        let check = |attempted: Attempted, expected: Next| {
            assert_eq!(event().step(attempted.clone(), &plan(), at(0)), expected, "{attempted:?}");
        };
        check(Attempted::Barred, Next::Ended(Condition::RetriesExhausted));
        check(Attempted::Recursive, Next::Ended(Condition::RetriesExhausted));
        check(Attempted::Gone, Next::Gone);
        check(Attempted::Interrupted, Next::Left);
        let none = Plan { retries_max: 0, ..plan() };
        assert_eq!(event().step(failed(), &none, at(0)), Next::Ended(Condition::RetriesExhausted));
    }

    #[test]
    fn a_large_answer_is_not_kept_for_the_next_attempt() {
        let mut event = event();
        let payload = Bytes::from(vec![b'1'; KEPT_ANSWER_BYTES_MAX + 1]);
        event.step(
            Attempted::Answered { payload, failed: true, executed_version: "1".to_owned() },
            &plan(),
            at(0),
        );
        assert_eq!(event.last.and_then(|last| last.payload), None);
    }

    #[test]
    fn stored_work_stays_readable() {
        let stored = r#"{"Invoke":{"format":1,"request_id":"id","qualifier":null,"payload":"{}","trace":"","accepted_us":0,"invokes":0,"failures":0,"back_offs":0,"last":null}}"#;
        assert_eq!(serde_json::from_str::<Work>(stored).expect("work"), Work::Invoke(event()));
        let stored = r#"{"Deliver":{"format":1,"target":"t","kind":{"DeadLetter":{"error_code":200,"error_message":"m"}},"request_id":"id","function_arn":"a","qualified_arn":"a:1","role":"r","body":"b","trace":"","created_us":0,"tries":1}}"#;
        assert!(
            matches!(serde_json::from_str::<Work>(stored), Ok(Work::Deliver(parcel)) if parcel.tries == 1)
        );
    }
}
