//! What is started ahead, and who gets it, without any sandbox.

use sandbox::{Limits, Network, Pending, Result};

use super::*;

const HOUR: Duration = Duration::from_secs(3600);
const MIB: u64 = 1 << 20;

/// Something that waits, and tells by its memory which it is.
struct Fake(u64);

impl Booted for Fake {
    fn memory_bytes(&self) -> Option<u64> {
        Some(self.0)
    }

    fn is_alive(&self) -> bool {
        self.0 > 0
    }

    fn claim(self: Box<Self>, _spec: Spec) -> Pending<'static, Result<Started>> {
        unreachable!("nothing is claimed here")
    }
}

impl Template for Fake {
    fn start(&self, _spec: Spec) -> Pending<'_, Result<Started>> {
        unreachable!("nothing is started here")
    }
}

fn spec(args: &str) -> Spec {
    Spec {
        id: "one".to_owned(),
        root: None,
        code_dir: None,
        opt_dirs: Vec::new(),
        binds: Vec::new(),
        program: "/usr/bin/python3".into(),
        args: vec![args.to_owned()],
        env: Vec::new(),
        doors: Vec::new(),
        cwd: "/".into(),
        companions: sandbox::Companions::default(),
        memory_bytes: u64::MAX,
        cpu_millis: u32::MAX,
        ephemeral_bytes: u64::MAX,
        limits: Limits::default(),
        network: Network::Isolated,
    }
}

/// The kinds for a function with the SDK.
fn kinds(account: &str) -> Kinds {
    let importing = Like { spec: spec("sdk"), source: Source::Account(account.into()) };
    vec![importing, Like { spec: spec("plain"), source: Source::Program }]
}

fn waiting(memory_bytes_max: u64) -> Waiting {
    Waiting::new(Ahead { floor: 1, ceiling: 8, memory_bytes_max })
}

/// What is started next: whose, and whether it is a template.
fn next(waiting: &Waiting, now: Duration) -> Option<(Like, bool)> {
    loop {
        match waiting.next(now, None) {
            Step::Boot(boot) => return Some((boot.like, boot.forks)),
            Step::Drop(_) => {}
            Step::Nothing => return None,
        }
    }
}

fn taken(waiting: &Waiting, kinds: &[Like]) -> Option<u64> {
    match waiting.take(kinds, Duration::ZERO)? {
        Taken::Ready(booted) => booted.memory_bytes(),
        Taken::Forks(..) => Some(0),
    }
}

#[test]
fn no_account_gets_what_is_anothers() {
    let (one, other) = (kinds("1"), kinds("2"));
    let waiting = waiting(1024 * MIB);
    waiting.expect(&one, Duration::ZERO);
    waiting.expect(&other, Duration::ZERO);
    assert!(next(&waiting, Duration::ZERO).is_some_and(|(like, forks)| like == one[0] && forks));
    waiting.add_template(&one[0], Arc::new(Fake(1)), MIB, Duration::ZERO);
    assert!(next(&waiting, Duration::ZERO).is_some_and(|(like, forks)| like == one[0] && !forks));
    waiting.add(&one[0], Box::new(Fake(7)));
    assert!(next(&waiting, Duration::ZERO).is_some_and(|(like, forks)| like == other[0] && forks));
    assert_eq!(taken(&waiting, &other), None);
    assert_eq!(taken(&waiting, &one), Some(7));
    assert_eq!(taken(&waiting, &one), Some(0), "with none ready it is forked at the call");
    assert_eq!(taken(&waiting, &other), None);
}

#[test]
fn the_next_best_is_taken_until_the_best_is_there() {
    let kinds = kinds("1");
    let waiting = waiting(1024 * MIB);
    waiting.expect(&kinds[1..], Duration::ZERO);
    waiting.add(&kinds[1], Box::new(Fake(3)));
    waiting.add(&kinds[1], Box::new(Fake(4)));
    assert_eq!(taken(&waiting, &kinds), Some(3));
    waiting.add_template(&kinds[0], Arc::new(Fake(1)), MIB, Duration::ZERO);
    waiting.add(&kinds[0], Box::new(Fake(0)));
    waiting.add(&kinds[0], Box::new(Fake(5)));
    assert_eq!(taken(&waiting, &kinds), Some(5), "one that has ended is nobody's");
    assert_eq!(taken(&waiting, &kinds[1..]), Some(4));
}

#[test]
fn templates_are_made_anew_and_end() {
    let kinds = kinds("1");
    let waiting = waiting(1024 * MIB);
    waiting.expect(&kinds, Duration::ZERO);
    let template: Arc<dyn Template> = Arc::new(Fake(1));
    waiting.add_template(&kinds[0], Arc::clone(&template), MIB, Duration::ZERO);
    waiting.add(&kinds[0], Box::new(Fake(2)));
    assert!(next(&waiting, HOUR).is_none());
    assert_eq!(Arc::strong_count(&template), 2);
    waiting.expect(&kinds, HOUR);
    let later = HOUR + Duration::from_secs(1);
    assert!(next(&waiting, later).is_some_and(|(like, forks)| like == kinds[0] && forks));
    assert_eq!(Arc::strong_count(&template), 1);
    waiting.add_template(&kinds[0], Arc::clone(&template), MIB, later);
    assert!(next(&waiting, HOUR * 2).is_some());
    assert!(next(&waiting, HOUR * 2 + Duration::from_secs(1)).is_none(), "nobody asked for an hour");
    assert_eq!(Arc::strong_count(&template), 1);
}

#[test]
fn templates_leave_half_of_the_memory() {
    let waiting = waiting(200 * MIB);
    for account in ["1", "2"] {
        waiting.expect(&kinds(account), Duration::ZERO);
    }
    assert!(next(&waiting, Duration::ZERO).is_some_and(|(like, _)| like == kinds("1")[0]));
    waiting.add_template(&kinds("1")[0], Arc::new(Fake(1)), 70 * MIB, Duration::ZERO);
    waiting.add(&kinds("1")[0], Box::new(Fake(MIB)));
    assert!(next(&waiting, Duration::ZERO).is_none(), "there is no room for a second");
    waiting.expect(&kinds("1")[1..], Duration::ZERO);
    assert!(next(&waiting, Duration::ZERO).is_some_and(|(like, forks)| like == kinds("1")[1] && !forks));
}

#[test]
fn where_there_can_be_no_template_each_imports() {
    let kinds = kinds("1");
    let waiting = waiting(1024 * MIB);
    waiting.expect(&kinds, Duration::ZERO);
    waiting.no_template(&kinds[0]);
    assert!(next(&waiting, Duration::ZERO).is_some_and(|(like, forks)| like == kinds[0] && !forks));
    waiting.failed(&kinds[0], Duration::ZERO);
    assert!(next(&waiting, Duration::ZERO).is_none());
    assert_eq!(taken(&waiting, &kinds), None);
    assert!(
        next(&waiting, Duration::ZERO).is_some_and(|(like, _)| like == kinds[1]),
        "what fails is gone round"
    );
}

#[test]
fn as_many_are_wanted_as_were_needed_at_once() {
    let check = |asked_ms: &[u64], now_s: u64, (floor, ceiling), expected: usize| {
        let mut demand = Demand::expected(Duration::ZERO);
        asked_ms.iter().for_each(|at| demand.asked(Duration::from_millis(*at)));
        let wanted = demand.wanted(Duration::from_secs(now_s), floor, ceiling);
        assert_eq!(wanted, expected, "{asked_ms:?} at {now_s} s, {floor} to {ceiling}");
    };
    check(&[], 1, (1, 8), 1);
    check(&[], 1, (0, 8), 0);
    check(&[0, 2000, 4000], 5, (0, 8), 1);
    check(&[0, 10, 20, 30], 5, (1, 8), 4);
    check(&[0, 10, 20, 30], 5, (1, 3), 3);
    check(&[0, 10, 20, 30, 5000], 500, (1, 8), 4);
    check(&[0, 10, 20, 30], 700, (1, 8), 1);
    check(&[0, 10, 20, 30, 700_000], 701, (0, 8), 1);
    check(&[0, 10], 1, (5, 3), 3);
}
