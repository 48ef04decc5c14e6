//! The platform's settings: a flag, else an environment variable, else the configuration file, else the default.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use execution::{Ahead, KeepAlive, Rates};
use sandbox_namespace::{Outbound, Subnet};
use serde::Deserialize;

use svc_ses::Relay;
use svc_xray::Collector;

use crate::Error;

/// Every setting is a flag, a variable `LAMBENT_<NAME>` and a key of the configuration file.
#[derive(Args, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Flags {
    /// Configuration file (TOML; keys are named as the flags) [default: lambent.toml, if it is there]
    #[arg(long, env = "LAMBENT_CONFIG", value_name = "FILE")]
    #[serde(skip)]
    config: Option<PathBuf>,
    /// Address and port of the AWS endpoint [default: 127.0.0.1:4566]
    #[arg(long, env = "LAMBENT_LISTEN", value_name = "ADDRESS")]
    listen: Option<String>,
    /// Folder for everything that lasts [default: ~/.local/share/lambent]
    #[arg(long, env = "LAMBENT_DATA", value_name = "FOLDER")]
    data: Option<PathBuf>,
    /// Which signatures are accepted [default: open]
    #[arg(long, env = "LAMBENT_AUTH", value_enum)]
    auth: Option<Auth>,
    /// Listen beyond this machine without checking signatures
    #[arg(long, env = "LAMBENT_INSECURE")]
    insecure: bool,
    /// What is logged: error, warn, info, debug, trace [default: info]
    #[arg(long, env = "LAMBENT_LOG", value_name = "LEVEL")]
    log: Option<String>,
    /// What keeps functions apart [default: auto, the strongest this machine allows]
    #[arg(long, env = "LAMBENT_SANDBOX", value_enum)]
    sandbox: Option<Kind>,
    /// Folder of interpreters, one folder each: python3.13/bin/python3, nodejs22.x/bin/node [default: DATA/runtimes]
    #[arg(long, env = "LAMBENT_RUNTIMES", value_name = "FOLDER")]
    runtimes: Option<PathBuf>,
    /// Folder of container images: NAME/ is an OCI layout, NAME.tar an archive of docker save [default: DATA/images]
    #[arg(long, env = "LAMBENT_IMAGES", value_name = "FOLDER")]
    images: Option<PathBuf>,
    /// Registry of container images that is asked by plain HTTP; may be given again [default: localhost:5000]
    #[arg(long = "registry", env = "LAMBENT_REGISTRY", value_name = "HOST:PORT", value_delimiter = ',')]
    registry: Vec<String>,
    /// What functions reach besides the platform [default: isolated]
    #[arg(long, env = "LAMBENT_NETWORK", value_enum)]
    network: Option<Network>,
    /// Name servers of functions with a way out; may be given again [default: the host's own]
    #[arg(long = "resolver", env = "LAMBENT_RESOLVER", value_name = "ADDRESS", value_delimiter = ',')]
    resolver: Vec<Ipv4Addr>,
    /// Where functions with a way out may not go, such as 10.0.0.0/8, besides this machine; may be given again
    #[arg(long = "refuse", env = "LAMBENT_REFUSE", value_name = "SUBNET", value_delimiter = ',')]
    refuse: Vec<String>,
    /// Where user pools of Cognito are, such as http://127.0.0.1:9229 of cognito-local [default: AWS]
    #[arg(long, env = "LAMBENT_COGNITO", value_name = "URL")]
    cognito: Option<String>,
    /// Also sends traces to this OpenTelemetry collector, such as http://127.0.0.1:4318
    #[arg(long, env = "LAMBENT_OTLP", value_name = "URL")]
    otlp: Option<String>,
    /// Sends SES's mails on, such as to smtp://user:password@host:587?tls=required; without it they stay here
    #[arg(long, env = "LAMBENT_SMTP_RELAY", value_name = "URL", hide_env_values = true)]
    smtp_relay: Option<String>,
    /// Takes mail by SMTP at this address and port, for SES's receipt rules, such as 127.0.0.1:2525
    #[arg(long, env = "LAMBENT_SMTP_LISTEN", value_name = "ADDRESS")]
    smtp_listen: Option<String>,
    /// Whether load balancers' listeners have ports of this machine [default: bind]
    #[arg(long, env = "LAMBENT_LISTENER_PORTS", value_enum)]
    listener_ports: Option<Listening>,
    /// DynamoDB's provisioned tables refuse what goes beyond their capacity units, Kinesis's streams beyond their shards'
    #[arg(long, env = "LAMBENT_THROTTLE")]
    throttle: bool,
    /// Invocations that may run at once in an account and region [default: 1000]
    #[arg(long, env = "LAMBENT_CONCURRENCY", value_name = "COUNT")]
    concurrency: Option<usize>,
    /// Execution environments that one function may gain in ten seconds [default: 1000]
    #[arg(long, env = "LAMBENT_SCALING_RATE", value_name = "COUNT")]
    scaling_rate: Option<u32>,
    /// Invocations of a function a second, for each unit of its concurrency; 0 is no bound [default: 10]
    #[arg(long, env = "LAMBENT_REQUEST_RATE", value_name = "COUNT")]
    request_rate: Option<u32>,
    /// Execution environments that may exist at once [default: 1000]
    #[arg(long, env = "LAMBENT_ENVIRONMENTS", value_name = "COUNT")]
    environments: Option<usize>,
    /// Seconds that an idle environment is kept [default: learned from each function's callers, else 600]
    #[arg(long, env = "LAMBENT_KEEP_ALIVE", value_name = "SECONDS")]
    keep_alive: Option<u64>,
    /// Runtimes kept started ahead, at least, of each language that functions have [default: 1]
    #[arg(long, env = "LAMBENT_AHEAD_MIN", value_name = "COUNT")]
    ahead_min: Option<u32>,
    /// The same at most, as many as were needed at once; 0 starts none ahead [default: 16]
    #[arg(long, env = "LAMBENT_AHEAD_MAX", value_name = "COUNT")]
    ahead_max: Option<u32>,
    /// Memory that runtimes started ahead may use together, in MiB [default: 256]
    #[arg(long, env = "LAMBENT_AHEAD_MEMORY", value_name = "MIB")]
    ahead_memory: Option<u32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Auth {
    /// Any key, or none: everyone is account 000000000000
    Open,
    /// Only keys that exist, only signatures that are theirs
    Signed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    Auto,
    Namespace,
    /// Plain processes: isolates next to nothing
    Process,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Network {
    /// The platform's endpoint, nothing else
    Isolated,
    /// The world outside too
    Outbound,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Listening {
    /// At the address of the AWS endpoint
    Bind,
    /// Load balancers are called by their DNS names at the AWS endpoint
    None,
}

/// The settings, complete and checked.
#[derive(Debug)]
pub struct Settings {
    pub listen: SocketAddr,
    pub data: PathBuf,
    pub auth: Auth,
    pub log: tracing::level_filters::LevelFilter,
    pub sandbox: Kind,
    pub runtimes: PathBuf,
    pub images: PathBuf,
    pub registries: Vec<String>,
    pub home: Option<PathBuf>,
    pub network: Network,
    pub outbound: Outbound,
    pub collector: Option<Collector>,
    /// Where user pools are, if not at AWS.
    pub cognito: Option<String>,
    pub relay: Option<Relay>,
    pub smtp_listen: Option<SocketAddr>,
    pub listener_ports: Listening,
    pub throttle: bool,
    pub concurrency: usize,
    pub rates: Rates,
    pub environments: usize,
    pub keep_alive: KeepAlive,
    pub ahead: Ahead,
}

impl Settings {
    /// # Errors
    /// When the file or a value can't be understood, or the combination is unsafe.
    pub fn read(flags: Flags) -> Result<Self, Error> {
        let file = read_file(flags.config.as_ref())?;
        let home = std::env::var_os("HOME").map(PathBuf::from);
        let listen = flags.listen.or(file.listen).unwrap_or_else(|| "127.0.0.1:4566".to_owned());
        let listen = listen.parse::<SocketAddr>().map_err(|_| {
            Error::Said(format!("--listen {listen:?} is no address and port, such as 127.0.0.1:4566"))
        })?;
        let auth = flags.auth.or(file.auth).unwrap_or(Auth::Open);
        if !is_own(listen.ip()) && auth == Auth::Open && !(flags.insecure || file.insecure) {
            return Err(Error::Said(format!(
                "--listen {listen} can be reached by others, and --auth open lets anyone run code here; add --auth signed \
                 (or --insecure, if the network is yours alone)"
            )));
        }
        let data = data_folder(flags.data.or(file.data))?;
        let log = flags.log.or(file.log).unwrap_or_else(|| "info".to_owned());
        let log = log.parse().map_err(|_| {
            Error::Said(format!("--log {log:?} is no level: error, warn, info, debug, trace"))
        })?;
        let refused = if flags.refuse.is_empty() { file.refuse } else { flags.refuse };
        let outbound = Outbound {
            resolvers: if flags.resolver.is_empty() { file.resolver } else { flags.resolver },
            refused: refused.iter().map(|text| subnet(text)).collect::<Result<_, _>>()?,
        };
        let otlp = flags.otlp.or(file.otlp);
        let registries = if flags.registry.is_empty() { file.registry } else { flags.registry };
        let environments = flags.environments.or(file.environments).unwrap_or(1000);
        if environments == 0 {
            return Err(Error::Said("--environments 0 would run nothing; give at least 1".to_owned()));
        }
        let rates = Rates::default();
        let scaling_per_10_s = flags.scaling_rate.or(file.scaling_rate).unwrap_or(rates.scaling_per_10_s);
        if scaling_per_10_s == 0 {
            return Err(Error::Said("--scaling-rate 0 would start nothing; give at least 1".to_owned()));
        }
        let requests_per_unit = flags.request_rate.or(file.request_rate).or(rates.requests_per_unit);
        let rates = Rates { scaling_per_10_s, requests_per_unit: requests_per_unit.filter(|rate| *rate > 0) };
        Ok(Self {
            listen,
            auth,
            log,
            sandbox: flags.sandbox.or(file.sandbox).unwrap_or(Kind::Auto),
            runtimes: runtimes_folder(Some(data.clone()), flags.runtimes.or(file.runtimes))?,
            images: flags.images.or(file.images).unwrap_or_else(|| data.join("images")),
            registries: if registries.is_empty() { vec!["localhost:5000".to_owned()] } else { registries },
            network: flags.network.or(file.network).unwrap_or(Network::Isolated),
            outbound,
            cognito: flags.cognito.or(file.cognito).map(check_url).transpose()?,
            collector: otlp
                .map(|url| Collector::parse(&url))
                .transpose()
                .map_err(|error| Error::Said(format!("--otlp {error}")))?,
            relay: flags
                .smtp_relay
                .or(file.smtp_relay)
                .map(|url| Relay::parse(&url))
                .transpose()
                .map_err(|error| Error::Said(format!("--smtp-relay {error}")))?,
            smtp_listen: flags
                .smtp_listen
                .or(file.smtp_listen)
                .map(|text| {
                    text.parse().map_err(|_| {
                        Error::Said(format!(
                            "--smtp-listen {text:?} is no address and port, such as 127.0.0.1:2525"
                        ))
                    })
                })
                .transpose()?,
            listener_ports: flags.listener_ports.or(file.listener_ports).unwrap_or(Listening::Bind),
            throttle: flags.throttle || file.throttle,
            concurrency: flags.concurrency.or(file.concurrency).unwrap_or(1000),
            rates,
            environments,
            keep_alive: match flags.keep_alive.or(file.keep_alive) {
                Some(seconds) => KeepAlive::Fixed(Duration::from_secs(seconds)),
                None => KeepAlive::Learned { otherwise: Duration::from_secs(600) },
            },
            ahead: Ahead {
                floor: flags.ahead_min.or(file.ahead_min).unwrap_or(1) as usize,
                ceiling: flags.ahead_max.or(file.ahead_max).unwrap_or(16) as usize,
                memory_bytes_max: u64::from(flags.ahead_memory.or(file.ahead_memory).unwrap_or(256)) << 20,
            },
            data,
            home,
        })
    }
}

/// The data folder: the one named, else the default.
fn data_folder(named: Option<PathBuf>) -> Result<PathBuf, Error> {
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/share/lambent"));
    let data = named.or_else(home);
    let data = data.ok_or_else(|| Error::Said("there is no HOME; name a folder with --data".to_owned()))?;
    std::path::absolute(&data).map_err(|error| Error::failed("find the data folder", error))
}

/// The runtimes folder, by the same flags as the platform's.
///
/// # Errors
/// When neither folder is named and there is no home.
pub fn runtimes_folder(data: Option<PathBuf>, named: Option<PathBuf>) -> Result<PathBuf, Error> {
    let Some(named) = named else { return Ok(data_folder(data)?.join("runtimes")) };
    std::path::absolute(&named).map_err(|error| Error::failed("find the runtimes folder", error))
}

/// `10.0.0.0/8`, or a single address.
fn subnet(text: &str) -> Result<Subnet, Error> {
    let (network, bits) = text.split_once('/').unwrap_or((text, "32"));
    let parsed = network.parse().ok().zip(bits.parse().ok().filter(|bits| *bits <= 32));
    let (network, bits) =
        parsed.ok_or_else(|| Error::Said(format!("--refuse {text} is no subnet, such as 10.0.0.0/8")))?;
    Ok(Subnet { network, bits })
}

/// A server's URL, in plain HTTP or not.
fn check_url(url: String) -> Result<String, Error> {
    if url.starts_with("http://") || url.starts_with("https://") {
        return Ok(url);
    }
    Err(Error::Said(format!("--cognito {url:?} is no URL, such as http://127.0.0.1:9229")))
}

fn is_own(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}

fn read_file(named: Option<&PathBuf>) -> Result<Flags, Error> {
    let path = named.cloned().unwrap_or_else(|| PathBuf::from("lambent.toml"));
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && named.is_none() => {
            return Ok(Flags::default());
        }
        Err(error) => return Err(Error::failed(format!("read {}", path.display()), error)),
    };
    toml::from_str(&text).map_err(|error| Error::failed(format!("understand {}", path.display()), error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_may_go_unsigned() {
        let check = |listen: &str, auth, insecure, allowed| {
            let flags = Flags {
                listen: Some(listen.to_owned()),
                auth,
                insecure,
                data: Some("/tmp/x".into()),
                ..Flags::default()
            };
            assert_eq!(Settings::read(flags).is_ok(), allowed, "{listen}");
        };
        check("127.0.0.1:4566", None, false, true);
        check("[::1]:4566", None, false, true);
        check("0.0.0.0:4566", None, false, false);
        check("0.0.0.0:4566", Some(Auth::Signed), false, true);
        check("10.0.0.1:4566", Some(Auth::Open), false, false);
        check("10.0.0.1:4566", Some(Auth::Open), true, true);
        check("nowhere", None, false, false);
    }

    #[test]
    fn subnets_are_read_or_refused() {
        for (text, bits) in [("10.0.0.0/8", Some(8)), ("192.0.2.1", Some(32)), ("0.0.0.0/0", Some(0))] {
            assert_eq!(subnet(text).ok().map(|subnet| subnet.bits), bits, "{text}");
        }
        for text in ["10.0.0.0/33", "ten/8", "::1/64", ""] {
            assert!(subnet(text).is_err(), "{text}");
        }
    }
}
