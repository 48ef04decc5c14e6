//! Node.js, on our own bootstrap.

use super::language::{Certificates, Client, Facts, in_path};

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
    // It has a list of its own, built in.
    certificates: &[("NODE_EXTRA_CA_CERTS", Certificates::Authority)],
    binds: |_| Vec::new(),
};
