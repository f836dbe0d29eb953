//! A node's part in a cluster: it reads the log, joins when it has read all of it, publishes its
//! hub's entries, and renews its lease.
//!
//! It does no I/O and has no clock: events of the log and the time come in, requests to the log and
//! what the hub is to apply go out. So the same code runs on a simulated log and a real one.

use super::follower::{FollowError, Follower};
use super::holds::Holds;
use super::identity::Membership;
use super::log::{Event, Message, Request};
use super::publication::{Publication, VERSION};
use super::publisher::{Publisher, QueuedItem};
use super::roster::{Roster, RosterEvent};
use super::seal::Seal;
use crate::effects::SentEntry;
use crate::hub::Input;
use crate::hub::input::{Ordered, OrderedStep};
use crate::limits::{
    HEARTBEAT_MILLIS, JOIN_MILLIS, LIVE_EVERY, LOG_RETAINED, LOG_UNAVAILABLE_MILLIS,
    STALL_STEP_MILLIS,
};
use crate::metrics::{ClusterCounts, ClusterGauges};
use std::collections::VecDeque;
use std::sync::Arc;
use thiserror::Error;

/// Why a node can no longer be a member.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Exclusion {
    /// The log does not match what the node has.
    #[error("{0}; start this node again, and it fetches a copy of another one's data")]
    Log(#[from] FollowError),
    /// The log is another one.
    #[error(
        "the log is another one than before: somebody has made it anew, or from a copy; \
         if that is meant, make the cluster anew with `chatserver cluster create --from`"
    )]
    OtherLog,
    /// Another node has taken its name.
    #[error("another chatserver takes part under the name {0:?}; give each node a name of its own")]
    Replaced(Box<str>),
}

/// A node's part in a cluster. Times are in milliseconds by any steady clock.
pub struct Participant {
    name: Box<str>,
    /// The address for clients, as [`proto::node::Node`] writes it; empty if there is none.
    advertise: Box<str>,
    seal: Seal,
    membership: Membership,
    /// It never joins.
    read_only: bool,
    follower: Follower,
    phase: Phase,
    /// Counts attempts to publish.
    attempts: u64,
    /// A random number, by which it recognizes its own request to join.
    nonce: u64,
    /// The live state after this sequence is stored.
    live_stored: u64,
    /// The sequence after which storing it was last requested.
    live_requested: u64,
    /// The number of sequences after which it is stored again.
    pub(super) live_every: u64,
    /// How many messages the log retains that no member needs.
    pub(super) log_retained: u64,
    /// Everything before this sequence was purged.
    purged: u64,
    /// For nodes that fetch a copy of this node's store.
    holds: Holds,
    /// Entries from the hub that wait until the node is a member.
    before_join: VecDeque<SentEntry>,
    /// For how many milliseconds nothing has got into the log, although there was something.
    stalled: u64,
    /// When it was last polled.
    last_poll: u64,
    /// It has stalled for too long: awaited entries are refused, not published.
    unavailable: bool,
    /// The hub has been informed of it.
    reported: bool,
    /// Awaited entries that were not sent, and of which the hub does not know yet.
    unsent: Vec<SentEntry>,
    /// Announcements to send.
    announcements: Vec<Request>,
    /// Its counts; whoever reads them resets them.
    pub tally: ClusterCounts,
}

/// How far a node is on its way to being a member.
enum Phase {
    /// It was a member; its hub has yet to end all sessions.
    Ended,
    /// It catches up with the log.
    Reading,
    /// It has published a request to join.
    Joining { since: u64, attempt: u64, bytes: Arc<[u8]> },
    /// It is a member.
    Member(MemberState),
}

struct MemberState {
    node: u16,
    publisher: Publisher,
    /// How many heartbeats it has sent.
    heartbeats_sent: u64,
    /// When the next one is due.
    heartbeat_due: u64,
    /// When a heartbeat that was not delivered counts as missed, once or once more.
    heartbeat_missed: u64,
}

impl Participant {
    /// A node of this name that has applied all up to `applied`, with what is stored beside its live
    /// state. `nonce` is a random number.
    pub fn new(
        name: &str,
        seal: Seal,
        membership: Membership,
        applied: u64,
        nonce: u64,
    ) -> Participant {
        Participant {
            name: name.into(),
            advertise: Box::default(),
            seal,
            membership,
            read_only: false,
            follower: Follower::new(applied, 0),
            phase: Phase::Reading,
            attempts: 0,
            nonce,
            live_stored: applied,
            live_requested: applied,
            live_every: LIVE_EVERY,
            log_retained: LOG_RETAINED,
            purged: 0,
            holds: Holds::default(),
            before_join: VecDeque::new(),
            stalled: 0,
            last_poll: 0,
            unavailable: false,
            reported: false,
            unsent: Vec::new(),
            announcements: Vec::new(),
            tally: ClusterCounts::default(),
        }
    }

    /// The address for clients, which it publishes the next time it joins.
    pub fn advertise(&mut self, place: &proto::node::Node) {
        self.advertise = place.to_string().into();
    }

    /// From now on it only reads the log, and does not join.
    pub fn set_read_only(&mut self) {
        self.read_only = true;
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it has read all that the log had when it was connected.
    pub fn is_up_to_date(&self) -> bool {
        self.follower.is_up_to_date()
    }

    /// The members, as of what this node has read.
    pub fn roster(&self) -> &Roster {
        &self.membership.roster
    }

    /// The sequence up to which it has read.
    pub fn applied(&self) -> u64 {
        self.follower.applied()
    }

    /// How many messages it is known to lack.
    pub fn lag(&self) -> u64 {
        self.follower.lag()
    }

    /// Its number, while it is a member.
    pub fn node(&self) -> Option<u16> {
        match &self.phase {
            Phase::Member(member) => Some(member.node),
            _ => None,
        }
    }

    /// The current gauges.
    pub fn gauges(&self) -> ClusterGauges {
        let window = match &self.phase {
            Phase::Member(member) => member.publisher.in_flight(),
            _ => 0,
        };
        let nodes = self.membership.roster.members().count();
        let available = self.stalled < LOG_UNAVAILABLE_MILLIS && self.node().is_some();
        ClusterGauges { lag: self.lag(), window, nodes, available }
    }

    /// Whether anything it has published was not delivered yet.
    pub fn has_undelivered(&self) -> bool {
        match &self.phase {
            Phase::Member(member) => member.publisher.has_undelivered(),
            Phase::Joining { .. } => true,
            Phase::Reading | Phase::Ended => false,
        }
    }

    /// Publishes an entry of the hub.
    pub fn publish(&mut self, entry: SentEntry) {
        match &mut self.phase {
            Phase::Ended => {} // Its session has ended.
            _ if self.unavailable && entry.is_awaited() => self.unsent.push(entry),
            Phase::Member(member) => member.publisher.enqueue(QueuedItem::Entry(entry)),
            Phase::Reading | Phase::Joining { .. } => self.before_join.push_back(entry),
        }
    }

    /// The hub has ended all sessions, since the node was no longer a member. Further entries are of
    /// new sessions.
    pub fn all_sessions_ended(&mut self) {
        if matches!(self.phase, Phase::Ended) {
            self.phase = Phase::Reading;
        }
    }

    /// The node stops: it leaves after everything queued.
    pub fn leave(&mut self) {
        if let Phase::Member(member) = &mut self.phase {
            member.publisher.enqueue(QueuedItem::Leave);
        }
    }

    /// The live state after this sequence is stored.
    pub fn live_stored(&mut self, sequence: u64) {
        self.live_stored = self.live_stored.max(sequence);
    }

    /// Retains the log for a node that fetches a copy of the store, from which it will continue.
    pub fn place_hold(&mut self, node: &str, now: u64) {
        self.holds.place(node, self.live_stored, now);
    }

    /// Handles an event. Returns what is to be applied, in order.
    ///
    /// # Errors
    /// When the node can no longer be a member.
    pub fn handle(&mut self, event: Event, now: u64) -> Result<Vec<Ordered>, Exclusion> {
        match event {
            Event::Connected(extent) => {
                self.follower.connected(extent, now)?;
                if let Phase::Member(member) = &mut self.phase {
                    member.publisher.go_back();
                }
            }
            Event::Disconnected => self.follower.disconnected(),
            Event::OtherLog => return Err(Exclusion::OtherLog),
            // Without a proof it is ignored: if the log has it, it will be fetched.
            Event::Announced(announcement) => {
                if let Some((sequence, bytes)) = self.seal.verify(&announcement) {
                    self.follower.announced(Message { sequence, bytes: bytes.into() }, now);
                }
            }
            Event::Fetched { messages, extent } => self.follower.fetched(messages, extent, now)?,
            Event::Acknowledged { attempt, sequence } => {
                let bytes = match &mut self.phase {
                    Phase::Member(member) => member.publisher.acknowledged(attempt, sequence, now),
                    Phase::Joining { attempt: sent, bytes, .. } if *sent == attempt => {
                        Some(bytes.clone())
                    }
                    Phase::Joining { .. } | Phase::Reading | Phase::Ended => None,
                };
                if let Some(bytes) = bytes {
                    let announcement = self.seal.prove(sequence, &bytes).into();
                    self.announcements.push(Request::Announce(announcement));
                    self.follower.announced(Message { sequence, bytes }, now);
                }
            }
            Event::Refused { attempt } => {
                if let Phase::Member(member) = &mut self.phase {
                    member.publisher.refused(attempt, now);
                }
            }
        }
        let mut ordered = Vec::new();
        while let Some(message) = self.follower.take() {
            ordered.extend(self.read(&message, now)?);
        }
        Ok(ordered)
    }

    /// Reads the next message of the log. It may have no effect but that its sequence is read.
    fn read(&mut self, message: &Message, now: u64) -> Result<Option<Ordered>, Exclusion> {
        let sequence = message.sequence;
        self.tally.read_bytes += message.bytes.len() as u64;
        self.holds.log_grew(message.bytes.len());
        let opened = self.seal.open(&message.bytes);
        let steps = match opened.as_deref().and_then(Publication::read) {
            Some(publication) => self.membership.roster.apply(sequence, &publication),
            None => Vec::new(), // It is not of a node of this cluster.
        };
        let before = self.node();
        let mut ordered = Vec::new();
        let changed = steps.iter().any(|step| !matches!(step, RosterEvent::Entry(_)));
        for step in steps {
            match step {
                // All nodes have the same version, so none of them can read it.
                RosterEvent::Entry(bytes) => {
                    self.tally.entries += 1;
                    ordered.extend(SentEntry::new(bytes.into()).ok().map(OrderedStep::Entry));
                }
                RosterEvent::Ended(node) => {
                    ordered.push(OrderedStep::NodeEnded(node));
                    if self.node() == Some(node) {
                        self.phase = Phase::Ended;
                        self.unsent.clear();
                    }
                }
                RosterEvent::Joined { node, nonce }
                    if self.membership.roster.name(node) == Some(&self.name) =>
                {
                    if before == Some(node) {
                        return Err(Exclusion::Replaced(self.name.clone()));
                    }
                    if self.joined(sequence, node, nonce, now) {
                        ordered.push(OrderedStep::Joined(node));
                    }
                }
                RosterEvent::Joined { node, .. } => {
                    self.holds
                        .release(self.membership.roster.name(node).expect("it has just joined"));
                }
            }
        }
        if changed {
            let roster = &self.membership.roster;
            ordered.push(OrderedStep::Nodes(roster.advertised().map(Box::from).collect()));
            ordered.push(OrderedStep::Names(roster.names().map(Box::from).collect()));
        }
        if let Phase::Member(member) = &mut self.phase {
            let live = self.membership.roster.live(member.node).expect("it is a member");
            if member.publisher.delivered(live.counter, sequence, now) {
                self.log_responded();
            }
        }
        // A node that has just left may be about to stop.
        let left = before.is_some() && self.node().is_none();
        let due = left || sequence >= self.live_requested + self.live_every;
        let roster = due.then(|| self.membership.write());
        if due {
            self.live_requested = sequence;
        }
        let any = due || !ordered.is_empty();
        Ok(any.then_some(Ordered { sequence, steps: ordered, roster }))
    }

    /// A node of this name has joined. Returns whether it is this one: it may also be an old message
    /// of an earlier process.
    fn joined(&mut self, sequence: u64, node: u16, nonce: u64, now: u64) -> bool {
        if !matches!(self.phase, Phase::Joining { .. }) {
            return false;
        }
        if nonce != self.nonce {
            self.phase = Phase::Reading;
            return false;
        }
        let mut publisher = Publisher::new(node, sequence, now);
        self.before_join.drain(..).for_each(|entry| publisher.enqueue(QueuedItem::Entry(entry)));
        self.phase = Phase::Member(MemberState {
            node,
            publisher,
            heartbeats_sent: 0,
            heartbeat_due: now,
            heartbeat_missed: now,
        });
        self.log_responded();
        true
    }

    /// The log has delivered something of this node.
    fn log_responded(&mut self) {
        (self.stalled, self.unavailable) = (0, false);
        if let Phase::Member(member) = &mut self.phase {
            self.unsent
                .drain(..)
                .for_each(|entry| member.publisher.enqueue(QueuedItem::Entry(entry)));
        }
    }

    /// Checks whether nothing has got into the log for too long. Then awaited entries are no longer
    /// published, but refused.
    fn check_availability(&mut self, now: u64) {
        let passed =
            now.saturating_sub(std::mem::replace(&mut self.last_poll, now)).min(STALL_STEP_MILLIS);
        let waiting = match &self.phase {
            Phase::Member(member) => member.publisher.has_undelivered(),
            Phase::Reading | Phase::Joining { .. } | Phase::Ended => true,
        };
        self.stalled = if waiting { self.stalled + passed } else { 0 };
        if self.stalled >= LOG_UNAVAILABLE_MILLIS && !self.unavailable {
            self.unavailable = true;
            self.unsent = match &mut self.phase {
                Phase::Member(member) => member.publisher.take_unsent(),
                Phase::Reading | Phase::Joining { .. } | Phase::Ended => {
                    let (unsent, rest) =
                        self.before_join.drain(..).partition(SentEntry::is_awaited);
                    self.before_join = rest;
                    unsent.into()
                }
            };
        }
    }

    /// Input for the hub, if it has to know that the log is unavailable, or available again.
    fn availability_change(&mut self) -> Option<Input> {
        let reported = std::mem::replace(&mut self.reported, self.unavailable);
        match (reported, self.unavailable) {
            (true, true) if self.unsent.is_empty() => None,
            (_, true) => Some(Input::LogUnavailable(std::mem::take(&mut self.unsent))),
            (true, false) => Some(Input::LogAvailable),
            (false, false) => None,
        }
    }

    /// Does what is due. Returns requests to the log, and input for the hub to apply after everything
    /// that was read.
    pub fn poll(&mut self, now: u64) -> (Vec<Request>, Option<Input>) {
        self.check_availability(now);
        let mut requests = std::mem::take(&mut self.announcements);
        let (caught_up, after) = (self.follower.is_up_to_date(), self.follower.applied());
        match &mut self.phase {
            Phase::Reading if caught_up && !self.read_only => {
                requests.push(self.join(after, now));
            }
            Phase::Joining { since, .. } if caught_up && now >= *since + JOIN_MILLIS => {
                requests.push(self.join(after, now));
            }
            Phase::Reading | Phase::Joining { .. } | Phase::Ended => {}
            Phase::Member(member) => {
                let first = self
                    .membership
                    .roster
                    .members()
                    .next()
                    .is_some_and(|(node, _)| node == member.node);
                let before = self.membership.roster.purgeable().saturating_sub(self.log_retained);
                let purgeable = self.holds.purgeable(self.live_stored, now);
                let roster = &self.membership.roster;
                let sent = member.send_heartbeat(roster, purgeable, now, &mut self.tally);
                if sent && first && before > self.purged {
                    self.purged = before;
                    requests.push(Request::Purge { before });
                }
                member.publisher.poll(now);
                let (seal, attempts) = (&mut self.seal, &mut self.attempts);
                if self.follower.is_connected() {
                    requests.extend(member.publisher.send(now, seal, attempts, &mut self.tally));
                }
            }
        }
        requests.extend(self.follower.poll(self.has_undelivered(), now));
        self.tally.gaps += self.follower.take_gaps();
        (requests, self.availability_change())
    }

    fn join(&mut self, after: u64, now: u64) -> Request {
        self.attempts += 1;
        let (name, nonce, advertise) = (&*self.name, self.nonce, &*self.advertise);
        let join = Publication::Join { name, version: VERSION, after, nonce, advertise };
        let (attempt, bytes) = (self.attempts, Arc::from(self.seal.seal(&join.write())));
        self.phase = Phase::Joining { since: now, attempt, bytes: Arc::clone(&bytes) };
        Request::Publish { attempt, bytes }
    }
}

impl MemberState {
    /// Sends a heartbeat if one is due and the last was delivered, and declares nodes gone whose lease
    /// has expired. Returns whether it has sent one.
    fn send_heartbeat(
        &mut self,
        roster: &Roster,
        purgeable: u64,
        now: u64,
        tally: &mut ClusterCounts,
    ) -> bool {
        let live = roster.live(self.node).expect("it is a member");
        if live.heartbeats < self.heartbeats_sent && now >= self.heartbeat_missed {
            tally.heartbeats_missed += 1;
            self.heartbeat_missed = now + HEARTBEAT_MILLIS;
        }
        if now < self.heartbeat_due || live.heartbeats < self.heartbeats_sent {
            return false;
        }
        (self.heartbeats_sent, self.heartbeat_due) =
            (self.heartbeats_sent + 1, now + HEARTBEAT_MILLIS);
        self.heartbeat_missed = self.heartbeat_due;
        for (node, incarnation) in roster.expired(self.node) {
            self.publisher.enqueue(QueuedItem::Gone { node, incarnation });
        }
        self.publisher.enqueue(QueuedItem::Heartbeat { purgeable });
        true
    }
}

#[cfg(test)]
#[path = "participant_tests.rs"]
mod tests;
