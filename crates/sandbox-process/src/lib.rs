//! Functions as plain child processes, for machines that allow nothing better. **This isolates next to
//! nothing.**
//!
//! A function can read and write what the daemon's user can, see and signal its processes, and reach every
//! port the machine listens on. It has limits on open files, stack and the like, and is killed as a whole.
//! Use it for code you would run in your own shell.

mod layers;
mod paths;

use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use sandbox::{
    Cpu, Error, Guarantee, Isolation, Network, Pending, Result, Sandbox, Sandboxes, Signal, Spec, Started,
    Usage,
};
use sandbox_spawner::{Command, Mode, Outbound, Settings, Spawner};

pub use sandbox_spawner::run_spawner_if_asked;

/// How processes are to be started.
#[derive(Debug, Clone)]
pub struct Options {
    /// The program that can become the spawner.
    pub spawner: Command,
    /// Folder for the functions' private temporary directories. One daemon at a time uses it.
    pub scratch_dir: PathBuf,
}

/// Starts functions as plain processes.
pub struct ProcessSandboxes {
    spawner: Spawner,
    scratch_dir: PathBuf,
    next: AtomicU64,
}

impl ProcessSandboxes {
    pub async fn open(options: Options) -> Result<Self> {
        let settings = Settings {
            mode: Mode::Process,
            scratch_dir: options.scratch_dir.clone(),
            ready_max: 0,
            ephemeral_bytes: 0,
            uid_base: 0,
            network: Network::Isolated,
            outbound: Outbound::default(),
            authority: None,
        };
        let spawner = Spawner::launch(&options.spawner, settings).await?;
        tracing::warn!(
            "functions run as plain processes: they can read, write and reach what this daemon can"
        );
        Ok(Self { spawner, scratch_dir: options.scratch_dir, next: AtomicU64::new(1) })
    }

    async fn start_in_own_tmp(&self, mut spec: Spec) -> Result<Started> {
        if spec.network == Network::Isolated {
            tracing::debug!(
                id = spec.id,
                "network isolation was asked for and is not given by plain processes"
            );
        }
        if spec.root.is_some() {
            return Err(Error::Unsupported {
                what: "an image as the root",
                missing: "a plain process sees the machine's own files; use --sandbox namespace".to_owned(),
            });
        }
        // A plain process has the machine's network, whichever was asked for.
        spec.network = Network::Isolated;
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let tmp = OwnTmp(self.scratch_dir.join(format!("tmp-{number}")));
        std::fs::create_dir_all(&tmp.0)
            .map_err(|source| Error::Build { step: "make temporary directory".to_owned(), source })?;
        let opt = OwnTmp(self.scratch_dir.join(format!("tmp-{number}-opt")));
        if spec.opt_dirs.len() > 1 {
            layers::merge(&spec.opt_dirs, &opt.0)
                .map_err(|source| Error::Build { step: "merge layers".to_owned(), source })?;
            spec.opt_dirs = vec![opt.0.clone()];
        }
        let mut started = self.spawner.start(paths::outside(spec, &tmp.0)).await?;
        started.sandbox = Box::new(WithTmp { sandbox: started.sandbox, _tmp: tmp, _opt: opt });
        Ok(started)
    }
}

impl Sandboxes for ProcessSandboxes {
    fn start(&self, spec: Spec) -> Pending<'_, Result<Started>> {
        Box::pin(self.start_in_own_tmp(spec))
    }

    fn describe(&self) -> Isolation {
        Isolation {
            name: "process",
            guarantees: [Guarantee::OwnTmp, Guarantee::Freeze].into(),
            caveats: vec![
                "functions can read and write every file the daemon's user can".to_owned(),
                "functions see and can signal the daemon's user's processes".to_owned(),
                "functions reach every address this machine reaches, its loopback and each other's"
                    .to_owned(),
                "memory, processor time and /tmp are not limited".to_owned(),
                "/tmp is the machine's; a private directory is offered through TMPDIR only".to_owned(),
                "paths such as /var/task do not exist; they are replaced in variables and arguments"
                    .to_owned(),
            ],
        }
    }

    fn shutdown(&self) -> Pending<'_, ()> {
        Box::pin(self.spawner.shutdown())
    }
}

/// A directory that goes when its sandbox does.
struct OwnTmp(PathBuf);

impl Drop for OwnTmp {
    fn drop(&mut self) {
        // What cannot be removed is swept at the next start.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A sandbox together with its own directories; the fields drop in this order.
struct WithTmp {
    sandbox: Box<dyn Sandbox>,
    _tmp: OwnTmp,
    _opt: OwnTmp,
}

impl Sandbox for WithTmp {
    fn freeze(&self) -> Result<()> {
        self.sandbox.freeze()
    }

    fn thaw(&self) -> Result<()> {
        self.sandbox.thaw()
    }

    fn set_cpu(&self, cpu: Cpu) -> Result<()> {
        self.sandbox.set_cpu(cpu)
    }

    fn usage(&self) -> Result<Usage> {
        self.sandbox.usage()
    }

    fn reset_memory_peak(&self) -> Result<bool> {
        self.sandbox.reset_memory_peak()
    }

    fn signal(&self, signal: Signal) -> Result<()> {
        self.sandbox.signal(signal)
    }

    fn begin(&self) -> Result<()> {
        self.sandbox.begin()
    }

    fn socket(&self) -> Pending<'_, Result<OwnedFd>> {
        self.sandbox.socket()
    }

    fn datagrams(&self, _port: u16) -> Pending<'_, Result<OwnedFd>> {
        // The host's loopback is everybody's: the port of one would be that of all.
        let source = std::io::ErrorKind::Unsupported.into();
        Box::pin(std::future::ready(Err(Error::Build { step: "receive datagrams".to_owned(), source })))
    }

    fn kill(&self) {
        self.sandbox.kill();
    }
}
