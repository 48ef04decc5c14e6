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

#[cfg(test)]
mod tests {
    use serde::Serialize;
    use serde::de::DeserializeOwned;

    use super::*;

    fn keeps<T: Serialize + DeserializeOwned>(row: &str) {
        let read = serde_json::from_str::<T>(row).unwrap_or_else(|error| panic!("{row}: {error}"));
        assert_eq!(serde_json::to_string(&read).expect("JSON"), row);
    }

    /// Rows as they are on disk: all that was ever written must stay readable.
    #[test]
    fn rows_keep_their_layout() {
        let target = r#"{"arn":"a","role":"r","input":"i","dead_letters":"q","attempts":1,"age_s":60,"message_group":"g","partition_key":"k","event":["s","t"]}"#;
        keeps::<Group>(r#"{"created_ms":1,"modified_ms":2,"tags":{"k":"v"},"deleting":false,"token":"t"}"#);
        keeps::<Schedule>(&format!(
            r#"{{"expression":"rate(1 day)","zone":"UTC","start_ms":1,"end_ms":2,"description":"d","enabled":true,"target":{target},"window_minutes":3,"deleted_after":true,"created_ms":4,"modified_ms":5,"anchor":6,"due":[7,8],"token":"t"}}"#
        ));
        keeps::<Parcel>(&format!(
            r#"{{"schedule":["a","r","g","n"],"target":{target},"at":1,"execution":"e","fired_us":2,"tries":3,"dead":{{"code":"c","message":"m","exhausted":"e","retries":4,"queue":"q","since_us":5}}}}"#
        ));
    }
}
