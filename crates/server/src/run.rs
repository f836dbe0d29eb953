//! Starting and stopping: opens what the server needs, starts its threads, and waits for the signal
//! to end.

mod admin;
mod tasks;
mod shown;
mod backups;

use crate::args::{Args, Command, Serve};
use crate::clock::{self, Clock};
use crate::config::{Config, ConfigError};
use crate::damage::Watch;
use crate::hub::pace::Pace;
use crate::hub::reload::Reload;
use crate::hub::{Hub, Input, Stamped};
use crate::inbox::{self, Inbox, Item};
use crate::journal::{self, Journal, JournalHandle};
use crate::limits::{
    ENDS_LEAST_MILLIS, ENDS_MOST_MILLIS, HUB_QUEUE, MAINTAIN_SECONDS, NEW_PASSWORD_BYTES,
    PASSWORD_BYTES, PASSWORD_THREADS, WAKE_QUEUE,
};
use crate::listen::{self, ListenError};
use crate::metrics::{Metrics, Queue};
use crate::pulse::Pulse;
use crate::queue::{self, Sender, bounded};
use crate::session_id::SessionId;
use crate::shard::admin_socket::{self, AdminSocket, AdminSocketError};
use crate::shard::listeners::Listeners;
use crate::shard::memory::Memory;
use crate::systemd::{self, Watchdog};
use crate::transport::certificate::{Certificate, CertificateError};
use crate::transport::expiry::{self, Looks};
use crate::wake::Wake;
use crate::{log, password, reader, shard};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::system::uname;
use shown::Shown;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::io::Write as _;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{
    self, Receiver, RecvError, RecvTimeoutError, SyncSender, TryRecvError, sync_channel,
};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use store::{Failure, MemoryStore, SqliteStore, Store};

/// Why the server cannot start, or stopped badly: a sentence that says what to do.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The config file.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The addresses.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// The admin socket.
    #[error(transparent)]
    AdminSocket(#[from] AdminSocketError),
    /// No server has a data folder open.
    #[error("no server is running with the data in {0}; name its folder with --data")]
    NoServer(PathBuf),
    /// `admin` with words that no line can be made of.
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
    /// `passwd` for a name that is nobody's.
    #[error("no account has the name {0:?}; names are registered by logging in")]
    NoAccount(String),
    /// `passwd` or `check` where there is no database.
    #[error("there is no Parlor database in {0}; name its directory with --data")]
    NoDatabase(PathBuf),
    /// `passwd` with a password that cannot be.
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
    /// A bug: a thread ended in a panic.
    #[error(
        "part of the server failed; everything acknowledged is stored. Please report the lines above"
    )]
    Panic,
}

impl RunError {
    /// What the process ends with: 4 if there is no server, 2 if the command line cannot be, else 1.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            RunError::NoServer(_) => ExitCode::from(4),
            RunError::Usage(_) => ExitCode::from(2),
            _ => ExitCode::FAILURE,
        }
    }
}

/// Does what the command line says.
///
/// # Errors
/// [`RunError`], whose text says what to do.
pub fn run(args: Args) -> Result<ExitCode, RunError> {
    match args.command {
        Some(Command::Admin { json, data, words }) => return admin::run(&words, json, &data),
        None => serve(&args.serve),
        Some(Command::Passwd { name, data }) => tasks::passwd(&name, &data),
        Some(Command::Check { data }) => tasks::check(&data),
        Some(Command::Backup { file, anyway: false, data }) => tasks::backup(&file, &data),
        Some(Command::Backup { file, anyway: true, data }) => tasks::backup_anyway(&file, &data),
        Some(Command::Salvage { from, to }) => tasks::salvage(&from, &to),
        Some(Command::Restore { file, data }) => tasks::restore(&file, &data),
    }?;
    Ok(ExitCode::SUCCESS)
}

/// Opens everything first, so that a mistake changes nothing; then runs until a signal.
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
    // What the store finds is in the log, too.
    let guard = log::start(args.log_format);
    let store = open_store(&data, args.accept_loss)?;
    let folder = (data != Path::new(IN_MEMORY)).then_some(data);
    let certificate = Certificate::load(&config.tls, folder.as_deref())?;
    config.tls.vouched = certificate.vouched;
    allow_many_files();
    // Half a server is worse than none: a client would wait for ever.
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        report(panic);
        eprintln!("chatserver: this is a bug, please report it; everything acknowledged is stored");
        std::process::abort();
    }));
    if given && args.says_where() {
        tracing::warn!("The service manager listens; --port and --bind are ignored");
    }
    let begun = Begun { config: Arc::new(config), folder, certificate, listeners, store };
    let ended = Server::start(begun)?.wait();
    drop(guard);
    ended
}

/// What people type to join: by the machine's name, unless it listens at one address only.
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

/// Each connection is an open file; the system's first limit is often far below its last.
fn allow_many_files() {
    let limit = getrlimit(Resource::Nofile);
    // Refused, we go on with what there is: a connection beyond it waits, which the log tells.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
}

/// A few characters that begin the message ids of a new store.
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

/// The state of what the store has, with the key and the rooms that it must have; and the clock that
/// goes on from it.
fn load(store: &mut dyn Store, config: &Arc<Config>) -> Result<(Hub, Clock), RunError> {
    let mut loaded = store.load()?;
    log::loaded(&loaded);
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

/// The data folder that is none.
const IN_MEMORY: &str = ":memory:";

/// What the server has opened, so that nothing more can go wrong for a mistake of the operator's.
struct Begun {
    config: Arc<Config>,
    /// The data folder; none if nothing is kept.
    folder: Option<PathBuf>,
    certificate: Certificate,
    listeners: Vec<TcpListener>,
    store: Box<dyn Store>,
}

/// The running server: its threads and the ways to them.
struct Server {
    hub: Sender<Input>,
    inboxes: Vec<Inbox>,
    listening: Vec<SocketAddr>,
    config: Arc<Config>,
    folder: Option<PathBuf>,
    certificate: Certificate,
    woken: Receiver<Wake>,
    metrics: Arc<Metrics>,
    lookalikes: Looks,
    pulse: Arc<Pulse>,
    /// The backups go on as long as it is there.
    backups: Option<std::sync::mpsc::Sender<()>>,
    backup: Arc<store::Progress>,
    threads: Vec<JoinHandle<Result<(), RunError>>>,
}

impl Server {
    fn start(begun: Begun) -> Result<Server, RunError> {
        let Begun { config, folder, certificate, listeners, mut store } = begun;
        let (live, clock) = load(&mut *store, &config)?;
        let renderer = live.state.renderer.clone();
        let damage = store.damage();
        let count = thread::available_parallelism().map_or(1, |cores| cores.get().min(64));
        let metrics = Arc::new(Metrics::new(count));
        metrics.hub_has(0, 0, live.state.rooms.len());
        let memory = Arc::new(Memory::new(count));
        let damage = Watch::new(damage, metrics.clone());
        let (hub, to_hub) = bounded(HUB_QUEUE, metrics.waiting(Queue::Hub));
        let waiting = metrics.waiting(Queue::Passwords);
        let (passwords, worker) = password::queue(hub.clone(), waiting);
        let (readers, queues) = reader::queues(&metrics.waiting(Queue::Readers));
        let mut inboxes = Vec::new();
        let mut outlets = Vec::new();
        for _ in 0..count {
            let (inbox, outlet) = inbox::new(metrics.waiting(Queue::Shards))?;
            inboxes.push(inbox);
            outlets.push(outlet);
        }
        let listening = listeners.iter().map(TcpListener::local_addr).collect::<Result<_, _>>()?;
        let mut listeners = Some(Listeners::new(listeners, inboxes.clone()));
        let mut admin_socket = folder.as_deref().map(AdminSocket::bind).transpose()?;
        let committed = Arc::new(AtomicU64::new(0));
        let (wake, woken) = sync_channel(WAKE_QUEUE);
        let (backups, running) = std::sync::mpsc::channel();
        let backup = Arc::<store::Progress>::default();
        let mut server = Server {
            hub,
            inboxes,
            listening,
            config,
            folder,
            certificate,
            woken,
            metrics: metrics.clone(),
            lookalikes: Looks::new(Instant::now()),
            pulse: Arc::new(Pulse::default()),
            threads: Vec::new(),
            backups: Some(backups),
            backup,
        };
        server.keep_backups(running, &metrics)?;

        let (reading, readers_ended) = mpsc::channel();
        for (number, queue) in queues.into_iter().enumerate() {
            let (store, reading) = (store.reader()?, reading.clone());
            let (renderer, shards) = (renderer.clone(), server.inboxes.clone());
            let damage = damage.clone();
            server.spawn(&format!("reader-{number}"), false, move || {
                reader::run(&queue, store, &renderer, &shards, &damage);
                drop(reading); // After the store's reader.
                Ok(())
            })?;
        }
        drop(reading);
        for number in 0..PASSWORD_THREADS {
            let worker = worker.clone();
            server.spawn(&format!("password-{number}"), false, move || {
                worker.run();
                Ok(())
            })?;
        }
        let journal = Journal {
            store,
            shards: server.inboxes.clone(),
            hub: server.hub.clone(),
            committed: committed.clone(),
            epoch: 0,
            clock,
            every: Duration::from_secs(MAINTAIN_SECONDS),
            folder: server.folder.clone(),
            history: server.config.history.clone(),
            space: None,
            looked: Instant::now(),
            metrics: metrics.clone(),
            damage,
            pulse: server.pulse.clone(),
            readers: readers_ended,
            wake: wake.clone(),
        };
        let (journal, keeper) = journal::ends(journal, metrics.waiting(Queue::Journal));
        server.spawn("journal", true, move || Ok(keeper.run()?))?;
        let (counts, pulse) = (metrics.clone(), server.pulse.clone());
        let pace = Pace::new(server.hub.clone());
        server.spawn("hub", true, move || {
            Ok(run_hub(live, clock, (&to_hub, &pace), &journal, &committed, &counts, &pulse)?)
        })?;
        for (id, outlet) in (0u8..).zip(outlets) {
            let parts = shard::Parts {
                id,
                config: server.config.clone(),
                certificate: server.certificate.clone(),
                renderer: renderer.clone(),
                port: server.config.port,
                listeners: listeners.take(),
                admin_socket: admin_socket.take(),
                hub: server.hub.clone(),
                passwords: passwords.clone(),
                readers: readers.clone(),
                wake: wake.clone(),
                metrics: metrics.clone(),
                memory: memory.clone(),
            };
            server.spawn(&format!("shard-{id}"), true, move || Ok(shard::run(parts, outlet)?))?;
        }
        server.heed_signals(wake)?;
        Ok(server)
    }

    /// Starts what hears the signals that stop the server, or have its config read again.
    fn heed_signals(&mut self, wake: SyncSender<Wake>) -> Result<(), RunError> {
        let mut signals = Signals::new([SIGTERM, SIGINT, SIGHUP])?;
        self.spawn("signals", false, move || {
            let wishes = signals.forever().map(|signal| match signal {
                SIGHUP => Wake::Reload(None),
                _ => Wake::Stop,
            });
            for wish in wishes {
                if wake.send(wish).is_err() {
                    break; // The server stops already.
                }
            }
            Ok(())
        })
    }

    /// Starts what makes backups, if the config asks for them.
    fn keep_backups(
        &mut self,
        running: Receiver<()>,
        metrics: &Arc<Metrics>,
    ) -> Result<(), RunError> {
        let config = self.config.backup.clone();
        let (Some(folder), Some(data)) = (config.folder.clone(), self.folder.clone()) else {
            return Ok(());
        };
        let (progress, metrics) = (self.backup.clone(), metrics.clone());
        let backups = backups::Backups { data, folder, config, running, progress, metrics };
        self.spawn("backup", true, move || {
            backups.run();
            Ok(())
        })
    }

    /// Starts a thread; `joined`: the stop waits for it.
    fn spawn(
        &mut self,
        name: &str,
        joined: bool,
        run: impl FnOnce() -> Result<(), RunError> + Send + 'static,
    ) -> Result<(), RunError> {
        let thread = thread::Builder::new().name(name.to_owned()).spawn(run)?;
        if joined {
            self.threads.push(thread);
        }
        Ok(())
    }

    /// Serves until SIGTERM or Ctrl-C, then stops in order. On SIGHUP, or when an operator wishes
    /// it, reads the config file again.
    fn wait(mut self) -> Result<(), RunError> {
        for address in &self.listening[1..] {
            tracing::info!(%address, "Listening on another address");
        }
        match self.folder.as_ref().map(|folder| folder.canonicalize()) {
            Some(folder) => {
                tracing::info!(folder = %folder?.display(), "Accounts, rooms and history are kept");
            }
            None => tracing::info!("Nothing is kept: accounts, rooms and history are in memory"),
        }
        self.say_fingerprint();
        self.look_at_certificate();
        tracing::info!("Join with: {}", join_line(self.listening[0]));
        log::waiting(self.config.port);
        systemd::ready(self.config.port);
        let mut watchdog = Watchdog::from_env();
        loop {
            match self.next_wish(&mut watchdog)? {
                Some(Wake::Reload(by)) => {
                    systemd::reloading();
                    self.reload(by)?;
                    systemd::ready(self.config.port);
                }
                Some(Wake::Failed(failure)) => {
                    tracing::error!("{failure}");
                    return Err(failure.into());
                }
                Some(Wake::Stop) | None => break,
            }
        }
        systemd::stopping();
        tracing::info!("Stopping: notifying everyone, storing everything");
        self.inboxes[0].send(Item::StopListening);
        self.hub.send(Input::Stop).map_err(|_| RunError::Panic)?;
        self.backup.stop();
        drop(self.backups.take());
        drop(self.woken); // Nobody waits to be heard any more.
        for thread in self.threads {
            thread.join().map_err(|_| RunError::Panic)??;
        }
        if let Some(folder) = &self.folder {
            admin_socket::remove(folder);
        }
        tracing::info!("Stopped");
        Ok(())
    }
}

impl Server {
    /// Waits for a signal or an operator's wish; meanwhile gives signs of life and looks at the
    /// certificate once a day.
    fn next_wish(&mut self, watchdog: &mut Watchdog) -> Result<Option<Wake>, RunError> {
        loop {
            let look = self.lookalikes.patience(Instant::now());
            let patience = watchdog.every.map_or(look, |every| every.min(look));
            match self.woken.recv_timeout(patience) {
                Ok(wish) => return Ok(Some(wish)),
                Err(RecvTimeoutError::Disconnected) => return Ok(None),
                Err(RecvTimeoutError::Timeout) => {}
            }
            if self.lookalikes.take_due(Instant::now()) {
                self.look_at_certificate();
            }
            if watchdog.every.is_some() && watchdog.ask(&self.pulse) {
                self.hub.send(Input::Look).map_err(|_| RunError::Panic)?;
            }
        }
    }

    /// Warns the operator of a certificate that has expired or will soon.
    fn look_at_certificate(&self) {
        let expires = self.certificate.expires;
        self.metrics.certificate_expires(expires);
        let Some(expires) = expires else { return };
        if let Some(warning) = expiry::warning(expires, clock::wall() / 1000) {
            let mut date = Vec::new();
            proto::time::write_date(expires.saturating_mul(1000), &mut date);
            let expires = String::from_utf8_lossy(&date).into_owned();
            tracing::warn!(%expires, "{warning}");
        }
    }

    /// Tells the operator's terminal by what people can know the certificate.
    fn say_fingerprint(&self) {
        let fingerprint = self.certificate.fingerprint;
        if self.config.tls.is_real() {
            tracing::info!(sha256_fingerprint = %fingerprint, "Using the certificate in [tls]");
        } else if self.config.tls.certificate.is_some() {
            tracing::warn!(
                sha256_fingerprint = %fingerprint,
                "The certificate in [tls] is self-signed: clients cannot verify it, so STS is not advertised"
            );
        } else {
            tracing::info!(sha256_fingerprint = %fingerprint, "Using a self-signed certificate");
        }
    }

    /// Reads the config file again. A mistake in it changes nothing.
    fn reload(&mut self, by: Option<SessionId>) -> Result<(), RunError> {
        let shown = self.certificate.fingerprint;
        let outcome = match &self.config.file {
            None => Err("the server was started without a config file".to_owned()),
            Some(path) => Config::read(path).map_err(|error| error.to_string()),
        };
        // Its files may be new ones under the same names.
        let outcome = outcome.and_then(|new| {
            let (mut config, later) = self.config.reload(new);
            let certificate = Certificate::load(&config.tls, self.folder.as_deref());
            self.certificate = certificate.map_err(|error| error.to_string())?;
            config.tls.vouched = self.certificate.vouched;
            Ok((Arc::new(config), later))
        });
        let reload = Reload { by, outcome };
        let (sentences, good) = (reload.sentences(), reload.outcome.is_ok());
        if let Ok((config, _)) = &reload.outcome {
            self.config = config.clone();
            for inbox in &self.inboxes {
                inbox.send(Item::Config(config.clone()));
                inbox.send(Item::Certificate(self.certificate.clone()));
            }
        }
        self.hub.send(Input::Reload(reload)).map_err(|_| RunError::Panic)?;
        if self.certificate.fingerprint != shown {
            self.say_fingerprint();
        }
        self.look_at_certificate();
        // Only now: whoever reads it in the log can rely on it.
        for sentence in sentences {
            match good {
                true => tracing::info!("{sentence}"),
                false => tracing::warn!("{sentence}"),
            }
        }
        Ok(())
    }
}

/// Waits for what comes, but not beyond the end of a ban: then the hub is to look at it.
fn wait(hub: &Hub, inputs: &queue::Receiver<Input>) -> Result<Input, RecvError> {
    let Some((end, ..)) = hub.state.ends.first() else { return inputs.recv() };
    let left = u64::try_from(end.saturating_sub(clock::wall())).unwrap_or(0);
    let patience = Duration::from_millis(left.clamp(ENDS_LEAST_MILLIS, ENDS_MOST_MILLIS));
    match inputs.recv_timeout(patience) {
        Err(RecvTimeoutError::Timeout) => Ok(Input::Look),
        Err(RecvTimeoutError::Disconnected) => Err(RecvError),
        Ok(input) => Ok(input),
    }
}

/// The hub's thread: stamps what comes with the time, applies it, and passes the effects on.
///
/// # Errors
/// When it has stored something itself, and nobody knows whether that is stored.
fn run_hub(
    mut hub: Hub,
    clock: Clock,
    (inputs, pace): (&queue::Receiver<Input>, &Pace),
    journal: &JournalHandle,
    committed: &AtomicU64,
    metrics: &Metrics,
    pulse: &Pulse,
) -> Result<(), Failure> {
    // Those who wait for their turn and what comes from the shards take turns.
    let mut their_turn = false;
    loop {
        let has_turns = hub.has_turns() && pace.is_free();
        let input = if hub.has_rest() || (their_turn && has_turns) {
            Ok(Input::Continue)
        } else if has_turns {
            match inputs.try_recv() {
                Err(TryRecvError::Empty) => Ok(Input::Continue),
                Err(TryRecvError::Disconnected) => Err(RecvError),
                Ok(input) => Ok(input),
            }
        } else {
            wait(&hub, inputs)
        };
        let Ok(input) = input else { return Ok(()) };
        let is_turn = matches!(input, Input::Continue) && !hub.has_rest();
        their_turn = !is_turn;
        let committed = committed.load(Ordering::Acquire);
        let (now, steady) = (clock::wall(), clock.steady());
        let mut effects = hub.apply(Stamped { now, steady, committed, input });
        metrics.hub_has(hub.node.sessions.len(), hub.state.users.len(), hub.state.rooms.len());
        metrics.disk().is_scarce(hub.node.disk.is_scarce);
        let last = effects.last;
        let asked = pulse.take_up();
        if !asked && effects.is_empty() {
            continue;
        }
        effects.turn = is_turn.then(|| pace.begin());
        let idle = inputs.is_empty() && !hub.has_rest() && !hub.has_turns();
        if !journal.pass_on(effects, idle)? || last {
            return Ok(());
        }
    }
}
