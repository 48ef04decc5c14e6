//! [`Kv`]: what services hold. Runs transactions again until they meet no conflict.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use env::Env;

use crate::transaction::{check_key, check_scan};
use crate::{
    ATTEMPTS_MAX, CommitError, Direction, Engine, Error, KeyRange, Read, Result, Row, Tx, View, Watch,
};

/// This many conflicts are retried at once: most conflicts are between two transactions, and one has won.
const RETRIES_AT_ONCE: u32 = 2;
const BACKOFF_FIRST: Duration = Duration::from_millis(1);
const BACKOFF_MAX: Duration = Duration::from_millis(64);

/// A handle on the store. Cheap to clone.
#[derive(Clone)]
pub struct Kv {
    engine: Arc<dyn Engine>,
    env: Env,
}

impl Kv {
    pub fn new(engine: Arc<dyn Engine>, env: Env) -> Self {
        Self { engine, env }
    }

    /// Runs `body` as one serializable transaction: what it read was still so when all it wrote was written.
    /// Returns once that is durable. A transaction that wrote nothing returns as of its view.
    ///
    /// `body` runs again after a conflict, at most [`ATTEMPTS_MAX`] times: it must do nothing but read and write
    /// `tx`. When it returns an error, nothing is written.
    ///
    /// Dropping the future leaves open whether the transaction was written.
    ///
    /// # Errors
    /// What `body` returned; [`Error::Contention`]; [`Error::Engine`].
    pub async fn transact<T, E: From<Error>>(
        &self,
        mut body: impl FnMut(&mut Tx) -> Result<T, E>,
    ) -> Result<T, E> {
        for attempt in 0..ATTEMPTS_MAX {
            if attempt > RETRIES_AT_ONCE {
                self.env.sleep(self.backoff(attempt - RETRIES_AT_ONCE)).await;
            }
            let view = self.engine.view().await?;
            // Kept until the commit is decided: an engine may decide it in the database transaction of the view.
            let mut tx = Tx::new(view.clone());
            let value = body(&mut tx)?;
            let Some(commit) = tx.into_commit() else { return Ok(value) };
            match self.engine.commit(commit).await {
                Ok(()) => return Ok(value),
                Err(CommitError::Conflict) => {}
                Err(CommitError::Failed(error)) => return Err(error.into()),
            }
        }
        Err(Error::Contention { attempts: ATTEMPTS_MAX }.into())
    }

    /// A consistent view of everything committed so far.
    pub async fn snapshot(&self) -> Result<Snapshot> {
        Ok(Snapshot(self.engine.view().await?))
    }

    /// Waits for writes to keys that begin with `prefix`, from now on.
    pub fn watch(&self, prefix: impl Into<Bytes>) -> Watch {
        self.engine.watches().watch(prefix)
    }

    /// A random part of a time that doubles with each retry, so that those who collided spread out.
    fn backoff(&self, retry: u32) -> Duration {
        let most = BACKOFF_MAX.min(BACKOFF_FIRST * 2u32.saturating_pow(retry.min(16)));
        let mut random = [0; 4];
        self.env.fill(&mut random);
        most.mul_f64(f64::from(u32::from_le_bytes(random)) / f64::from(u32::MAX))
    }
}

/// Reads as of one moment. Cheap to clone; holding one long keeps old values alive in the engine.
#[derive(Clone)]
pub struct Snapshot(Arc<dyn View>);

impl Read for Snapshot {
    fn get_bytes(&self, key: &[u8]) -> Result<Option<Bytes>> {
        check_key(key)?;
        self.0.get(key)
    }

    fn scan_bytes(&self, range: &KeyRange, limit: usize, direction: Direction) -> Result<Vec<Row>> {
        check_scan(limit)?;
        if limit == 0 || range.is_empty() {
            return Ok(Vec::new());
        }
        self.0.scan(range, limit, direction)
    }
}
