//! Starting: opens what the server needs, then runs it; and the other commands of `chatserver`.

mod admin;
#[cfg(feature = "cluster")]
mod cluster;
#[cfg(not(feature = "cluster"))]
#[path = "run/no_cluster.rs"]
mod cluster;
mod tasks;
mod shown;
mod server;
mod hub_thread;
mod backups;

use crate::args::{Args, Command, Serve};
use crate::clock::{self, Clock};
use crate::config::{Config, ConfigError};
use crate::hub::Hub;
use crate::limits::{NEW_PASSWORD_BYTES, PASSWORD_BYTES};
use crate::listen::{self, ListenError};
use crate::log;
use crate::shard::admin_socket::AdminSocketError;
use crate::systemd;
use crate::transport::certificate::{Certificate, CertificateError};
use cluster::ClusterError;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::system::uname;
use server::{Prepared, Server};
use shown::Shown;
use std::io::Write as _;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use store::{Failure, MemoryStore, SqliteStore, Store};

/// Why the server cannot start, or did not stop cleanly: a sentence that says what to do.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The config file.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The cluster.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// The addresses.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// The admin socket.
    #[error(transparent)]
    AdminSocket(#[from] AdminSocketError),
    /// No server is running with this data folder.
    #[error("no server is running with the data in {0}; name its folder with --data")]
    NoServer(PathBuf),
    /// `admin` with words that do not make a line.
    #[error("{0}")]
    Usage(&'static str),
    /// The certificate.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// The data folder.
    #[error(transparent)]
    Store(#[from] Failure),
    /// The system.
    #[error("the system refused a request: {0}")]
    System(#[from] std::io::Error),
    /// Randomness.
    #[error("the system provides no randomness: {0}")]
    Randomness(#[from] getrandom::Error),
    /// `passwd` for a name without an account.
    #[error("no account has the name {0:?}; names are registered by logging in")]
    NoAccount(String),
    /// `passwd` or `check` without a database.
    #[error("there is no Parlor database in {0}; name its directory with --data")]
    NoDatabase(PathBuf),
    /// `passwd` with an invalid password.
    #[error(
        "a password has {NEW_PASSWORD_BYTES} to {PASSWORD_BYTES} bytes and no NUL; nothing was changed"
    )]
    BadPassword,
    /// `passwd` with two different passwords.
    #[error("the two passwords differ; nothing was changed")]
    PasswordsDiffer,
    /// `check` found damage.
    #[error(
        "the database is damaged: {0}; stop the server, keep a copy of the directory, and restore a backup"
    )]
    Damaged(String),
    /// A bug: a thread panicked.
    #[error(
        "part of the server failed; everything acknowledged is stored. Please report the lines above"
    )]
    Panic,
}

impl RunError {
    /// The exit code: 4 if no server is running, 2 for a bad command line, else 1.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            RunError::NoServer(_) => ExitCode::from(4),
            RunError::Usage(_) => ExitCode::from(2),
            _ => ExitCode::FAILURE,
        }
    }
}

/// Runs the command on the command line.
///
/// # Errors
/// [`RunError`], whose text says what to do.
pub fn run(args: Args) -> Result<ExitCode, RunError> {
    match args.command {
        Some(Command::Admin { json, data, words }) => return admin::run(&words, json, &data),
        None => serve(&args.serve),
        Some(Command::Cluster(command)) => match cluster::run(command)? {
            true => Ok(()),
            false => return Ok(ExitCode::FAILURE),
        },
        Some(Command::Passwd { name, data }) => tasks::passwd(&name, &data),
        Some(Command::Check { data }) => tasks::check(&data),
        Some(Command::Backup { file, anyway: false, data }) => tasks::backup(&file, &data),
        Some(Command::Backup { file, anyway: true, data }) => tasks::backup_anyway(&file, &data),
        Some(Command::Salvage { from, to }) => tasks::salvage(&from, &to),
        Some(Command::Restore { file, data }) => tasks::restore(&file, &data),
    }?;
    Ok(ExitCode::SUCCESS)
}

/// Opens everything first, so that a mistake changes nothing; then serves until a signal.
fn serve(args: &Serve) -> Result<(), RunError> {
    let mut config = match &args.config {
        Some(path) => Config::read(path)?,
        None => Config::default(),
    };
    let server = &config.server;
    let (bind, port) = (args.bind.as_deref().or(server.bind.as_deref()), args.port(server));
    let data = args.data.clone().unwrap_or_else(|| server.data.clone());
    if args.check_config {
        listen::resolve_more(&config.server.listen, &[listen::resolve(bind, port)?])?;
        Certificate::load(&config.tls, None)?;
        return Ok(writeln!(std::io::stdout(), "The config file is valid")?);
    }
    let mut listeners = systemd::sockets()?;
    let given = !listeners.is_empty();
    if !given {
        listeners.push(listen::bind(bind, port)?);
    }
    let taken =
        listeners.iter().map(TcpListener::local_addr).collect::<Result<Vec<SocketAddr>, _>>()?;
    config.port = taken[0].port();
    listeners.extend(listen::bind_more(&config.server.listen, &taken)?);
    // Started first, so that what the store finds is logged, too.
    let guard = log::start(args.log_format);
    let (store, found) = match &config.cluster {
        None => (open_store(&data, args.accept_loss)?, None),
        Some(cluster) => {
            let (store, found) = cluster::open_store(cluster, &data)?;
            (store, Some(found))
        }
    };
    let folder = (data != Path::new(IN_MEMORY)).then_some(data);
    let certificate = Certificate::load(&config.tls, folder.as_deref())?;
    config.tls.vouched = certificate.vouched;
    allow_many_files();
    // Half a server is worse than none: clients would wait forever.
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        report(panic);
        eprintln!("chatserver: this is a bug, please report it; everything acknowledged is stored");
        std::process::abort();
    }));
    if given && args.says_where() {
        tracing::warn!("The service manager listens; --port and --bind are ignored");
    }
    let prepared =
        Prepared { config: Arc::new(config), folder, certificate, listeners, store, found };
    let ended = Server::start(prepared)?.wait();
    drop(guard);
    ended
}

/// The command with which people can join, with the machine's name unless the server listens on one
/// address only.
fn join_line(address: SocketAddr) -> String {
    let (ip, port) = (address.ip(), address.port());
    let machine = uname();
    let host = match ip.is_unspecified() {
        true => machine.nodename().to_string_lossy().into_owned(),
        false if ip.is_loopback() => "localhost".to_owned(),
        false => ip.to_string(),
    };
    format!("chatclient -hn {host} -p {port}")
}

/// Raises the limit on open files: each connection is one, and the default limit is often far below
/// the maximum.
fn allow_many_files() {
    let limit = getrlimit(Resource::Nofile);
    // If refused, the server runs with the current limit: further connections wait, which is
    // logged.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
}

/// Random characters that begin the msgids of a new store.
fn fresh_instance() -> Result<String, RunError> {
    let mut random = [0; 4];
    getrandom::fill(&mut random)?;
    let letters = b"abcdefghijklmnopqrstuvwxyz0123456789";
    Ok(random.iter().map(|byte| char::from(letters[usize::from(*byte) % letters.len()])).collect())
}

fn open_store(data: &Path, accept_loss: bool) -> Result<Box<dyn Store>, RunError> {
    let instance = fresh_instance()?;
    Ok(if data == Path::new(IN_MEMORY) {
        Box::new(MemoryStore::new(&instance))
    } else {
        let shown = Shown::start();
        Box::new(SqliteStore::open_watched(data, &instance, accept_loss, shown.progress())?)
    })
}

/// Loads the state from the store, adding the cloak key and the rooms it must have; and the clock
/// that continues from it.
fn load(
    store: &mut dyn Store,
    config: &Arc<Config>,
    data: &Path,
) -> Result<(Hub, Clock), RunError> {
    let mut loaded = store.load()?;
    log::loaded(&loaded);
    if loaded.live.is_some() {
        return Err(ClusterError::OfACluster(data.to_owned()).into());
    }
    if loaded.cloak_key.is_none() {
        let mut key = [0; 32];
        getrandom::fill(&mut key)?;
        store.commit(&mut [store::Write::CloakKey(key)].iter())?;
        loaded.cloak_key = Some(key);
    }
    let (clock, now) = (Clock::going_on_from(loaded.last_resend), clock::wall());
    log::clock_behind(loaded.last_time, now);
    let (hub, first) = Hub::new(config.clone(), loaded, now);
    store.commit(&mut first.iter())?;
    Ok((hub, clock))
}

/// The data folder that stands for none.
const IN_MEMORY: &str = ":memory:";
