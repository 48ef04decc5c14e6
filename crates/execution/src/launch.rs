//! What an environment's sandbox is made from, and where its log goes.

use std::sync::Arc;

use env::Timestamp;
use sandbox::Spec;

use crate::dates::utc;
use crate::invocation::Failure;
use crate::output::LogStream;
use crate::pool::Options;
use crate::variables::{doors, variables};
use crate::version::Version;

pub(crate) fn start_failure(error: &sandbox::Error) -> Failure {
    match error {
        // The package's own bootstrap can't be run: the function's fault.
        sandbox::Error::Execute { program, source } => {
            tracing::debug!(program, %source, "execute a bootstrap");
            Failure::NoBootstrap
        }
        other => Failure::Sandbox(other.to_string()),
    }
}

pub(crate) fn spec(options: &Options, version: &Version, id: &str, log_stream: &str) -> Spec {
    let credentials = (options.credentials)(version);
    let launch = version.interpreter.launch();
    Spec {
        id: id.to_owned(),
        code_dir: version.code_dir.clone(),
        opt_dirs: Vec::new(),
        binds: launch.binds,
        program: launch.program,
        args: launch.arguments,
        env: variables(version, log_stream, &credentials),
        doors: doors(),
        cwd: "/var/task".into(),
        companions: sandbox::Companions::default(),
        memory_bytes: u64::from(version.memory_mb) << 20,
        cpu_millis: sandbox::cpu_millis_for_memory(version.memory_mb),
        ephemeral_bytes: u64::from(version.ephemeral_mb) << 20,
        limits: sandbox::Limits::default(),
        network: options.network,
    }
}

pub(crate) fn log_stream(version: &Version, now: Timestamp, id: &str) -> LogStream {
    let date = utc(now).date();
    let (year, month, day) = (date.year(), u8::from(date.month()), date.day());
    LogStream {
        account: Arc::clone(&version.account),
        region: Arc::clone(&version.region),
        function_name: version.function_name.clone(),
        role: version.role.clone(),
        group: version.log_group.clone(),
        name: format!("{year}/{month:02}/{day:02}/[{}]{id}", version.version),
    }
}
