//! The running server: starts its threads, waits for signals, and stops it.

use super::cluster::{ClusterError, ClusterLog, Member};
use super::hub_thread::LogQueues;
use super::{IN_MEMORY, RunError, backups, hub_thread, join_line, load};
use crate::clock;
use crate::config::Config;
use crate::damage::Watch;
use crate::hub::Input;
use crate::hub::reload::Reload;
use crate::hub::turn_gate::TurnGate;
use crate::inbox::{self, Inbox, Item};
use crate::journal::{self, Journal};
use crate::limits::{HUB_QUEUE, MAINTAIN_SECONDS, PASSWORD_THREADS, WAKE_QUEUE};
use crate::metrics::{Metrics, Queue};
use crate::priority::Foreground;
use crate::pulse::Pulse;
use crate::queue::{Sender, bounded};
use crate::session_id::SessionId;
use crate::shard::admin_socket::{self, AdminSocket};
use crate::shard::listeners::Listeners;
use crate::shard::memory::Memory;
use crate::systemd::{self, Watchdog};
use crate::transport::certificate::Certificate;
use crate::transport::expiry::{self, ExpiryCheck};
use crate::wake::Wake;
use crate::{indexing, log, password, reader, shard};
use proto::node::Node;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use store::Store;

/// What the server has opened, so that an operator's mistake can no longer make it fail.
pub(super) struct Prepared {
    pub(super) config: Arc<Config>,
    /// The data folder; none if nothing is stored on disk.
    pub(super) folder: Option<PathBuf>,
    pub(super) certificate: Certificate,
    pub(super) listeners: Vec<TcpListener>,
    pub(super) store: Box<dyn Store>,
    /// The cluster that it is a node of.
    pub(super) found: Option<ClusterLog>,
}

/// The running server: its threads, and the queues to them.
pub(super) struct Server {
    hub: Sender<Input>,
    inboxes: Vec<Inbox>,
    listening: Vec<SocketAddr>,
    config: Arc<Config>,
    folder: Option<PathBuf>,
    certificate: Certificate,
    woken: Receiver<Wake>,
    metrics: Arc<Metrics>,
    expiry_check: ExpiryCheck,
    pulse: Arc<Pulse>,
    /// Backups continue until it is dropped.
    backups: Option<std::sync::mpsc::Sender<()>>,
    backup: Arc<store::Progress>,
    threads: Vec<JoinHandle<Result<(), RunError>>>,
}

impl Server {
    pub(super) fn start(prepared: Prepared) -> Result<Server, RunError> {
        let Prepared { config, folder, certificate, listeners, mut store, found } = prepared;
        let data = folder.as_deref().unwrap_or(Path::new(IN_MEMORY));
        let (live, clock, member) = match found {
            None => {
                let (hub, clock) = load(&mut *store, &config, data)?;
                (hub, clock, None)
            }
            Some(found) => {
                let (hub, clock, member) = found.load(&mut *store, &config, data)?;
                (hub, clock, Some(member))
            }
        };
        let renderer = live.state.renderer.clone();
        let damage = store.damage();
        let count = thread::available_parallelism().map_or(1, |cores| cores.get().min(64));
        let metrics = Arc::new(match &member {
            None => Metrics::new(count),
            Some(_) => Metrics::in_cluster(count),
        });
        metrics.hub_has(0, 0, live.state.rooms.len());
        let memory = Arc::new(Memory::new(count));
        let damage = Watch::new(damage, metrics.clone());
        let (hub, to_hub) = bounded(HUB_QUEUE, metrics.waiting(Queue::Hub));
        let waiting = metrics.waiting(Queue::Passwords);
        let foreground = Arc::<Foreground>::default();
        let (passwords, worker) = password::queue(hub.clone(), waiting, foreground.clone());
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
            expiry_check: ExpiryCheck::new(Instant::now()),
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
            let (damage, foreground) = (damage.clone(), foreground.clone());
            server.spawn(&format!("reader-{number}"), false, move || {
                reader::run(&queue, store, &renderer, &shards, &damage, &foreground);
                drop(reading); // After the store's reader.
                Ok(())
            })?;
        }
        if let Some(index) = store.word_index()? {
            let (counts, reading) = (metrics.clone(), reading.clone());
            let foreground = foreground.clone();
            server.spawn("search-index", false, move || {
                indexing::run(index, &counts, &foreground);
                drop(reading); // It reads the store, too.
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
        let node = member.is_none().then_some(0);
        let log = match member {
            None => None,
            Some(member) => Some(server.follow(member, wake.clone())?),
        };
        let journal = Journal {
            store,
            shards: server.inboxes.clone(),
            hub: server.hub.clone(),
            committed: committed.clone(),
            epoch: 0,
            clock,
            steady: i64::MIN,
            every: Duration::from_secs(MAINTAIN_SECONDS),
            folder: server.folder.clone(),
            history: server.config.history.clone(),
            space: None,
            looked: Instant::now(),
            metrics: metrics.clone(),
            damage,
            pulse: server.pulse.clone(),
            readers: readers_ended,
            log: log.as_ref().map(|log| log.to_log.clone()),
            wake: wake.clone(),
        };
        let (journal, keeper) =
            journal::split(journal, metrics.waiting(Queue::Journal), foreground.clone());
        server.spawn("journal", true, move || Ok(keeper.run()?))?;
        let (counts, pulse) = (metrics.clone(), server.pulse.clone());
        let turn_gate = TurnGate::new(server.hub.clone());
        server.spawn("hub", true, move || {
            Ok(hub_thread::run(
                live,
                clock,
                (&to_hub, &turn_gate),
                (&journal, log.as_ref()),
                &committed,
                &counts,
                (&pulse, &foreground),
            )?)
        })?;
        for (id, outlet) in (0u8..).zip(outlets) {
            let parts = shard::ShardParts {
                id,
                node,
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
        server.handle_signals(wake)?;
        Ok(server)
    }

    /// Starts the thread of the cluster's log.
    fn follow(&mut self, member: Member, wake: SyncSender<Wake>) -> Result<LogQueues, RunError> {
        let advertise = self.config.cluster.as_ref().and_then(|it| it.advertise.as_deref());
        let mut place = advertise.and_then(|place| place.parse::<Node>().ok());
        if let Some(place) = &mut place {
            let real = self.config.tls.is_real();
            place.fingerprint = (!real).then_some(self.certificate.fingerprint);
        }
        let (hub, metrics) = (self.hub.clone(), self.metrics.clone());
        let (ends, run) = member.into_log_thread(place.as_ref(), hub, metrics, wake)?;
        self.spawn("cluster-log", true, run)?;
        Ok(ends)
    }

    /// Starts the thread that waits for signals to stop or reload.
    fn handle_signals(&mut self, wake: SyncSender<Wake>) -> Result<(), RunError> {
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

    /// Starts automatic backups, if configured.
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

    /// Starts a thread; if `joined`, stopping waits for it.
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

    /// Serves until SIGTERM or Ctrl-C, then shuts down in order. Reloads the config file on SIGHUP,
    /// or when an operator asks for it.
    pub(super) fn wait(mut self) -> Result<(), RunError> {
        for address in &self.listening[1..] {
            tracing::info!(%address, "Listening on another address");
        }
        match self.folder.as_ref().map(|folder| folder.canonicalize()) {
            Some(folder) => {
                tracing::info!(folder = %folder?.display(), "Accounts, rooms and history are kept");
            }
            None => tracing::info!("Nothing is kept: accounts, rooms and history are in memory"),
        }
        self.log_fingerprint();
        self.look_at_certificate();
        if let Some(cluster) = &self.config.cluster {
            tracing::info!(cluster = cluster.name, node = cluster.node, "Joining the cluster");
        }
        let mut watchdog = Watchdog::from_env();
        loop {
            match self.next_wish(&mut watchdog)? {
                Some(Wake::Reload(by)) => {
                    systemd::reloading();
                    self.reload(by)?;
                    systemd::ready(self.config.port);
                }
                Some(Wake::Serving) => {
                    tracing::info!("Join with: {}", join_line(self.listening[0]));
                    log::waiting(self.config.port);
                    systemd::ready(self.config.port);
                }
                Some(Wake::Excluded(sentence)) => {
                    tracing::error!("{sentence}");
                    return Err(ClusterError::Excluded(sentence).into());
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
    /// Waits for a signal or an operator's request; meanwhile notifies the watchdog, and checks the
    /// certificate once a day.
    fn next_wish(&mut self, watchdog: &mut Watchdog) -> Result<Option<Wake>, RunError> {
        loop {
            let look = self.expiry_check.patience(Instant::now());
            let patience = watchdog.every.map_or(look, |every| every.min(look));
            match self.woken.recv_timeout(patience) {
                Ok(wish) => return Ok(Some(wish)),
                Err(RecvTimeoutError::Disconnected) => return Ok(None),
                Err(RecvTimeoutError::Timeout) => {}
            }
            if self.expiry_check.take_due(Instant::now()) {
                self.look_at_certificate();
            }
            if watchdog.every.is_some() && watchdog.ask(&self.pulse) {
                self.hub.send(Input::Tick).map_err(|_| RunError::Panic)?;
            }
        }
    }

    /// Warns about a certificate that has expired or will soon.
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

    /// Logs the certificate's fingerprint, by which people can verify it.
    fn log_fingerprint(&self) {
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

    /// Reloads the config file. A mistake in it changes nothing.
    fn reload(&mut self, by: Option<SessionId>) -> Result<(), RunError> {
        let shown = self.certificate.fingerprint;
        let outcome = match &self.config.file {
            None => Err("the server was started without a config file".to_owned()),
            Some(path) => Config::read(path).map_err(|error| error.to_string()),
        };
        // The certificate's files may have been replaced.
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
            self.log_fingerprint();
        }
        self.look_at_certificate();
        // Logged last, so that whoever reads it can rely on it.
        for sentence in sentences {
            match good {
                true => tracing::info!("{sentence}"),
                false => tracing::warn!("{sentence}"),
            }
        }
        Ok(())
    }
}
