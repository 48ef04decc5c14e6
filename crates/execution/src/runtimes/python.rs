//! Python, on our own bootstrap.

use super::SDK_FOLDER;
use super::language::{Client, Facts, in_name, in_path};

pub(super) const FACTS: Facts = Facts {
    name: "python",
    client: Client::Bootstrap("python"),
    sdk: Some("boto3"),
    oldest: (3, 8),
    install: "apt-get install python3",
    programs: &["python3"],
    in_prefix: "bin/python3",
    version_managers: &[(".pyenv/versions", '3')],
    system_folder: None,
    by_major: false,
    newer_runs_older: false,
    releases: |program| in_name(program, "python").or_else(|| in_path(program)).into_iter().collect(),
    arguments: |hosted, _| {
        let main = if hosted.compiled().is_some() { "bootstrap.pyc" } else { "bootstrap.py" };
        // No `-I`: the user's own `PYTHON*` variables count.
        ["-S", "-s", "-X", "utf8"]
            .map(str::to_owned)
            .into_iter()
            .chain([format!("/var/runtime/{main}")])
            .collect()
    },
    variables: |hosted, _| {
        let sdk = hosted.fetched_sdk().map_or(String::new(), |_| format!(":{SDK_FOLDER}"));
        vec![("PYTHONPATH", format!("/var/runtime{sdk}"))]
    },
    // `botocore` and `requests` bring a list along; an interpreter may have been built to look elsewhere.
    certificates: &["AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"],
    trusting: |_| None,
    read_at_start: Some(|name| name.starts_with("PYTHON")),
    waits: |_, _| true,
    imports_ahead: true,
    binds: |_| Vec::new(),
};
