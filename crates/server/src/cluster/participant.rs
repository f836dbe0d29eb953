//! A node's part in a cluster: it reads the log, joins when it has read all of it, says what its hub
//! gives it to say, and keeps its lease.
//!
//! It does no I/O and has no clock: events of the log and the time come in, requests to the log and
//! what the hub is to apply go out. So the same code runs under a simulated log and a real one.

use super::follower::{FollowError, Follower};
use super::holds::Holds;
use super::identity::Membership;
use super::log::{Event, Message, Request};
use super::publication::{Publication, VERSION};
use super::publisher::{Outgoing, Publisher};
use super::roster::{Roster, RosterEvent};
use super::seal::Seal;
use crate::effects::SentEntry;
use crate::hub::Input;
use crate::hub::input::{Ordered, OrderedStep};
use crate::limits::{
    HEARTBEAT_MILLIS, JOIN_MILLIS, LIVE_EVERY, LOG_KEPT, LOG_UNAVAILABLE_MILLIS, LOOK_MILLIS,
};
use crate::metrics::{ClusterCounts, ClusterGauges};
use std::collections::VecDeque;
use std::sync::Arc;
use thiserror::Error;

/// Why a node can take part no longer.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Exclusion {
    /// The log does not fit to what the node has.
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

/// A node of a cluster. Times are in milliseconds by any steady clock.
pub struct Participant {
    name: Box<str>,
    /// Where clients may go, as [`proto::node::Node`] writes it; empty: nowhere else.
    advertise: Box<str>,
    seal: Seal,
    membership: Membership,
    only_reads: bool,
    follower: Follower,
    phase: Phase,
    /// Counts attempts to publish.
    tickets: u64,
    /// Counts attempts to join, from a random number on.
    nonce: u64,
    /// The live state is on disk as it was after this sequence.
    kept: u64,
    /// What was last handed out to be written there.
    written: u64,
    /// After how much it is written again.
    pub(super) live_every: u64,
    /// How much the log keeps of what nobody needs who takes part.
    pub(super) log_kept: u64,
    /// What was last purged: all before this sequence.
    purged: u64,
    /// Who fetches a copy of this node's store.
    holds: Holds,
    /// What sessions say that have come before the node takes part.
    early: VecDeque<SentEntry>,
    /// For how long it has got nothing into the log, although there was something.
    stalled: u64,
    /// When that was last looked at.
    looked: u64,
    /// That was for too long: what it is given to say and somebody waits for is not said.
    silent: bool,
    /// The hub knows that.
    told: bool,
    /// What was not said, and the hub does not know yet.
    taken: Vec<SentEntry>,
    /// What the log has acknowledged, for the other nodes.
    tells: Vec<Request>,
    /// What it has counted; whoever reads it resets it.
    pub tally: ClusterCounts,
}

/// How far a node takes part.
enum Phase {
    /// It took part, and its hub does not know yet that all its sessions have ended.
    Ended,
    /// It reads what it does not have yet.
    Reading,
    /// It has asked to take part.
    Joining { since: u64, sent: u64, bytes: Arc<[u8]> },
    /// It takes part.
    Member(MemberState),
}

struct MemberState {
    node: u16,
    publisher: Publisher,
    /// How many heartbeats it has sent.
    beaten: u64,
    /// When the next one is due.
    next_beat: u64,
    /// When it is late, or late once more.
    late_beat: u64,
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
            only_reads: false,
            follower: Follower::new(applied, 0),
            phase: Phase::Reading,
            tickets: 0,
            nonce,
            kept: applied,
            written: applied,
            live_every: LIVE_EVERY,
            log_kept: LOG_KEPT,
            purged: 0,
            holds: Holds::default(),
            early: VecDeque::new(),
            stalled: 0,
            looked: 0,
            silent: false,
            told: false,
            taken: Vec::new(),
            tells: Vec::new(),
            tally: ClusterCounts::default(),
        }
    }

    /// Clients of other nodes may come here, too, from the next time on that it joins.
    pub fn advertise(&mut self, place: &proto::node::Node) {
        self.advertise = place.to_string().into();
    }

    /// From now on it reads, and does not take part.
    pub fn only_read(&mut self) {
        self.only_reads = true;
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it has read all that the log had when it was connected.
    pub fn is_up_to_date(&self) -> bool {
        self.follower.is_up_to_date()
    }

    /// Who takes part, as of what this node has read.
    pub fn roster(&self) -> &Roster {
        &self.membership.roster
    }

    /// What it has read.
    pub fn applied(&self) -> u64 {
        self.follower.applied()
    }

    /// How much it is known to lack.
    pub fn lag(&self) -> u64 {
        self.follower.lag()
    }

    /// Its number, while it takes part.
    pub fn node(&self) -> Option<u16> {
        match &self.phase {
            Phase::Member(part) => Some(part.node),
            _ => None,
        }
    }

    /// How it stands to the log.
    pub fn figures(&self) -> ClusterGauges {
        let window = match &self.phase {
            Phase::Member(part) => part.publisher.under_way(),
            _ => 0,
        };
        let nodes = self.membership.roster.all_live().count();
        let available = self.stalled < LOG_UNAVAILABLE_MILLIS && self.node().is_some();
        ClusterGauges { lag: self.lag(), window, nodes, available }
    }

    /// Whether it has said something that has not come back.
    pub fn is_waiting(&self) -> bool {
        match &self.phase {
            Phase::Member(part) => part.publisher.is_waiting(),
            Phase::Joining { .. } => true,
            Phase::Reading | Phase::Ended => false,
        }
    }

    /// The hub has an entry for the log.
    pub fn say(&mut self, entry: SentEntry) {
        match &mut self.phase {
            Phase::Ended => {} // Its session has ended.
            _ if self.silent && entry.is_awaited() => self.taken.push(entry),
            Phase::Member(part) => part.publisher.say(Outgoing::Entry(entry)),
            Phase::Reading | Phase::Joining { .. } => self.early.push_back(entry),
        }
    }

    /// The hub has ended all sessions, as it was to when the node took part no longer. What it says
    /// from here on is of others.
    pub fn all_ended(&mut self) {
        if matches!(self.phase, Phase::Ended) {
            self.phase = Phase::Reading;
        }
    }

    /// The node stops, and says nothing after what it has said.
    pub fn leave(&mut self) {
        if let Phase::Member(part) = &mut self.phase {
            part.publisher.say(Outgoing::Leave);
        }
    }

    /// The live state is on disk as it was after this sequence.
    pub fn kept(&mut self, sequence: u64) {
        self.kept = self.kept.max(sequence);
    }

    /// A node of this name fetches a copy of the store, from which it is to go on.
    pub fn hold_for(&mut self, node: &str, now: u64) {
        self.holds.begin(node, self.kept, now);
    }

    /// Takes in an event. Returns what is to be applied, in order.
    ///
    /// # Errors
    /// When the node can take part no longer.
    pub fn heed(&mut self, event: Event, now: u64) -> Result<Vec<Ordered>, Exclusion> {
        match event {
            Event::Connected(extent) => {
                self.follower.connected(extent, now)?;
                if let Phase::Member(part) = &mut self.phase {
                    part.publisher.go_back();
                }
            }
            Event::Disconnected => self.follower.disconnected(),
            Event::Other => return Err(Exclusion::OtherLog),
            // What is not proven is ignored: if the log has it, it returns it when asked.
            Event::Told(told) => {
                if let Some((sequence, bytes)) = self.seal.proven(&told) {
                    self.follower.told(Message { sequence, bytes: bytes.into() }, now);
                }
            }
            Event::Fetched { messages, extent } => self.follower.fetched(messages, extent, now)?,
            Event::Acknowledged { ticket, sequence } => {
                let bytes = match &mut self.phase {
                    Phase::Member(part) => part.publisher.acknowledged(ticket, sequence, now),
                    Phase::Joining { sent, bytes, .. } if *sent == ticket => Some(bytes.clone()),
                    Phase::Joining { .. } | Phase::Reading | Phase::Ended => None,
                };
                if let Some(bytes) = bytes {
                    self.tells.push(Request::Tell(self.seal.prove(sequence, &bytes).into()));
                    self.follower.told(Message { sequence, bytes }, now);
                }
            }
            Event::Refused { ticket } => {
                if let Phase::Member(part) = &mut self.phase {
                    part.publisher.refused(ticket, now);
                }
            }
        }
        let mut ordered = Vec::new();
        while let Some(message) = self.follower.take() {
            ordered.extend(self.read(&message, now)?);
        }
        Ok(ordered)
    }

    /// Reads what the log has next. Nothing of it may count, but the sequence does.
    fn read(&mut self, message: &Message, now: u64) -> Result<Option<Ordered>, Exclusion> {
        let sequence = message.sequence;
        self.tally.read_bytes += message.bytes.len() as u64;
        self.holds.read(message.bytes.len());
        let opened = self.seal.open(&message.bytes);
        let steps = match opened.as_deref().and_then(Publication::read) {
            Some(publication) => self.membership.roster.apply(sequence, &publication),
            None => Vec::new(), // It is of no node of this cluster.
        };
        let before = self.node();
        let mut ordered = Vec::new();
        let moved = steps.iter().any(|step| !matches!(step, RosterEvent::Entry(_)));
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
                        self.taken.clear();
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
                    self.holds.end(self.membership.roster.name(node).expect("it has just joined"));
                }
            }
        }
        if moved {
            let roster = &self.membership.roster;
            ordered.push(OrderedStep::Nodes(roster.advertised().map(Box::from).collect()));
            ordered.push(OrderedStep::Names(roster.names().map(Box::from).collect()));
        }
        if let Phase::Member(part) = &mut self.phase {
            let live = self.membership.roster.live(part.node).expect("it takes part");
            if part.publisher.read(live.counter, sequence, now) {
                self.answers();
            }
        }
        // Who has just left may be about to stop.
        let left = before.is_some() && self.node().is_none();
        let due = left || sequence >= self.written + self.live_every;
        let roster = due.then(|| self.membership.write());
        if due {
            self.written = sequence;
        }
        let something = due || !ordered.is_empty();
        Ok(something.then_some(Ordered { sequence, steps: ordered, roster }))
    }

    /// A node of this name takes part. Returns whether it is this one: it may have been here before, or
    /// it is an old message of one that was.
    fn joined(&mut self, sequence: u64, node: u16, nonce: u64, now: u64) -> bool {
        if !matches!(self.phase, Phase::Joining { .. }) {
            return false;
        }
        if nonce != self.nonce {
            self.phase = Phase::Reading;
            return false;
        }
        let mut publisher = Publisher::new(node, sequence, now);
        self.early.drain(..).for_each(|entry| publisher.say(Outgoing::Entry(entry)));
        let (beaten, next_beat, late_beat) = (0, now, now);
        self.phase = Phase::Member(MemberState { node, publisher, beaten, next_beat, late_beat });
        self.answers();
        true
    }

    /// The log has taken something of this node.
    fn answers(&mut self) {
        (self.stalled, self.silent) = (0, false);
        if let Phase::Member(part) = &mut self.phase {
            self.taken.drain(..).for_each(|entry| part.publisher.say(Outgoing::Entry(entry)));
        }
    }

    /// Looks whether the log has taken nothing for too long. Then it is given nothing more for which
    /// somebody waits, and those are told.
    fn look_at_silence(&mut self, now: u64) {
        let passed = now.saturating_sub(std::mem::replace(&mut self.looked, now)).min(LOOK_MILLIS);
        let wants = match &self.phase {
            Phase::Member(part) => part.publisher.is_waiting(),
            Phase::Reading | Phase::Joining { .. } | Phase::Ended => true,
        };
        self.stalled = if wants { self.stalled + passed } else { 0 };
        if self.stalled >= LOG_UNAVAILABLE_MILLIS && !self.silent {
            self.silent = true;
            self.taken = match &mut self.phase {
                Phase::Member(part) => part.publisher.take_awaited(),
                Phase::Reading | Phase::Joining { .. } | Phase::Ended => {
                    let (taken, early) = self.early.drain(..).partition(SentEntry::is_awaited);
                    self.early = early;
                    taken.into()
                }
            };
        }
    }

    /// What the hub is to know of the log, after all that was read.
    fn take_news(&mut self) -> Option<Input> {
        let told = std::mem::replace(&mut self.told, self.silent);
        match (told, self.silent) {
            (true, true) if self.taken.is_empty() => None,
            (_, true) => Some(Input::LogSilent(std::mem::take(&mut self.taken))),
            (true, false) => Some(Input::LogAnswers),
            (false, false) => None,
        }
    }

    /// Does what is due. Returns what is for the log, and what is for the hub beside what the log
    /// brings.
    pub fn look(&mut self, now: u64) -> (Vec<Request>, Option<Input>) {
        self.look_at_silence(now);
        let mut requests = std::mem::take(&mut self.tells);
        let (caught_up, after) = (self.follower.is_up_to_date(), self.follower.applied());
        match &mut self.phase {
            Phase::Reading if caught_up && !self.only_reads => {
                requests.push(self.join(after, now));
            }
            Phase::Joining { since, .. } if caught_up && now >= *since + JOIN_MILLIS => {
                requests.push(self.join(after, now));
            }
            Phase::Reading | Phase::Joining { .. } | Phase::Ended => {}
            Phase::Member(part) => {
                let first = self
                    .membership
                    .roster
                    .all_live()
                    .next()
                    .is_some_and(|(node, _)| node == part.node);
                let before = self.membership.roster.kept().saturating_sub(self.log_kept);
                let kept = self.holds.kept(self.kept, now);
                let beats = part.beat(&self.membership.roster, kept, now, &mut self.tally);
                if beats && first && before > self.purged {
                    self.purged = before;
                    requests.push(Request::Purge { before });
                }
                part.publisher.look(now);
                let (seal, tickets) = (&mut self.seal, &mut self.tickets);
                if self.follower.is_connected() {
                    requests.extend(part.publisher.send(now, seal, tickets, &mut self.tally));
                }
            }
        }
        requests.extend(self.follower.look(self.is_waiting(), now));
        self.tally.gaps += self.follower.take_gaps();
        (requests, self.take_news())
    }

    fn join(&mut self, after: u64, now: u64) -> Request {
        self.tickets += 1;
        let (name, nonce, advertise) = (&*self.name, self.nonce, &*self.advertise);
        let join = Publication::Join { name, version: VERSION, after, nonce, advertise };
        let (sent, bytes) = (self.tickets, Arc::from(self.seal.seal(&join.write())));
        self.phase = Phase::Joining { since: now, sent, bytes: Arc::clone(&bytes) };
        Request::Publish { ticket: sent, bytes }
    }
}

impl MemberState {
    /// Sends a heartbeat if one is due and the last has come back; and with it, who is gone. Returns
    /// whether it has.
    fn beat(&mut self, roster: &Roster, kept: u64, now: u64, tally: &mut ClusterCounts) -> bool {
        let live = roster.live(self.node).expect("it takes part");
        if live.beats < self.beaten && now >= self.late_beat {
            tally.heartbeats_missed += 1;
            self.late_beat = now + HEARTBEAT_MILLIS;
        }
        if now < self.next_beat || live.beats < self.beaten {
            return false;
        }
        (self.beaten, self.next_beat) = (self.beaten + 1, now + HEARTBEAT_MILLIS);
        self.late_beat = self.next_beat;
        for (node, incarnation) in roster.gone(self.node) {
            self.publisher.say(Outgoing::Gone { node, incarnation });
        }
        self.publisher.say(Outgoing::Heartbeat { kept });
        true
    }
}

#[cfg(test)]
#[path = "participant_tests.rs"]
mod tests;
