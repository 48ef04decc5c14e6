//! What pools are made with, for tests of execution.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use env::Env;
use execution::{
    Ahead, Credentials, Hosted, Interpreter, Invocation, KeepAlive, Language, LogSink, LogStream, Logging,
    Options, Rates, Record, Streaming, Version,
};
use sandbox::Network;

use crate::Scripted;

/// Keeps log records for the test. Cheap to clone.
#[derive(Clone, Default)]
pub struct Records(Arc<Mutex<Vec<Written>>>);

type Written = (Arc<LogStream>, Record);

impl LogSink for Records {
    fn write(&self, stream: &Arc<LogStream>, record: Record) {
        self.0.lock().expect("no panic while held").push((Arc::clone(stream), record));
    }
}

impl Records {
    /// The messages so far.
    pub fn messages(&self) -> Vec<String> {
        self.0.lock().expect("no panic while held").iter().map(|(_, record)| record.message.clone()).collect()
    }

    /// The stream of the first record.
    ///
    /// # Panics
    /// When there is none.
    pub fn stream(&self) -> Arc<LogStream> {
        Arc::clone(&self.0.lock().expect("no panic while held").first().expect("a record").0)
    }
}

/// Options with room for whatever a test does: it narrows what it is about.
pub fn options(env: &Env, sandboxes: &Scripted, sink: Arc<dyn LogSink>) -> Options {
    Options {
        sandboxes: Arc::new(sandboxes.clone()),
        sink,
        segments: None,
        env: env.clone(),
        credentials: Box::new(|_| Credentials {
            access_key_id: "ASIAEXAMPLE".to_owned(),
            secret_access_key: "secret".to_owned(),
            session_token: "token".to_owned(),
        }),
        platform_door: Box::new(|_, _, _| ()),
        network: Network::Isolated,
        return_grace: Duration::ZERO,
        freeze_after: Duration::from_millis(100),
        keep_alive: KeepAlive::Fixed(Duration::from_secs(600)),
        concurrency_max: 1000,
        rates: Rates { scaling_per_10_s: 100_000, requests_per_unit: None },
        starting_max: 100,
        environments_max: 1000,
        streaming: Streaming::default(),
        ahead: Ahead { floor: 1, ceiling: 8, memory_bytes_max: 256 << 20 },
    }
}

/// A version of the function `f` whose environments run the program of `handler`, for at most three seconds.
pub fn version(handler: &str) -> Version {
    Version {
        account: "000000000000".into(),
        region: "us-east-1".into(),
        function_name: "f".to_owned(),
        function_arn: "arn:aws:lambda:us-east-1:000000000000:function:f".to_owned(),
        version: "$LATEST".to_owned(),
        generation: "1".to_owned(),
        handler: handler.to_owned(),
        runtime: "python3.13".to_owned(),
        interpreter: Interpreter::Hosted(python()),
        substitution: None,
        memory_mb: 128,
        ephemeral_mb: 512,
        timeout: Duration::from_secs(3),
        variables: BTreeMap::new(),
        code_dir: "/nowhere".into(),
        opt_dirs: Vec::new(),
        role: "arn:aws:iam::000000000000:role/r".to_owned(),
        log_group: "/aws/lambda/f".to_owned(),
        logging: Logging::Text,
        snap_start: false,
    }
}

pub(crate) fn python() -> Hosted {
    Hosted {
        language: Language::Python,
        release: (3, 13),
        program: "/usr/bin/python3.13".into(),
        prefix: None,
        bootstrap: "/nowhere/python".into(),
        sdk: None,
    }
}

pub fn invocation(id: &str, payload: &str) -> Invocation {
    Invocation {
        request_id: id.into(),
        invoked_function_arn: "arn:aws:lambda:us-east-1:000000000000:function:f".to_owned(),
        payload: payload.to_owned().into(),
        client_context: None,
        trace_id: None,
        sink: None,
        sampled: None,
    }
}
