//! A stopped process that the keeper has system calls executed by.
//!
//! The process runs none of its own code meanwhile: the keeper points it at the `syscall` instruction it has just
//! come back from, lets the kernel execute it with the keeper's arguments, and stops it again before it could go on.

use std::io;
use std::os::raw::c_long;

use crate::failure::{Failure, Result, Step};
use crate::registers::{INSTRUCTION, Registers};
use crate::sys;

/// What is below a frame's stack pointer and may be written: the ABI's red zone is 128 bytes.
const SCRATCH_BELOW_STACK: u64 = 4096;
const FORK_FLAGS: u64 = (libc::CLONE_CHILD_SETTID | libc::CLONE_CHILD_CLEARTID | libc::SIGCHLD) as u64;
/// Stops of no interest that one call may be interrupted by.
const STOPS_MAX: u32 = 64;

/// Why a traced process stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    /// Entry or exit of a system call.
    Call,
    Event(i32),
    Signal(i32),
    Ended,
}

/// A process that the calling process traces.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tracee {
    pub pid: i32,
}

/// Everything needed to make a stopped process execute calls, and to put it back where it was.
#[derive(Clone, Copy)]
pub(crate) struct Frame {
    registers: Registers,
    /// Where a forked process keeps its own thread's number.
    thread_id_at: u64,
}

impl Tracee {
    /// Begins tracing a running process without stopping it. The end of this process is its end.
    pub(crate) fn seize(pid: i32) -> Result<Self> {
        let options = libc::PTRACE_O_TRACEFORK
            | libc::PTRACE_O_TRACEVFORK
            | libc::PTRACE_O_TRACECLONE
            | libc::PTRACE_O_TRACEEXEC
            | libc::PTRACE_O_TRACESECCOMP
            | libc::PTRACE_O_TRACESYSGOOD
            | libc::PTRACE_O_EXITKILL;
        request(libc::PTRACE_SEIZE, pid, 0, options as u64).step("trace the program")?;
        Ok(Self { pid })
    }

    /// Lets a process that stopped go on, with `signal` delivered to it unless that is 0.
    pub(crate) fn go_on(self, signal: i32) -> io::Result<()> {
        request(libc::PTRACE_CONT, self.pid, 0, signal as u64)
    }

    /// Lets it go for good.
    pub(crate) fn release(self) -> Result<()> {
        request(libc::PTRACE_DETACH, self.pid, 0, 0).step("release the new process")
    }

    pub(crate) fn kill(self) {
        sys::kill(self.pid, libc::SIGKILL);
        while !matches!(self.wait(), Ok(Stop::Ended) | Err(_)) {}
    }

    /// Waits for its next stop.
    pub(crate) fn wait(self) -> Result<Stop> {
        wait_for(self.pid, true)?.ok_or_else(|| Failure::new("wait for a stopped process", libc::ECHILD))
    }

    /// The process that the event it stopped for tells of.
    pub(crate) fn event_process(self) -> Result<Self> {
        let mut pid = 0_u64;
        request(libc::PTRACE_GETEVENTMSG, self.pid, 0, (&raw mut pid) as u64)
            .step("learn the new process")?;
        Ok(Self { pid: pid as i32 })
    }

    fn registers(self) -> Result<Registers> {
        Registers::read(self.pid).step("read registers")
    }

    /// Where a process newly forked by `parent` stands. Fails unless it was forked as C libraries do it, by a
    /// `syscall` instruction that can be used again.
    pub(crate) fn frame_of_fork(self, parent: Self) -> Result<Frame> {
        let odd = || Failure::new("find an ordinary fork", libc::ENOTSUP);
        let (registers, asked) = (self.registers()?, parent.registers()?);
        let (libc::SYS_clone, FORK_FLAGS, thread_id_at) = asked.asked() else { return Err(odd()) };
        let mut instruction = INSTRUCTION.map(|_| 0);
        read_memory(self.pid, registers.instruction_at(), &mut instruction).step("read the fork")?;
        if instruction != INSTRUCTION || registers.result() != 0 {
            return Err(odd());
        }
        Ok(Frame { registers, thread_id_at })
    }

    /// Where a process that stopped to tell of its fork stands once that call is done. It runs no further.
    pub(crate) fn after_fork(self) -> Result<Frame> {
        request(libc::PTRACE_SYSCALL, self.pid, 0, 0).step("finish the fork")?;
        if self.wait()? != Stop::Call {
            return Err(Failure::new("finish the fork", libc::ENOTSUP));
        }
        let registers = self.registers()?;
        let mut instruction = INSTRUCTION.map(|_| 0);
        read_memory(self.pid, registers.instruction_at(), &mut instruction).step("read the fork")?;
        if instruction != INSTRUCTION {
            return Err(Failure::new("find an ordinary fork", libc::ENOTSUP));
        }
        Ok(Frame { registers, thread_id_at: 0 })
    }

    /// Puts it where `frame` is, as if nothing had been executed since.
    pub(crate) fn restore(self, frame: &Frame) -> Result<()> {
        frame.registers.write(self.pid).step("write registers")
    }

    /// Executes one system call; `step` says what it is for.
    pub(crate) fn call(self, frame: &Frame, step: &str, number: c_long, arguments: &[u64]) -> Result<u64> {
        self.execute(frame, step, number, arguments).map(|(result, _)| result)
    }

    /// Forks it, as it was at `frame`. The new process is traced too and stopped; the number is the one its parent
    /// knows it by.
    pub(crate) fn fork(self, frame: &Frame) -> Result<(Self, u64)> {
        let arguments = [FORK_FLAGS, 0, 0, frame.thread_id_at, 0];
        let (number, child) = self.execute(frame, "fork the snapshot", libc::SYS_clone, &arguments)?;
        let child = child.ok_or_else(|| Failure::new("fork the snapshot", libc::ECHILD))?;
        child.wait()?;
        Ok((child, number))
    }

    /// Writes `bytes` to memory the process does not use; gives their address.
    pub(crate) fn place(self, frame: &Frame, bytes: &[u8]) -> Result<u64> {
        let at = frame.registers.stack().wrapping_sub(SCRATCH_BELOW_STACK) & !15;
        let local = libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() };
        let remote = libc::iovec { iov_base: at as *mut _, iov_len: bytes.len() };
        // SAFETY: the local slice is valid for reads; the kernel checks the other side.
        let written =
            unsafe { libc::process_vm_writev(self.pid, &raw const local, 1, &raw const remote, 1, 0) };
        if written != bytes.len() as isize {
            return Err(io::Error::last_os_error()).step("write an argument");
        }
        Ok(at)
    }

    pub(crate) fn read(self, at: u64, bytes: &mut [u8]) -> Result<()> {
        read_memory(self.pid, at, bytes).step("read a result")
    }

    fn execute(
        self,
        frame: &Frame,
        step: &str,
        number: c_long,
        arguments: &[u64],
    ) -> Result<(u64, Option<Self>)> {
        frame.registers.about_to_call(number, arguments).write(self.pid).step("write registers")?;
        let (mut child, mut is_inside) = (None, false);
        for _ in 0..STOPS_MAX {
            request(libc::PTRACE_SYSCALL, self.pid, 0, 0).step(step)?;
            match self.wait()? {
                Stop::Call if is_inside => {
                    let result = self.registers()?.result() as i64;
                    return match result {
                        -4095..0 => Err(Failure::new(step, -result as i32)),
                        _ => Ok((result as u64, child)),
                    };
                }
                Stop::Call => is_inside = true,
                Stop::Event(libc::PTRACE_EVENT_FORK | libc::PTRACE_EVENT_CLONE) => {
                    child = Some(self.event_process()?);
                }
                // The filter asks whether a traced process may do this: here, and nowhere else, it may. Signals are
                // dropped: those of children that came and went in here.
                Stop::Event(libc::PTRACE_EVENT_SECCOMP | libc::PTRACE_EVENT_STOP) | Stop::Signal(_) => {}
                Stop::Event(_) | Stop::Ended => return Err(Failure::new(step, libc::ESRCH)),
            }
        }
        Err(Failure::new(step, libc::EINTR))
    }
}

/// Waits for a stop of the traced process `pid`; `None` when there is none yet and `block` is not set.
pub(crate) fn wait_for(pid: i32, block: bool) -> Result<Option<Stop>> {
    let flags = libc::__WALL | if block { 0 } else { libc::WNOHANG };
    loop {
        let mut status = 0;
        // SAFETY: `status` is valid for writes.
        let found = unsafe { libc::waitpid(pid, &raw mut status, flags) };
        if found == 0 {
            return Ok(None);
        }
        if found < 0 {
            let error = io::Error::last_os_error();
            if error.kind() == io::ErrorKind::Interrupted {
                continue;
            }
            return Err(error).step("wait for a stopped process");
        }
        if !libc::WIFSTOPPED(status) {
            return Ok(Some(Stop::Ended));
        }
        let stop = match (status >> 16, libc::WSTOPSIG(status)) {
            (0, signal) if signal == libc::SIGTRAP | 0x80 => Stop::Call,
            (0, signal) => Stop::Signal(signal),
            (event, _) => Stop::Event(event),
        };
        return Ok(Some(stop));
    }
}

fn read_memory(pid: i32, at: u64, bytes: &mut [u8]) -> io::Result<()> {
    let local = libc::iovec { iov_base: bytes.as_mut_ptr().cast(), iov_len: bytes.len() };
    let remote = libc::iovec { iov_base: at as *mut _, iov_len: bytes.len() };
    // SAFETY: the local slice is valid for writes; the kernel checks the other side.
    let read = unsafe { libc::process_vm_readv(pid, &raw const local, 1, &raw const remote, 1, 0) };
    match read {
        -1 => Err(io::Error::last_os_error()),
        read if read == bytes.len() as isize => Ok(()),
        _ => Err(io::Error::from_raw_os_error(libc::EFAULT)),
    }
}

fn request(request: u32, pid: i32, address: u64, data: u64) -> io::Result<()> {
    // SAFETY: `data` is a number, or the address of a structure of the request's own type that outlives the call.
    let result = unsafe { libc::ptrace(request, pid, address, data) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
