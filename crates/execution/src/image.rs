//! A runtime that comes in a container image, with everything it needs: a function's own, or one for packages.

use std::path::PathBuf;

use crate::invocation::Failure;

/// An unpacked image as the root of an environment, and how it is started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    pub root: PathBuf,
    /// Of which runtime it is the root, such as `python3.13`; absent when the function itself is the image.
    pub runtime: Option<String>,
    /// As it was asked for.
    pub entry_point: String,
    /// The program that it means, as a path inside; absent when the image has none of that name.
    pub program: Option<PathBuf>,
    pub arguments: Vec<String>,
    /// The working directory, as a path inside.
    pub directory: PathBuf,
    pub has_directory: bool,
    /// The image's own.
    pub variables: Vec<(String, String)>,
}

impl Image {
    /// Whether the function is in it, and no package beside.
    pub(crate) fn has_code(&self) -> bool {
        self.runtime.is_none()
    }

    /// Refuses what can't be started, in the words of AWS's supervisor.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        if !self.has_directory {
            let directory = self.directory.display();
            return Err(Failure::InvalidWorkingDir(format!("chdir {directory}: no such file or directory")));
        }
        if self.program.is_none() {
            let program = &self.entry_point;
            return Err(Failure::InvalidEntrypoint(format!(
                "fork/exec {program}: no such file or directory"
            )));
        }
        Ok(())
    }
}
