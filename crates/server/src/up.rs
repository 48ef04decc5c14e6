//! `lambent up`: puts the platform together, serves, and takes it down without losing anything.

use std::fs;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use aws_auth::{Authenticator, DEFAULT_ACCOUNT, DEFAULT_REGION, Mode, Presigner, SessionKeys};
use aws_hosts::{Authority, SUBJECT_HASH};
use blob::DiskBlobs;
use env::Env;
use execute_api::Front;
use execute_api::jwt::Issuers;
use execution::{Credentials, Hosted, Options, PlatformDoor, Pools, Runtimes, Version};
use gateway::Gateway;
use kv::Kv;
use kv_disk::DiskEngine;
use sandbox::{Isolation, Sandboxes};
use service::{Caller, Platform};
use svc_elbv2::Ports;
use svc_lambda::{LogShipper, SegmentShipper};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::bucket_objects::BucketObjects;
use crate::listener_ports::ListenerPorts;
use crate::secrets::{self, RootKey, Secrets};
use crate::services::{self, Configs};
use crate::settings::{Auth, Kind, Listening, Network, Settings};
use crate::{Error, bootstraps, doors, runtimes};

/// How long requests under way may take after Ctrl-C.
pub const DRAIN_MAX: Duration = Duration::from_secs(20);
/// A caller who calls again at once is quicker than the environment that answered it; so long that one is awaited.
const RETURN_GRACE: Duration = Duration::from_millis(3);
/// An environment idle this long is frozen; a warm call within it pays no thaw.
const FREEZE_AFTER: Duration = Duration::from_millis(100);

pub fn run(settings: Settings) -> Result<(), Error> {
    tracing_subscriber::fmt()
        .with_max_level(settings.log)
        .with_writer(std::io::stderr)
        .with_target(false)
        .init();
    for folder in ["trees", "blobs", "objects", "scratch", "bootstraps", "images"] {
        fs::create_dir_all(settings.data.join(folder)).map_err(|error| {
            Error::failed(format!("make the data folder {}", settings.data.display()), error)
        })?;
    }
    let laid_out = bootstraps::lay_out(&settings.data.join("bootstraps"))
        .map_err(|error| Error::failed("lay out the bootstraps", error))?;
    // Asks interpreters for their version, so before there are threads.
    let runtimes = Arc::new(Runtimes::find(&settings.runtimes, settings.home.as_deref(), &laid_out));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Error::failed("start", error))?;
    runtime.block_on(serve(settings, runtimes))
}

async fn serve(settings: Settings, runtimes: Arc<Runtimes>) -> Result<(), Error> {
    let env = Env::system();
    let engine = DiskEngine::open(&settings.data.join("store"))
        .map_err(|error| Error::failed("open the store", error))?;
    let kv = Kv::new(Arc::new(engine), env.clone());
    sweep_trees(&settings.data)?;
    let blobs = DiskBlobs::open(settings.data.join("blobs"), env.clone()).await;
    let blobs = blobs.map_err(|error| Error::failed("open the blobs", error))?;
    let objects = DiskBlobs::open(settings.data.join("objects"), env.clone()).await;
    let objects = objects.map_err(|error| Error::failed("open the objects", error))?;
    let listener = TcpListener::bind(settings.listen).await.map_err(|error| {
        Error::failed(
            format!("listen on {} (another lambent? choose one with --listen)", settings.listen),
            error,
        )
    })?;
    let address = listener.local_addr().map_err(|error| Error::failed("listen", error))?;
    let authority = secrets::authority(&settings.data.join("authority.pem"), &env)
        .map_err(|error| Error::failed("read the local authority's key", error))?;
    let authority = Arc::new(authority);
    let (sandboxes, isolation) = open_sandboxes(&settings, &authority).await?;

    let (shipper, shipment) = LogShipper::new();
    let (told, segments) = SegmentShipper::new(env.clone());
    let door = Arc::new(OnceLock::<Gateway>::new());
    let secrets = Secrets::open(&secrets_file(&settings.data), &env)
        .map_err(|error| Error::failed("read the platform's own secrets", error))?;
    let master = secrets.master().map_err(|error| Error::failed("read the platform's own secrets", error))?;
    let sessions = SessionKeys::new(master);
    let credentials = credentials(SessionKeys::new(master), env.clone());
    let platform_door = doors::platform_door(&door, &authority, network(&settings), &env)
        .map_err(|error| Error::failed("serve AWS's hosts", error))?;
    let pools = Pools::new(options(&settings, &env, sandboxes, (&shipper, told), platform_door, credentials));
    let blobs = Arc::new(blobs);
    let bucket_objects = Arc::new(BucketObjects::default());
    let pollers = Arc::new(event_sources::Pollers::default());
    let lambda = svc_lambda::Config {
        pools: pools.clone(),
        runtimes: Arc::clone(&runtimes),
        blobs: Arc::clone(&blobs) as Arc<dyn blob::Blobs>,
        trees: settings.data.join("trees"),
        env: env.clone(),
        shipment,
        segments,
        event_sources: Arc::clone(&pollers) as Arc<dyn svc_lambda::EventSources>,
        port: address.port(),
        presigner: Presigner::new(SessionKeys::new(master)),
        objects: Some(Arc::clone(&bucket_objects) as Arc<dyn svc_lambda::Objects>),
        images: settings.images.clone(),
        registries: settings.registries.clone(),
    };
    let inbound = listen_for_mail(&settings).await?;
    let ses = svc_ses::Config { relay: settings.relay.clone(), inbound };
    let ports = Arc::new(listener_ports(&settings, &door, &env));
    let balancers = svc_elbv2::Config {
        ports: (settings.listener_ports == Listening::Bind).then(|| Arc::clone(&ports) as Arc<dyn Ports>),
    };
    let front = Front { issuers: Issuers::new(settings.cognito.as_deref()), ..Front::default() };
    let configs = Configs {
        lambda,
        dynamodb: svc_dynamodb::Config { throttle: settings.throttle },
        kinesis: svc_kinesis::Config { throttle: settings.throttle },
        s3: svc_s3::Config { blobs: Arc::new(objects) },
        ses,
        balancers,
        collector: settings.collector.clone(),
        pollers,
        front: Arc::new(front),
    };
    let platform = Platform::new(kv, env.clone(), services::all(configs));
    bucket_objects.connect(platform.clone());
    let mode = if settings.auth == Auth::Open { Mode::Open } else { Mode::Signed };
    let authenticator = Authenticator::new(mode, Arc::new(RootKey(secrets)), sessions);
    let gateway = Gateway::with_packages(platform.clone(), authenticator, blobs);
    let root = Caller::root(DEFAULT_ACCOUNT, DEFAULT_REGION);
    platform.prepare(&root).await.map_err(|error| Error::failed("read what is kept in memory", error))?;
    let _ = door.set(gateway.clone());
    let mut jobs = platform.start_jobs(&root);
    let hosted = runtimes.list().cloned().collect::<Vec<_>>();
    // Before anybody learns that it is ready: who stops it at once gets a clean stop too.
    let stop = stop_signal()?;
    print_banner(&settings, &address.to_string(), &isolation, &hosted);
    tokio::task::spawn_blocking(move || bootstraps::precompile(&hosted));

    let stop = async {
        stop.await;
        ports.stop.cancel();
    };
    gateway.serve(listener, stop, env.sleep(DRAIN_MAX)).await;
    ports.finish().await;
    pools.shutdown().await;
    shipper.flush().await;
    jobs.shutdown().await;
    fs::write(clean_marker(&settings.data), "")
        .map_err(|error| Error::failed("write the clean marker", error))?;
    say(&format!("lambent stopped; everything is in {}", settings.data.display()));
    Ok(())
}

/// The ports of load balancers' listeners; none is open yet.
fn listener_ports(settings: &Settings, gateway: &Arc<OnceLock<Gateway>>, env: &Env) -> ListenerPorts {
    ListenerPorts {
        gateway: Arc::clone(gateway),
        address: settings.listen.ip(),
        env: env.clone(),
        stop: CancellationToken::new(),
        open: TaskTracker::new(),
    }
}

/// The mail server's port, where one is asked for; says which it is, for the system may have chosen.
async fn listen_for_mail(settings: &Settings) -> Result<Option<TcpListener>, Error> {
    let Some(address) = settings.smtp_listen else { return Ok(None) };
    let failed =
        |error| Error::failed(format!("take mail at {address} (choose another with --smtp-listen)"), error);
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    say(&format!("mail is taken at smtp://{}", listener.local_addr().map_err(failed)?));
    Ok(Some(listener))
}

fn options(
    settings: &Settings,
    env: &Env,
    sandboxes: Arc<dyn Sandboxes>,
    (shipper, told): (&LogShipper, SegmentShipper),
    platform_door: PlatformDoor,
    credentials: CredentialsOf,
) -> Options {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    Options {
        sandboxes,
        sink: Arc::new(shipper.clone()),
        segments: Some(Arc::new(told)),
        env: env.clone(),
        credentials,
        platform_door,
        network: network(settings),
        return_grace: RETURN_GRACE,
        freeze_after: FREEZE_AFTER,
        keep_alive: settings.keep_alive,
        concurrency_max: settings.concurrency,
        rates: settings.rates,
        starting_max: 2 * cores,
        environments_max: settings.environments,
        streaming: execution::Streaming::default(),
        ahead: settings.ahead,
    }
}

type CredentialsOf = Box<dyn Fn(&Version) -> Credentials + Send + Sync>;

/// The keys of an environment: its execution role's, longer than any environment lives.
fn credentials(sessions: SessionKeys, env: Env) -> CredentialsOf {
    Box::new(move |version| {
        let expires = env.now().after(2 * execution::LIFETIME_MAX);
        let minted = sessions.mint(&version.role, &version.function_name, &version.account, expires);
        Credentials {
            access_key_id: minted.access_key_id,
            secret_access_key: minted.secret_access_key.reveal().to_owned(),
            session_token: minted.session_token,
        }
    })
}

fn secrets_file(data: &Path) -> std::path::PathBuf {
    data.join("secrets.json")
}

fn network(settings: &Settings) -> sandbox::Network {
    match settings.network {
        Network::Isolated => sandbox::Network::Isolated,
        Network::Outbound => sandbox::Network::Outbound,
    }
}

async fn open_sandboxes(
    settings: &Settings,
    authority: &Authority,
) -> Result<(Arc<dyn Sandboxes>, Isolation), Error> {
    let spawner =
        sandbox_spawner::Command::own().map_err(|error| Error::failed("find this program", error))?;
    let scratch_dir = settings.data.join("scratch");
    let namespaces = || async {
        let mut options = sandbox_namespace::Options::new(spawner.clone(), scratch_dir.clone());
        options.uid_base = sandbox_spawner::uid_base_for(&scratch_dir);
        options.network = network(settings);
        options.outbound = settings.outbound.clone();
        options.authority = Some(sandbox_namespace::Authority {
            pem: authority.certificate().to_owned(),
            der: authority.der().to_vec(),
            subject_hash: SUBJECT_HASH.to_owned(),
        });
        sandbox_namespace::NamespaceSandboxes::open(options).await
    };
    let processes = || async {
        let options = sandbox_process::Options { spawner: spawner.clone(), scratch_dir: scratch_dir.clone() };
        sandbox_process::ProcessSandboxes::open(options).await
    };
    let failed = |error| Error::failed("start the spawner of sandboxes (see: lambent doctor)", error);
    let sandboxes: Arc<dyn Sandboxes> = match settings.sandbox {
        Kind::Namespace => Arc::new(namespaces().await.map_err(failed)?),
        Kind::Process => Arc::new(processes().await.map_err(failed)?),
        Kind::Auto => match namespaces().await {
            Ok(sandboxes) => Arc::new(sandboxes),
            Err(error) => {
                tracing::warn!(%error, "this machine allows no namespaces (see: lambent doctor)");
                Arc::new(processes().await.map_err(failed)?)
            }
        },
    };
    let isolation = sandboxes.describe();
    Ok((sandboxes, isolation))
}

/// After a crash an unpacked tree may be half on disk; all can be made anew from the blobs.
fn sweep_trees(data: &Path) -> Result<(), Error> {
    let failed = |error| Error::failed("sweep unpacked packages", error);
    let marker = clean_marker(data);
    if marker.exists() {
        return fs::remove_file(marker).map_err(failed);
    }
    let trees = data.join("trees");
    fs::remove_dir_all(&trees).map_err(failed)?;
    fs::create_dir_all(&trees).map_err(failed)
}

fn clean_marker(data: &Path) -> std::path::PathBuf {
    data.join("stopped-cleanly")
}

/// Listens for Ctrl-C and SIGTERM from now on; the future resolves at the first.
fn stop_signal() -> Result<impl Future<Output = ()>, Error> {
    let listen = |kind| signal(kind).map_err(|error| Error::failed("listen for signals", error));
    let (mut interrupt, mut terminate) = (listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?);
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        say("stopping: requests under way finish first");
    })
}

/// Prints a line, if anybody still reads: on Ctrl-C the reader of a pipe may be gone first.
fn say(line: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stdout(), "{line}");
}

fn print_banner(settings: &Settings, address: &str, isolation: &Isolation, hosted: &[Hosted]) {
    let missing = isolation.missing().map(|guarantee| format!("{guarantee:?}")).collect::<Vec<_>>();
    let sandbox = match (isolation.name, missing.is_empty()) {
        ("process", _) => {
            "process: FUNCTIONS ARE NOT ISOLATED from each other or from this machine".to_owned()
        }
        (name, true) => format!("{name}: every guarantee"),
        (name, false) => format!("{name}, without {}", missing.join(", ")),
    };
    let shown = |hosted: &Hosted| format!("{hosted}{}", runtimes::note(hosted));
    let languages = hosted.iter().map(shown).collect::<Vec<_>>();
    let languages = if languages.is_empty() {
        "none found (only provided.* runs; see: lambent doctor)".to_owned()
    } else {
        languages.join(", ")
    };
    let auth = match settings.auth {
        Auth::Open => "open: any key or none, account 000000000000",
        Auth::Signed => "signed: only keys that exist",
    };
    say(&format!("lambent {} is ready at http://{address}", env!("CARGO_PKG_VERSION")));
    say("");
    say(&format!("  data       {}", settings.data.display()));
    say(&format!("  sandbox    {sandbox}"));
    say(&format!("  languages  {languages}, provided.*"));
    say(&format!("  auth       {auth}"));
    say("");
    say("Point an AWS client here:");
    let secrets = match settings.auth {
        Auth::Open => String::new(),
        Auth::Signed => format!(" --secrets {}", secrets_file(&settings.data).display()),
    };
    say(&format!("  eval \"$(lambent env --endpoint http://{address}{secrets})\""));
    say("Or deploy a folder:");
    say("  lambent deploy examples/hello-python && lambent invoke hello-python");
}
