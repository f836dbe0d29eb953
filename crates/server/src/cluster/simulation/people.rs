//! People who write to the lobby and read what others write, and move to another node when theirs is
//! gone. Some resend what is not confirmed, with a resend id. Others give it up: the store would not
//! detect duplicates of theirs, so these show that the log makes none.

use super::node::Running;
use crate::session_id::SessionId;
use std::collections::{BTreeMap, BTreeSet};

/// Unanswered messages of a person at once.
const AT_ONCE: usize = 6;
/// Milliseconds without an answer after which the impatient leave, and the patient.
const PATIENCE: [u64; 2] = [20_000, 90_000];
/// Milliseconds without an answer after which a person sends a ping.
const PING_AFTER: u64 = 5_000;

/// A message: whose it is, and its number among those.
pub(super) type Message = (String, u64);

pub(super) struct Person {
    pub(super) name: String,
    pub(super) at: Option<Connection>,
    /// Whether it resends what is not confirmed.
    pub(super) resends: bool,
    patience: u64,
    /// The messages that were confirmed.
    pub(super) confirmed: BTreeSet<u64>,
    /// Those that were refused, because the log did not answer.
    pub(super) refused: BTreeSet<u64>,
    /// How many were sent at all.
    sent: u64,
    /// How many had been sent when each connection was made.
    began: Vec<u64>,
    /// The messages of others received over each connection, in order.
    pub(super) received: Vec<Vec<Message>>,
    /// How many pings were answered while a message had no answer.
    pub(super) pongs: usize,
}

/// A connection.
pub(super) struct Connection {
    pub(super) node: usize,
    session: SessionId,
    /// How many lines were read.
    read: usize,
    logged_in: bool,
    /// Up to which message all were sent.
    sent: u64,
    /// Unanswered messages, and how often each number was sent and answered.
    open: BTreeSet<u64>,
    answers: BTreeMap<u64, [usize; 2]>,
    /// Something was refused, so what comes after it waits.
    refused: bool,
    /// When anything was last sent or answered.
    progress: u64,
    pinged: bool,
}

impl Person {
    pub(super) fn new(name: &str, resends: bool, patient: bool) -> Person {
        Person {
            name: name.to_owned(),
            at: None,
            resends,
            patience: PATIENCE[usize::from(patient)],
            confirmed: BTreeSet::new(),
            refused: BTreeSet::new(),
            sent: 0,
            began: Vec::new(),
            received: Vec::new(),
            pongs: 0,
        }
    }

    /// Up to which message all are confirmed.
    fn done(&self) -> u64 {
        (1..).find(|number| !self.confirmed.contains(number)).expect("there is an end") - 1
    }

    pub(super) fn connect(&mut self, node: usize, running: &mut Running, now: u64) {
        let session = running.open();
        running.send(session, "CAP REQ :echo-message message-tags labeled-response");
        running.send(session, "CAP END");
        running.send(session, &format!("LOGIN {} :secret", self.name));
        self.received.push(Vec::new());
        self.began.push(self.sent);
        self.at = Some(Connection {
            node,
            session,
            read: 0,
            logged_in: false,
            sent: if self.resends { self.done() } else { self.sent },
            open: BTreeSet::new(),
            answers: BTreeMap::new(),
            refused: false,
            progress: now,
            pinged: false,
        });
    }

    /// Reads what has arrived, and sends: what is not confirmed, and new messages if `more`.
    pub(super) fn step(&mut self, running: &mut Running, more: bool, now: u64) {
        let Some(mut at) = self.at.take() else { return };
        let lines = &running.shards.lines[&at.session];
        for line in &lines[at.read..] {
            self.read_line(&mut at, line, now);
        }
        at.read = lines.len();
        if running.shards.is_gone(at.session) {
            return;
        }
        let waits = !at.open.is_empty() || !at.logged_in;
        if waits && now > at.progress + self.patience {
            running.close(at.session);
            return;
        }
        if waits && at.logged_in && now > at.progress + PING_AFTER && !at.pinged {
            running.send(at.session, "PING there?");
            at.pinged = true;
        }
        if at.refused && at.open.is_empty() {
            (at.refused, at.sent) = (false, if self.resends { self.done() } else { at.sent });
        }
        while self.resends && self.confirmed.contains(&(at.sent + 1)) {
            at.sent += 1;
        }
        let more = more || at.sent < self.sent;
        if at.logged_in && more && !at.refused && at.open.len() < AT_ONCE {
            at.sent += 1;
            at.progress = now;
            self.sent = self.sent.max(at.sent);
            let (name, number) = (&self.name, at.sent);
            at.open.insert(number);
            at.answers.entry(number).or_default()[0] += 1;
            let resend = match self.resends {
                true => format!(";+parlor/resend={name}-{number}"),
                false => String::new(),
            };
            let line = format!("@label={number}{resend} PRIVMSG #lobby :{name} {number}");
            running.send(at.session, &line);
        }
        self.at = Some(at);
    }

    fn read_line(&mut self, at: &mut Connection, line: &str, now: u64) {
        at.logged_in |= line.contains(" LOGGED_IN ") || line.contains(" ACCOUNT_CREATED ");
        self.pongs += usize::from(line.contains(" PONG ") && !at.open.is_empty());
        // A ping's answer is no progress.
        if !line.contains(" PONG ") {
            (at.progress, at.pinged) = (now, false);
        }
        let label = label(line);
        match message(line) {
            Some((name, number)) if name == self.name => {
                assert!(number <= self.sent, "{name} has not sent {number}");
                // Without a label it was sent over an earlier connection.
                assert!(label.is_none_or(|label| label == number), "{line}");
                self.confirmed.insert(number);
            }
            Some(message) => {
                self.received.last_mut().expect("each connection has one").push(message);
            }
            None => {}
        }
        let Some(number) = label else { return };
        if line.contains(" FAIL PRIVMSG LOG_UNAVAILABLE ") {
            at.refused = true;
            self.refused.insert(number);
        } else {
            assert_eq!(message(line), Some((self.name.clone(), number)), "{line}");
        }
        at.open.remove(&number);
        let [sent, answered] = at.answers.get_mut(&number).expect("it was sent here");
        *answered += 1;
        assert!(answered <= sent, "{line} is one answer too many");
    }

    /// The connection that a message was sent over, if it is sent once.
    pub(super) fn connection(&self, number: u64) -> usize {
        self.began.partition_point(|began| *began < number)
    }

    /// Whether everything is confirmed, or answered if it is not resent.
    pub(super) fn is_done(&self) -> bool {
        match &self.at {
            _ if self.resends => self.done() == self.sent,
            Some(at) => at.open.is_empty(),
            None => true,
        }
    }
}

/// The label of a line.
fn label(line: &str) -> Option<u64> {
    let (tags, _) = line.strip_prefix('@')?.split_once(' ')?;
    tags.split(';').find_map(|tag| tag.strip_prefix("label="))?.parse().ok()
}

/// The message in a line, if one of these people has sent it.
fn message(line: &str) -> Option<Message> {
    let (_, text) = line.split_once(" PRIVMSG #lobby :")?;
    read(text)
}

/// The message of a text.
pub(super) fn read(text: &str) -> Option<Message> {
    let (name, number) = text.split_once(' ')?;
    name.strip_prefix('w')?.parse::<u64>().ok()?;
    Some((name.to_owned(), number.parse().ok()?))
}
