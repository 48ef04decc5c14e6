//! Expressions and moments, as data.

use proptest::prelude::{Just, ProptestConfig, Strategy, any, prop};
use proptest::{prop_assert, prop_assert_eq, prop_oneof, proptest};

use super::*;

const UTC: &str = "UTC";

fn seconds(text: &str) -> i64 {
    text.parse::<Timestamp>().expect("a moment").as_second()
}

/// What follows `after`, and what follows that.
fn check(expression: &str, zone: &str, after: &str, expected: &[&str]) {
    let parsed = Expression::of_schedule(expression).unwrap_or_else(|| panic!("{expression}"));
    let (zone, mut at) = (Zone::named(zone).expect("a zone"), seconds(after));
    for moment in expected {
        let next = parsed.next(at, seconds("2026-01-01T00:00:00Z"), &zone);
        let shown = next.map(|next| Timestamp::from_second(next).expect("a moment").to_string());
        assert_eq!(shown.as_deref(), Some(*moment), "{expression} after {after}");
        at = next.expect("checked");
    }
}

/// AWS's documented examples, from 2026-11-23, a Monday.
#[test]
fn documented_examples() {
    let check = |expression, expected: &[&str]| check(expression, UTC, "2026-11-23T10:11:12Z", expected);
    check("cron(0 10 * * ? *)", &["2026-11-24T10:00:00Z", "2026-11-25T10:00:00Z"]);
    check("cron(15 12 * * ? *)", &["2026-11-23T12:15:00Z", "2026-11-24T12:15:00Z"]);
    check("cron(0 18 ? * MON-FRI *)", &["2026-11-23T18:00:00Z", "2026-11-24T18:00:00Z"]);
    check("cron(0 8 1 * ? *)", &["2026-12-01T08:00:00Z", "2027-01-01T08:00:00Z"]);
    check("cron(0/15 * * * ? *)", &["2026-11-23T10:15:00Z", "2026-11-23T10:30:00Z"]);
    check("cron(0/10 * ? * MON-FRI *)", &["2026-11-23T10:20:00Z"]);
    check("cron(0/5 8-17 ? * MON-FRI *)", &["2026-11-23T10:15:00Z"]);
    check("cron(0/30 20-23,0-2 ? * MON-FRI *)", &["2026-11-23T20:00:00Z"]);
    check("cron(15 10 ? * 6L 2022-2027)", &["2026-11-27T10:15:00Z", "2026-12-25T10:15:00Z"]);
    check("cron(0 9 ? * 2#1 *)", &["2026-12-07T09:00:00Z", "2027-01-04T09:00:00Z"]);
    check("cron(0 0 3W * ? *)", &["2026-12-03T00:00:00Z", "2027-01-04T00:00:00Z", "2027-02-03T00:00:00Z"]);
    check("cron(0 0 L * ? *)", &["2026-11-30T00:00:00Z", "2026-12-31T00:00:00Z"]);
    check("cron(* * * * ? *)", &["2026-11-23T10:12:00Z", "2026-11-23T10:13:00Z"]);
    check("rate(5 minutes)", &["2026-11-23T10:15:00Z", "2026-11-23T10:20:00Z"]);
    check("rate(1 hour)", &["2026-11-23T11:00:00Z"]);
    check("rate(1 days)", &["2026-11-24T00:00:00Z"]);
    check("at(2026-11-23T10:11:13)", &["2026-11-23T10:11:13Z"]);
}

#[test]
fn days_of_months_and_weeks() {
    let check = |expression, after, expected: &[&str]| check(expression, UTC, after, expected);
    check(
        "cron(0 0 29 2 ? *)",
        "2026-01-01T00:00:00Z",
        &["2028-02-29T00:00:00Z", "2032-02-29T00:00:00Z", "2036-02-29T00:00:00Z"],
    );
    check("cron(0 0 29 FEB ? *)", "2096-02-29T00:00:00Z", &["2104-02-29T00:00:00Z"]);
    check("cron(0 0 L 2 ? *)", "2027-03-01T00:00:00Z", &["2028-02-29T00:00:00Z", "2029-02-28T00:00:00Z"]);
    check("cron(0 0 31 * ? *)", "2026-08-31T00:00:00Z", &["2026-10-31T00:00:00Z", "2026-12-31T00:00:00Z"]);
    // The first is a Saturday: the third is its Monday, still in the month. The last weekday of January is the 30th.
    check("cron(0 0 1W 8 ? 2026)", "2026-01-01T00:00:00Z", &["2026-08-03T00:00:00Z"]);
    check("cron(0 0 31W 1 ? 2026)", "2026-01-01T00:00:00Z", &["2026-01-30T00:00:00Z"]);
    check("cron(0 0 LW 2 ? 2026)", "2026-01-01T00:00:00Z", &["2026-02-27T00:00:00Z"]);
    check("cron(0 0 ? * TUE#5 *)", "2026-01-01T00:00:00Z", &["2026-03-31T00:00:00Z", "2026-06-30T00:00:00Z"]);
    check("cron(0 0 ? * sunL *)", "2026-01-26T00:00:00Z", &["2026-02-22T00:00:00Z"]);
    check("cron(0 0 ? * L *)", "2026-01-01T00:00:00Z", &["2026-01-03T00:00:00Z", "2026-01-10T00:00:00Z"]);
    check(
        "cron(0 0 1,15,L * ? *)",
        "2026-01-01T00:00:00Z",
        &["2026-01-15T00:00:00Z", "2026-01-31T00:00:00Z"],
    );
    check("cron(0 0 1 1/3 ? *)", "2026-01-01T00:00:00Z", &["2026-04-01T00:00:00Z", "2026-07-01T00:00:00Z"]);
    check(
        "cron(0 0 1 1 ? 2030/5)",
        "2026-01-01T00:00:00Z",
        &["2030-01-01T00:00:00Z", "2035-01-01T00:00:00Z"],
    );
    check("cron(59 23 31 12 ? *)", "2026-12-31T23:58:59Z", &["2026-12-31T23:59:00Z", "2027-12-31T23:59:00Z"]);
}

#[test]
fn some_never_come() {
    for expression in ["cron(0 0 30 2 ? *)", "cron(0 0 * * ? 2025)", "at(2026-01-01T00:00:00)"] {
        let parsed = Expression::of_schedule(expression).expect("an expression");
        assert_eq!(parsed.next(seconds("2026-01-01T00:00:00Z"), 0, &Zone::utc()), None, "{expression}");
    }
}

#[test]
fn clocks_that_change() {
    // New York skips 02:00 to 03:00 on 2026-03-08, and has 01:00 to 02:00 twice on 2026-11-01.
    let new_york =
        |expression, after, expected: &[&str]| check(expression, "America/New_York", after, expected);
    new_york("cron(30 2 * * ? *)", "2026-03-07T00:00:00Z", &["2026-03-07T07:30:00Z", "2026-03-09T06:30:00Z"]);
    new_york("cron(30 1 * * ? *)", "2026-10-31T12:00:00Z", &["2026-11-01T05:30:00Z", "2026-11-02T06:30:00Z"]);
    new_york(
        "cron(0/30 * * * ? *)",
        "2026-11-01T05:29:00Z",
        &["2026-11-01T05:30:00Z", "2026-11-01T07:00:00Z"],
    );
    // Asked in the second of the two hours, nothing of the first comes again.
    new_york("cron(45 1 * * ? *)", "2026-11-01T06:10:00Z", &["2026-11-02T06:45:00Z"]);
    new_york("cron(0 9 * * ? *)", "2026-03-07T20:00:00Z", &["2026-03-08T13:00:00Z"]);
    // A day is 24 hours, whatever the clocks do.
    new_york("rate(1 day)", "2026-03-07T12:00:00Z", &["2026-03-08T00:00:00Z", "2026-03-09T00:00:00Z"]);
    new_york("at(2026-03-08T02:30:00)", "2026-03-01T00:00:00Z", &["2026-03-08T07:30:00Z"]);
    new_york("at(2026-11-01T01:30:00)", "2026-03-01T00:00:00Z", &["2026-11-01T05:30:00Z"]);
    // Lord Howe goes half an hour.
    check("cron(15 2 * * ? *)", "Australia/Lord_Howe", "2026-10-03T00:00:00Z", &["2026-10-04T15:15:00Z"]);
    check("cron(0 0 * * ? *)", "Asia/Kolkata", "2026-01-01T00:00:00Z", &["2026-01-01T18:30:00Z"]);
}

/// Recorded refusals, and what AWS's pages exclude.
#[test]
fn what_is_no_expression() {
    for bad in [
        "",
        "5 minutes",
        "cron()",
        "cron(INVALID)",
        "cron(0 1 * * * *)",
        "cron(0 1 ? * ? *)",
        "cron(0 1 * * ?)",
        "cron(7 20 * * NOT *)",
        "cron(0 dummy ? * MON-FRI *)",
        "cron(71 8 1 * ? *)",
        "cron(0 24 * * ? *)",
        "cron(0 0 32 * ? *)",
        "cron(0 0 0 * ? *)",
        "cron(0 0 ? * 8 *)",
        "cron(0 0 ? * 2#6 *)",
        "cron(0 0 * 13 ? *)",
        "cron(0 0 * * ? 1969)",
        "cron(5-1 0 * * ? *)",
        "cron(*/0 0 * * ? *)",
        "cron(1, 0 * * ? *)",
        " cron(0 1 * * ? *)",
        "cron( 0 1 * * ? *)",
        "rate()",
        "rate(10)",
        "rate(0 minutes)",
        "rate(10 seconds)",
        "rate(10 years)",
        "rate(10 minutess)",
        "rate(foo minutes)",
        "rate(-10 minutes)",
        "rate(+10 minutes)",
        "rate( 10 minutes )",
        " rate(10 minutes)",
        "rate(10 minutes) ",
        "at(2021-12-31)",
        "at(2021-12-31T23:59:59Z)",
        "at(2021-12-31T23:59)",
        "at(2021-02-29T00:00:00)",
        "at(2021-12-31T24:00:00)",
    ] {
        assert_eq!(Expression::of_schedule(bad), None, "{bad}");
    }
    for bad in ["rate(1 minutes)", "rate(2 minute)", "at(2030-12-31T00:00:00)"] {
        assert!(Expression::of_schedule(bad).is_some() && Expression::of_rule(bad).is_none(), "{bad}");
    }
    assert!(Expression::of_rule("rate(1 minute)").is_some() && Expression::of_rule("rate(2 days)").is_some());
}

#[test]
fn zones_have_names() {
    assert!(Zone::named("Europe/Berlin").is_some() && Zone::named("UTC").is_some());
    assert_eq!(Zone::named("Mars/Olympus"), None);
}

/// A field's text, and the values that it stands for.
fn field(least: i16, most: i16) -> impl Strategy<Value = (String, Vec<i16>)> {
    let one = least..=most;
    prop_oneof![
        Just(("*".to_owned(), (least..=most).collect())),
        prop::collection::vec(one.clone(), 1..4).prop_map(|values| {
            let texts = values.iter().map(i16::to_string).collect::<Vec<_>>();
            (texts.join(","), values)
        }),
        (one.clone(), one.clone()).prop_map(|(one, other)| {
            let (from, to) = (one.min(other), one.max(other));
            (format!("{from}-{to}"), (from..=to).collect())
        }),
        (one, 1..=most).prop_map(move |(from, step)| {
            let step_by = usize::try_from(step).expect("it is positive");
            (format!("{from}/{step}"), (from..=most).step_by(step_by).collect())
        }),
    ]
}

const ZONES: [&str; 4] = ["UTC", "Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe"];

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn the_next_minute_is_the_first_that_fits(
        (minutes, in_minutes) in field(0, 59),
        (hours, in_hours) in field(0, 23),
        (days, in_days) in field(1, 31),
        after in 1_790_000_000..1_830_000_000_i64,
    ) {
        let cron = Expression::of_rule(&format!("cron({minutes} {hours} {days} * ? *)")).expect("an expression");
        let next = cron.next(after, 0, &Zone::utc());
        let midnight = after - after.rem_euclid(86_400);
        // A day's number comes again within two months.
        let dates = (0..64).map(|days| midnight + days * 86_400).filter(|date| {
            let shown = Timestamp::from_second(*date).expect("a moment").to_zoned(TimeZone::UTC);
            in_days.contains(&shown.day().into())
        });
        let minutes = dates.flat_map(|date| (0..1440_i16).map(move |minute| (date, minute)));
        let wanted = minutes
            .filter(|(_, minute)| in_hours.contains(&(minute / 60)) && in_minutes.contains(&(minute % 60)))
            .map(|(date, minute)| date + i64::from(minute) * 60)
            .find(|at| *at > after);
        prop_assert_eq!(next, wanted);
    }

    #[test]
    fn what_is_next_is_later_and_stays_next_until_it_is_there(
        (minutes, _) in field(0, 59),
        (hours, _) in field(0, 23),
        zone in prop::sample::select(&ZONES[..]),
        after in 1_790_000_000..1_830_000_000_i64,
        part in 0..1000_i64,
    ) {
        let zone = Zone::named(zone).expect("a zone");
        let cron = Expression::of_schedule(&format!("cron({minutes} {hours} * * ? *)")).expect("an expression");
        let next = cron.next(after, 0, &zone).expect("it comes every day");
        prop_assert!(next > after);
        let between = after + (next - after - 1) * part / 1000;
        prop_assert_eq!(cron.next(between, 0, &zone), Some(next));
        prop_assert!(cron.next(next, 0, &zone).expect("and the next day") > next);
    }

    #[test]
    fn no_expression_is_too_strange_to_be_read(text in "(cron|rate|at)\\([0-9*?/,LW#A-Z -]{0,24}\\)", after in any::<i64>()) {
        for expression in [Expression::of_rule(&text), Expression::of_schedule(&text)].into_iter().flatten() {
            let next = expression.next(after, 0, &Zone::utc());
            prop_assert!(next.is_none_or(|next| next > after));
        }
    }
}
