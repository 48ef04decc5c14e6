//! What an alias that routes by weight adds to a warm call.

use std::time::Duration;

use serde_json::{Value as Json, json};

use super::http::Connection;
use super::{Platform, Samples, WARM_SAMPLES, invoke_path, is_settled};
use crate::Error;

/// Warm calls by an alias of two versions, and calls of a version itself, in turn.
pub fn calls(platform: &Platform, name: &str) -> Result<(Samples, Samples), Error> {
    let mut connection = Connection::open(&platform.address)?;
    let mut publish = |description: &str| -> Result<String, Error> {
        let configuration = format!("/2015-03-31/functions/{name}/configuration");
        let change = json!({ "Description": description }).to_string();
        connection.expect("PUT", &configuration, change.as_bytes())?;
        while !is_settled(&connection.expect("GET", &configuration, b"")?) {}
        let path = format!("/2015-03-31/functions/{name}/versions");
        let published = serde_json::from_slice::<Json>(&connection.expect("POST", &path, b"{}")?)?;
        Ok(published["Version"].as_str().ok_or("a version has a number")?.to_owned())
    };
    let (one, other) = (publish("one of an alias")?, publish("the other of an alias")?);
    let alias = json!({
        "Name": "routed",
        "FunctionVersion": one,
        "RoutingConfig": { "AdditionalVersionWeights": { other.as_str(): 0.5 } },
    });
    let path = format!("/2015-03-31/functions/{name}/aliases");
    connection.expect("POST", &path, alias.to_string().as_bytes())?;
    let invoke = invoke_path(name);
    let (routed, direct) = (format!("{invoke}?Qualifier=routed"), format!("{invoke}?Qualifier={one}"));
    for _ in 0..100 {
        connection.expect("POST", &routed, b"{}")?;
    }
    let mut beside = Vec::<Duration>::new();
    let by_alias = Samples::take(WARM_SAMPLES, || {
        beside.push(connection.timed("POST", &direct, b"{}")?);
        connection.timed("POST", &routed, b"{}")
    })?;
    let mut beside = beside.into_iter();
    Ok((by_alias, Samples::take(WARM_SAMPLES, || beside.next().ok_or_else(|| "one a sample".into()))?))
}
