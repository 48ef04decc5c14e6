//! Ten environments of Python at once: functions that are all called in the same moment, each for the first time.

use std::path::Path;
use std::process::Command;
use std::sync::Barrier;
use std::time::{Duration, Instant};

use super::http::Connection;
use super::{
    COLD_SAMPLES, PYTHON_FLOOR, Platform, Samples, cold, deploy, invoke_path, python_runtime, run_to_end,
};
use crate::Error;

const COUNT: usize = 10;

/// From the first call that leaves to the last answer; and bare interpreters, one before each sample.
pub fn at_once(root: &Path, lambent: &Path, platform: &Platform) -> Result<(Samples, Samples), Error> {
    let names = (0..COUNT).map(|number| format!("ten-{number}-python")).collect::<Vec<_>>();
    for name in &names {
        deploy(lambent, platform, name, &root.join("examples/hello-python"), &python_runtime()?)?;
    }
    let mut connections =
        names.iter().map(|_| Connection::open(&platform.address)).collect::<Result<Vec<_>, Error>>()?;
    let (mut bare, mut count) = (Vec::new(), 0);
    let samples = Samples::take(COLD_SAMPLES, || {
        let began = Instant::now();
        run_to_end(Command::new(PYTHON_FLOOR[0]).args(&PYTHON_FLOOR[1..]).env_clear())?;
        bare.push(began.elapsed());
        count += 1;
        for (name, connection) in names.iter().zip(&mut connections) {
            cold::change(connection, name, count)?;
        }
        let barrier = Barrier::new(COUNT);
        let spans = std::thread::scope(|scope| {
            let calls = names.iter().zip(&mut connections).map(|(name, connection)| {
                let barrier = &barrier;
                let call = move || -> Result<(Instant, Instant), String> {
                    barrier.wait();
                    let began = Instant::now();
                    let called = connection.expect("POST", &invoke_path(name), b"{}");
                    called.map_err(|error| error.to_string())?;
                    Ok((began, Instant::now()))
                };
                scope.spawn(call)
            });
            let calls = calls.collect::<Vec<_>>();
            calls
                .into_iter()
                .map(|call| call.join().expect("a call does not panic"))
                .collect::<Result<Vec<_>, _>>()
        })?;
        let first = spans.iter().map(|(began, _)| *began).min();
        let last = spans.iter().map(|(_, ended)| *ended).max();
        Ok(first.zip(last).map_or(Duration::ZERO, |(first, last)| last - first))
    })?;
    let mut bare = bare.into_iter();
    Ok((samples, Samples::take(COLD_SAMPLES, || bare.next().ok_or_else(|| "one floor a sample".into()))?))
}
