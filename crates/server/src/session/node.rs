//! What belongs to one node: its sessions, their limits, and how far the node has come in the log.

use super::admission::Admission;
use super::budget::Budgets;
use super::disk::Disk;
use super::login_attempts::LoginAttempts;
use super::sessions::Sessions;
use super::shares::Shares;
use super::subscriptions::Subscriptions;
use super::watch::Watchers;
use super::{InFlight, Session};
use crate::config::Config;
use crate::limits::TURN_WORK;
use crate::session_id::SessionId;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

/// The part of the hub's data that is no part of the replicated state.
#[derive(Debug)]
pub struct Node {
    /// The number of entries sent to the log; none without a log, where entries are applied at
    /// once.
    pub entries_sent: Option<u64>,
    /// The bytes of all entries that sessions have in flight.
    pub in_flight_bytes: usize,
    /// Everything up to this sequence of the log is stored, and is read again only to rebuild the
    /// state.
    pub stored: u64,
    /// The addresses for clients, each as [`proto::node::Node`] writes it: all live nodes that advertise an
    /// address.
    pub nodes: Box<[Box<str>]>,
    /// The names of all nodes by number, from 1 on.
    pub names: Box<[Box<str>]>,
    /// Due work, such as the end of bans, has been requested and is in flight.
    pub housekeeping: bool,
    /// The store has more of the expired history to remove.
    pub expiry_unfinished: bool,
    /// The log is unavailable: commands that need it are refused.
    pub log_unavailable: bool,
    /// By how much the cluster's monotonic clock is ahead of this node's.
    pub steady_ahead: i64,
    /// The config file.
    pub config: Arc<Config>,
    /// The number of the current batch.
    pub batch: u64,
    /// The connections.
    pub sessions: Sessions,
    /// Who watches which names.
    pub watchers: Watchers,
    /// Who is subscribed to which keys of metadata.
    pub subscriptions: Subscriptions,
    /// The number of connections through the admin socket.
    pub consoles: usize,
    /// The number of connections from banned networks.
    pub banned: usize,
    /// The recent connections of each address.
    pub admission: Admission,
    /// Recent login attempts.
    pub logins: LoginAttempts,
    /// Recent attempts to become an operator; a successful login clears none of them.
    pub oper_attempts: LoginAttempts,
    /// The debts of work.
    pub budgets: Budgets,
    /// The disk on which everything is stored.
    pub disk: Disk,
    /// What each sender has recently sent to each receiver.
    pub shares: Shares,
    /// Open client batches, by the time at which they are refused.
    pub batches: BTreeSet<(i64, SessionId)>,
    /// How often each verb has been used since the start, in the order of the table.
    pub verb_counts: Vec<u64>,
    /// An operator has asked for a reload of the config file and has no answer yet.
    pub reloading: bool,
    /// When the server started, in milliseconds since the epoch.
    pub started: i64,
    /// The same in monotonic milliseconds.
    pub up_since: i64,
}

impl Node {
    /// A node without sessions. `verbs` is the length of the table of verbs.
    pub fn new(config: Arc<Config>, started: i64, up_since: i64, verbs: usize) -> Node {
        Node {
            entries_sent: None,
            in_flight_bytes: 0,
            stored: 0,
            nodes: Box::default(),
            names: Box::default(),
            housekeeping: false,
            expiry_unfinished: false,
            log_unavailable: false,
            steady_ahead: 0,
            config,
            batch: 0,
            sessions: Sessions::default(),
            watchers: BTreeMap::new(),
            subscriptions: Subscriptions::default(),
            consoles: 0,
            banned: 0,
            admission: Admission::default(),
            logins: LoginAttempts::default(),
            oper_attempts: LoginAttempts::default(),
            budgets: Budgets::default(),
            disk: Disk::default(),
            shares: Shares::default(),
            batches: BTreeSet::new(),
            verb_counts: vec![0; verbs],
            reloading: false,
            started,
            up_since,
        }
    }

    /// The name of the node of a session, if that is another node.
    pub fn other_node_name(&self, session: SessionId) -> Option<&str> {
        let other = session.node != self.sessions.node;
        let at = usize::from(session.node).checked_sub(1).filter(|_| other)?;
        self.names.get(at).map(|name| &**name)
    }

    /// Whether a session, its user, or its address has used up its part of the current turn. `now` is
    /// monotonic.
    pub fn turn_is_over(&mut self, session: SessionId, now: i64) -> bool {
        let (known, turn, limits) = (&self.sessions[&session], self.batch, &self.config.limits);
        let mine = if known.turn.number == turn { known.turn.work } else { 0 };
        let mut payers = std::iter::once(known.address_budget).chain(known.user_budget);
        let budgets = &mut self.budgets;
        mine >= TURN_WORK || payers.any(|payer| budgets.turn_is_over(payer, turn, now, limits))
    }

    /// A session that waits for nothing any more needs no memory for it.
    pub fn free_extras(&mut self, session: SessionId) {
        if let Some(known) = self.sessions.get_mut(&session) {
            known.free_extras();
        }
    }

    /// Records that a session waits for an entry.
    pub fn put_in_flight(&mut self, session: SessionId, entry: InFlight) {
        if let Some(known) = self.sessions.get_mut(&session) {
            self.in_flight_bytes += entry.bytes;
            known.extras_mut().in_flight.push_back(entry);
        }
    }

    /// Takes an entry off the list of those in flight, if its session still waits for it.
    pub fn take_in_flight(&mut self, session: SessionId, number: u64) -> Option<InFlight> {
        let in_flight = &mut self.sessions.get_mut(&session)?.extras_if_any()?.in_flight;
        let at = in_flight.iter().position(|entry| entry.number == number)?;
        let taken = in_flight.remove(at)?;
        if in_flight.is_empty() {
            *in_flight = VecDeque::new(); // Idle connections own no memory for it.
        }
        self.in_flight_bytes -= taken.bytes;
        Some(taken)
    }

    /// Releases what a removed session held: its place in the counts of its address, budgets, entries in
    /// flight.
    pub fn release(&mut self, ended: &Session) {
        if ended.console {
            self.consoles -= 1;
        } else {
            self.admission.release(ended.address);
        }
        self.banned -= usize::from(ended.extras().banned.is_some());
        let in_flight = ended.extras().in_flight.iter();
        self.in_flight_bytes -= in_flight.map(|entry| entry.bytes).sum::<usize>();
        self.budgets.release(ended.address_budget);
        if let Some(budget) = ended.user_budget {
            self.budgets.release(budget);
        }
    }
}
