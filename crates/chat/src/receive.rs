//! What each line from the server means: one table of verbs; a file for each kind.

pub mod batch;
mod membership;
mod sentence;
mod message;
mod replies;
mod person;

use crate::change::Change;
use crate::chat::{Chat, Request};
use crate::conversation::{Conversation, With};
use crate::entry::Kind;
use proto::mask::Source;
use proto::{Line, Message};

/// The parameter of the `PING` whose answer ends the welcome.
pub(crate) const WELCOMED: &str = "welcomed";

/// A line and what is known of it.
pub(crate) struct Received<'a> {
    pub(crate) message: &'a Message<'a>,
    pub(crate) now_ms: i64,
    /// The label of the line, or of the batch in which it came.
    pub(crate) label: Option<u64>,
}

impl<'a> Received<'a> {
    /// The server time, or now.
    pub(crate) fn time_ms(&self) -> i64 {
        self.server_time_ms().unwrap_or(self.now_ms)
    }

    /// The server time, if the line has one.
    fn server_time_ms(&self) -> Option<i64> {
        self.message.tags.get("time").and_then(|time| proto::time::parse_server_time(&time))
    }

    /// The nick of who sent it, or the server's name.
    pub(crate) fn from(&self) -> &'a str {
        self.message.source.map_or("", |source| Source::parse(source).nick)
    }

    /// A parameter; empty if there is none.
    pub(crate) fn param(&self, index: usize) -> &'a str {
        self.message.param(index).unwrap_or("")
    }

    /// The last parameter, which is a sentence in most answers.
    pub(crate) fn last(&self) -> &'a str {
        self.message.params().last().copied().unwrap_or("")
    }
}

impl Chat {
    /// Handles a line from the server, without its line ending. Lines to send are appended to `out`.
    pub fn receive(&mut self, line: &str, now_ms: i64, out: &mut Vec<u8>) {
        let Ok(message) = Message::parse(line) else { return };
        let label = message.tags.get("label").and_then(|label| label.parse().ok());
        let in_batch = message.tags.get("batch").map(|batch| batch.into_owned());
        let label = label.or_else(|| self.label_of_batch(in_batch.as_deref()));
        self.within_answer = in_batch.is_some() && label.is_some();
        let received = Received { message: &message, now_ms, label };
        self.server_time_ms = self.server_time_ms.max(received.server_time_ms());
        if let Some(batch) = in_batch {
            if self.is_collected(&batch) {
                self.collect(&batch, &received);
                return;
            }
            self.count_line(&batch);
        }
        self.dispatch(&received, out);
        if message.tags.get("label").is_some()
            && !message.verb.eq_ignore_ascii_case("BATCH")
            && let Some(label) = received.label
        {
            // A single line instead of a batch answers a request by refusing it.
            self.finish_request(label, received.last());
        }
        // The piece before may be confirmed now.
        self.send_waiting(out);
        for (target, run) in std::mem::take(&mut self.wanted) {
            // Without a connection the message is fetched later, with the gap that contains it.
            let _ = self.load(&target, run, out);
        }
    }

    fn dispatch(&mut self, received: &Received<'_>, out: &mut Vec<u8>) {
        let message = received.message;
        match message.verb.to_ascii_uppercase().as_str() {
            "PRIVMSG" | "NOTICE" => self.said(received),
            "TAGMSG" => self.tagged(received),
            "REDACT" => self.redacted(received),
            "BATCH" => self.batch(received),
            "JOIN" => self.join(received, out),
            "PART" => self.part(received),
            "QUIT" => self.quit(received),
            "KICK" => self.kick(received),
            "NICK" => self.nick(received),
            "MODE" => self.mode(received),
            "TOPIC" => self.topic(received),
            "INVITE" => self.invite(received),
            "RENAME" => self.rename(received),
            "AWAY" => self.away(received.from(), !received.param(0).is_empty()),
            "PING" => Line::to(out).verb("PONG").text(received.param(0)).end(),
            "PONG" if received.last() == WELCOMED => self.welcomed(out),
            "PONG" => self.changes.push(Change::Pong(received.last().to_owned())),
            "ERROR" => self.changes.push(Change::Closing(received.last().to_owned())),
            "KILL" => self.killed(received),
            "MARKREAD" => self.marked(received),
            "UNREAD" => self.unread(received),
            "NOTIFY" => self.notify(received),
            "SILENCE" => self.ignored(received),
            "NODES" => {
                if let Some(nodes) = self.server.listing.take(message.params()) {
                    self.server.nodes = nodes;
                }
            }
            "CAP" => self.capabilities(received, out),
            "FAIL" | "WARN" | "NOTE" => self.standard(received),
            "METADATA" => self.metadata(received, 0),
            // A message that the server takes without sending it back.
            "ACK" => drop(received.label.map(|label| self.settle_unconfirmed(label))),
            "ACCOUNT" | "CHGHOST" | "SETNAME" => {}
            verb if verb.len() == 3 && verb.bytes().all(|byte| byte.is_ascii_digit()) => {
                self.numeric(verb, received);
            }
            _ => {}
        }
    }

    /// The whole welcome has arrived.
    fn welcomed(&mut self, out: &mut Vec<u8>) {
        for conversation in self.conversations.values_mut() {
            // The welcome need not have contained everything that was missed.
            if conversation.timeline.newest().is_some() {
                conversation.timeline.break_off();
            }
        }
        self.ready = true;
        if self.server.has("draft/metadata-2") {
            let line = Line::to(out).verb("METADATA").param("*").param("SUB");
            crate::people::KEYS.iter().fold(line, |line, key| line.param(key)).end();
        }
        self.changes.push(Change::Ready);
        // A room that is new to this person is joined first: it may not be there yet.
        let is_known = |open: &&Conversation| {
            open.with != With::Room || open.joined || open.timeline.newest().is_some()
        };
        let current = self.conversation(&self.current).filter(is_known);
        if let Some(name) = current.map(|open| open.name.clone()) {
            self.refresh(&name, out);
        }
    }

    /// The server offers, or takes back, capabilities during the session.
    fn capabilities(&mut self, received: &Received<'_>, out: &mut Vec<u8>) {
        let names = received.last().split_whitespace();
        match received.param(1) {
            "NEW" => {
                let wanted = names.map(|name| name.split('=').next().unwrap_or(name));
                let wanted: Vec<_> = wanted.filter(|name| crate::WANTED.contains(name)).collect();
                for offer in received.last().split_whitespace() {
                    if let Some((name, value)) = offer.split_once('=') {
                        self.server.offered.insert(name.to_owned(), value.to_owned());
                    }
                }
                if !wanted.is_empty() {
                    Line::to(out).verb("CAP").param("REQ").text(&wanted.join(" ")).end();
                }
            }
            "ACK" => {
                for name in names {
                    match name.strip_prefix('-') {
                        Some(name) => drop(self.server.capabilities.remove(name)),
                        None => {
                            let value = self.server.offered.remove(name).unwrap_or_default();
                            self.server.capabilities.insert(name.to_owned(), value);
                        }
                    }
                }
            }
            "DEL" => names.for_each(|name| drop(self.server.capabilities.remove(name))),
            _ => {}
        }
    }

    fn killed(&mut self, received: &Received<'_>) {
        if proto::name::same(received.param(0), &self.me) {
            let (by, reason) = (received.from().to_owned(), received.param(1).to_owned());
            self.changes.push(Change::Killed { by, reason });
        }
    }

    /// A request has been answered.
    pub(crate) fn finish_request(&mut self, label: u64, reason: &str) {
        if let Some(request) = self.requests.remove(&label) {
            if let Request::Join { target } = &request {
                self.join_answered(target);
            }
            self.fail_request(&request, reason);
        }
    }

    /// The conversation to show a reply in: where the command was typed, or the room that the reply names.
    pub(crate) fn place_of(&self, received: &Received<'_>) -> String {
        if let Some(label) = received.label
            && let Some(Request::Command { target } | Request::Join { target }) =
                self.requests.get(&label)
        {
            return target.clone();
        }
        if !self.ready {
            // Nobody has asked for the lines of the welcome.
            return String::new();
        }
        let params = received.message.params().iter().skip(1);
        let mut named = params.filter(|param| self.server.is_room(param));
        let room = named.find(|param| self.conversation(param).is_some());
        room.map_or(self.current.clone(), |room| (*room).to_owned())
    }

    /// Shows a reply in its conversation.
    pub(crate) fn show_reply(&mut self, received: &Received<'_>, kind: Kind, text: &str) {
        let place = self.place_of(received);
        self.show_sentence(&place, kind, received.now_ms, text);
    }
}
