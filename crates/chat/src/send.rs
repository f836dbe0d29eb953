//! Performs intents, as lines to the server.

use crate::change::Change;
use crate::chat::{Chat, Request};
use crate::conversation::{Joining, Notify, With};
use crate::entry::{Delivery, Entry, Kind};
use crate::intent::{Intent, NewMessage};
use crate::limits::{OUTGOING, TYPING_INTERVAL_MS};
use crate::outgoing::{self, Outgoing, piece_bytes};
use proto::Line;
use proto::name::{fold, same};
use proto::time::write_server_time;
use std::collections::VecDeque;
use std::ops::RangeInclusive;

/// Why an intent was not performed; nothing was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendError {
    /// There is no text.
    NoText,
    /// Too many messages are on their way.
    TooMany,
    /// The server does not know how to do this.
    Unsupported(&'static str),
    /// There is no connection.
    NotConnected,
}

impl std::fmt::Display for SendError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            SendError::NoText => f.write_str("There is no text to send."),
            SendError::TooMany => f.write_str("Too many messages are waiting; try again later."),
            SendError::Unsupported(what) => write!(f, "This server does not support {what}."),
            SendError::NotConnected => f.write_str("There is no connection at the moment."),
        }
    }
}

impl std::error::Error for SendError {}

impl Chat {
    /// Performs an intent; the lines for the server are appended to `out`. Returns the numbers of the
    /// messages that [`Intent::Say`] made.
    ///
    /// # Errors
    /// [`SendError`], and nothing has happened.
    pub fn perform(
        &mut self,
        intent: Intent,
        now_ms: i64,
        out: &mut Vec<u8>,
    ) -> Result<Option<RangeInclusive<u64>>, SendError> {
        match intent {
            Intent::Say(saying) => return self.say(&saying, now_ms, out).map(Some),
            Intent::Retry(number) => self.retry(number, out),
            Intent::Discard(number) => self.discard(number),
            Intent::React { target, msgid, text, undo } => {
                self.react(&target, &msgid, &text, undo, out)?;
            }
            Intent::Redact { target, msgid, reason } => {
                self.must_have("draft/message-redaction", "taking messages back")?;
                let line = self.labelled(&target, out).verb("REDACT").param(&target).param(&msgid);
                if reason.is_empty() { line.end() } else { line.text(&reason).end() }
            }
            Intent::Typing { target, active } => self.send_typing(&target, active, now_ms, out),
            Intent::Open(name) => self.open(&name, out),
            Intent::Join(room) => {
                self.must_be_connected()?;
                self.labelled(&room, out).verb("JOIN").param(&room).end();
            }
            Intent::Close(name) => self.close(&name, out),
            Intent::Load { target, run } => self.load(&target, run, out)?,
            Intent::Everything { count, before } => {
                self.load_everything(count, before.as_deref(), out)?;
            }
            Intent::Changed(since_ms) => self.request_targets(since_ms, out)?,
            Intent::MarkRead(target) => self.mark_read(&target, out),
            Intent::Notify { target, notify } => self.set_notify(&target, notify, out),
            Intent::Search { words, before_ms } => self.find(words, before_ms, out)?,
            Intent::List => {
                self.must_be_connected()?;
                self.unfinished_list.clear();
                Line::to(out).verb("LIST").end();
            }
            Intent::Raw(line) => {
                self.must_be_connected()?;
                self.note_question(&line);
                out.extend(line.bytes().filter(|byte| !matches!(byte, b'\r' | b'\n' | 0)));
                out.extend_from_slice(b"\r\n");
            }
            Intent::Quit(reason) => Line::to(out).verb("QUIT").text(&reason).end(),
        }
        Ok(None)
    }

    /// Remembers what a line asks for, where the answer does not say enough.
    fn note_question(&mut self, line: &str) {
        let words: Vec<&str> = line.split_whitespace().take(4).collect();
        let verb = words.first().copied().unwrap_or_default();
        match words[..] {
            [_, name] if verb.eq_ignore_ascii_case("WHOIS") => {
                name.trim_start_matches(':').clone_into(&mut self.asked.whois);
            }
            [_, of, list]
                if verb.eq_ignore_ascii_case("METADATA") && list.eq_ignore_ascii_case("LIST") =>
            {
                let of = if of == "*" { &self.me } else { of };
                of.clone_into(&mut self.asked.metadata);
            }
            _ => {}
        }
    }

    pub(crate) fn must_be_connected(&self) -> Result<(), SendError> {
        if self.connected { Ok(()) } else { Err(SendError::NotConnected) }
    }

    pub(crate) fn must_have(&self, capability: &str, what: &'static str) -> Result<(), SendError> {
        self.must_be_connected()?;
        if self.server.has(capability) { Ok(()) } else { Err(SendError::Unsupported(what)) }
    }

    /// A line whose answers are shown in a conversation.
    fn labelled<'a>(&mut self, target: &str, out: &'a mut Vec<u8>) -> Line<'a> {
        let label = self.label(Request::Command { target: target.to_owned() });
        start_line(label, out)
    }

    fn say(
        &mut self,
        saying: &NewMessage,
        now_ms: i64,
        out: &mut Vec<u8>,
    ) -> Result<RangeInclusive<u64>, SendError> {
        let NewMessage { to, text, action, reply_to } = saying;
        let action = *action;
        let limit = piece_bytes(&self.me, to);
        let multiline = self.server.multiline().filter(|_| !action);
        let text = if action { text.replace('\n', " ") } else { text.to_owned() };
        let limit = if action { limit.saturating_sub("\x01ACTION \x01".len()) } else { limit };
        let messages = outgoing::messages(&text, limit, multiline);
        if messages.is_empty() {
            return Err(SendError::NoText);
        }
        if self.outgoing.len() + messages.len() > OUTGOING {
            return Err(SendError::TooMany);
        }
        let first = self.next + 1;
        for text in messages {
            self.next += 1;
            self.outgoing.push_back(Outgoing {
                number: self.next,
                text_id: first,
                resend_id: format!("{}.{}", self.resend_prefix, self.next),
                to: to.clone(),
                text,
                action,
                reply_to: reply_to.clone(),
                time_ms: now_ms,
                delivery: Delivery::Pending,
                sent: false,
                resent: false,
                retry_at_ms: None,
            });
        }
        let last = self.next;
        self.conversation_mut(to);
        self.typing_sent.remove(&fold(to));
        self.changes.push(Change::Timeline(to.clone()));
        self.send_waiting(out);
        Ok(first..=last)
    }

    /// Sends what has not been sent on this connection, in its order: nothing overtakes a message that the server has deferred.
    /// A piece of a text waits until the one before it is confirmed, if confirmations can be matched to messages.
    pub(crate) fn send_waiting(&mut self, out: &mut Vec<u8>) {
        if !self.connected {
            return;
        }
        let abilities = self.abilities();
        let confirms = self.server.has("echo-message");
        let mut sent = Vec::new();
        let mut under_way = None;
        for outgoing in &mut self.outgoing {
            if outgoing.delivery != Delivery::Pending {
                continue;
            }
            let before = under_way.replace(outgoing.text_id);
            if outgoing.sent {
                continue;
            }
            let waits = abilities.labels && before == Some(outgoing.text_id);
            if waits || outgoing.retry_at_ms.is_some() {
                break;
            }
            outgoing.write(&self.me, abilities, out);
            outgoing.sent = true;
            if !confirms {
                sent.push(outgoing.number);
            }
        }
        for number in sent {
            self.settle_unconfirmed(number);
        }
    }

    /// A message has been sent to a server that does not send it back.
    pub(crate) fn settle_unconfirmed(&mut self, number: u64) {
        let Some(at) = self.outgoing.iter().position(|outgoing| outgoing.number == number) else {
            return;
        };
        let Some(mut outgoing) = self.outgoing.remove(at) else { return };
        outgoing.delivery = Delivery::Sent;
        let entry = Entry { outgoing: None, ..outgoing.entry(&self.me) };
        self.add(&outgoing.to, entry);
        self.changes.push(Change::Settled { number, outcome: Ok(None) });
    }

    /// Where the message with this number is, if it was refused or held back; unconfirmed messages need no retry.
    fn failed(&self, number: u64) -> Option<usize> {
        let is_it = |outgoing: &Outgoing| outgoing.number == number && outgoing.has_failed();
        self.outgoing.iter().position(is_it)
    }

    fn retry(&mut self, number: u64, out: &mut Vec<u8>) {
        let Some(at) = self.failed(number) else { return };
        let (text_id, to) = (self.outgoing[at].text_id, self.outgoing[at].to.clone());
        // All unsent pieces of its text, so that none overtakes an earlier one.
        let (again, others): (VecDeque<Outgoing>, _) = std::mem::take(&mut self.outgoing)
            .into_iter()
            .partition(|outgoing| outgoing.text_id == text_id && outgoing.has_failed());
        self.outgoing = others;
        for mut outgoing in again {
            self.next += 1;
            // A refused message was not stored, so its id was not used up; its label was.
            outgoing.number = self.next;
            outgoing.delivery = Delivery::Pending;
            (outgoing.sent, outgoing.retry_at_ms) = (false, None);
            self.outgoing.push_back(outgoing);
        }
        self.changes.push(Change::Timeline(to));
        self.send_waiting(out);
    }

    fn discard(&mut self, number: u64) {
        if let Some(at) = self.failed(number)
            && let Some(outgoing) = self.outgoing.remove(at)
        {
            self.changes.push(Change::Timeline(outgoing.to));
        }
    }

    fn react(
        &mut self,
        target: &str,
        msgid: &str,
        text: &str,
        undo: bool,
        out: &mut Vec<u8>,
    ) -> Result<(), SendError> {
        self.must_have("message-tags", "reactions")?;
        let tag = if undo { "+draft/unreact" } else { "+draft/react" };
        let line = self.labelled(target, out).tag("+draft/reply", msgid).tag(tag, text);
        line.verb("TAGMSG").param(target).end();
        if !self.server.has("echo-message") {
            let me = self.me.clone();
            self.reacted(target, msgid, text, &me, undo);
        }
        Ok(())
    }

    fn send_typing(&mut self, target: &str, active: bool, now_ms: i64, out: &mut Vec<u8>) {
        let key = fold(target);
        let sent_ms = self.typing_sent.get(&key).copied();
        let due = match sent_ms {
            Some(sent_ms) => !active || now_ms - sent_ms >= TYPING_INTERVAL_MS,
            None => active,
        };
        if !due || !self.connected || !self.server.has("message-tags") || target.is_empty() {
            return;
        }
        let state = if active { "active" } else { "done" };
        Line::to(out).tag("+typing", state).verb("TAGMSG").param(target).end();
        if active {
            self.typing_sent.insert(key, now_ms);
        } else {
            self.typing_sent.remove(&key);
        }
    }

    fn open(&mut self, name: &str, out: &mut Vec<u8>) {
        name.clone_into(&mut self.current);
        let (connected, ready) = (self.connected, self.ready);
        let was_refused = same(&std::mem::take(&mut self.refused_join), name);
        let conversation = self.conversation_mut(name);
        if conversation.with == With::Room && !conversation.joined {
            let is_asked = conversation.joining == Joining::Sent && !ready;
            if !connected {
                conversation.joining = Joining::Wanted;
            } else if !is_asked && !was_refused {
                let room = conversation.name.clone();
                self.send_join(&room, out);
            }
        }
        self.refresh(name, out);
    }

    fn send_join(&mut self, room: &str, out: &mut Vec<u8>) {
        if let Some(conversation) = self.conversations.get_mut(&fold(room)) {
            conversation.joining = Joining::Sent;
        }
        let label = self.label(Request::Join { target: room.to_owned() });
        start_line(label, out).verb("JOIN").param(room).end();
    }

    /// Joins the rooms that were opened without a connection, or on one that broke before the server answered.
    pub(crate) fn join_wanted(&mut self, out: &mut Vec<u8>) {
        let rooms = self.conversations.values();
        let wanted = rooms.filter(|room| room.joining == Joining::Wanted);
        for room in wanted.map(|room| room.name.clone()).collect::<Vec<_>>() {
            self.send_join(&room, out);
        }
    }

    fn close(&mut self, name: &str, out: &mut Vec<u8>) {
        let Some(conversation) = self.conversation(name) else { return };
        match conversation.with {
            With::Room if conversation.joined => {
                self.labelled(name, out).verb("PART").param(name).end();
            }
            With::Server => {}
            With::Room | With::Person => {
                self.conversations.remove(&fold(name));
                // What may have been sent goes on until the server has it.
                self.outgoing.retain(|one| one.sent || one.resent || !same(&one.to, name));
                self.changes.push(Change::Conversation(name.to_owned()));
            }
        }
    }

    fn mark_read(&mut self, target: &str, out: &mut Vec<u8>) {
        let connected = self.connected;
        let can_tell = self.server.has("draft/read-marker");
        let Some(conversation) = self.conversations.get_mut(&fold(target)) else { return };
        let newest = conversation.timeline.newest().map(|entry| entry.time_ms);
        let was_unread = conversation.unread > 0;
        conversation.set_read();
        if was_unread {
            self.changes.push(Change::Conversation(conversation.name.clone()));
        }
        let Some(newest) =
            newest.filter(|newest| conversation.read_ms.is_none_or(|read| *newest > read))
        else {
            return;
        };
        if connected && can_tell {
            conversation.read_ms = Some(newest);
            let line = Line::to(out).verb("MARKREAD").param(&conversation.name);
            line.param(&timestamp(newest)).end();
        }
    }

    fn set_notify(&mut self, target: &str, notify: Notify, out: &mut Vec<u8>) {
        let Some(conversation) = self.conversations.get_mut(&fold(target)) else { return };
        conversation.notify = notify;
        self.changes.push(Change::Conversation(target.to_owned()));
        if self.connected && self.server.has("parlor/unread") {
            let word = match notify {
                Notify::Mentions => "default",
                Notify::All => "follow",
                Notify::None => "mute",
            };
            self.labelled(target, out).verb("NOTIFY").param(target).param(word).end();
        }
    }

    /// Handles expired timers: resends deferred messages, stops showing people as typing.
    pub fn tick(&mut self, now_ms: i64, out: &mut Vec<u8>) {
        let mut due = false;
        for outgoing in &mut self.outgoing {
            if outgoing.retry_at_ms.is_some_and(|at| at <= now_ms) {
                outgoing.retry_at_ms = None;
                due = true;
            }
        }
        if due {
            self.send_waiting(out);
        }
        for conversation in self.conversations.values_mut() {
            let before = conversation.typing.len();
            conversation.typing.retain(|(_, until)| *until > now_ms);
            if conversation.typing.len() < before {
                self.changes.push(Change::Conversation(conversation.name.clone()));
            }
        }
    }

    /// When [`Chat::tick`] has something to do next, in milliseconds since 1970 UTC.
    pub fn next_tick_ms(&self) -> Option<i64> {
        let retries = self.outgoing.iter().filter_map(|outgoing| outgoing.retry_at_ms);
        let typing = self.conversations.values().flat_map(|conversation| &conversation.typing);
        retries.chain(typing.map(|(_, until)| *until)).min()
    }

    /// Shows a sentence of this client's own.
    pub fn remark(&mut self, target: &str, failed: bool, now_ms: i64, text: &str) {
        self.add_sentence(target, if failed { Kind::Error } else { Kind::Info }, now_ms, text);
    }
}

fn start_line(label: Option<String>, out: &mut Vec<u8>) -> Line<'_> {
    let line = Line::to(out);
    match label {
        Some(label) => line.tag("label", &label),
        None => line,
    }
}

/// A time as a selector of history, and as a read marker.
pub(crate) fn timestamp(ms: i64) -> String {
    let mut text = b"timestamp=".to_vec();
    write_server_time(ms, &mut text);
    String::from_utf8_lossy(&text).into_owned()
}
