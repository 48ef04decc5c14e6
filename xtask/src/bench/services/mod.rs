//! `cargo xtask bench services`: what 64 connections get of each service, beside peers that speak the same protocols.
//!
//! Each load runs against each server in turn, several rounds of it, every one on new data; a server's figure is its
//! best round, which is the one that the rest of the machine disturbed least.

pub mod api;
pub mod dynamodb;
mod kinesis;
pub mod load;
mod peers;
mod s3;
pub mod sqs;

use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{Platform, build, start};
use crate::Error;
use load::Measured;
use peers::{Peer, Server};

pub const CLIENTS: usize = 64;
/// Of warming, which lets just-in-time compilers do their work, and of measuring.
pub const TIMES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(3));
const ROUNDS: usize = 3;

/// Loads on one service's data, which `load` makes.
struct Service {
    name: &'static str,
    load: fn(&str) -> Result<(), Error>,
    loads: &'static [Load],
    peers: &'static [Server],
}

type Load = (&'static str, &'static str, fn(&str) -> Result<Measured, Error>);

const SERVICES: &[Service] = &[
    Service {
        name: "sqs",
        load: |_| Ok(()),
        loads: &[("SQS: send, receive, delete", "cycles", sqs::cycles)],
        peers: &[Server::Moto],
    },
    Service {
        name: "dynamodb",
        load: dynamodb::load,
        loads: &[
            ("DynamoDB: PutItem", "calls", dynamodb::put_item),
            ("DynamoDB: GetItem", "calls", dynamodb::get_item),
            ("DynamoDB: Query of 100 items", "calls", dynamodb::query),
        ],
        peers: &[Server::Moto, Server::Dynalite],
    },
    Service {
        name: "s3",
        load: s3::load,
        loads: &[
            ("S3: PUT of 1 KiB", "calls", s3::put_small),
            ("S3: GET of 1 KiB", "calls", s3::get_small),
            ("S3: GET of 64 MiB", "MiB", s3::get_large),
        ],
        peers: &[Server::Moto, Server::S3rver],
    },
    Service {
        name: "kinesis",
        load: |_| Ok(()),
        loads: &[("Kinesis: PutRecords of 500", "records", kinesis::put_records)],
        peers: &[Server::Moto, Server::Kinesalite],
    },
    Service {
        name: "sns",
        load: |_| Ok(()),
        loads: &[("SNS: published and in three queues", "messages", sqs::fan_out)],
        peers: &[Server::Moto],
    },
];

/// A server that runs, until this is dropped.
enum Running {
    Platform(Platform),
    Peer(Peer),
}

impl Running {
    fn address(&self) -> &str {
        match self {
            Self::Platform(platform) => &platform.address,
            Self::Peer(peer) => &peer.address,
        }
    }

    /// Processor time that it has used so far.
    fn used(&self) -> Result<Duration, Error> {
        let pid = match self {
            Self::Platform(platform) => platform.child.id(),
            Self::Peer(peer) => peer.child.id(),
        };
        let status = fs::read_to_string(format!("/proc/{pid}/stat"))?;
        // Behind the program's name, which may hold anything.
        let (_, fields) = status.rsplit_once(") ").ok_or("the kernel tells of processes")?;
        let ticks = fields.split(' ').skip(11).take(2).map(str::parse::<u64>).sum::<Result<u64, _>>()?;
        // A tick is a hundredth of a second wherever Linux runs.
        Ok(Duration::from_millis(ticks * 10))
    }
}

/// Where things are.
struct Places {
    lambent: PathBuf,
    peers: PathBuf,
    work: PathBuf,
}

/// The best round of each server at each load.
#[derive(Default)]
struct Best(HashMap<(&'static str, &'static str), Measured>);

/// `wanted` names the services to measure; none stands for all.
pub fn run(root: &Path, wanted: &[&str]) -> Result<(), Error> {
    let places = Places {
        lambent: build(root)?,
        peers: root.join("target/bench-peers"),
        work: root.join("target/bench/services"),
    };
    let mut table = format!(
        "| {CLIENTS} connections | server | per second | p50 ms | p99 ms | processor µs a call | Lambent is | to reach |\n\
         |---|---|---|---|---|---|---|---|\n"
    );
    let mut left_out = Vec::new();
    let wants = |service: &&Service| wanted.is_empty() || wanted.contains(&service.name);
    for service in SERVICES.iter().filter(wants) {
        let servers = [&[Server::Lambent], service.peers].concat();
        let mut best = Best::default();
        let mut absent = Vec::new();
        for _ in 0..ROUNDS {
            for server in &servers {
                if absent.contains(server) {
                    continue;
                }
                if let Err(error) = round(&places, service, *server, &mut best) {
                    left_out.push(format!("{} of {}: {error}", service.name, server.name()));
                    eprintln!("{}", left_out.last().map_or("", String::as_str));
                    absent.push(*server);
                }
            }
        }
        for (load, unit, _) in service.loads {
            rows(&mut table, &best, (load, unit), &servers);
        }
    }
    if !left_out.is_empty() {
        let _ = writeln!(table, "\nLeft out:\n\n- {}", left_out.join("\n- "));
    }
    print!("{table}");
    fs::remove_dir_all(&places.work)?;
    fs::write(root.join("target/bench-services.md"), &table)?;
    Ok(())
}

/// One round of a service's loads at one server, which is started for it.
fn round(places: &Places, service: &Service, server: Server, best: &mut Best) -> Result<(), Error> {
    let data = places.work.join("data");
    let running = if server == Server::Lambent {
        let _ = fs::remove_dir_all(&data);
        fs::create_dir_all(&places.work)?;
        Running::Platform(start(&places.lambent, &data, false, false)?)
    } else {
        Running::Peer(server.start(&places.peers, &data)?)
    };
    (service.load)(running.address())?;
    for (load, unit, measure) in service.loads {
        let before = running.used()?;
        let mut measured = measure(running.address()).map_err(|error| format!("{load}: {error}"))?;
        let used = running.used()?.saturating_sub(before);
        #[expect(clippy::cast_precision_loss, reason = "a few million calls")]
        let calls = measured.calls as f64;
        measured.cost_us = used.as_secs_f64() * 1e6 / calls;
        eprintln!(
            "{load}, {}: {:.0} {unit}/s, p99 {:.1} ms, {:.0} µs of processor time a call",
            server.name(),
            measured.per_s,
            measured.samples.quantile(0.99),
            measured.cost_us
        );
        let known = best.0.get(&(*load, server.name())).map_or(0.0, |known| known.per_s);
        if measured.per_s > known {
            best.0.insert((load, server.name()), measured);
        }
    }
    Ok(())
}

fn rows(table: &mut String, best: &Best, (load, unit): (&'static str, &str), servers: &[Server]) {
    let ours = best.0.get(&(load, Server::Lambent.name())).map(|measured| measured.per_s);
    for server in servers {
        let Some(measured) = best.0.get(&(load, server.name())) else { continue };
        let (p50, p99) = (measured.samples.quantile(0.5), measured.samples.quantile(0.99));
        let ratio = match ours.filter(|_| *server != Server::Lambent) {
            Some(ours) => format!("{:.1} × | ≥ {} ×", ours / measured.per_s, server.goal()),
            None => "| ".to_owned(),
        };
        let _ = writeln!(
            table,
            "| {load} | {} | {:.0} {unit} | {p50:.1} | {p99:.1} | {:.0} | {ratio} |",
            server.name(),
            measured.per_s,
            measured.cost_us
        );
    }
}
