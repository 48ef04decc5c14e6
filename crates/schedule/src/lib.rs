//! Schedule expressions of EventBridge's rules and schedules: `rate(5 minutes)`, `cron(0 10 * * ? *)` and
//! `at(2026-11-23T10:00:00)`, and when they are due. Pure: whoever asks says what time it is.

mod cron;
mod day;

use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{Timestamp, civil};

pub use cron::Cron;

/// An expression that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expression {
    /// Every so many seconds.
    Rate(i64),
    Cron(Box<Cron>),
    /// Once, on the clocks of a zone.
    At(DateTime),
}

/// Where clocks go as they do in one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone(TimeZone);

impl Zone {
    pub fn utc() -> Self {
        Self(TimeZone::UTC)
    }

    /// By its name in the tz database, such as `Europe/Berlin`; the machine's edition of it, else the one built in.
    pub fn named(name: &str) -> Option<Self> {
        jiff::tz::db().get(name).ok().map(Self)
    }

    /// When the clocks show this; `None` when they skip it, the first time when they show it twice.
    fn first(&self, moment: DateTime) -> Option<i64> {
        let ambiguous = self.0.to_ambiguous_timestamp(moment);
        if let AmbiguousOffset::Gap { .. } = ambiguous.offset() {
            return None;
        }
        ambiguous.earlier().ok().map(Timestamp::as_second)
    }

    fn civil(&self, seconds: i64) -> Option<DateTime> {
        Some(self.0.to_datetime(Timestamp::from_second(seconds).ok()?))
    }
}

impl Expression {
    /// What a rule may have: a rate, whose unit is in the singular for one, or a cron expression.
    pub fn of_rule(text: &str) -> Option<Self> {
        match text.strip_prefix("rate(") {
            Some(rest) => rate(rest.strip_suffix(')')?, true),
            None => Self::parse_cron(text),
        }
    }

    /// What a schedule may have; for its rates both numbers of the unit do.
    pub fn of_schedule(text: &str) -> Option<Self> {
        if let Some(rest) = text.strip_prefix("rate(") {
            return rate(rest.strip_suffix(')')?, false);
        }
        match text.strip_prefix("at(") {
            Some(rest) => at(rest.strip_suffix(')')?),
            None => Self::parse_cron(text),
        }
    }

    fn parse_cron(text: &str) -> Option<Self> {
        let fields = text.strip_prefix("cron(")?.strip_suffix(')')?;
        Cron::parse(fields).map(|cron| Self::Cron(Box::new(cron)))
    }

    /// When it is due next after a moment, both in seconds of the epoch; `None` when never again. A rate counts from
    /// `start`, and is due there.
    pub fn next(&self, after: i64, start: i64, zone: &Zone) -> Option<i64> {
        match self {
            Self::Rate(period) => Some(match after.checked_sub(start)? {
                before if before < 0 => start,
                passed => start.checked_add((passed / period + 1).checked_mul(*period)?)?,
            }),
            Self::At(moment) => {
                // A moment that the clocks skip is that much later.
                let at = zone.0.to_ambiguous_timestamp(*moment).compatible().ok()?.as_second();
                (at > after).then_some(at)
            }
            Self::Cron(cron) => next_of_cron(cron, after, zone),
        }
    }
}

/// What the clocks skip does not happen, what they show twice happens once: the first time.
fn next_of_cron(cron: &Cron, after: i64, zone: &Zone) -> Option<i64> {
    let mut from = zone.civil(after)?;
    loop {
        let next = cron.next(from)?;
        match zone.first(next) {
            Some(at) if at > after => return Some(at),
            _ => from = next,
        }
    }
}

/// `5 minutes`.
fn rate(text: &str, agrees_in_number: bool) -> Option<Expression> {
    let (count, unit) = text.split_once(' ')?;
    let digits = count.bytes().all(|letter| letter.is_ascii_digit());
    let count = count.parse::<i64>().ok().filter(|count| digits && *count > 0)?;
    let (one, seconds) = match unit.strip_suffix('s').unwrap_or(unit) {
        "minute" => ("minute", 60),
        "hour" => ("hour", 3600),
        "day" => ("day", 86_400),
        _ => return None,
    };
    if agrees_in_number && (count == 1) != (unit == one) {
        return None;
    }
    count.checked_mul(seconds).map(Expression::Rate)
}

/// `2026-11-23T10:00:00`, without a zone: that is said elsewhere.
fn at(text: &str) -> Option<Expression> {
    let (date, time) = text.split_once('T')?;
    let numbers = |text: &str, separator: char, lengths: [usize; 3]| {
        let mut parts = text.split(separator);
        let mut numbers = [0_i16; 3];
        for (number, length) in numbers.iter_mut().zip(lengths) {
            let part = parts.next()?;
            let digits = part.len() == length && part.bytes().all(|letter| letter.is_ascii_digit());
            *number = part.parse().ok().filter(|_| digits)?;
        }
        parts.next().is_none().then_some(numbers)
    };
    let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
    let [hour, minute, second] = numbers(time, ':', [2, 2, 2])?;
    let small = |number: i16| i8::try_from(number).ok();
    let date = civil::Date::new(year, small(month)?, small(day)?).ok()?;
    let time = civil::Time::new(small(hour)?, small(minute)?, small(second)?, 0).ok()?;
    Some(Expression::At(date.to_datetime(time)))
}

#[cfg(test)]
mod tests;
