//! Deployments as they were read: what one serves never changes, so each is parsed once, however large it is.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use kv::{Read, Table};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Account, region, API and the deployment's id.
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
