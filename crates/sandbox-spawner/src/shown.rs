//! What `/proc/PID/environ` shows of a program that was started ahead: the memory that its first environment lies in.
//!
//! The program has let go of that memory before it says that it is ready, so the environment that it is claimed with
//! can be written there, and who looks finds no other.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::FileExt;

use crate::failure::{Failure, Result, Step};
use crate::init;

/// Room for what environments have at most, of which AWS lets a function itself have 4 KB.
pub(crate) const ROOM_BYTES: usize = 12 * 1024;
/// Variables that a program can have set for it: the list of where they are lies on its stack, and can't grow.
pub(crate) const SLOTS: usize = 256;
/// Where `/proc/PID/stat` has the first address and the one after the last, counted after the program's name.
const FIELDS: (usize, usize) = (47, 48);
/// Where it has the stack's, as the program found it.
const STACK_FIELD: usize = 25;
const WORD: u64 = size_of::<u64>() as u64;

pub(crate) struct Shown {
    memory: File,
    start: u64,
    length: usize,
    stack: u64,
}

/// An environment as a program finds it: each variable ended by a zero byte.
pub(crate) fn block(environment: &[String]) -> Vec<u8> {
    environment.iter().flat_map(|variable| variable.bytes().chain([0])).collect()
}

impl Shown {
    /// Of the one program below the first process `pid`.
    pub(crate) fn below(pid: i32) -> Result<Self> {
        match init::children(&pid.to_string())[..] {
            [program] => Self::open(program),
            _ => Err(Failure::new("find the program started ahead", libc::ESRCH)),
        }
    }

    pub(crate) fn open(program: i32) -> Result<Self> {
        let stat =
            fs::read_to_string(format!("/proc/{program}/stat")).step("look at the program's memory")?;
        let after_name = stat.rsplit(") ").next().unwrap_or_default();
        let fields: Vec<&str> = after_name.split(' ').collect();
        let field = |at: usize| fields.get(at).and_then(|text| text.trim().parse::<u64>().ok());
        let (start, end) = field(FIELDS.0)
            .zip(field(FIELDS.1))
            .filter(|(start, end)| start < end)
            .ok_or_else(|| Failure::new("find the program's environment", libc::EINVAL))?;
        let stack = field(STACK_FIELD).unwrap_or_default();
        let memory = OpenOptions::new().read(true).write(true).open(format!("/proc/{program}/mem"));
        let memory = memory.step("open the program's memory")?;
        Ok(Self { memory, start, length: usize::try_from(end - start).unwrap_or(0), stack })
    }

    /// Gives the program `environment` as its own: what its C library finds in `environ`, which points to the list that
    /// it was started with.
    pub(crate) fn set(&self, environment: &[String]) -> Result<()> {
        if environment.len() > SLOTS {
            return Err(Failure::new("set so many variables", libc::E2BIG));
        }
        self.write(&block(environment))?;
        // From the top of the stack: the number of arguments, each, a zero; each variable, a zero.
        let list = self.stack + WORD * (self.word(self.stack)? + 2);
        if self.word(list)? != self.start {
            return Err(Failure::new("find the program's variables", libc::EINVAL));
        }
        let ends = environment.iter().scan(self.start, |at, variable| {
            let here = *at;
            *at += variable.len() as u64 + 1;
            Some(here)
        });
        let words: Vec<u8> = ends.chain([0]).flat_map(u64::to_ne_bytes).collect();
        self.memory.write_all_at(&words, list).step("set the program's variables")
    }

    fn word(&self, at: u64) -> Result<u64> {
        let mut bytes = [0; size_of::<u64>()];
        self.memory.read_exact_at(&mut bytes, at).step("read the program's memory")?;
        Ok(u64::from_ne_bytes(bytes))
    }

    /// Shows `environment`, in which each variable is ended by a zero byte, and zero bytes behind it.
    pub(crate) fn write(&self, environment: &[u8]) -> Result<()> {
        if environment.len() > self.length {
            return Err(Failure::new("show so large an environment", libc::E2BIG));
        }
        let mut text = environment.to_vec();
        text.resize(self.length, 0);
        self.memory.write_all_at(&text, self.start).step("show the environment")
    }
}
