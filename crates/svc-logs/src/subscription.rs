//! Subscription filters: which of a group's events go on to whom; and those on their way.
//!
//! A filter is part of its group's record, which `PutLogEvents` reads anyway: a group without filters pays nothing.
//! What matches is stored with the events, in the same transaction, and sent by [`run`].

use std::collections::BTreeMap;
use std::io::Write as _;
use std::time::Duration;

use api_logs::Distribution;
use aws_wire::{AwsError, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use service::{Delivery, InOrder, Outbox, RowKey, Sender, TargetArn, Undelivered};

use crate::keys::{Id, SHIPMENTS};
use crate::{Ctx, Logs};

/// Shipments under way at once.
const AT_ONCE: usize = 64;
/// How long a shipment that is not taken is tried again: AWS's documented day.
const TRIED_FOR: Duration = Duration::from_secs(24 * 60 * 60);
const PAUSE_MAX: Duration = Duration::from_secs(60);

/// A subscription filter, as it is kept in its group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Filter {
    pub name: String,
    pub pattern: String,
    /// An ARN.
    pub destination: String,
    #[serde(default)]
    pub role: Option<String>,
    /// Whether a stream's records are spread; else they keep their order.
    #[serde(default)]
    pub spread: bool,
    /// Milliseconds since the epoch.
    pub created_ms: i64,
}

impl Filter {
    pub(crate) fn distribution(&self) -> Distribution {
        if self.spread { Distribution::Random } else { Distribution::ByLogStream }
    }
}

/// Events on their way to a filter's destination.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Shipment {
    pub account: String,
    pub region: String,
    pub group: String,
    pub stream: String,
    pub filter: Filter,
    /// None: a question whether the destination is there.
    pub events: Vec<Sent>,
    /// `X-Amzn-Trace-Id` of whoever wrote the events.
    #[serde(default)]
    pub trace: Option<String>,
    /// Milliseconds since the epoch; when the events came in.
    pub since_ms: i64,
    #[serde(default)]
    pub tries: u32,
}

/// One of the events.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Sent {
    pub id: String,
    /// Milliseconds since the epoch.
    pub timestamp: i64,
    pub message: String,
}

/// What a destination is sent by, on behalf of a group.
pub(crate) fn sender(account: &str, region: &str, group: &str, role: Option<String>) -> Sender {
    Sender {
        service: "logs.amazonaws.com".to_owned(),
        source_arn: format!("arn:aws:logs:{region}:{account}:log-group:{group}:*"),
        source_account: account.to_owned(),
        role,
    }
}

/// The same with the region's own principal, which policies may name instead.
pub(crate) fn regional(sender: &Sender, region: &str) -> Sender {
    Sender { service: format!("logs.{region}.amazonaws.com"), ..sender.clone() }
}

/// Sends until the platform stops.
pub(crate) async fn run(cx: Ctx) {
    let outbox = Outbox {
        what: "send log events on",
        table: &SHIPMENTS,
        at_once: AT_ONCE,
        agenda: |state: &Logs| &state.agenda,
        lane: |key, shipment: &Shipment| Some(shipment.lane(*key)),
    };
    outbox.run(cx, send).await;
}

async fn send(cx: Ctx, key: RowKey, mut shipment: Shipment) -> Result<()> {
    let cx = &cx;
    let sent = match TargetArn::parse(&shipment.filter.destination) {
        Some(target) => deliver(cx, &shipment, target).await,
        None => Ok(()),
    };
    let Err(error) = sent else { return settle(cx, key, Vec::new()).await };
    if matches!(error, Undelivered::TooLarge { .. }) && shipment.events.len() > 1 {
        let rest = shipment.events.split_off(shipment.events.len() / 2);
        let second = Shipment { events: rest, ..shipment.clone() };
        return settle(cx, key, vec![(key.0, shipment), (key.0, second)]).await;
    }
    shipment.tries += 1;
    let age = cx.env.now().as_millis() - shipment.since_ms;
    let old = age > i64::try_from(TRIED_FOR.as_millis()).unwrap_or(i64::MAX);
    if old || !error.is_worth_another_try() {
        let Shipment { group, filter, .. } = &shipment;
        tracing::warn!(%error, group, filter = filter.name, destination = filter.destination, "log events were not taken");
        return settle(cx, key, Vec::new()).await;
    }
    let pause = Duration::from_secs(1 << shipment.tries.min(6)).min(PAUSE_MAX);
    settle(cx, key, vec![(cx.env.now().after(pause).as_micros(), shipment)]).await
}

/// Takes a shipment away, and puts what is to come at its moment.
async fn settle(cx: &Ctx, key: (i64, Id), coming: Vec<(i64, Shipment)>) -> Result<()> {
    let coming = coming.into_iter().map(|(at, shipment)| ((at, cx.env.uuid().into_bytes()), shipment));
    let coming = coming.collect::<Vec<_>>();
    cx.kv
        .transact(|tx| {
            SHIPMENTS.delete(tx, &key)?;
            coming.iter().try_for_each(|(key, shipment)| SHIPMENTS.put(tx, key, shipment))?;
            Ok::<_, AwsError>(())
        })
        .await?;
    coming.iter().for_each(|((at, _), _)| cx.state.agenda.added(*at));
    Ok(())
}

async fn deliver(cx: &Ctx, shipment: &Shipment, target: TargetArn) -> Result<(), Undelivered> {
    let packed = packed(&shipment.document(cx)).map_err(|error| Undelivered::Failed(error.to_string()))?;
    let is_function = target.service() == "lambda";
    let payload = if is_function {
        Bytes::from(json!({ "awslogs": { "data": BASE64.encode(packed) } }).to_string())
    } else {
        Bytes::from(packed)
    };
    let Shipment { account, region, group, stream, filter, .. } = shipment;
    let in_order = (!is_function && !filter.spread).then(|| InOrder {
        group: stream.clone(),
        deduplication: shipment.events.first().map(|event| event.id.clone()).unwrap_or_default(),
    });
    let delivery = Delivery {
        target,
        payload,
        sender: sender(account, region, group, filter.role.clone()),
        attributes: BTreeMap::new(),
        in_order,
        bus: None,
        object_key: None,
        trace: shipment.trace.clone(),
    };
    let again = Delivery { sender: regional(&delivery.sender, region), ..delivery.clone() };
    match cx.deliver(delivery).await {
        Err(Undelivered::Denied(why)) => match cx.deliver(again).await {
            // What the first was told may say more than that there is no such principal.
            Err(Undelivered::Denied(_)) => Err(Undelivered::Denied(why)),
            sent => sent,
        },
        sent => sent,
    }
}

impl Shipment {
    /// What goes one after the other: to a stream in order, to all others side by side.
    fn lane(&self, key: (i64, Id)) -> String {
        let side_by_side = self.filter.spread || self.filter.destination.starts_with("arn:aws:lambda:");
        if side_by_side { format!("{key:?}") } else { self.filter.destination.clone() }
    }

    fn document(&self, cx: &Ctx) -> Json {
        if self.events.is_empty() {
            // As AWS asks streams whether they are there.
            let kind =
                if self.filter.destination.contains(":firehose:") { "Firehose" } else { "Kinesis stream" };
            return json!({
                "messageType": "CONTROL_MESSAGE", "owner": "CloudwatchLogs", "logGroup": "", "logStream": "",
                "subscriptionFilters": [],
                "logEvents": [{
                    "id": "", "timestamp": cx.env.now().as_millis(),
                    "message": format!("CWL CONTROL MESSAGE: Checking health of destination {kind}."),
                }],
            });
        }
        json!({
            "messageType": "DATA_MESSAGE", "owner": self.account, "logGroup": self.group, "logStream": self.stream,
            "subscriptionFilters": [self.filter.name], "logEvents": self.events,
        })
    }
}

fn packed(document: &Json) -> std::io::Result<Vec<u8>> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
    packer.write_all(document.to_string().as_bytes())?;
    packer.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::group::Group;

    #[test]
    fn rows_keep_their_layout() {
        let zeros = "0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0";
        let before = format!(r#"{{"id":[{zeros}],"created_ms":1,"tags":{{}}}}"#);
        let group = serde_json::from_str::<Group>(&before).expect("a group of before filters");
        assert_eq!(group.filters, []);
        assert_eq!(serde_json::to_string(&group).expect("JSON"), before, "and without them it stays so");
        let filter = r#"{"name":"n","pattern":"p","destination":"d","created_ms":1}"#;
        let shipment = format!(
            r#"{{"account":"a","region":"r","group":"g","stream":"s","filter":{filter},"events":
                [{{"id":"i","timestamp":1,"message":"m"}}],"since_ms":1}}"#
        );
        let shipment = serde_json::from_str::<Shipment>(&shipment).expect("a shipment");
        assert_eq!((shipment.tries, shipment.filter.spread, shipment.trace), (0, false, None));
    }
}
