//! The hosts of distributions, in memory: a site says whether a request is its own before anybody asks the store. And
//! the distributions that were asked for, ready to serve, until something changes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, RwLock};

use aws_wire::Result;
use kv::Span;

use crate::Ctx;
use crate::keys::{Key, NAMES};
use crate::plan::Plan;

#[derive(Default)]
pub(crate) struct Names {
    hosts: RwLock<HashMap<String, Key>>,
    /// Held while hosts are read, so that what was read later stays.
    reading: tokio::sync::Mutex<()>,
    plans: Mutex<Plans>,
}

#[derive(Default)]
struct Plans {
    /// Grows with each change, so that what was read before one is not kept after it.
    generation: u64,
    of: HashMap<Key, Arc<Plan>>,
}

impl Names {
    /// To be called after each change of what is stored.
    ///
    /// # Errors
    /// Those of the store.
    pub(crate) async fn changed(&self, cx: &Ctx) -> Result<()> {
        {
            let mut plans = self.plans.lock().expect("nothing panics while it is held");
            plans.generation += 1;
            plans.of.clear();
        }
        let _reading = self.reading.lock().await;
        let rows = NAMES.all(&cx.kv.snapshot().await?, &Span::all())?;
        *self.hosts.write().expect("nothing panics while it is held") = rows.into_iter().collect();
        Ok(())
    }

    /// Whose a host is: by name, or by a wildcard in the place of its first label.
    pub(crate) fn of(&self, host: &str) -> Option<Key> {
        let hosts = self.hosts.read().expect("nothing panics while it is held");
        let by_wildcard = || hosts.get(&format!("*.{}", host.split_once('.')?.1));
        hosts.get(host).or_else(by_wildcard).cloned()
    }

    /// # Errors
    /// Those of the store.
    pub(crate) async fn plan(&self, cx: &Ctx, key: &Key) -> Result<Option<Arc<Plan>>> {
        let generation = {
            let plans = self.plans.lock().expect("nothing panics while it is held");
            if let Some(plan) = plans.of.get(key) {
                return Ok(Some(Arc::clone(plan)));
            }
            plans.generation
        };
        let Some(plan) = Plan::read(&cx.kv.snapshot().await?, key)? else { return Ok(None) };
        let plan = Arc::new(plan);
        let mut plans = self.plans.lock().expect("nothing panics while it is held");
        if plans.generation == generation {
            plans.of.insert(key.clone(), Arc::clone(&plan));
        }
        Ok(Some(plan))
    }
}

/// Reads the hosts at a start.
pub(crate) async fn run(cx: Ctx) {
    if let Err(error) = cx.state.names.changed(&cx).await {
        tracing::error!(cause = ?error.cause, "the names of distributions were not read");
    }
}
