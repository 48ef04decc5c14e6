//! The versions that were invoked, ready for execution, so that a warm invoke asks no store.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, RwLock};

use aws_wire::Result;
use execution::Version;

use crate::Ctx;
use crate::function::{Function, Settings};
use crate::keys::{FUNCTIONS, FunctionKey};
use crate::name::{FunctionName, LATEST};

/// Versions kept; above it all are dropped and read again as they are invoked.
const VERSIONS_MAX: usize = 100_000;

#[derive(Default)]
pub(crate) struct Versions {
    known: RwLock<HashMap<FunctionKey, Arc<Version>>>,
    /// Counts changes, so that a version read before one is not kept after it.
    changes: AtomicU64,
}

impl Versions {
    /// A function has changed or is gone.
    pub(crate) fn forget(&self, key: &FunctionKey) {
        let mut known = self.known.write().expect("no panic while held");
        self.changes.fetch_add(1, Ordering::AcqRel);
        known.remove(key);
    }

    fn keep(&self, key: FunctionKey, version: &Arc<Version>, seen: u64) {
        let mut known = self.known.write().expect("no panic while held");
        if self.changes.load(Ordering::Acquire) == seen {
            if known.len() >= VERSIONS_MAX {
                known.clear();
            }
            known.insert(key, Arc::clone(version));
        }
    }

    /// What an invocation of `name` runs.
    ///
    /// # Errors
    /// 404 without the function, 409 while it has no code, 502 when nothing here runs its runtime.
    pub(crate) async fn get(&self, cx: &Ctx, name: &FunctionName) -> Result<Arc<Version>> {
        let key = name.key();
        if let Some(version) = self.known.read().expect("no panic while held").get(&key) {
            return Ok(Arc::clone(version));
        }
        let seen = self.changes.load(Ordering::Acquire);
        let function = find(cx, name).await?;
        function.check_invocable()?;
        let Some(live) = &function.live else { return Err(name.not_found()) };
        let version = Arc::new(ready(cx, &function, live).await?);
        self.keep(key, &version, seen);
        Ok(version)
    }
}

/// # Errors
/// 404 without the function.
pub(crate) async fn find(cx: &Ctx, name: &FunctionName) -> Result<Function> {
    let snapshot = cx.kv.snapshot().await?;
    FUNCTIONS.get(&snapshot, &name.key())?.ok_or_else(|| name.not_found())
}

async fn ready(cx: &Ctx, function: &Function, live: &Settings) -> Result<Version> {
    let (interpreter, substitution) = live.interpreter(&cx.state.runtimes)?;
    let code_dir = cx.state.packages.tree(&live.code).await?;
    Ok(Version {
        account: Arc::clone(&cx.caller.account),
        region: Arc::clone(&cx.caller.region),
        function_name: function.name.clone(),
        function_arn: function.arn.clone(),
        version: LATEST.to_owned(),
        generation: function.revision_id.clone(),
        handler: live.handler.clone(),
        runtime: live.runtime.clone(),
        interpreter,
        substitution,
        memory_mb: live.memory_mb,
        ephemeral_mb: live.ephemeral_mb,
        timeout: live.timeout(),
        variables: live.variables.clone().unwrap_or_default(),
        code_dir,
        role: live.role.clone(),
        log_group: live.log_group.clone(),
        logging: live.log_format.honoured(),
        opt_dirs: Vec::new(),
    })
}
