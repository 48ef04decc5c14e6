//! Everything that EventBridge stores, one line each. Numbers and layouts are on disk for ever.

use kv::Table;
use serde_json::value::RawValue;

use crate::Ctx;
use crate::api_destination::ApiDestination;
use crate::archive::Archive;
use crate::bus::Bus;
use crate::connection::Connection;
use crate::outbox::Parcel;
use crate::replay::Replay;
use crate::rule::Rule;
use crate::target::Target;

/// Random, so that no two rows are one.
pub(crate) type Id = [u8; 16];
/// Account, region, name.
pub(crate) type BusKey = (String, String, String);
/// Account, region, bus, name.
pub(crate) type RuleKey = (String, String, String, String);
/// Account, region, bus, rule, the target's id.
pub(crate) type TargetKey = (String, String, String, String, String);
/// Account, region, name.
pub(crate) type ArchiveKey = (String, String, String);
/// Account, region, name.
pub(crate) type ConnectionKey = (String, String, String);
/// Account, region, name.
pub(crate) type ApiDestinationKey = (String, String, String);
/// Account, region, name.
pub(crate) type ReplayKey = (String, String, String);

/// What the caller has of this name: a bus, an archive, a replay, a connection, an API destination.
pub(crate) fn own(cx: &Ctx, name: &str) -> (String, String, String) {
    (cx.caller.account.to_string(), cx.caller.region.to_string(), name.to_owned())
}

/// Every bus but those default ones that nobody changed.
pub(crate) const BUSES: Table<BusKey, Bus> = Table::new(720, "event buses");
/// Every rule, until it is deleted.
pub(crate) const RULES: Table<RuleKey, Rule> = Table::new(721, "event rules");
/// Rules' targets; each is removed before its rule.
pub(crate) const TARGETS: Table<TargetKey, Target> = Table::new(722, "event targets");
/// How often a bus's rules and targets have changed: what is in memory of them is held to it.
pub(crate) const EDITIONS: Table<BusKey, u64> = Table::new(723, "editions of buses' rules");
/// Events that are still to be delivered: when, in microseconds, and which.
pub(crate) const OUTBOX: Table<(i64, Id), Parcel> = Table::new(724, "events under way");
/// When scheduled rules are due, in microseconds, and which: account, region, name. They are all on default buses.
pub(crate) const TICKS: Table<(i64, String, String, String), ()> = Table::new(725, "due times of rules");
/// Every archive, until it is deleted.
pub(crate) const ARCHIVES: Table<ArchiveKey, Archive> = Table::new(726, "event archives");
/// Their events: archive, when it was taken in microseconds, and which.
pub(crate) const ARCHIVED: Table<(Id, i64, Id), Box<RawValue>> = Table::new(727, "archived events");
/// Every replay that was started.
pub(crate) const REPLAYS: Table<ReplayKey, Replay> = Table::new(728, "replays");
/// Deleted archives whose events are still to be removed.
pub(crate) const DOOMED: Table<Id, ()> = Table::new(729, "doomed archives");
/// Every connection, with its secrets, until it is deleted.
pub(crate) const CONNECTIONS: Table<ConnectionKey, Connection> = Table::new(730, "connections");
/// Every API destination, until it is deleted.
pub(crate) const API_DESTINATIONS: Table<ApiDestinationKey, ApiDestination> =
    Table::new(731, "API destinations");

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
        let zeros = "[0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]";
        keeps::<Bus>(
            r#"{"description":"d","dead_letters":"q","policy":{"Statement":[]},"tags":{"k":"v"},"created_ms":1,"modified_ms":2}"#,
        );
        keeps::<Rule>(
            r#"{"pattern":"{}","schedule":"rate(1 day)","state":"ENABLED","description":"d","role":"r","tags":{},"created_by":"a","start":1,"due":2}"#,
        );
        keeps::<Target>(
            r#"{"arn":"a","role":"r","input":"i","input_path":"$","transformer":{"paths":{"k":"$.k"},"template":"<k>"},"message_group":"g","partition_key_path":"$.id","http":{"path":["p"],"headers":{"h":"v"},"query":{"q":"v"}},"dead_letters":"q","retry":{"attempts":1,"age_s":60}}"#,
        );
        let parameters = r#"{"headers":[{"key":"h","value":"v","secret":true}],"query":[],"body":[]}"#;
        keeps::<Connection>(&format!(
            r#"{{"id":"i","description":"d","kind":"API_KEY","authorization":{{"ApiKey":{{"name":"n","value":"v"}}}},"parameters":{parameters},"reason":"r","created_ms":1,"modified_ms":2,"authorized_ms":3}}"#
        ));
        keeps::<Connection>(&format!(
            r#"{{"id":"i","description":null,"kind":"OAUTH_CLIENT_CREDENTIALS","authorization":{{"OAuth":{{"endpoint":"e","method":"POST","client_id":"c","client_secret":"s","parameters":{parameters}}}}},"parameters":{parameters},"reason":null,"created_ms":1,"modified_ms":2,"authorized_ms":null}}"#
        ));
        keeps::<ApiDestination>(
            r#"{"id":"i","description":"d","connection":"c","endpoint":"e","method":"PUT","rate":1,"created_ms":1,"modified_ms":2}"#,
        );
        keeps::<Parcel>(
            r#"{"bus":["a","r","b"],"event":{"n":1.0},"received_us":1,"recipients":[{"rule":"r","target":"t"}],"trace":"x","hops":1,"tries":2,"dead":{"code":"c","message":"m","exhausted":"e","retries":3,"queue":"q","since_us":4}}"#,
        );
        keeps::<Archive>(&format!(
            r#"{{"id":{zeros},"bus":"b","description":"d","pattern":"{{}}","retention_days":1,"created_ms":2}}"#
        ));
        keeps::<Replay>(&format!(
            r#"{{"archive":"a","archive_id":{zeros},"bus":"b","description":"d","from_us":1,"to_us":2,"only":["r"],"state":"RUNNING","last":[3,{zeros}],"started_ms":4,"ended_ms":5}}"#
        ));
    }
}
