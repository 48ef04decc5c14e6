//! Sandboxes behind Linux namespaces, cgroups and a system call filter.
//!
//! The mechanisms live in `sandbox-spawner`, whose process does the work; here is what the daemon sees of
//! them. What this cannot give is a kernel of its own: see `docs/adr/0003-sandbox.md`.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use sandbox::{
    Booted, Error, Guarantee, Isolation, Network, Pending, Result, Sandboxes, Spec, Started, Trust,
};
use sandbox_spawner::{Abilities, Command, Mode, Settings, Spawner};
use tokio::sync::Mutex;

pub use sandbox_spawner::{Authority, Outbound, Subnet, probe, run_spawner_if_asked};

/// How sandboxes are to be made.
#[derive(Debug, Clone)]
pub struct Options {
    /// The program that can become the spawner.
    pub spawner: Command,
    /// Folder for what does not fit in memory. One daemon at a time uses it.
    pub scratch_dir: PathBuf,
    /// Parts of this many sandboxes are kept ready.
    pub ready_max: usize,
    /// The size of `/tmp` to keep ready, in bytes.
    pub ephemeral_bytes: u64,
    /// First of the host's user ids that sandboxes run as. Two daemons on one host should not share them.
    pub uid_base: u32,
    /// The kind of network to keep ready; the other is made when asked for, which takes longer.
    pub network: Network,
    pub outbound: Outbound,
    /// Whom sandboxes trust besides the authorities that the host does.
    pub authority: Option<Authority>,
}

impl Options {
    /// Lambda's default `/tmp`, and enough in stock for a burst of starts.
    pub fn new(spawner: Command, scratch_dir: PathBuf) -> Self {
        Self {
            spawner,
            scratch_dir,
            ready_max: 8,
            ephemeral_bytes: 512 * 1024 * 1024,
            uid_base: 900_000_000,
            network: Network::Isolated,
            outbound: Outbound::default(),
            authority: None,
        }
    }
}

/// Starts sandboxes behind namespaces.
pub struct NamespaceSandboxes {
    settings: Settings,
    command: Command,
    isolation: Isolation,
    trust: Option<Trust>,
    spawner: Mutex<Arc<Spawner>>,
    /// Set by `shutdown`: a spawner that is gone since then is not to be replaced.
    is_down: AtomicBool,
}

impl NamespaceSandboxes {
    /// Starts the spawner and waits until it is ready.
    pub async fn open(options: Options) -> Result<Self> {
        let settings = Settings {
            mode: Mode::Namespace,
            scratch_dir: options.scratch_dir,
            ready_max: options.ready_max,
            ephemeral_bytes: options.ephemeral_bytes,
            uid_base: options.uid_base,
            network: options.network,
            outbound: options.outbound,
            authority: options.authority,
        };
        let spawner = Spawner::launch(&options.spawner, settings.clone()).await?;
        let isolation = isolation(spawner.abilities());
        let trust = spawner.abilities().trust.clone();
        for caveat in &isolation.caveats {
            tracing::warn!(caveat, "sandboxes are weaker than they could be");
        }
        let spawner = Mutex::new(Arc::new(spawner));
        let is_down = AtomicBool::new(false);
        Ok(Self { settings, command: options.spawner, isolation, trust, spawner, is_down })
    }

    /// The spawner's process.
    pub async fn spawner_pid(&self) -> Option<u32> {
        self.spawner.lock().await.pid()
    }

    /// The running spawner, or a new one in place of one that was killed.
    async fn spawner(&self) -> Result<Arc<Spawner>> {
        let mut spawner = self.spawner.lock().await;
        if self.is_down.load(Ordering::Acquire) {
            return Err(Error::Spawner("it was shut down".to_owned()));
        }
        if !spawner.is_alive() {
            tracing::error!("the spawner is gone and with it all sandboxes; starting another");
            *spawner = Arc::new(Spawner::launch(&self.command, self.settings.clone()).await?);
        }
        Ok(spawner.clone())
    }
}

impl Sandboxes for NamespaceSandboxes {
    fn start(&self, spec: Spec) -> Pending<'_, Result<Started>> {
        Box::pin(async move {
            let spawner = self.spawner().await?;
            match spawner.start(spec.clone()).await {
                // It was about to end when it was asked.
                Err(Error::Spawner(_)) if !spawner.is_alive() => self.spawner().await?.start(spec).await,
                started => started,
            }
        })
    }

    fn boot(&self, spec: Spec) -> Pending<'_, Result<Box<dyn Booted>>> {
        Box::pin(async move { self.spawner().await?.boot(spec).await })
    }

    fn memory_available(&self) -> Option<u64> {
        sandbox_spawner::memory_available()
    }

    fn describe(&self) -> Isolation {
        self.isolation.clone()
    }

    fn trust(&self) -> Option<Trust> {
        self.trust.clone()
    }

    fn shutdown(&self) -> Pending<'_, ()> {
        Box::pin(async move {
            let spawner = self.spawner.lock().await;
            self.is_down.store(true, Ordering::Release);
            spawner.shutdown().await;
        })
    }
}

fn isolation(abilities: &Abilities) -> Isolation {
    let groups = &abilities.groups;
    let given = |guarantee: &Guarantee| match guarantee {
        Guarantee::TmpOnDisk => abilities.tmp_on_disk,
        Guarantee::OutboundNetwork => abilities.outbound,
        Guarantee::MemoryLimit => groups.has("memory"),
        Guarantee::ProcessLimit => groups.has("pids"),
        Guarantee::CpuShare => groups.has("cpu"),
        Guarantee::Usage => groups.tells_usage(),
        Guarantee::Freeze => groups.can_freeze(),
        Guarantee::Snapshots => abilities.snapshots,
        Guarantee::HostFilesHidden
        | Guarantee::CodeReadOnly
        | Guarantee::OwnTmp
        | Guarantee::TmpSize
        | Guarantee::HostProcessesHidden
        | Guarantee::OwnLoopback
        | Guarantee::NetworkIsolated
        | Guarantee::Unprivileged
        | Guarantee::SystemCallFilter => true,
    };
    Isolation {
        name: "namespace",
        guarantees: Guarantee::ALL.into_iter().filter(given).collect(),
        caveats: abilities.caveats.clone(),
    }
}
