//! What both of API Gateway's services have in common where clients call an API: its address, the functions and HTTP
//! servers behind it, what Lambda authorizers say, how much a client may ask; and custom domain names, which lead
//! to APIs of both. Load balancers invoke functions and name
//! themselves with it too.
//!
//! None of these services knows another, and none is known here.

pub mod address;
pub mod answer;
pub mod deployed;
pub mod domain;
pub mod function;
pub mod jwt;
pub mod keys;
pub mod openapi;
pub mod owner;
pub mod page;
pub mod plan;
pub mod tags;
pub mod template;
pub mod throttle;
pub mod verdict;

use domain::Domains;
use env::Env;
use jwt::Issuers;

/// What both services know of clients and their requests, in memory.
#[derive(Default)]
pub struct Front {
    pub domains: Domains,
    pub issuers: Issuers,
}

/// The signing name of requests to APIs themselves.
pub const SIGNING_NAME: &str = "execute-api";
/// Of a request and of an answer.
pub const BODY_BYTES_MAX: usize = 10 * 1024 * 1024;

/// The `X-Amzn-Trace-Id` of a request, or one that begins with it.
pub fn trace_id(header: Option<&str>, env: &Env) -> String {
    if let Some(given) = header.filter(|given| given.contains("Root=") && given.len() <= 2048) {
        return given.to_owned();
    }
    let mut random = [0; 12];
    env.fill(&mut random);
    let random = random.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    format!("Root=1-{:08x}-{random}", env.now().as_secs())
}
