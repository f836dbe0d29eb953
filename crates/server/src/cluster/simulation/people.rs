//! People who write to the lobby and read what others write, and go to another node when theirs is
//! gone. What is not confirmed some of them send again, with an id by which the store knows it. Others
//! give it up: of theirs the store would keep doubles, so these show that the log makes none.

use super::node::Running;
use crate::session_id::SessionId;

/// Messages that somebody sends before the first is confirmed.
const AT_ONCE: u64 = 3;
/// After so many milliseconds without an answer somebody goes elsewhere.
const PATIENCE: u64 = 20_000;

/// A message: whose it is, and its number among those.
pub(super) type Message = (String, u64);

pub(super) struct Person {
    pub(super) name: String,
    pub(super) at: Option<At>,
    /// Whether what is not confirmed is sent again.
    pub(super) resends: bool,
    /// The messages that were confirmed, in order.
    pub(super) confirmed: Vec<u64>,
    /// How many were sent at all.
    sent: u64,
    /// How many had been sent when each connection was made.
    began: Vec<u64>,
    /// What was heard in each connection, in order; of others.
    pub(super) heard: Vec<Vec<Message>>,
}

/// A connection.
pub(super) struct At {
    pub(super) node: usize,
    session: SessionId,
    /// How many lines were read.
    read: usize,
    logged_in: bool,
    /// How many messages were sent, up to now.
    sent: u64,
    /// The last of them that was confirmed here; what was before it came is done with.
    confirmed: u64,
    /// When something last went on.
    progress: u64,
}

impl Person {
    pub(super) fn new(name: &str, resends: bool) -> Person {
        let (name, confirmed, heard) = (name.to_owned(), Vec::new(), Vec::new());
        Person { name, at: None, resends, confirmed, sent: 0, began: Vec::new(), heard }
    }

    fn last_confirmed(&self) -> u64 {
        self.confirmed.last().copied().unwrap_or(0)
    }

    pub(super) fn connects(&mut self, node: usize, running: &mut Running, now: u64) {
        let session = running.opens();
        running.says(session, "CAP REQ :echo-message message-tags");
        running.says(session, "CAP END");
        running.says(session, &format!("LOGIN {} :secret", self.name));
        self.heard.push(Vec::new());
        self.began.push(self.sent);
        let done = if self.resends { self.last_confirmed() } else { self.sent };
        let (read, logged_in, sent, confirmed) = (0, false, done, done);
        self.at = Some(At { node, session, read, logged_in, sent, confirmed, progress: now });
    }

    /// Reads what there is, and writes: what is not confirmed, and then `more`.
    pub(super) fn acts(&mut self, running: &mut Running, more: bool, now: u64) {
        let Some(at) = &mut self.at else { return };
        let lines = &running.shards.lines[&at.session];
        let heard = self.heard.last_mut().expect("each connection has one");
        for line in &lines[at.read..] {
            at.progress = now;
            at.logged_in |= line.contains(" LOGGED_IN ") || line.contains(" ACCOUNT_CREATED ");
            match message(line) {
                Some((name, number)) if name == self.name => {
                    assert!(number <= self.sent, "{name} has not sent {number}");
                    // Of an earlier connection, or again.
                    if self.confirmed.last().is_none_or(|last| *last < number) {
                        self.confirmed.push(number);
                    }
                    at.confirmed = at.confirmed.max(number);
                }
                Some(message) => heard.push(message),
                None => {}
            }
        }
        at.read = lines.len();
        let waits = at.sent > at.confirmed || !at.logged_in;
        let more = more || at.sent < self.sent;
        if running.shards.is_gone(at.session) {
            self.at = None;
        } else if waits && now > at.progress + PATIENCE {
            running.closes(at.session);
            self.at = None;
        } else if at.logged_in && more && at.sent < at.confirmed + AT_ONCE {
            at.sent += 1;
            at.progress = now;
            self.sent = self.sent.max(at.sent);
            let (name, number) = (&self.name, at.sent);
            let tags = match self.resends {
                true => format!("@+parlor/resend={name}-{number} "),
                false => String::new(),
            };
            running.says(at.session, &format!("{tags}PRIVMSG #lobby :{name} {number}"));
        }
    }

    /// The connection that a message was sent over, if it is sent once.
    pub(super) fn connection(&self, number: u64) -> usize {
        self.began.partition_point(|began| *began < number)
    }

    pub(super) fn is_done(&self) -> bool {
        match &self.at {
            _ if self.resends => self.last_confirmed() == self.sent,
            Some(at) => at.sent == at.confirmed,
            None => true,
        }
    }
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
