//! What every request reads of an API, as it was decoded last. What a deployment serves never changes, so each is parsed
//! once, however large it is.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use kv::{Memo, Read, Table};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::owner::Owner;

/// Account, region and API.
pub type ApiKey = (String, String, String);
/// Account, region, API and the deployment's id, or the stage's name.
pub type DeploymentKey = (String, String, String, String);

/// When there are more, all are forgotten.
const DEPLOYMENTS_MAX: usize = 200;

/// What stages serve at the moment; ids are never given twice.
pub struct Deployed<V>(Mutex<HashMap<DeploymentKey, Arc<V>>>);

impl<V> Default for Deployed<V> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<V: Serialize + DeserializeOwned> Deployed<V> {
    /// A deployment; the description that it was read with may be an old one.
    ///
    /// # Errors
    /// Those of the store.
    pub fn get(
        &self,
        reader: &impl Read,
        table: &Table<DeploymentKey, V>,
        key: DeploymentKey,
    ) -> kv::Result<Option<Arc<V>>> {
        let known = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = known().get(&key) {
            return Ok(Some(Arc::clone(found)));
        }
        let Some(read) = table.get(reader, &key)?.map(Arc::new) else { return Ok(None) };
        let mut known = known();
        if known.len() >= DEPLOYMENTS_MAX {
            known.clear();
        }
        known.insert(key, Arc::clone(&read));
        Ok(Some(read))
    }
}

/// Whose an API is, the API, and its stages.
pub struct Known<A, S> {
    pub owners: Memo<String, Owner>,
    pub apis: Memo<ApiKey, A>,
    pub stages: Memo<DeploymentKey, S>,
}

impl<A: Serialize + DeserializeOwned, S: Serialize + DeserializeOwned> Known<A, S> {
    /// Those of these tables.
    pub fn of(owners: Table<String, Owner>, apis: Table<ApiKey, A>, stages: Table<DeploymentKey, S>) -> Self {
        Self { owners: Memo::new(owners), apis: Memo::new(apis), stages: Memo::new(stages) }
    }
}
