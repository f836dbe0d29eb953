//! What concerns one node alone: its sessions, and whom it lets do how much.

use super::Session;
use super::admission::Admission;
use super::budget::Budgets;
use super::disk::Disk;
use super::login_attempts::LoginAttempts;
use super::sessions::Sessions;
use super::shares::Shares;
use super::subscriptions::Subscriptions;
use super::watch::Watchers;
use crate::config::Config;
use crate::session_id::SessionId;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What a node knows of its own connections. No other node ever learns of it.
#[derive(Debug)]
pub struct Node {
    /// How many entries were sent to the log that orders them; none: there is no such log, and
    /// entries are applied as soon as they are made.
    pub sent: Option<u64>,
    /// What a log has up to this sequence is stored, and comes again only to make the state.
    pub stored: u64,
    /// It has asked for what is due, such as the end of bans, and that is under way.
    pub housekeeping: bool,
    /// The log does not answer: what would have to get into it is refused.
    pub silent: bool,
    /// By how much the steady clock of all nodes is ahead of this one's.
    pub steady_ahead: i64,
    /// What the config file says.
    pub config: Arc<Config>,
    /// The number of the batch at hand.
    pub batch: u64,
    /// The connections.
    pub sessions: Sessions,
    /// Who watches which names.
    pub watchers: Watchers,
    /// Who is subscribed to which keys of metadata.
    pub subscriptions: Subscriptions,
    /// How many of them came by the admin socket.
    pub consoles: usize,
    /// How many of them come from networks that are banned.
    pub banned: usize,
    /// What each address has done lately.
    pub admission: Admission,
    /// Who has tried to log in lately.
    pub logins: LoginAttempts,
    /// Who has tried to become an operator lately; a good login forgives nothing of it.
    pub opers: LoginAttempts,
    /// Who owes how much work.
    pub budgets: Budgets,
    /// The disk of what is stored.
    pub disk: Disk,
    /// What each sender has told each receiver lately.
    pub shares: Shares,
    /// The batches that clients have open, by when they are refused.
    pub batches: BTreeSet<(i64, SessionId)>,
    /// How often each verb was used since the start, in the order of their table.
    pub uses: Vec<u64>,
    /// An operator has asked for the config file to be read again, and has no answer yet.
    pub reloading: bool,
    /// When the server started (milliseconds since the epoch).
    pub started: i64,
    /// When it started, by the steady clock.
    pub up_since: i64,
}

impl Node {
    /// A node without sessions, of a server with so many verbs.
    pub fn new(config: Arc<Config>, started: i64, up_since: i64, verbs: usize) -> Node {
        Node {
            sent: None,
            stored: 0,
            housekeeping: false,
            silent: false,
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
            opers: LoginAttempts::default(),
            budgets: Budgets::default(),
            disk: Disk::default(),
            shares: Shares::default(),
            batches: BTreeSet::new(),
            uses: vec![0; verbs],
            reloading: false,
            started,
            up_since,
        }
    }

    /// A session that is removed no longer counts for its address, nor draws on budgets.
    pub fn leave(&mut self, ended: &Session) {
        if ended.console {
            self.consoles -= 1;
        } else {
            self.admission.leave(ended.address);
        }
        self.banned -= usize::from(ended.banned.is_some());
        self.budgets.release(ended.address_budget);
        if let Some(budget) = ended.user_budget {
            self.budgets.release(budget);
        }
    }
}
