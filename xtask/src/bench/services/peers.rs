//! The peers: other servers of AWS's interfaces, installed once below `target/bench-peers`.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::super::run_to_end;
use crate::Error;

/// Who is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Server {
    Lambent,
    Moto,
    Dynalite,
    Kinesalite,
    S3rver,
}

/// A peer may need this long to be reachable.
const START_MAX: Duration = Duration::from_secs(30);

impl Server {
    pub fn name(self) -> &'static str {
        match self {
            Self::Lambent => "lambent",
            Self::Moto => "moto_server 5.2.1",
            Self::Dynalite => "dynalite 4.0.0",
            Self::Kinesalite => "kinesalite 3.3.3",
            Self::S3rver => "s3rver 3.7.1",
        }
    }

    /// How many times as fast as this one the platform is to be.
    pub fn goal(self) -> f64 {
        match self {
            Self::Lambent => 1.0,
            Self::Moto => 10.0,
            Self::Dynalite | Self::Kinesalite | Self::S3rver => 3.0,
        }
    }

    /// Its program below the folder of peers.
    fn program(self, folder: &Path) -> PathBuf {
        let npm = |name: &str| folder.join("node_modules/.bin").join(name);
        match self {
            Self::Lambent => PathBuf::new(),
            Self::Moto => folder.join("moto/bin/moto_server"),
            Self::Dynalite => npm("dynalite"),
            Self::Kinesalite => npm("kinesalite"),
            Self::S3rver => npm("s3rver"),
        }
    }

    /// Installs it, unless it is there already.
    fn install(self, folder: &Path) -> Result<(), Error> {
        fs::create_dir_all(folder)?;
        if self.program(folder).exists() {
            return Ok(());
        }
        let package = self.name().replace(' ', "@");
        if self == Self::Moto {
            run_to_end(Command::new("python3").args(["-m", "venv"]).arg(folder.join("moto")))?;
            let pip = folder.join("moto/bin/pip");
            return run_to_end(Command::new(pip).args(["install", "--quiet", "moto[server]==5.2.1"]));
        }
        let npm = ["install", "--silent", "--no-fund", "--no-audit", "--prefix"];
        run_to_end(Command::new("npm").args(npm).arg(folder).arg(package))
    }

    /// Starts it on a free port with its state in memory, or in `data`, which is made anew.
    pub fn start(self, folder: &Path, data: &Path) -> Result<Peer, Error> {
        self.install(folder)?;
        let _ = fs::remove_dir_all(data);
        fs::create_dir_all(data)?;
        // Free a moment ago: the peers can't say which port the system chose.
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let mut command = Command::new(self.program(folder));
        match self {
            Self::Lambent => return Err("the platform is no peer".into()),
            Self::Moto => command.args(["-H", "127.0.0.1", "-p"]).arg(port.to_string()),
            Self::Dynalite => {
                command.args(["--host", "127.0.0.1", "--createTableMs", "0", "--port"]).arg(port.to_string())
            }
            Self::Kinesalite => {
                let settings = ["--createStreamMs", "0", "--shardLimit", "100", "--port"];
                command.args(settings).arg(port.to_string())
            }
            Self::S3rver => {
                command.args(["--silent", "--address", "127.0.0.1", "--configure-bucket", super::s3::BUCKET]);
                command.arg("--directory").arg(data).arg("--port").arg(port.to_string())
            }
        };
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        let peer = Peer { child, address: format!("127.0.0.1:{port}") };
        let began = Instant::now();
        while TcpStream::connect(&peer.address).is_err() {
            if began.elapsed() > START_MAX {
                return Err(format!("{} does not listen", self.name()).into());
            }
            std::thread::park_timeout(Duration::from_millis(50));
        }
        Ok(peer)
    }
}

/// A running peer; ends with it.
pub struct Peer {
    pub child: Child,
    pub address: String,
}

impl Drop for Peer {
    fn drop(&mut self) {
        // If it is gone already there is nothing to end.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
