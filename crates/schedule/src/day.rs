//! Which days of a month a cron expression means: by their number, or by their place in the week.

use jiff::civil::Date;

use crate::cron::{bit, bits, number, range};

const WEEK: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];
const OF_MONTH: (u16, u16) = (1, 31);
/// Sunday is the first.
const OF_WEEK: (u16, u16) = (1, 7);

/// Any of these.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Days(Vec<Day>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Day {
    /// Bits of the month's days.
    OfMonth(u64),
    Last,
    LastWeekday,
    /// The weekday nearest to a day, in the same month.
    WeekdayNear(i8),
    /// Bits of the week's days.
    OfWeek(u64),
    LastOfWeek(i8),
    /// Such a day of the week, the how manyth of the month.
    NthOfWeek(i8, i8),
}

/// `None` when neither field is `?`, or both are.
pub(crate) fn parse(of_month: &str, of_week: &str) -> Option<Days> {
    let days = match (of_month, of_week) {
        ("?", "?") => return None,
        ("?", of_week) => of_week.split(',').map(day_of_week).collect::<Option<Vec<_>>>(),
        (of_month, "?") => of_month.split(',').map(day_of_month).collect(),
        _ => return None,
    };
    days.map(Days)
}

fn small(number: u16) -> i8 {
    i8::try_from(number).expect("bounds are below a hundred")
}

fn day_of_month(item: &str) -> Option<Day> {
    Some(match item {
        "L" => Day::Last,
        "LW" => Day::LastWeekday,
        _ => match item.strip_suffix('W') {
            Some(day) => Day::WeekdayNear(small(number(day, OF_MONTH, &[])?)),
            None => Day::OfMonth(bits(&[range(item, OF_MONTH, &[])?])),
        },
    })
}

fn day_of_week(item: &str) -> Option<Day> {
    if item == "L" {
        return Some(Day::OfWeek(bit(7)));
    }
    if let Some((day, which)) = item.split_once('#') {
        return Some(Day::NthOfWeek(small(number(day, OF_WEEK, &WEEK)?), small(number(which, (1, 5), &[])?)));
    }
    match item.strip_suffix('L') {
        Some(day) => Some(Day::LastOfWeek(small(number(day, OF_WEEK, &WEEK)?))),
        None => Some(Day::OfWeek(bits(&[range(item, OF_WEEK, &WEEK)?]))),
    }
}

impl Days {
    /// Bits of a month's days.
    pub(crate) fn of(&self, year: i16, month: i8) -> u64 {
        let Ok(first) = Date::new(year, month, 1) else { return 0 };
        let length = first.days_in_month();
        let days = self.0.iter().fold(0, |days, day| days | day.of(first, length));
        days & ((bit(length) - 1) | bit(length)) & !1
    }
}

impl Day {
    fn of(self, first: Date, length: i8) -> u64 {
        // Of a day of the month: 1 for Sunday to 7 for Saturday.
        let of_week = |day: i8| (first.weekday().to_sunday_zero_offset() + day - 1) % 7 + 1;
        let is_weekday = |day: i8| (2..=6).contains(&of_week(day));
        let those = |matches: &dyn Fn(i8) -> bool| {
            (1..=length).filter(|day| matches(*day)).fold(0, |days, day| days | bit(day))
        };
        match self {
            Self::OfMonth(days) => days,
            Self::Last => bit(length),
            Self::LastWeekday => (1..=length).rev().find(|day| is_weekday(*day)).map_or(0, bit),
            Self::WeekdayNear(day) if day > length => 0,
            Self::WeekdayNear(day) => {
                let nearest = [day, day - 1, day + 1, day - 2, day + 2].into_iter();
                nearest.filter(|day| (1..=length).contains(day)).find(|day| is_weekday(*day)).map_or(0, bit)
            }
            Self::OfWeek(days) => those(&|day| days & bit(of_week(day)) != 0),
            Self::LastOfWeek(wanted) => those(&|day| of_week(day) == wanted && day + 7 > length),
            Self::NthOfWeek(wanted, which) => {
                those(&|day| of_week(day) == wanted && (day - 1) / 7 + 1 == which)
            }
        }
    }
}
