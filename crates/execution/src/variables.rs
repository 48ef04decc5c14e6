//! The environment that a runtime starts with: all of it, nothing is inherited.
//!
//! AWS's defined environment variables; values of ours where the layout differs.

use std::sync::Arc;

use sandbox::{Door, DoorVar, Trust};

use crate::{Logging, Version};

/// Of the X-Ray daemon, which functions send segments to.
pub(crate) const DAEMON_PORT: u16 = 2000;

/// The execution role's keys, as the SDKs inside read them.
#[derive(Clone, Debug)]
pub struct Credentials {
    pub access_key_id: String,
    pub secret_access_key: String,
    pub session_token: String,
}

/// What an image may not set: it would be believed to come from the platform.
const PLATFORMS: [&str; 4] = ["AWS_", "_AWS_", "_X_AMZN_", "_LAMBDA_"];

/// How the SDKs inside get keys.
pub(crate) enum Access {
    /// From variables.
    Keys(Credentials),
    /// From the environment's own listener: what starts from a snapshot must not have the keys of when it was taken.
    Container { token: String },
}

/// Keys as the listener answers them.
pub(crate) struct ContainerKeys {
    /// What has to be asked with. In a snapshot's memory, and so the same for all its environments; whose listener it
    /// is, is what keeps them apart.
    pub token: Arc<str>,
    pub credentials: Credentials,
    /// `2026-11-23T10:11:12.345Z`
    pub expires: String,
}

/// Where keys are asked for.
pub(crate) const CREDENTIALS_PATH: &str = "/2021-04-23/credentials";

/// The variables that name a listener, of which only the sandbox knows the address.
pub(crate) fn doors(access: &Access) -> Vec<DoorVar> {
    let mut doors = vec![
        DoorVar::address("AWS_LAMBDA_RUNTIME_API", Door::RuntimeApi),
        DoorVar::url("AWS_ENDPOINT_URL", Door::Platform),
    ];
    if let Access::Container { .. } = access {
        let full = DoorVar::url("AWS_CONTAINER_CREDENTIALS_FULL_URI", Door::RuntimeApi);
        doors.push(DoorVar { suffix: CREDENTIALS_PATH.to_owned(), ..full });
    }
    doors
}

/// What an extension sees of the function's variables: not what is the runtime's own.
pub(crate) fn of_extensions(variables: &[(String, String)]) -> Vec<(String, String)> {
    let is_hidden = |name: &str| {
        name.starts_with('_') || name.starts_with("AWS_XRAY_") || HIDDEN_FROM_EXTENSIONS.contains(&name)
    };
    variables.iter().filter(|(name, _)| !is_hidden(name)).cloned().collect()
}

const HIDDEN_FROM_EXTENSIONS: [&str; 5] = [
    "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "LAMBDA_RUNTIME_DIR",
    "LAMBDA_TASK_ROOT",
];

/// Of a function that sets none.
pub(crate) const TIME_ZONE: (&str, &str) = ("TZ", ":UTC");

/// The user's variable that names a script to start in place of the runtime.
pub(crate) const EXEC_WRAPPER: &str = "AWS_LAMBDA_EXEC_WRAPPER";

/// Every other variable. Later entries of the user's win over ours where AWS lets them.
pub(crate) fn variables(
    version: &Version,
    log_stream: &str,
    access: &Access,
    initialization_type: &str,
    trust: Option<&Trust>,
) -> Vec<(String, String)> {
    let mut variables = [
        ("_HANDLER", version.handler.as_str()),
        ("AWS_REGION", &version.region),
        ("AWS_DEFAULT_REGION", &version.region),
        ("AWS_LAMBDA_FUNCTION_NAME", &version.function_name),
        ("AWS_LAMBDA_FUNCTION_VERSION", &version.version),
        ("AWS_LAMBDA_LOG_FORMAT", if version.logging.is_json() { "JSON" } else { "Text" }),
        ("LAMBDA_TASK_ROOT", "/var/task"),
        ("LAMBDA_RUNTIME_DIR", "/var/runtime"),
        ("LANG", "en_US.UTF-8"),
        TIME_ZONE,
        ("PATH", "/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin"),
        (
            "LD_LIBRARY_PATH",
            "/var/lang/lib:/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib",
        ),
        // Somebody listens there from the first sampled invocation on; what is sent before is lost without an error.
        ("AWS_XRAY_CONTEXT_MISSING", "LOG_ERROR"),
        ("AWS_XRAY_DAEMON_ADDRESS", &format!("127.0.0.1:{DAEMON_PORT}")),
        ("_AWS_XRAY_DAEMON_ADDRESS", "127.0.0.1"),
        ("_AWS_XRAY_DAEMON_PORT", &DAEMON_PORT.to_string()),
        // Framed records go down the same pipe as the standard output, so that both keep their order.
        ("_LAMBDA_TELEMETRY_LOG_FD", "3"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .to_vec();
    let by_start = match access {
        Access::Keys(credentials) => vec![
            ("AWS_LAMBDA_INITIALIZATION_TYPE", initialization_type),
            ("AWS_LAMBDA_LOG_GROUP_NAME", version.log_group.as_str()),
            ("AWS_LAMBDA_LOG_STREAM_NAME", log_stream),
            ("AWS_ACCESS_KEY_ID", &credentials.access_key_id),
            ("AWS_SECRET_ACCESS_KEY", &credentials.secret_access_key),
            ("AWS_SESSION_TOKEN", &credentials.session_token),
        ],
        Access::Container { token } => vec![
            ("AWS_LAMBDA_INITIALIZATION_TYPE", "snap-start"),
            ("AWS_CONTAINER_AUTHORIZATION_TOKEN", token.as_str()),
        ],
    };
    variables.extend(by_start.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())));
    variables.push(("AWS_LAMBDA_FUNCTION_MEMORY_SIZE".to_owned(), version.memory_mb.to_string()));
    if !version.interpreter.is_custom() {
        variables.push(("AWS_EXECUTION_ENV".to_owned(), format!("AWS_Lambda_{}", version.runtime)));
    }
    if let Logging::Json { application, .. } = version.logging {
        variables.push(("AWS_LAMBDA_LOG_LEVEL".to_owned(), application.as_str().to_owned()));
    }
    variables.extend(version.interpreter.variables(version));
    variables.extend(trust.into_iter().flat_map(|trust| version.interpreter.certificates(trust)));
    if let Some(image) = version.interpreter.image() {
        // The image knows its own libraries; with the function in it, the handler is in its command.
        variables.retain(|(name, _)| name != "LD_LIBRARY_PATH" && !(image.has_code() && name == "_HANDLER"));
        for (name, value) in &image.variables {
            if PLATFORMS.iter().any(|prefix| name.starts_with(prefix)) {
                continue;
            }
            variables.retain(|(own, _)| own != name);
            variables.push((name.clone(), value.clone()));
        }
    }
    for (name, value) in &version.variables {
        variables.retain(|(own, _)| own != name);
        variables.push((name.clone(), value.clone()));
    }
    variables
}
