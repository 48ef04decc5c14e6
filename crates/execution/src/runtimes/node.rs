//! Node.js, on our own bootstrap.

use super::language::{Client, Facts, in_path};

pub(super) const FACTS: Facts = Facts {
    name: "nodejs",
    client: Client::Bootstrap("node"),
    sdk: None,
    oldest: (16, 0),
    install: "apt-get install nodejs",
    programs: &["node", "nodejs"],
    in_prefix: "bin/node",
    version_managers: &[(".nvm/versions/node", 'v')],
    system_folder: None,
    by_major: true,
    newer_runs_older: false,
    releases: |program| in_path(program).into_iter().collect(),
    arguments: |_, _| vec!["/var/runtime/bootstrap.cjs".to_owned()],
    variables: |hosted, _| {
        let layers = format!("/opt/nodejs/node{}/node_modules:/opt/nodejs/node_modules", hosted.release.0);
        vec![("NODE_PATH", format!("{layers}:/var/runtime/node_modules:/var/runtime:/var/task"))]
    },
    // Read when `trusting` says so.
    certificates: &["SSL_CERT_FILE"],
    // To add to the list that is built in, `NODE_EXTRA_CA_CERTS`, has the whole list read at every start.
    trusting: |version| {
        let decided = version.variables.get("NODE_OPTIONS").is_some_and(|options| options.contains("-ca"));
        (!decided).then_some("--use-openssl-ca")
    },
    read_at_start: Some(|name| {
        // That one is for packages.
        name != "NODE_ENV" && ["NODE_", "UV_", "V8_", "ICU_"].iter().any(|prefix| name.starts_with(prefix))
    }),
    waits: |_, _| true,
    imports_ahead: false,
    binds: |_| Vec::new(),
};
