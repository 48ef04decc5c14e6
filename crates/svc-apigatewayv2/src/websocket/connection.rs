//! Connections that are open. They are known in memory alone: none outlives the process that has its socket.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use env::{Env, Timestamp};
use serde_json::{Map, Value as Json};
use tokio::sync::{mpsc, watch};

use crate::keys::ApiKey;

/// Beyond that nobody else can connect.
const CONNECTIONS_MAX: usize = 100_000;
/// Messages that wait for their client to read.
pub(super) const OUTBOX_LENGTH: usize = 32;
/// How long a message waits for its place among them.
const PATIENCE: Duration = Duration::from_secs(5);

/// How a connection ends: the status and the reason of its last frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ending {
    pub status: u16,
    pub reason: String,
}

impl Ending {
    pub(super) fn new(status: u16, reason: &str) -> Self {
        Self { status, reason: reason.to_owned() }
    }

    /// Of one whose client left without a word.
    pub(super) fn lost() -> Self {
        Self::new(1006, "Connection Closed Abnormally")
    }

    /// Of one that lasted long enough, or whose stage is gone.
    pub(super) fn going_away() -> Self {
        Self::new(1001, "Going away")
    }
}

pub(crate) struct Connection {
    pub id: String,
    pub api: ApiKey,
    pub stage_name: String,
    pub domain_name: String,
    pub peer: IpAddr,
    pub user_agent: Option<String>,
    /// What is known of who signed the handshake.
    pub identity: Map<String, Json>,
    /// What the authorizer said.
    pub authorizer: Option<Json>,
    pub connected_at: Timestamp,
    /// On the monotonic clock.
    pub opened: Duration,
    /// When something went over it last, by both clocks.
    pub active: Mutex<(Timestamp, Duration)>,
    pub outbox: mpsc::Sender<String>,
    /// Said once, when it is to end.
    pub ending: watch::Sender<Option<Ending>>,
}

/// Why a message did not get on its way.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Unsent {
    Gone,
    /// The client does not read.
    Full,
}

impl Connection {
    /// Notes that something goes over it.
    pub(super) fn touch(&self, env: &Env) {
        *self.active.lock().expect("nothing panics while it is held") = (env.now(), env.monotonic());
    }

    /// When something went over it last, by both clocks.
    pub(crate) fn last_active(&self) -> (Timestamp, Duration) {
        *self.active.lock().expect("nothing panics while it is held")
    }

    /// Sends a message after those before it. Waits for a client that is slow to read, but not for ever.
    pub(crate) async fn send(&self, env: &Env, message: String) -> Result<(), Unsent> {
        tokio::select! {
            sent = self.outbox.send(message) => sent.map_err(|_| Unsent::Gone),
            () = env.sleep(PATIENCE) => Err(Unsent::Full),
        }
    }

    /// How it is to end, once that is said.
    pub(super) async fn told(&self) -> Ending {
        let mut told = self.ending.subscribe();
        let said = told.wait_for(Option::is_some).await;
        said.ok().and_then(|said| said.clone()).unwrap_or_else(Ending::going_away)
    }

    /// Ends it, unless it ends already.
    pub(crate) fn end(&self, ending: Ending) {
        self.ending.send_if_modified(|known| known.is_none() && known.replace(ending).is_none());
    }
}

#[derive(Default)]
pub(crate) struct Connections(Mutex<HashMap<String, Arc<Connection>>>);

impl Connections {
    /// Whether there is room for another.
    pub(super) fn open(&self, connection: &Arc<Connection>) -> bool {
        let mut all = self.0.lock().expect("nothing panics while it is held");
        if all.len() >= CONNECTIONS_MAX {
            return false;
        }
        all.insert(connection.id.clone(), Arc::clone(connection));
        true
    }

    pub(crate) fn get(&self, id: &str) -> Option<Arc<Connection>> {
        self.0.lock().expect("nothing panics while it is held").get(id).cloned()
    }

    /// From here on it is gone for everybody who asks.
    pub(super) fn forget(&self, id: &str) {
        self.0.lock().expect("nothing panics while it is held").remove(id);
    }

    /// Ends one because its owner says so.
    pub(crate) fn close(&self, connection: &Connection) {
        self.forget(&connection.id);
        connection.end(Ending::new(1000, "Connection Closed Normally"));
    }

    /// Ends all that are of something which is no more.
    pub(crate) fn close_all(&self, which: impl Fn(&Connection) -> bool) {
        let mut all = self.0.lock().expect("nothing panics while it is held");
        for (_, connection) in all.extract_if(|_, connection| which(connection)) {
            connection.end(Ending::going_away());
        }
    }
}
