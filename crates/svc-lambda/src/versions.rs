//! What was invoked, ready for execution, so that a warm invoke asks no store.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, RwLock};

use api_lambda::errors;
use aws_wire::Result;
use env::Env;
use execution::{Interpreter, Version};

use crate::Ctx;
use crate::concurrency;
use crate::function::{Function, Settings};
use crate::keys::{FUNCTIONS, FunctionKey};
use crate::name::{FunctionName, LATEST};
use crate::published::{Found, Published, find_qualified, get};
use crate::runtime_management::RuntimeManagement;
use crate::segments::Sampler;

/// Targets kept; above it all are dropped and read again as they are invoked.
const TARGETS_MAX: usize = 100_000;

#[derive(Default)]
pub(crate) struct Versions {
    known: RwLock<Known>,
    /// Counts changes, so that a version read before one is not kept after it.
    changes: AtomicU64,
}

#[derive(Default)]
struct Known {
    /// By function, then by qualifier; no qualifier is `$LATEST`.
    functions: HashMap<FunctionKey, HashMap<String, Arc<Target>>>,
    /// Functions of which something is being changed, and how many changes: of these nothing is kept.
    changing: HashMap<FunctionKey, usize>,
    count: usize,
}

/// Where a qualifier leads.
#[derive(Debug)]
pub(crate) struct Target {
    version: Arc<Version>,
    /// Of an alias that routes: another version, and the share of invocations that it gets, 0 to 1.
    additional: Option<(Arc<Version>, f64)>,
    pub(crate) sampler: Sampler,
}

impl Target {
    /// The version, or the one that most invocations of an alias run.
    pub(crate) fn version(&self) -> &Arc<Version> {
        &self.version
    }

    /// The version that this invocation runs, by the alias' weights.
    pub(crate) fn pick(&self, env: &Env) -> &Arc<Version> {
        let Some((additional, weight)) = &self.additional else { return &self.version };
        let mut random = [0; 4];
        env.fill(&mut random);
        let share = f64::from(u32::from_le_bytes(random)) / (f64::from(u32::MAX) + 1.0);
        if share < *weight { additional } else { &self.version }
    }
}

impl Versions {
    /// A function, or a version or an alias of it, is about to change: until the guard is dropped, after the change,
    /// invocations read what is stored. Who has seen the change done must not run what was before it.
    pub(crate) fn changing(&self, key: &FunctionKey) -> Changing<'_> {
        let mut known = self.known.write().expect("no panic while held");
        self.changes.fetch_add(1, Ordering::AcqRel);
        if let Some(targets) = known.functions.remove(key) {
            known.count -= targets.len();
        }
        *known.changing.entry(key.clone()).or_default() += 1;
        Changing { versions: self, key: key.clone() }
    }

    fn keep(&self, name: &FunctionName, target: &Arc<Target>, seen: u64) {
        let mut known = self.known.write().expect("no panic while held");
        if self.changes.load(Ordering::Acquire) == seen && !known.changing.contains_key(&name.key()) {
            if known.count >= TARGETS_MAX {
                known.functions.clear();
                known.count = 0;
            }
            let targets = known.functions.entry(name.key()).or_default();
            let before = targets.insert(qualifier(name).to_owned(), Arc::clone(target));
            known.count += usize::from(before.is_none());
        }
    }

    /// What an invocation of `name` runs.
    ///
    /// # Errors
    /// 404 without the function, version or alias, 409 while it has no code, 502 when nothing here runs its runtime.
    pub(crate) async fn get(&self, cx: &Ctx, name: &FunctionName) -> Result<Arc<Target>> {
        let known = {
            let known = self.known.read().expect("no panic while held");
            known.functions.get(&name.key()).and_then(|targets| targets.get(qualifier(name))).cloned()
        };
        match known {
            Some(target) => Ok(target),
            // In a future of its own: what a warm invocation does not need would make its own several times as large.
            None => Box::pin(self.read(cx, name)).await,
        }
    }

    async fn read(&self, cx: &Ctx, name: &FunctionName) -> Result<Arc<Target>> {
        // Before anything runs, what other functions have reserved is known.
        concurrency::load(cx).await?;
        let seen = self.changes.load(Ordering::Acquire);
        let found = find_qualified(cx, name).await?;
        let target = Arc::new(target(cx, name, &found).await?);
        self.keep(name, &target, seen);
        Ok(target)
    }
}

/// A change that is under way.
pub(crate) struct Changing<'a> {
    versions: &'a Versions,
    key: FunctionKey,
}

impl Drop for Changing<'_> {
    fn drop(&mut self) {
        let mut known = self.versions.known.write().expect("no panic while held");
        // Whoever has read before the change must not keep it after.
        self.versions.changes.fetch_add(1, Ordering::AcqRel);
        if let Some(count) = known.changing.get_mut(&self.key) {
            *count -= 1;
            if *count == 0 {
                known.changing.remove(&self.key);
            }
        }
    }
}

fn qualifier(name: &FunctionName) -> &str {
    name.qualifier.as_deref().unwrap_or(LATEST)
}

/// # Errors
/// 404 without the function.
pub(crate) async fn find(cx: &Ctx, name: &FunctionName) -> Result<Function> {
    let snapshot = cx.kv.snapshot().await?;
    FUNCTIONS.get(&snapshot, &name.key())?.ok_or_else(|| name.not_found())
}

async fn target(cx: &Ctx, name: &FunctionName, found: &Found) -> Result<Target> {
    let Found { function, published, alias } = found;
    let version = match published {
        Some(published) => ready_published(cx, function, published).await?,
        None => {
            function.check_invocable()?;
            let Some(live) = &function.live else { return Err(name.not_found()) };
            ready(cx, function, live, LATEST.to_owned(), &function.revision_id, &function.runtime_management)
                .await?
        }
    };
    let additional = match alias.as_ref().and_then(|alias| alias.additional) {
        Some((number, weight)) => {
            let published = get(&cx.kv.snapshot().await?, name, number)?;
            Some((ready_published(cx, function, &published).await?, weight))
        }
        None => None,
    };
    let settings = published.as_ref().map(|published| &published.settings).or(function.live.as_ref());
    let sampler = Sampler::new(settings.is_some_and(|settings| settings.tracing_active));
    Ok(Target { version, additional, sampler })
}

/// As execution needs what is live of a function; `None` while it can't be invoked.
pub(crate) async fn of_latest(cx: &Ctx, function: &Function) -> Option<Arc<Version>> {
    function.check_invocable().ok()?;
    let live = function.live.as_ref()?;
    let (revision_id, management) = (&function.revision_id, &function.runtime_management);
    ready(cx, function, live, LATEST.to_owned(), revision_id, management).await.ok()
}

async fn ready_published(cx: &Ctx, function: &Function, published: &Published) -> Result<Arc<Version>> {
    published.state.check_invocable()?;
    of_published(cx, function, published).await
}

/// As execution needs a published version, whatever its state.
pub(crate) async fn of_published(
    cx: &Ctx,
    function: &Function,
    published: &Published,
) -> Result<Arc<Version>> {
    // Its revision tells it from a version of the same number of a function that was deleted.
    let number = published.number.to_string();
    let management = &published.runtime_management;
    ready(cx, function, &published.settings, number, &published.revision_id, management).await
}

/// The image that packages of a runtime run in here.
async fn in_image(cx: &Ctx, runtime: &str, uri: &str) -> Result<Interpreter> {
    let (image, tree) = cx.state.packages.root(uri).await.map_err(|error| {
        let why = error.message.clone().unwrap_or_default();
        errors::invalid_runtime_exception(format!("{runtime}: the image {uri} that it runs in here: {why}"))
            .because(error)
    })?;
    Ok(image.runtime(tree, runtime))
}

async fn ready(
    cx: &Ctx,
    function: &Function,
    live: &Settings,
    version: String,
    generation: &str,
    management: &RuntimeManagement,
) -> Result<Arc<Version>> {
    let (code_dir, opt_dirs) = cx.state.packages.trees(live).await?;
    let (interpreter, substitution) = match &live.image {
        Some(image) => (image.interpreter(code_dir.clone()), None),
        None => match cx.state.runtimes.image_of(&live.runtime) {
            Some(uri) => (in_image(cx, &live.runtime, &uri).await?, None),
            None => live.interpreter(&cx.state.runtimes, management)?,
        },
    };
    // Whoever calls: a policy may let in callers of other accounts.
    let mut place = function.arn.split(':').skip(3);
    let mut next = || place.next().unwrap_or_default().into();
    let (region, account) = (next(), next());
    // Of published versions only.
    let snap_start = live.snap_start && version != LATEST;
    Ok(Arc::new(Version {
        account,
        region,
        function_name: function.name.clone(),
        function_arn: function.arn.clone(),
        version,
        generation: generation.to_owned(),
        handler: live.handler.clone(),
        runtime: live.runtime.clone(),
        interpreter,
        substitution,
        memory_mb: live.memory_mb,
        ephemeral_mb: live.ephemeral_mb,
        timeout: live.timeout(),
        variables: live.variables.clone().unwrap_or_default(),
        code_dir,
        opt_dirs,
        role: live.role.clone(),
        log_group: live.log_group.clone(),
        logging: live.log_format.honoured(),
        snap_start,
    }))
}
