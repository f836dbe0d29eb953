//! What the hub's handlers ask for: facts to store, and what may leave the process once they are
//! stored.

use super::door::Key;
use super::session::{Cursor, OpenLabel};
use super::undo::Undo;
#[cfg(doc)]
use crate::limits::ACCOUNT_SECONDS;
use crate::limits::{
    ADDRESS_TURN_WORK, BYTES_PER_WORK, EFFECTS_BYTES, HISTORY_PAGE_MOST, LINE_WORK,
    UNKNOWN_CONVERSATIONS,
};
use crate::metrics::Count;
use crate::render::lines::Lines;
use crate::session::SessionId;
use proto::{Capabilities, Capability, Line};
use std::ops::Range;
use std::sync::Arc;
use store::{AccountId, Conversation, EventId, RoomId, Write};

/// All that one batch of commands led to, in order. The journal stores `writes` and then releases
/// `list`.
#[derive(Debug, Default)]
pub struct Effects {
    /// The batch's number, rising from 1.
    pub batch: u64,
    /// Rises whenever the hub has taken back what could not be stored; see [`super::undo`].
    pub epoch: u32,
    /// The shard whose batch this answers: it may send its next one.
    pub answers: Option<u8>,
    /// Nothing comes after this: the server stops.
    pub last: bool,
    /// Facts to store, in order.
    pub writes: Vec<Write>,
    /// What is told to rooms and sessions, referred to by index.
    pub news: Vec<News>,
    /// What is to happen, in order.
    pub list: Vec<Effect>,
    /// The lines that replies and news refer to.
    pub text: Vec<u8>,
    /// Work that the command at hand took, beside what is counted by its effects.
    work: u64,
    /// Work that all commands so far took of the hub.
    pub work_done: u64,
    /// Where the command at hand goes on, and the bytes that its earlier turns answered.
    resumed: (Cursor, usize),
    /// How stored things were before this batch changed them; the hub keeps it until the writes are
    /// committed.
    pub undo: Vec<Undo>,
    command: Command,
    label: Option<Label>,
}

/// Where the command at hand began, and what its further effects depend on.
#[derive(Debug, Default)]
struct Command {
    when: When,
    list: usize,
    writes: usize,
    undo: usize,
    text: usize,
}

/// An effect and the outcome it waits for.
#[derive(Debug)]
pub struct Effect {
    /// On which outcome it happens.
    pub when: When,
    /// What happens.
    pub what: What,
}

/// The outcome of a write that an effect depends on; the number is the write's index in
/// [`Effects::writes`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum When {
    /// It depends on nothing stored.
    #[default]
    Always,
    /// The write is on disk, and for the first time.
    Stored(u32),
    /// The write is on disk, now or from an earlier sending with the same resend id.
    Settled(u32),
    /// The write could not be stored.
    Failed(u32),
    /// The store refused the write, for this reason.
    Refused(u32, store::Refused),
}

/// What the journal releases to the shards.
#[derive(Debug)]
pub enum What {
    /// Finished lines for one session.
    Reply {
        /// The asker.
        to: SessionId,
        /// Where in [`Effects::text`].
        text: Range<u32>,
    },
    /// News for everybody in some rooms, each session once.
    Tell {
        /// The rooms.
        rooms: Rooms,
        /// Sessions that are left out: the author's, who does not want an echo.
        except: Vec<SessionId>,
        /// Index in [`Effects::news`].
        news: u32,
    },
    /// News for one session.
    TellOne {
        /// The receiver.
        to: SessionId,
        /// Index in [`Effects::news`].
        news: u32,
        /// It is kept for the receiver until it is taken.
        kept: bool,
    },
    /// The last word on a message: it is stored, now or earlier.
    Confirm {
        /// The author's session.
        to: SessionId,
        /// In which words.
        form: Form,
        /// Index in [`Effects::news`].
        news: u32,
        /// A tag to put on the line (`label=…` or `batch=…`).
        tag: Option<Box<str>>,
    },
    /// The last word on a command whose write failed.
    NotStored {
        /// The asker.
        to: SessionId,
        /// The command.
        verb: &'static str,
        /// A tag to put on the line (`label=…`).
        tag: Option<Box<str>>,
    },
    /// The last word on a command whose write the store refused.
    Refused {
        /// The asker.
        to: SessionId,
        /// The line, in [`Effects::text`].
        text: Range<u32>,
        /// A tag to put on the line (`label=…`).
        tag: Option<Box<str>>,
    },
    /// From here on the session gets what is told to the room.
    Enter {
        /// The session.
        session: SessionId,
        /// The room.
        room: RoomId,
    },
    /// From here on it does not.
    Leave {
        /// The session.
        session: SessionId,
        /// The room.
        room: RoomId,
    },
    /// From here on the session's lines are rendered for these capabilities.
    Capabilities {
        /// The session.
        session: SessionId,
        /// All that it has.
        capabilities: Capabilities,
    },
    /// The session has logged in: its login deadline is over.
    Ready {
        /// The session.
        session: SessionId,
    },
    /// The session cannot come in without an account: it has [`ACCOUNT_SECONDS`] to log in.
    MustLogIn {
        /// The session.
        session: SessionId,
    },
    /// A read of history; its answer takes this place among the session's lines.
    Read {
        /// The asker.
        session: SessionId,
        /// What to read and how to show it.
        request: Arc<Read>,
        /// A tag for the answer (`label=…` or `batch=…`).
        tag: Option<Box<str>>,
    },
    /// A password whose key is to be derived, or an answer to be held back; it comes back to the hub.
    Derive {
        /// The session that logs in.
        session: SessionId,
        /// What to derive.
        job: Arc<Derive>,
    },
    /// The session is not read while the hub has lines of it that wait for their turn.
    Hold {
        /// The session.
        session: SessionId,
        /// Whether that begins; otherwise it is over.
        held: bool,
    },
    /// The session ends after its last lines.
    Close {
        /// The session.
        session: SessionId,
    },
    /// The config file is to be read again; what came of it comes back to the hub.
    Reread {
        /// Who asks.
        by: SessionId,
    },
    /// What came of seeing whether the store can be written.
    Probed {
        /// Who asked; its shard is told, even if it is gone.
        to: SessionId,
        /// Whether it can.
        ok: bool,
    },
    /// A line for the operator's terminal.
    Log(Fact),
    /// Something for the metrics.
    Count(Count),
}

/// The rooms that news are for.
#[derive(Debug)]
pub enum Rooms {
    /// One room.
    One(RoomId),
    /// Several; who is in more than one of them is told once.
    Several(Box<[RoomId]>),
}

/// Something to tell: a stored event, or a passing notice. Rendered by [`crate::render`].
#[derive(Debug, Default)]
pub struct News {
    /// The event's id; 0 if it is not stored.
    pub id: EventId,
    /// Milliseconds since the epoch.
    pub time: i64,
    /// The author's account, if any.
    pub account: Option<Arc<str>>,
    /// Whether the author is a bot.
    pub bot: bool,
    /// Client-only tags, raw.
    pub tags: Box<str>,
    /// Only sessions with all of these are told.
    pub needs: Capabilities,
    /// Only sessions with none of these are told.
    pub lacks: Capabilities,
    /// The line without its tags, in [`Effects::text`].
    pub body: Range<u32>,
    /// The line for those with `extended-join`, if theirs is another one.
    pub extended: Option<Range<u32>>,
    /// Where the body's lines are, if it is a message of several.
    pub lines: Option<Box<Lines>>,
}

/// In which words a message is confirmed to its author.
#[derive(Debug)]
pub enum Form {
    /// The message itself, as `echo-message` has it.
    Echo,
    /// `NOTE BM SENT`.
    Broadcast,
    /// `NOTE PM SENT` or `NOTE PM STORED`.
    Private {
        /// To whom.
        to: Arc<str>,
        /// Whether they are online.
        online: bool,
    },
}

/// A read of history.
#[derive(Debug)]
pub struct Read {
    /// What to read.
    pub what: ReadWhat,
    /// The capabilities of the asker.
    pub capabilities: Capabilities,
    /// At most so many bytes; what is more is left out.
    pub bytes: usize,
    /// Names for the conversations that may come up.
    pub rooms: Vec<(RoomId, Arc<str>)>,
    /// The asker.
    pub me: (AccountId, Arc<str>),
}

impl Read {
    /// Whether it is about many conversations.
    pub fn is_overview(&self) -> bool {
        match &self.what {
            ReadWhat::Targets { .. } | ReadWhat::Buffers => true,
            ReadWhat::Playback { of, .. } => of.as_ref().is_none_or(|of| of.len() > 1),
            ReadWhat::Ch { .. } | ReadWhat::Page { .. } | ReadWhat::Pending { .. } => false,
        }
    }

    /// About how many events are read for it.
    pub fn events(&self) -> usize {
        match &self.what {
            ReadWhat::Ch { query, .. } | ReadWhat::Page { query, .. } => query.limit,
            ReadWhat::Targets { limit, .. } => self.rooms.len() + limit,
            ReadWhat::Playback { of: Some(of), limit, .. } => of.len() * limit,
            // The private conversations are known to the store alone.
            ReadWhat::Playback { of: None, limit, .. } => {
                (self.rooms.len() + UNKNOWN_CONVERSATIONS) * (*limit).min(HISTORY_PAGE_MOST)
            }
            ReadWhat::Buffers => self.rooms.len() + UNKNOWN_CONVERSATIONS,
            // What is kept for somebody is shown once.
            ReadWhat::Pending { .. } => 0,
        }
    }
}

/// The kinds of reads.
#[derive(Debug)]
pub enum ReadWhat {
    /// `CH`: a page and a `NOTE CH END`.
    Ch {
        /// Which page.
        query: store::Query,
        /// What was asked for, as it is shown.
        target: Arc<str>,
    },
    /// `CHATHISTORY`: a page as a batch.
    Page {
        /// Which page.
        query: store::Query,
        /// What was asked for, as the asker wrote it.
        target: Arc<str>,
    },
    /// `CHATHISTORY TARGETS`.
    Targets {
        /// Between this time (milliseconds since the epoch), from which the limit counts,
        first: i64,
        /// and this one.
        second: i64,
        /// At most so many, and those with the same time as the last.
        limit: usize,
    },
    /// What somebody missed of some conversations; of each a batch, if there is anything.
    Playback {
        /// Which ones, and their names; none: all that the asker may read.
        of: Option<Vec<(Conversation, Arc<str>)>>,
        /// Later than this (milliseconds since the epoch).
        after: i64,
        /// Earlier than this.
        before: i64,
        /// At most so many of each, the newest ones.
        limit: usize,
        /// None later than this: those are delivered behind the answer.
        up_to: EventId,
        /// The kind of the batches.
        batch: &'static str,
    },
    /// The conversations that can be played back.
    Buffers,
    /// Messages kept for a user who was offline.
    Pending {
        /// None later than this.
        up_to: EventId,
        /// Up to when the conversations are read; what is older is not shown.
        read: Vec<(Conversation, i64)>,
    },
}

/// A password whose key is to be derived.
pub struct Derive {
    /// The password; it lives no longer than this.
    pub password: Box<str>,
    /// What to do with it.
    pub task: Task,
    /// Milliseconds to hold the answer back: failed logins are slowed.
    pub hold_millis: u64,
    /// At which address: those have their turns one after another.
    pub address: Key,
    /// By somebody who has logged in from there before.
    pub known: bool,
}

/// What to do with a password.
#[derive(Clone, Debug)]
pub enum Task {
    /// Compare it with an account's keys.
    Compare {
        /// The account's keys.
        keys: proto::scram::Keys,
        /// Of the key derivation, if these must be made anew.
        iterations: u32,
    },
    /// Make keys for a new account.
    Make {
        /// Of the key derivation.
        iterations: u32,
    },
    /// Nothing: only the answer is held back.
    Wait,
}

impl std::fmt::Debug for Derive {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Derive").field("hold_millis", &self.hold_millis).finish_non_exhaustive()
    }
}

/// What the operator's terminal is told.
#[derive(Debug, PartialEq, Eq)]
pub enum Fact {
    /// A session logged in.
    Came {
        /// The user.
        user: Arc<str>,
        /// From where.
        address: std::net::IpAddr,
        /// Whether the name was registered just now.
        new: bool,
    },
    /// A login failed.
    LoginFailed {
        /// The name that was tried.
        user: String,
        /// From where.
        address: std::net::IpAddr,
        /// Why.
        reason: &'static str,
    },
    /// A session was refused at the door.
    Refused {
        /// From where.
        address: std::net::IpAddr,
        /// Why.
        reason: &'static str,
    },
    /// Further sessions were refused at the door.
    RefusedMore {
        /// How many.
        count: u64,
    },
    /// A session ended.
    Left {
        /// The user; none if it never logged in.
        user: Option<Arc<str>>,
        /// From where.
        address: std::net::IpAddr,
        /// Why.
        reason: String,
    },
    /// The wall clock was set.
    ClockSet {
        /// By how many milliseconds; below 0 if it was put back.
        by: i64,
        /// What it shows now (milliseconds since the epoch).
        to: i64,
    },
    /// The reserve of the disk is touched, or whole again.
    Reserve {
        /// Whether it is touched.
        touched: bool,
        /// Free bytes.
        free: u64,
    },
    /// Somebody took operator's rights, or failed to.
    Operator {
        /// The user.
        user: Arc<str>,
        /// Whether the password was right.
        granted: bool,
    },
}

impl News {
    /// Whether a session with these capabilities is told.
    pub fn is_for(&self, capabilities: Capabilities) -> bool {
        capabilities.has_all(self.needs) && capabilities.has_none(self.lacks)
    }

    /// Where in [`Effects::text`] the line is that a session with these capabilities gets.
    pub fn body_for(&self, capabilities: Capabilities) -> Range<usize> {
        let extended = self.extended.as_ref();
        let extended = extended.filter(|_| capabilities.contains(Capability::ExtendedJoin));
        let body = extended.unwrap_or(&self.body);
        body.start as usize..body.end as usize
    }
}

#[derive(Debug)]
struct Label {
    session: SessionId,
    value: Box<str>,
    first: usize,
    batches: bool,
    /// The batch that an earlier turn has opened.
    reference: Option<Box<str>>,
}

impl Effects {
    /// An empty list for batch number `batch`.
    pub fn new(batch: u64, epoch: u32) -> Effects {
        Effects { batch, epoch, ..Effects::default() }
    }

    /// Whether nothing at all is asked for.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty() && self.writes.is_empty() && self.answers.is_none() && !self.last
    }

    /// Whether this is as much as should be released at once.
    pub fn is_large(&self) -> bool {
        self.text.len() >= EFFECTS_BYTES || self.work_done >= ADDRESS_TURN_WORK
    }

    /// Notes how something was before the command at hand changes it. Only commands that write
    /// something can fail and be taken back; the notes of others are dropped at their end.
    pub fn note(&mut self, undo: Undo) {
        self.undo.push(undo);
    }

    /// What follows in this command happens only if `write` is stored; returns its index.
    pub fn write(&mut self, write: Write) -> u32 {
        let index = index(self.writes.len());
        self.writes.push(write);
        self.command.when = When::Stored(index);
        index
    }

    /// The command at hand takes work: rows looked at, characters compared.
    pub fn spend(&mut self, work: u64) {
        self.work += work;
    }

    /// Work that the hub has had with the command at hand so far.
    pub fn spent(&self) -> u64 {
        LINE_WORK + self.work + self.written() as u64 / BYTES_PER_WORK
    }

    /// What the command at hand asks of shards and readers.
    pub fn asked(&self) -> &[Effect] {
        &self.list[self.command.list..]
    }

    /// What the command at hand wants stored.
    pub fn stores(&self) -> &[Write] {
        &self.writes[self.command.writes..]
    }

    /// Bytes of lines that the command at hand has led to.
    pub fn written(&self) -> usize {
        self.text.len() - self.command.text
    }

    /// On which outcome what follows in this command happens.
    pub fn when(&self) -> When {
        self.command.when
    }

    /// What follows in this command happens on `when`, whatever was written since.
    pub fn resume(&mut self, when: When) {
        self.command.when = when;
    }

    /// On which outcome the last word on the command's last write is due.
    pub fn settled(&self) -> When {
        match self.command.when {
            When::Stored(write) => When::Settled(write),
            other => other,
        }
    }

    /// What follows in this command is said also if its message was stored before.
    pub fn settle(&mut self) {
        self.command.when = self.settled();
    }

    /// Adds an effect that depends on the command's last write, if it had one.
    pub fn push(&mut self, what: What) {
        self.list.push(Effect { when: self.command.when, what });
    }

    /// Adds an effect that happens on `when`.
    pub fn push_when(&mut self, when: When, what: What) {
        self.list.push(Effect { when, what });
    }

    /// Appends one line or more for `to`, written by `write`.
    pub fn reply(&mut self, to: SessionId, write: impl FnOnce(&mut Vec<u8>)) {
        let start = index(self.text.len());
        write(&mut self.text);
        let end = index(self.text.len());
        if self.label.is_none()
            && let Some(Effect { when, what: What::Reply { to: last, text } }) =
                self.list.last_mut()
            && *last == to
            && *when == self.command.when
            && text.end == start
        {
            text.end = end;
            return;
        }
        self.push(What::Reply { to, text: start..end });
    }

    /// Adds news whose line, without tags, is written by `body`; returns its index.
    pub fn news(&mut self, mut news: News, body: impl FnOnce(&mut Vec<u8>)) -> u32 {
        news.body = self.span(body);
        self.news.push(news);
        index(self.news.len() - 1)
    }

    /// Gives news another line for those with `extended-join`.
    pub fn extend(&mut self, news: u32, body: impl FnOnce(&mut Vec<u8>)) {
        self.news[news as usize].extended = Some(self.span(body));
    }

    /// A command begins; with a label, its replies will be marked as `labeled-response` has it.
    pub fn begin(&mut self, session: SessionId, label: Option<Box<str>>, batches: bool) {
        self.command = self.next_command();
        let first = self.list.len();
        self.label = label.map(|value| Label { session, value, first, batches, reference: None });
    }

    /// A command goes on that was [paused](Self::pause).
    pub fn begin_again(&mut self, session: SessionId, label: Option<OpenLabel>, batches: bool) {
        let (value, reference) = match label {
            Some(OpenLabel { value, reference }) => (Some(value), reference),
            None => (None, None),
        };
        self.begin(session, value, batches);
        if let Some(label) = &mut self.label {
            label.reference = reference;
        }
    }

    /// Where the command that goes on does so, and how many bytes its earlier turns answered.
    pub fn resume_at(&mut self, cursor: Cursor, answered: usize) {
        self.resumed = (cursor, answered);
    }

    /// Where the command at hand goes on: at its start, if it has not been paused.
    pub fn take_cursor(&mut self) -> Cursor {
        std::mem::take(&mut self.resumed.0)
    }

    /// Bytes of lines that the command at hand has led to in all its turns.
    pub fn answered(&self) -> usize {
        self.resumed.1 + self.written()
    }

    /// The command goes on in another turn, when others have had theirs. Its label waits for that.
    pub fn pause(&mut self, server: &str) -> Option<OpenLabel> {
        let label = self.label.take().map(|label| {
            let reference = self.mark_part(&label, server, true);
            OpenLabel { value: label.value, reference }
        });
        self.end(server);
        label
    }

    /// Whether the command at hand has a label: then its author's own copies are replies.
    pub fn is_labeled(&self) -> bool {
        self.label.is_some()
    }

    /// The label, for a command that is answered later.
    pub fn take_label(&mut self) -> Option<Box<str>> {
        self.label.take().map(|label| label.value)
    }

    /// The command ends: marks what answers it with its label.
    ///
    /// <https://ircv3.net/specs/extensions/labeled-response>: no answer is an `ACK`, one line bears the label itself, more
    /// are wrapped in a batch that does.
    pub fn end(&mut self, server: &str) {
        if self.writes.len() == self.command.writes {
            self.undo.truncate(self.command.undo);
        }
        if let Some(label) = self.label.take() {
            self.settle();
            match label.reference {
                Some(_) => _ = self.mark_part(&label, server, false),
                None => self.mark_answers(&label, server),
            }
        }
        self.work_done += self.spent();
        self.command = self.next_command();
        self.work = 0;
        self.resumed = (Cursor::Start, 0);
    }

    fn next_command(&self) -> Command {
        Command {
            when: When::Always,
            list: self.list.len(),
            writes: self.writes.len(),
            undo: self.undo.len(),
            text: self.text.len(),
        }
    }

    /// Marks what one turn of a command has answered: all turns' answers are in one batch, which
    /// the first one opens and the last one closes. Returns the batch's reference; none if the
    /// session knows no batches, and each line bears the label.
    fn mark_part(&mut self, label: &Label, server: &str, more: bool) -> Option<Box<str>> {
        let tag = raw_tag("label", &label.value);
        let answers = self.find_answers(label, &tag);
        if !label.batches {
            answers.iter().for_each(|at| self.mark(*at, &tag));
            return None;
        }
        let new = || format!("P{}-{}", self.batch, self.text.len()).into();
        let reference: Box<str> = label.reference.clone().unwrap_or_else(new);
        for at in answers {
            if !self.is_in_batch(at) {
                self.mark(at, &raw_tag("batch", &reference));
            }
        }
        let to = label.session;
        if label.reference.is_none() {
            let text = self.span(|out| {
                let line = Line::to(out).raw_tags(&tag).source(server).verb("BATCH");
                line.param(&format!("+{reference}")).param("labeled-response").end();
            });
            let start = Effect { when: When::Always, what: What::Reply { to, text } };
            self.list.insert(label.first, start);
        }
        if !more {
            let text = self.span(|out| {
                let line = Line::to(out).source(server).verb("BATCH");
                line.param(&format!("-{reference}")).end();
            });
            self.push_when(When::Always, What::Reply { to, text });
        }
        Some(reference)
    }

    /// Where the answers to a command are. What may yet answer it in their place gets the tag.
    fn find_answers(&mut self, label: &Label, tag: &str) -> Vec<usize> {
        for effect in &mut self.list[label.first..] {
            if let What::NotStored { tag: slot, .. } | What::Refused { tag: slot, .. } =
                &mut effect.what
            {
                *slot = Some(tag.into());
            }
        }
        let all = label.first..self.list.len();
        all.filter(|at| self.list[*at].what.answers(label.session)).collect()
    }

    fn mark_answers(&mut self, label: &Label, server: &str) {
        let tag = raw_tag("label", &label.value);
        let answers = self.find_answers(label, &tag);
        match answers[..] {
            [] => self.reply(label.session, |out| {
                Line::to(out).raw_tags(&tag).source(server).verb("ACK").end();
            }),
            [only] => self.mark(only, &tag),
            [first, ..] if label.batches => {
                let reference = format!("L{}", self.text.len());
                for at in &answers {
                    // What is in an inner batch is in this one by it.
                    if !self.is_in_batch(*at) {
                        self.mark(*at, &raw_tag("batch", &reference));
                    }
                }
                // Answers that wait for different things are in it, whichever of them come.
                let when = self.list[first].when;
                let same = answers.iter().all(|at| self.list[*at].when == when);
                let when = if same { when } else { When::Always };
                let start = self.span(|out| {
                    let line = Line::to(out).raw_tags(&tag).source(server).verb("BATCH");
                    line.param(&format!("+{reference}")).param("labeled-response").end();
                });
                let what = What::Reply { to: label.session, text: start };
                self.list.insert(first, Effect { when, what });
                let end = self.span(|out| {
                    Line::to(out)
                        .source(server)
                        .verb("BATCH")
                        .param(&format!("-{reference}"))
                        .end();
                });
                let what = What::Reply { to: label.session, text: end };
                self.list.push(Effect { when, what });
            }
            [..] => answers.iter().for_each(|at| self.mark(*at, &tag)),
        }
    }

    /// Writes a line, to be referred to by an effect.
    pub fn span(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> Range<u32> {
        let start = index(self.text.len());
        write(&mut self.text);
        start..index(self.text.len())
    }

    /// Lets `write` ask for replies; returns where their lines are, one behind the other.
    pub fn lines(&mut self, write: impl FnOnce(&mut Effects)) -> Range<u32> {
        let start = index(self.text.len());
        write(self);
        start..index(self.text.len())
    }

    /// Whether the effect at `at` is a line of a batch already.
    fn is_in_batch(&self, at: usize) -> bool {
        match &self.list[at].what {
            What::Reply { text, .. } => self.text[text.start as usize..].starts_with(b"@batch="),
            _ => false,
        }
    }

    /// Puts `tag` on the line that the effect at `at` sends.
    fn mark(&mut self, at: usize, tag: &str) {
        match &mut self.list[at].what {
            What::Reply { text, .. } => {
                let line = self.text[text.start as usize..text.end as usize].to_vec();
                if tag.starts_with("batch=") && line.starts_with(b"@batch=") {
                    return; // It is in a batch of its own, which is in this one.
                }
                let start = index(self.text.len());
                self.text.extend_from_slice(b"@");
                self.text.extend_from_slice(tag.as_bytes());
                match line.strip_prefix(b"@") {
                    Some(tagged) => {
                        self.text.push(b';');
                        self.text.extend_from_slice(tagged);
                    }
                    None => {
                        self.text.push(b' ');
                        self.text.extend_from_slice(&line);
                    }
                }
                *text = start..index(self.text.len());
            }
            What::Confirm { tag: slot, .. } | What::Read { tag: slot, .. } => {
                *slot = Some(tag.into());
            }
            _ => {}
        }
    }
}

impl What {
    /// Whether this is an answer to the command of `session`.
    fn answers(&self, session: SessionId) -> bool {
        match self {
            What::Reply { to, .. } | What::Confirm { to, .. } => *to == session,
            // What was kept for who was offline is delivered, whatever was asked.
            What::Read { session: to, request, .. } => {
                *to == session && !matches!(request.what, ReadWhat::Pending { .. })
            }
            _ => false,
        }
    }
}

fn raw_tag(key: &str, value: &str) -> Box<str> {
    let mut tag = format!("{key}=").into_bytes();
    proto::tags::escape_value(value, &mut tag);
    String::from_utf8(tag).expect("escaping keeps UTF-8").into()
}

/// An index or offset within one batch; its text is bounded far below 4 GiB.
fn index(at: usize) -> u32 {
    u32::try_from(at).expect("a batch stays far below 4 GiB")
}
