//! Many clients at once, each with one connection.

use std::time::{Duration, Instant};

use super::super::Samples;
use super::super::http::Connection;
use crate::Error;

/// What a load came to.
pub struct Measured {
    /// Calls or cycles.
    pub per_s: f64,
    pub samples: Samples,
    /// All calls, those of warming too.
    pub calls: usize,
    /// Microseconds of processor time that the server spent on each.
    pub cost_us: f64,
}

/// Runs `clients` clients until the time is over, each as made by `client` from its number. What begins in the time of
/// warming is not counted; what began before the end is, to its end.
pub fn drive<C>(
    address: &str,
    clients: usize,
    (warming, time): (Duration, Duration),
    client: impl Fn(usize) -> C + Sync,
) -> Result<Measured, Error>
where
    C: FnMut(&mut Connection) -> Result<(), Error>,
{
    let began = Instant::now();
    let runs = std::thread::scope(|scope| {
        let client = &client;
        let run = |number| move || one(address, began, (warming, time), client(number));
        let workers = (0..clients).map(|number| scope.spawn(run(number))).collect::<Vec<_>>();
        let join = |worker: std::thread::ScopedJoinHandle<'_, _>| {
            worker.join().map_err(|_| "a client panicked".to_owned())?
        };
        workers.into_iter().map(join).collect::<Result<Vec<_>, String>>()
    })?;
    let calls = runs.iter().map(|(calls, _)| calls).sum();
    let mut samples = runs
        .into_iter()
        .flat_map(|(_, took)| took)
        .map(|took| took.as_secs_f64() * 1000.0)
        .collect::<Vec<_>>();
    let elapsed = began.elapsed().saturating_sub(warming).as_secs_f64();
    if samples.is_empty() {
        return Err("nothing was answered in time".into());
    }
    samples.sort_by(f64::total_cmp);
    #[expect(clippy::cast_precision_loss, reason = "a few million calls")]
    Ok(Measured {
        per_s: samples.len() as f64 / elapsed,
        samples: Samples(samples),
        calls,
        cost_us: f64::NAN,
    })
}

fn one(
    address: &str,
    began: Instant,
    (warming, time): (Duration, Duration),
    mut call: impl FnMut(&mut Connection) -> Result<(), Error>,
) -> Result<(usize, Vec<Duration>), String> {
    let (mut calls, mut took) = (0, Vec::new());
    let mut connection = Connection::open(address).map_err(|error| error.to_string())?;
    loop {
        let from = began.elapsed();
        if from >= warming + time {
            return Ok((calls, took));
        }
        call(&mut connection).map_err(|error| error.to_string())?;
        calls += 1;
        if from >= warming {
            took.push(began.elapsed().saturating_sub(from));
        }
    }
}
