//! A step that failed inside the spawner, in a form that can cross the socket.

use std::io;

use serde::{Deserialize, Serialize};

/// What was being done, and the kernel's answer.
#[derive(Debug, Clone, Serialize, Deserialize, thiserror::Error)]
#[error("{step}: {}", io::Error::from_raw_os_error(*errno))]
pub(crate) struct Failure {
    pub step: String,
    pub errno: i32,
}

impl Failure {
    pub(crate) fn new(step: impl Into<String>, errno: i32) -> Self {
        Self { step: step.into(), errno }
    }

    pub(crate) fn source(&self) -> io::Error {
        io::Error::from_raw_os_error(self.errno)
    }
}

pub(crate) type Result<T, E = Failure> = std::result::Result<T, E>;

/// Names the step a failing call belongs to.
pub(crate) trait Step<T> {
    fn step(self, step: &str) -> Result<T>;
    /// As `step`, for names that have to be put together.
    fn step_with(self, step: impl FnOnce() -> String) -> Result<T>;
}

impl<T, E: Into<io::Error>> Step<T> for std::result::Result<T, E> {
    fn step(self, step: &str) -> Result<T> {
        self.step_with(|| step.to_owned())
    }

    fn step_with(self, step: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|error| Failure::new(step(), error.into().raw_os_error().unwrap_or(libc::EIO)))
    }
}
