//! Cron expressions of six fields: minutes, hours, day of the month, month, day of the week, year.

use jiff::civil::{Date, DateTime, Time};

use crate::day::{self, Days};

/// The years that AWS has.
pub(crate) const YEARS: (u16, u16) = (1970, 2199);
const MONTHS: [&str; 12] =
    ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];

/// A field's values as they were listed: each from, to and step.
type Ranges = Vec<(u16, u16, u16)>;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cron {
    /// Bits.
    minutes: u64,
    hours: u64,
    months: u64,
    days: Days,
    years: Ranges,
}

impl Cron {
    /// `None` for what is none. One of the two fields for days must be `?`: AWS knows no "this and that day".
    pub fn parse(text: &str) -> Option<Self> {
        let fields = text.split(' ').collect::<Vec<_>>();
        let [minutes, hours, of_month, months, of_week, years] = *fields.as_slice() else { return None };
        Some(Self {
            minutes: bits(&ranges(minutes, (0, 59), &[])?),
            hours: bits(&ranges(hours, (0, 23), &[])?),
            months: bits(&ranges(months, (1, 12), &MONTHS)?),
            days: day::parse(of_month, of_week)?,
            years: ranges(years, YEARS, &[])?,
        })
    }

    /// The first minute after a moment, on the clocks of wherever it is.
    pub(crate) fn next(&self, after: DateTime) -> Option<DateTime> {
        let (first, time) = (after.date(), after.time());
        let mut date = first;
        loop {
            date = self.day_from(date)?;
            let earliest = if date == first { Some((time.hour(), time.minute())) } else { None };
            if let Some(time) = self.time_after(earliest) {
                return Some(date.to_datetime(time));
            }
            date = date.tomorrow().ok()?;
        }
    }

    /// The first day that is one of its own, from `date` on.
    fn day_from(&self, date: Date) -> Option<Date> {
        let (mut year, mut month, mut day) = (date.year(), date.month(), date.day());
        while u16::try_from(year).ok()? <= YEARS.1 {
            let is_year = contains(&self.years, u16::try_from(year).ok()?);
            while is_year && month <= 12 {
                if self.months & bit(month) != 0 {
                    let days = self.days.of(year, month) & (u64::MAX << day);
                    if days != 0 {
                        return Date::new(year, month, i8::try_from(days.trailing_zeros()).ok()?).ok();
                    }
                }
                (month, day) = (month + 1, 1);
            }
            (year, month, day) = (year + 1, 1, 1);
        }
        None
    }

    /// The first time of a day, after that hour and minute if any.
    fn time_after(&self, earliest: Option<(i8, i8)>) -> Option<Time> {
        let first = |bits: u64| i8::try_from(bits.trailing_zeros()).ok().filter(|_| bits != 0);
        let time = |hour: i8, minute: i8| Time::new(hour, minute, 0, 0).ok();
        let Some((hour, minute)) = earliest else { return time(first(self.hours)?, first(self.minutes)?) };
        if self.hours & bit(hour) != 0
            && let Some(minute) = first(self.minutes & !(bit(minute) | (bit(minute) - 1)))
        {
            return time(hour, minute);
        }
        time(first(self.hours & !(bit(hour) | (bit(hour) - 1)))?, first(self.minutes)?)
    }
}

pub(crate) fn bit(number: i8) -> u64 {
    1 << number
}

/// A field: `*`, values, ranges and steps, in a list.
fn ranges(text: &str, bounds: (u16, u16), names: &[&str]) -> Option<Ranges> {
    text.split(',').map(|item| range(item, bounds, names)).collect()
}

/// One item of a list: `*`, `5`, `1-5`, `*/5`, `10/5` or `1-30/5`.
pub(crate) fn range(item: &str, bounds: (u16, u16), names: &[&str]) -> Option<(u16, u16, u16)> {
    let (span, step) = match item.split_once('/') {
        Some((span, step)) => (span, Some(number(step, (1, bounds.1), &[])?)),
        None => (item, None),
    };
    let (from, to) = match span.split_once('-') {
        _ if span == "*" => bounds,
        Some((from, to)) => (number(from, bounds, names)?, number(to, bounds, names)?),
        None => {
            let from = number(span, bounds, names)?;
            // `10/5` goes on to the end.
            (from, if step.is_some() { bounds.1 } else { from })
        }
    };
    (from <= to).then_some((from, to, step.unwrap_or(1)))
}

/// A number in its bounds, or a name, the first of which is the lower bound.
pub(crate) fn number(text: &str, bounds: (u16, u16), names: &[&str]) -> Option<u16> {
    if let Some(position) = names.iter().position(|name| name.eq_ignore_ascii_case(text)) {
        return u16::try_from(position).ok().map(|position| position + bounds.0);
    }
    let digits = !text.is_empty() && text.bytes().all(|letter| letter.is_ascii_digit());
    let number = text.parse::<u16>().ok().filter(|_| digits)?;
    (bounds.0..=bounds.1).contains(&number).then_some(number)
}

fn contains(ranges: &Ranges, value: u16) -> bool {
    ranges
        .iter()
        .any(|(from, to, step)| (*from..=*to).contains(&value) && (value - from).is_multiple_of(*step))
}

pub(crate) fn bits(ranges: &[(u16, u16, u16)]) -> u64 {
    let values = ranges.iter().flat_map(|(from, to, step)| (*from..=*to).step_by(usize::from(*step)));
    values.fold(0, |bits, value| bits | 1 << value)
}
