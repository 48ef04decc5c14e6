//! Everything that the Scheduler stores, one line each. Numbers and layouts are on disk for ever.

use kv::Table;

use crate::group::Group;
use crate::outbox::Parcel;
use crate::schedules::Schedule;

/// Random, so that no two rows are one.
pub(crate) type Id = [u8; 16];
/// Account, region, name.
pub(crate) type GroupKey = (String, String, String);
/// Account, region, group, name.
pub(crate) type ScheduleKey = (String, String, String, String);
/// In microseconds, and a schedule.
pub(crate) type TickKey = (i64, String, String, String, String);

/// Every group but those default ones that nobody tagged.
pub(crate) const GROUPS: Table<GroupKey, Group> = Table::new(735, "schedule groups");
/// Every schedule, until it is deleted.
pub(crate) const SCHEDULES: Table<ScheduleKey, Schedule> = Table::new(736, "schedules");
/// When schedules are due; with it the moment that they were scheduled for, in seconds.
pub(crate) const TICKS: Table<TickKey, i64> = Table::new(737, "due times of schedules");
/// Invocations that are still to be delivered: when, in microseconds, and which.
pub(crate) const OUTBOX: Table<(i64, Id), Parcel> = Table::new(738, "invocations under way");
