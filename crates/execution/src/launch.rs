//! What an environment's sandbox is made from, and where its log goes.

use std::path::Path;
use std::sync::Arc;

use env::Timestamp;
use sandbox::{COMPANIONS_MAX, Companions, Exit, Spec};

use crate::dates::utc;
use crate::environment::Phase;
use crate::extensions;
use crate::invocation::Failure;
use crate::output::LogStream;
use crate::pool::Options;
use crate::runtimes::Interpreter;
use crate::variables::{Access, EXEC_WRAPPER, TIME_ZONE, doors, of_extensions, variables};
use crate::version::Version;

/// Tells our bootstrap, started ahead, to import what functions import.
const PRELOAD_VARIABLE: &str = "_LAMBENT_PRELOAD";

/// Why a start failed, and the extension that could not be executed, if it was one.
pub(crate) fn start_failure<'a>(
    error: &sandbox::Error,
    version: &Version,
    extensions: &'a [String],
) -> (Failure, Option<&'a str>) {
    if let sandbox::Error::Execute { program, source } = error
        && let Some(name) = extensions.iter().find(|name| program.ends_with(&format!("/extensions/{name}")))
    {
        let message = format!("fork/exec /opt/extensions/{name}: {source}");
        return (Failure::Extension { error_type: "Extension.LaunchError", message }, Some(name));
    }
    let failure = match error {
        // A wrapper script that isn't there: the shell that AWS starts it with ends so.
        sandbox::Error::Execute { .. } if wrapper(version).is_some() => Failure::Exited(Exit::Code(127)),
        // The package's own bootstrap can't be run: the function's fault.
        sandbox::Error::Execute { program, source } => {
            tracing::debug!(program, %source, "execute a bootstrap");
            Failure::NoBootstrap
        }
        other => Failure::Sandbox(other.to_string()),
    };
    (failure, None)
}

/// The script to start in place of the runtime. A package's own bootstrap looks for it itself, as on AWS.
fn wrapper(version: &Version) -> Option<&String> {
    let wrapper = version.variables.get(EXEC_WRAPPER).filter(|_| !version.interpreter.is_custom());
    wrapper.filter(|path| path.starts_with('/'))
}

/// The external extensions of a version.
///
/// # Errors
/// When there are more than AWS allows.
pub(crate) fn external_extensions(version: &Version) -> Result<Vec<String>, Failure> {
    let names = extensions::in_layers(&version.opt_dirs);
    if names.len() > COMPANIONS_MAX {
        return Err(Failure::Extension {
            error_type: "Extension.LaunchError",
            message: format!("more than {COMPANIONS_MAX} extensions"),
        });
    }
    Ok(names)
}

pub(crate) fn spec(
    options: &Options,
    version: &Version,
    (id, phase): (&str, Phase),
    log_stream: &str,
    extensions: &[String],
    access: &Access,
) -> Spec {
    let image = version.interpreter.image();
    let trust = options.sandboxes.trust();
    let mut launch = version.interpreter.launch(version, trust.as_ref());
    let env = variables(version, log_stream, access, phase.initialization_type(), trust.as_ref());
    if let Some(wrapper) = wrapper(version) {
        launch.arguments.insert(0, launch.program.to_string_lossy().into_owned());
        launch.program = wrapper.into();
    }
    let companions = Companions {
        programs: extensions.iter().map(|name| extensions::program(name)).collect(),
        env: if extensions.is_empty() { Vec::new() } else { of_extensions(&env) },
        cwd: "/".into(),
    };
    Spec {
        id: id.to_owned(),
        root: image.map(|image| image.root.clone()),
        code_dir: image.is_none_or(|image| !image.has_code()).then(|| version.code_dir.clone()),
        opt_dirs: version.opt_dirs.clone(),
        binds: launch.binds,
        program: launch.program,
        args: launch.arguments,
        env,
        doors: doors(access),
        cwd: image.map_or_else(|| "/var/task".into(), |image| image.directory.clone()),
        companions,
        memory_bytes: u64::from(version.memory_mb) << 20,
        cpu_millis: sandbox::cpu_millis_for_memory(version.memory_mb),
        ephemeral_bytes: u64::from(version.ephemeral_mb) << 20,
        limits: sandbox::Limits::default(),
        network: options.network,
    }
}

/// What runtimes that environments of a version can begin in are started from.
#[derive(Debug)]
pub(crate) struct Booting {
    pub plain: Spec,
    /// One that imports what functions import, where the language has that. Not for every package.
    pub importing: Option<Spec>,
}

/// `None` where each environment has to start by itself.
pub(crate) fn booting_of(options: &Options, version: &Version) -> Option<Booting> {
    let extensions = external_extensions(version).ok()?;
    let access = Access::Keys((options.credentials)(version));
    booting(version, &spec(options, version, ("", Phase::Init), "", &extensions, &access))
}

/// Of the environment that is started from `spec`.
pub(crate) fn booting(version: &Version, spec: &Spec) -> Option<Booting> {
    if version.snap_start || !spec.companions.programs.is_empty() {
        return None;
    }
    if let Interpreter::Custom { .. } = version.interpreter {
        // It begins when it is claimed, and with all its variables.
        return Some(Booting { plain: spec.booting(Vec::new()), importing: None });
    }
    let reads = version.interpreter.reads_at_start(version)?;
    if version.variables.keys().any(|name| reads(name)) {
        return None;
    }
    // The loader looks for libraries where LD_LIBRARY_PATH had folders when the program started.
    if version.opt_dirs.iter().chain([&version.code_dir]).any(|dir| has_libraries(&dir.join("lib"))) {
        return None;
    }
    let mut env = spec.env.iter().filter(|(name, _)| reads(name)).cloned().collect::<Vec<_>>();
    // The one that almost all have; another is heard of when it comes.
    env.push((TIME_ZONE.0.to_owned(), TIME_ZONE.1.to_owned()));
    let plain = spec.booting(env.clone());
    let importing = version.interpreter.imports_ahead().then(|| {
        env.push((PRELOAD_VARIABLE.to_owned(), "1".to_owned()));
        spec.booting(env)
    });
    Some(Booting { plain, importing })
}

fn has_libraries(folder: &Path) -> bool {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .into_iter()
        .any(|entry| entry.file_name().as_encoded_bytes().windows(3).any(|part| part == b".so"))
}

pub(crate) fn log_stream(version: &Version, now: Timestamp, id: &str) -> LogStream {
    let date = utc(now).date();
    let (year, month, day) = (date.year(), u8::from(date.month()), date.day());
    // In a group of other functions too, the stream says whose it is.
    let is_own = version.log_group == format!("/aws/lambda/{}", version.function_name);
    let shared = if is_own { "" } else { &version.function_name };
    LogStream {
        account: Arc::clone(&version.account),
        region: Arc::clone(&version.region),
        function_name: version.function_name.clone(),
        role: version.role.clone(),
        group: version.log_group.clone(),
        name: format!("{year}/{month:02}/{day:02}/{shared}[{}]{id}", version.version),
    }
}
