//! Whose turn it is: one lane for each function that has work, in memory. Pure: the queue reads and writes.
//!
//! A lane knows where in its rows to look next, so that looking never wades through rows that were deleted, and how
//! many of its rows may run at once. A lane without work is forgotten.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::time::Duration;

use env::Timestamp;

use crate::keys::FunctionKey;

/// A row of a lane: when it is due, and its id.
pub(crate) type Row = (Timestamp, String);

/// How many rows of a lane run at once before the first of them has ended.
const WINDOW_FIRST: usize = 8;
/// How long a lane rests that is throttled with one at a time: doubles with each in a row. No longer than this, so
/// that what expires in it is told.
const REST_FIRST: Duration = Duration::from_secs(1);
const REST_MAX: Duration = Duration::from_secs(8);

/// Before every row.
fn beginning() -> Row {
    (Timestamp::from_micros(i64::MIN), String::new())
}

/// The first place behind a row.
fn behind((due, id): &Row) -> Row {
    (*due, format!("{id}\0"))
}

/// How a row's run ended, for the lane's window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Run {
    Ran,
    Throttled,
    Other,
}

#[derive(Debug)]
pub(crate) struct Lanes {
    lanes: HashMap<FunctionKey, Lane>,
    /// Lanes to look at, the next first; each once.
    ready: VecDeque<FunctionKey>,
    /// Lanes whose next row is due later.
    timers: BTreeSet<(Timestamp, FunctionKey)>,
    running: usize,
    running_max: usize,
}

#[derive(Debug)]
struct Lane {
    /// Every row before this is running, or done.
    from: Row,
    /// The first row announced since the lane was last handed out to be looked at.
    announced: Option<Row>,
    running: HashSet<Row>,
    /// While somebody looks at a view of the store: what has ended since, and may still stand in the view.
    ended_since: Option<HashSet<Row>>,
    /// How many may run at once: grows by one with each that ran, halves when the function is throttled.
    window: usize,
    /// It rests until then, after so many throttles in a row.
    rests: Option<Timestamp>,
    throttles: u32,
    is_ready: bool,
    timer: Option<Timestamp>,
}

impl Lane {
    fn has_room(&self, free: usize) -> bool {
        self.running.is_empty() || self.running.len() < self.window.min(free)
    }
}

impl Lanes {
    pub(crate) fn new(running_max: usize) -> Self {
        Self {
            lanes: HashMap::new(),
            ready: VecDeque::new(),
            timers: BTreeSet::new(),
            running: 0,
            running_max: running_max.max(1),
        }
    }

    /// Forgets everything.
    pub(crate) fn reset(&mut self) {
        *self = Self::new(self.running_max);
    }

    /// A row was stored, or may have been. Whether its lane has room; if not, the end of what runs gives it some.
    pub(crate) fn announce(&mut self, function: &FunctionKey, row: &Row) -> bool {
        let free = self.running_max - self.running;
        let lane = self.lanes.entry(function.clone()).or_insert_with(|| Lane {
            from: row.clone(),
            announced: None,
            running: HashSet::new(),
            ended_since: None,
            window: WINDOW_FIRST,
            rests: None,
            throttles: 0,
            is_ready: false,
            timer: None,
        });
        if *row < lane.from {
            lane.from.clone_from(row);
        }
        if lane.announced.as_ref().is_none_or(|first| row < first) {
            lane.announced = Some(row.clone());
        }
        let has_room = lane.has_room(free);
        self.make_ready(function);
        has_room
    }

    /// A function has rows of an earlier run of the platform.
    pub(crate) fn recover(&mut self, function: &FunctionKey) {
        self.announce(function, &beginning());
    }

    fn make_ready(&mut self, function: &FunctionKey) {
        let Some(lane) = self.lanes.get_mut(function) else { return };
        if let Some(due) = lane.timer.take() {
            self.timers.remove(&(due, function.clone()));
        }
        if !lane.is_ready {
            lane.is_ready = true;
            self.ready.push_back(function.clone());
        }
    }

    /// The lane whose turn it is and where to look in it; each answer wants one of `took` and `found_none`.
    ///
    /// A lane gets no more than half of the places that are left, so one that needs them all leaves room for others.
    pub(crate) fn next(&mut self, now: Timestamp) -> Option<(FunctionKey, Row)> {
        while self.timers.first().is_some_and(|(due, _)| *due <= now) {
            let Some((_, function)) = self.timers.pop_first() else { break };
            if let Some(lane) = self.lanes.get_mut(&function) {
                lane.timer = None;
            }
            self.make_ready(&function);
        }
        let free = self.running_max - self.running;
        if free == 0 {
            return None;
        }
        for _ in 0..self.ready.len() {
            let function = self.ready.pop_front()?;
            let Some(lane) = self.lanes.get_mut(&function) else { continue };
            if let Some(until) = lane.rests.filter(|until| *until > now) {
                lane.is_ready = false;
                lane.timer = Some(until);
                self.timers.insert((until, function));
                continue;
            }
            if lane.has_room(free) {
                lane.is_ready = false;
                lane.announced = None;
                lane.ended_since = Some(HashSet::new());
                return Some((function, lane.from.clone()));
            }
            self.ready.push_back(function);
        }
        None
    }

    /// Whether a row of a lane is running, or has ended since somebody began to look.
    pub(crate) fn is_taken(&self, function: &FunctionKey, row: &Row) -> bool {
        let ended = |lane: &Lane| lane.ended_since.as_ref().is_some_and(|ended| ended.contains(row));
        self.lanes.get(function).is_some_and(|lane| lane.running.contains(row) || ended(lane))
    }

    /// The row was found first and runs from now on.
    pub(crate) fn took(&mut self, function: &FunctionKey, row: Row) {
        let Some(lane) = self.lanes.get_mut(function) else { return };
        lane.ended_since = None;
        // What was stored while it was looked for may lie before it.
        let next = behind(&row);
        lane.from = lane.announced.clone().map_or(next.clone(), |announced| announced.min(next));
        self.running += usize::from(lane.running.insert(row));
        self.make_ready(function);
    }

    /// Nothing is due; perhaps something is later.
    pub(crate) fn found_none(&mut self, function: &FunctionKey, next_due: Option<Timestamp>) {
        let Some(lane) = self.lanes.get_mut(function) else { return };
        lane.ended_since = None;
        if lane.announced.is_some() {
            return self.make_ready(function);
        }
        match next_due {
            Some(due) if !lane.is_ready => {
                lane.timer = Some(due);
                self.timers.insert((due, function.clone()));
            }
            _ => self.forget_idle(function),
        }
    }

    /// A row's run has ended, and what became of it is stored.
    pub(crate) fn ended(&mut self, function: &FunctionKey, row: &Row, run: Run, now: Timestamp) {
        let Some(lane) = self.lanes.get_mut(function) else { return };
        if !lane.running.remove(row) {
            return;
        }
        self.running -= 1;
        if let Some(ended) = &mut lane.ended_since {
            ended.insert(row.clone());
        }
        match run {
            Run::Ran => {
                lane.window = (lane.window + 1).min(self.running_max);
                (lane.rests, lane.throttles) = (None, 0);
            }
            Run::Throttled if lane.window > 1 => lane.window /= 2,
            Run::Throttled => {
                let rest = REST_MAX.min(REST_FIRST * 2u32.saturating_pow(lane.throttles.min(16)));
                lane.rests = Some(now.after(rest));
                lane.throttles += 1;
            }
            Run::Other => {}
        }
        self.forget_idle(function);
    }

    fn forget_idle(&mut self, function: &FunctionKey) {
        let Some(lane) = self.lanes.get(function) else { return };
        let is_looked_at = lane.ended_since.is_some() || lane.is_ready;
        if lane.running.is_empty() && !is_looked_at && lane.timer.is_none() && lane.announced.is_none() {
            self.lanes.remove(function);
        }
    }

    /// When something is due next.
    pub(crate) fn next_due(&self) -> Option<Timestamp> {
        self.timers.first().map(|(due, _)| *due)
    }

    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.lanes.is_empty() && self.ready.is_empty() && self.timers.is_empty() && self.running == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn function(name: &str) -> FunctionKey {
        ("a".to_owned(), "r".to_owned(), name.to_owned())
    }

    fn row(at: i64) -> Row {
        (Timestamp::from_micros(at), "id".to_owned())
    }

    const NOW: Timestamp = Timestamp::from_micros(1_000_000);

    #[test]
    fn a_row_stored_while_looking_is_not_passed_by() {
        let mut lanes = Lanes::new(100);
        let f = function("f");
        lanes.announce(&f, &row(5));
        assert_eq!(lanes.next(NOW), Some((f.clone(), row(5))));
        lanes.announce(&f, &row(3));
        lanes.took(&f, row(5));
        assert_eq!(lanes.next(NOW), Some((f.clone(), row(3))));
        lanes.took(&f, row(3));
        assert!(lanes.is_taken(&f, &row(3)) && lanes.is_taken(&f, &row(5)));
        let (_, from) = lanes.next(NOW).expect("it is looked at again");
        assert!(from > row(3) && from < row(5));
        lanes.announce(&f, &row(9));
        lanes.found_none(&f, None);
        assert!(lanes.next(NOW).is_some(), "what was announced while looking is looked for");
    }

    #[test]
    fn a_lane_without_work_is_forgotten() {
        let mut lanes = Lanes::new(4);
        let f = function("f");
        lanes.announce(&f, &row(5));
        lanes.next(NOW);
        lanes.took(&f, row(5));
        lanes.next(NOW);
        lanes.found_none(&f, None);
        assert_eq!(lanes.next(NOW), None);
        lanes.ended(&f, &row(5), Run::Ran, NOW);
        assert!(lanes.is_empty());
    }

    #[test]
    fn a_lane_that_is_looked_at_stays_and_takes_nothing_twice() {
        let mut lanes = Lanes::new(100);
        let f = function("f");
        lanes.announce(&f, &row(5));
        lanes.next(NOW);
        lanes.took(&f, row(5));
        lanes.next(NOW);
        lanes.ended(&f, &row(5), Run::Ran, NOW);
        assert!(lanes.is_taken(&f, &row(5)), "the view may still have it");
        lanes.took(&f, row(7));
        assert!(!lanes.is_taken(&f, &row(5)) && lanes.is_taken(&f, &row(7)));
        assert!(lanes.next(NOW).is_some(), "there may be more behind it");
    }

    #[test]
    fn a_row_due_later_waits_for_its_time() {
        let mut lanes = Lanes::new(4);
        let f = function("f");
        lanes.recover(&f);
        assert_eq!(lanes.next(NOW), Some((f.clone(), beginning())));
        let due = Timestamp::from_micros(2_000_000);
        lanes.found_none(&f, Some(due));
        assert_eq!((lanes.next(NOW), lanes.next_due()), (None, Some(due)));
        assert_eq!(lanes.next(due), Some((f.clone(), beginning())));
        lanes.found_none(&f, None);
        assert!(lanes.is_empty());
    }

    /// Which function's turn each is, as names in a row.
    fn turns(lanes: &mut Lanes, count: usize) -> String {
        let mut turn = || {
            let Some((function, _)) = lanes.next(NOW) else { return "-".to_owned() };
            let at = (1..).find(|at| !lanes.is_taken(&function, &row(*at))).expect("a number");
            lanes.took(&function, row(at));
            function.2
        };
        (0..count).map(|_| turn()).collect()
    }

    #[test]
    fn lanes_take_turns_and_leave_room() {
        let mut lanes = Lanes::new(8);
        lanes.announce(&function("f"), &row(0));
        lanes.announce(&function("g"), &row(0));
        assert_eq!(turns(&mut lanes, 4), "fgfg");
        let mut lanes = Lanes::new(8);
        lanes.announce(&function("f"), &row(0));
        assert_eq!(turns(&mut lanes, 8), "ffff----");
        lanes.announce(&function("g"), &row(0));
        assert_eq!(turns(&mut lanes, 3), "gg-", "half of what is left");
    }

    #[test]
    fn the_window_grows_with_success_and_halves_with_throttles() {
        let mut lanes = Lanes::new(1000);
        let f = function("f");
        lanes.announce(&f, &row(0));
        assert_eq!(turns(&mut lanes, WINDOW_FIRST + 1), "ffffffff-");
        lanes.ended(&f, &row(1), Run::Ran, NOW);
        assert_eq!(turns(&mut lanes, 3), "ff-");
        for at in 1..=3 {
            lanes.ended(&f, &row(at), Run::Throttled, NOW);
        }
        assert_eq!(turns(&mut lanes, 1), "-");
    }

    #[test]
    fn a_lane_that_is_throttled_one_by_one_rests() {
        let mut lanes = Lanes::new(2);
        let f = function("f");
        lanes.announce(&f, &row(0));
        let mut now = NOW;
        let mut rests = Vec::new();
        for at in 1..=8 {
            while lanes.next(now).is_none() {
                let due = lanes.next_due().expect("it rests until then");
                rests.push(due.since(now).as_secs());
                now = due;
            }
            lanes.took(&f, row(at));
            lanes.ended(&f, &row(at), Run::Throttled, now);
        }
        assert_eq!(rests, [1, 2, 4, 8]);
        lanes.announce(&f, &row(9));
        assert_eq!(lanes.next(now), None, "new work does not wake it");
    }
}
