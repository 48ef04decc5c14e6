//! Programs that are started ahead and wait for what they are to run.

use crate::{Error, Pending, Result, Spec, Started, Template};

/// Names the descriptor over which a program that is started ahead speaks with whoever started it.
///
/// It writes one byte when it is ready, and then reads to the end: its working directory, then its whole environment
/// as `NAME=value`, each ended by a zero byte. By then everything that was missing is mounted. It closes the
/// descriptor, and is from there on the program of the spec that claimed it.
///
/// A program that can set neither itself (a JVM) writes [`READY_TO_BE_PLACED`], and has touched neither its working
/// directory nor its C library's `environ`: both are set for it before it reads one byte.
///
/// A program in `/var/task` or `/opt` comes with the function and can't begin before it is claimed. The sandbox is made
/// ahead all the same, and the claim executes the program in it; this variable is then nobody's.
pub const BOOT_VARIABLE: &str = "_LAMBENT_BOOT_FD";

/// What a program says, instead of any other byte, that has its working directory and environment set for it.
pub const READY_TO_BE_PLACED: u8 = b':';

/// What a program that waits may be told in place of all that: fork. The child is a snapshot, as in
/// [`crate::Sandbox::snapshot`], and has let go of the descriptor. In each copy of it, once that is claimed, the fork
/// returns, and `/proc/self/environ` is the copy's environment.
pub const FORK: u8 = 1;

/// A program that waits in a sandbox without code, `/tmp`, layers, bounds of memory, and anything of any function.
/// Nobody can reach it. Dropping it ends it.
pub trait Booted: Send + Sync {
    /// Memory that its sandbox used when it was ready, in bytes, if the host can tell.
    fn memory_bytes(&self) -> Option<u64>;

    /// Whether it still waits.
    fn is_alive(&self) -> bool;

    /// Makes it the sandbox of `spec`, which has to be one that [`Spec::booting`] gives the same of as of the spec
    /// that it was booted from, but for the environment. Resolves once the program was told.
    ///
    /// # Errors
    /// When it has ended, or a step failed: nothing is left of it then.
    fn claim(self: Box<Self>, spec: Spec) -> Pending<'static, Result<Started>>;

    /// Makes it a template ([`FORK`]), of which copies can be held ([`Template::hold`]) for the spec that it was booted
    /// from, and claimed as it could have been itself. It is there for as long as the handle or a copy is.
    ///
    /// # Errors
    /// As [`crate::Sandbox::snapshot`].
    fn into_template(self: Box<Self>) -> Pending<'static, Result<Box<dyn Template>>> {
        let missing = "this kind of sandbox has no way to copy a running program".to_owned();
        Box::pin(async { Err(Error::Unsupported { what: "templates", missing }) })
    }
}
