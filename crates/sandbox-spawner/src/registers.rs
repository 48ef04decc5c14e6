//! A stopped process's registers, as far as executing a system call needs them. The only file that knows a processor.

use std::io;
use std::os::raw::c_long;

/// Where a process stands, and how system calls are asked for there.
#[derive(Clone, Copy)]
pub(crate) struct Registers(Inner);

#[cfg(target_arch = "x86_64")]
type Inner = libc::user_regs_struct;
#[cfg(not(target_arch = "x86_64"))]
type Inner = ();

/// The instruction that asks for a system call, as it stands in memory.
pub(crate) const INSTRUCTION: [u8; 2] = [0x0F, 0x05];
/// Whether the rest is written for this processor.
pub(crate) const ARE_KNOWN: bool = cfg!(target_arch = "x86_64");

#[cfg(target_arch = "x86_64")]
impl Registers {
    pub(crate) fn read(pid: i32) -> io::Result<Self> {
        // SAFETY: all zeroes is a valid value, and the kernel writes one structure of this very type.
        let (result, registers) = unsafe {
            let mut registers: Inner = std::mem::zeroed();
            (libc::ptrace(libc::PTRACE_GETREGS, pid, 0, &raw mut registers), registers)
        };
        if result < 0 { Err(io::Error::last_os_error()) } else { Ok(Self(registers)) }
    }

    pub(crate) fn write(&self, pid: i32) -> io::Result<()> {
        // SAFETY: the kernel reads one structure of this very type.
        let result = unsafe { libc::ptrace(libc::PTRACE_SETREGS, pid, 0, &raw const self.0) };
        if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }

    /// The same process about to execute a call, by the instruction it has just come back from.
    pub(crate) fn about_to_call(&self, number: c_long, arguments: &[u64]) -> Self {
        let argument = |index: usize| arguments.get(index).copied().unwrap_or(0);
        let mut registers = self.0;
        registers.rip = self.instruction_at();
        registers.rax = number as u64;
        // Not in a system call: the kernel must not try to restart one.
        registers.orig_rax = u64::MAX;
        (registers.rdi, registers.rsi, registers.rdx) = (argument(0), argument(1), argument(2));
        (registers.r10, registers.r8, registers.r9) = (argument(3), argument(4), argument(5));
        Self(registers)
    }

    /// Where the instruction is that it has just come back from.
    pub(crate) fn instruction_at(&self) -> u64 {
        self.0.rip.wrapping_sub(INSTRUCTION.len() as u64)
    }

    pub(crate) fn result(&self) -> u64 {
        self.0.rax
    }

    pub(crate) fn stack(&self) -> u64 {
        self.0.rsp
    }

    /// The call it is in: its number, first, and fourth argument.
    pub(crate) fn asked(&self) -> (c_long, u64, u64) {
        (self.0.orig_rax as c_long, self.0.rdi, self.0.r10)
    }
}

#[cfg(not(target_arch = "x86_64"))]
impl Registers {
    pub(crate) fn read(_pid: i32) -> io::Result<Self> {
        Err(io::Error::from_raw_os_error(libc::ENOSYS))
    }

    pub(crate) fn write(&self, _pid: i32) -> io::Result<()> {
        Err(io::Error::from_raw_os_error(libc::ENOSYS))
    }

    pub(crate) fn about_to_call(&self, _number: c_long, _arguments: &[u64]) -> Self {
        *self
    }

    pub(crate) fn instruction_at(&self) -> u64 {
        0
    }

    pub(crate) fn result(&self) -> u64 {
        0
    }

    pub(crate) fn stack(&self) -> u64 {
        0
    }

    pub(crate) fn asked(&self) -> (c_long, u64, u64) {
        (0, 0, 0)
    }
}
