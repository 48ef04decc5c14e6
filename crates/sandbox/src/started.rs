//! A running sandbox: what a start gives, and how it is steered afterwards.

use std::net::{TcpListener, UdpSocket};
use std::os::fd::OwnedFd;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{Booted, Error, Pending, Result, Spec};

/// What stands for AWS's own hosts inside a sandbox. Non-blocking.
pub struct Hosts {
    /// Accepts connections to the port of HTTPS.
    pub https: TcpListener,
    /// Receives what the sandbox asks its name server.
    pub names: UdpSocket,
}

/// What one successful start gives.
pub struct Started {
    /// Accepts the runtime's connections to the Runtime API. Non-blocking. Only this sandbox can reach it
    /// when the implementation gives [`crate::Guarantee::OwnLoopback`].
    pub runtime_api: TcpListener,
    /// `host:port` of `runtime_api` as the function sees it.
    pub runtime_api_address: String,
    /// Accepts the function's connections to the platform's AWS endpoint. Non-blocking.
    pub platform: TcpListener,
    /// `host:port` of `platform` as the function sees it.
    pub platform_address: String,
    /// What stands for AWS's own hosts inside; only where the loopback is the sandbox's own.
    pub hosts: Option<Hosts>,
    /// Read end of the one pipe behind the runtime's descriptors 1, 2 and 3. Ends when nobody is left who
    /// could write to it. Non-blocking.
    pub output: OwnedFd,
    /// Resolves once the program has ended and, unless it has companions, nothing of the sandbox runs any more. May be
    /// dropped.
    pub exit: Pending<'static, Exit>,
    /// Read end of the one pipe behind the companions' descriptors 1 and 2, if there are any. Non-blocking.
    pub companion_output: Option<OwnedFd>,
    /// Resolve once each of the companions has ended, in the order of the spec. May be dropped.
    pub companions: Vec<Pending<'static, Exit>>,
    /// Steers the sandbox. Dropping it kills the sandbox.
    pub sandbox: Box<dyn Sandbox>,
    /// Of a program that was started ahead.
    pub claimed: Option<Claimed>,
}

/// How long the steps took in which a program that was started ahead became a sandbox's own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claimed {
    /// Setting the bounds of its cgroup.
    pub bounds: Duration,
    /// Mounting code, layers and `/tmp`.
    pub mounts: Duration,
    /// Handing the environment over.
    pub environment: Duration,
}

/// How the program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// It exited by itself with this code.
    Code(i32),
    /// This signal ended it, from within or by [`Sandbox::kill`].
    Signal(i32),
    /// It, or a process it started, needed more memory than the sandbox may use; everything in it was killed.
    OutOfMemory,
}

/// How much of the machine's cores a sandbox may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cpu {
    /// No limit, as Lambda does during INIT. Every sandbox starts so.
    Full,
    /// The share its memory size gives.
    Share,
}

/// A signal the platform sends to the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    Terminate,
    Interrupt,
    /// Ends the program alone, where [`Sandbox::kill`] ends everything.
    Kill,
}

/// What a sandbox has used so far. `None` where the implementation or the host cannot tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Most memory used at one time since the start or the last reset, page cache included, in bytes.
    pub memory_peak_bytes: Option<u64>,
    /// Memory used now, in bytes.
    pub memory_now_bytes: Option<u64>,
    /// Processor time used by all processes so far.
    pub cpu_time: Option<Duration>,
}

/// Steers one running sandbox. Dropping it kills the sandbox and removes everything made for it.
pub trait Sandbox: Send + Sync {
    /// Stops all its processes where they are: no processor time until [`Sandbox::thaw`].
    fn freeze(&self) -> Result<()>;
    fn thaw(&self) -> Result<()>;
    fn set_cpu(&self, cpu: Cpu) -> Result<()>;
    fn usage(&self) -> Result<Usage>;
    /// `usage`'s first figure alone, which every invocation's report asks for.
    fn memory_peak_bytes(&self) -> Option<u64> {
        self.usage().ok().and_then(|usage| usage.memory_peak_bytes)
    }
    /// Lets `memory_peak_bytes` start anew; `false` where the host cannot.
    fn reset_memory_peak(&self) -> Result<bool>;
    /// Sends `signal` to the program alone; its children see it only if it passes it on.
    fn signal(&self, signal: Signal) -> Result<()>;
    /// Starts the program that has waited for this since the start, because it has companions. If it cannot be
    /// executed it ends with code 127, as in a shell.
    fn begin(&self) -> Result<()> {
        Ok(())
    }
    /// A TCP socket in the sandbox's own network, neither bound nor connected. Non-blocking. A frozen sandbox gives
    /// none until it is thawed.
    fn socket(&self) -> Pending<'_, Result<OwnedFd>>;
    /// A UDP socket that receives at this port of the sandbox's own loopback. Non-blocking; otherwise as
    /// [`Sandbox::socket`].
    fn datagrams(&self, port: u16) -> Pending<'_, Result<OwnedFd>>;
    /// Makes the sandbox a template that others are copied from, if the implementation can.
    ///
    /// `watched` is called once the program may fork. It has to fork then, as a C library's `fork` does, and to be
    /// alone: one process, one thread, nothing open or mapped that copies would share. The child, which has not run
    /// yet, is the snapshot. Parent and snapshot never run again; the sandbox is spent whatever comes of it, and a
    /// template is good for as long as this handle is kept.
    fn snapshot(&self, watched: Box<dyn FnOnce() + Send>) -> Pending<'_, Result<Box<dyn Template>>> {
        drop(watched);
        let missing = "this kind of sandbox has no way to copy a running program".to_owned();
        Box::pin(async { Err(Error::Unsupported { what: "snapshots", missing }) })
    }
    /// Kills every process of the sandbox. `Started::exit` tells when it is done.
    fn kill(&self);
}

/// A program, stopped right after a fork, that sandboxes can be copied from.
pub trait Template: Send + Sync {
    /// Starts a sandbox in which the snapshot's `fork` returns: to the child, with everything that a sandbox has of
    /// its own. Program, arguments, environment and limits are the snapshot's, whatever `spec` says; the rest is
    /// `spec`'s, and so is [`crate::Limits::processes`]. The snapshot's own, which must not be lower, holds for it and
    /// all copies together. Connections that were open have ended.
    ///
    /// A copy ends when its template does.
    fn start(&self, spec: Spec) -> Pending<'_, Result<Started>>;

    /// Makes a copy as [`Template::start`] does, which does not run before it is claimed: for a spec that is the same but
    /// for its name and environment.
    fn hold(&self, spec: Spec) -> Pending<'_, Result<Box<dyn Booted>>> {
        drop(spec);
        let missing = "this kind of template makes copies when they are needed".to_owned();
        Box::pin(async { Err(Error::Unsupported { what: "copies made ahead", missing }) })
    }
}
