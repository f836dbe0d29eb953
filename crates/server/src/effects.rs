//! What commands request: writes to store, and what may leave the process once they are stored.

mod follow_up;
mod lines;
mod paused;
mod read;
mod sent_entry;
pub mod released;
mod effect;
mod turn;

pub use effect::{
    Condition, ConditionalEffect, Confirmation, Derive, Effect, LogRecord, News, Rooms, Task,
};
pub use follow_up::{FollowUp, SessionEnd};
pub use lines::{Lines, OneLine};
pub use paused::{Cursor, OpenLabel};
pub use read::{Read, ReadKind, Silence, UnreadForm};
pub use sent_entry::SentEntry;
pub use turn::Turn;

use crate::config::History;
use crate::limits::{ADDRESS_TURN_WORK, BYTES_PER_WORK, EFFECTS_BYTES, LINE_WORK};
use crate::session_id::SessionId;
use crate::work::Work;
use proto::Line;
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;
use store::Write;

/// Everything that one batch of commands requests, in order. The journal stores `writes`, then
/// releases `list`.
#[derive(Debug, Default)]
pub struct Effects {
    /// The batch's number, rising from 1.
    pub batch: u64,
    /// The number of times the hub has rolled back; see [`crate::state::undo`].
    pub epoch: u32,
    /// The shard whose batch this answers, and which may send its next one.
    pub answers: Option<u8>,
    /// The server is stopping, and these are the last effects.
    pub last: bool,
    /// The turn in which these were made, which ends when they are carried out and dropped.
    pub turn: Option<Turn>,
    /// New settings for retention, after a reload.
    pub history: Option<History>,
    /// The time, by the steady clock, of the last entry that a log has brought: the store forgets by
    /// it.
    pub steady: Option<i64>,
    /// The writes, in order.
    pub writes: Vec<Write>,
    /// Events and notices, which effects refer to by index.
    pub news: Vec<News>,
    /// The effects, in order.
    pub list: Vec<ConditionalEffect>,
    /// The lines that replies and news refer to.
    pub text: Vec<u8>,
    /// Entries for the log that orders them, in order.
    pub entries: Vec<SentEntry>,
    /// All sessions here have ended, because the node takes part in its cluster no longer: the
    /// entries that come after these effects are those of others.
    pub all_sessions_ended: bool,
    /// The node takes part in its cluster from here on, and has this number: connections may come.
    pub joined: Option<u16>,
    /// The node cannot take part in its cluster, because this key of its config file has another value
    /// there.
    pub differs: Option<&'static str>,
    /// Work of the current command, beyond what its effects account for.
    work: u64,
    /// The number of effects of the current command that are counted as work, and that work.
    pub counted: (usize, Work),
    /// Work of all commands so far.
    pub work_done: u64,
    /// Where the current command continues, and the bytes that its earlier turns answered.
    resumed: (Cursor, usize),
    /// Where the next part of the current command continues.
    next: Option<Cursor>,
    /// The numbers of the commands that write something, in order.
    writers: Vec<u32>,
    /// What the current command leaves to the session's node, each with its position in `list`.
    follow_ups: VecDeque<(usize, Condition, FollowUp)>,
    session_ends: Vec<SessionEnd>,
    command: Command,
    label: Option<Label>,
}

/// The effects after a follow-up.
#[derive(Debug)]
pub struct RemainingEffects {
    effects: Vec<ConditionalEffect>,
    at: usize,
    condition: Condition,
    follow_ups: VecDeque<(usize, Condition, FollowUp)>,
}

/// Where the current command began, and what its further effects depend on.
#[derive(Debug, Default)]
struct Command {
    number: u32,
    condition: Condition,
    list: usize,
    writes: usize,
    text: usize,
}

#[derive(Debug)]
struct Label {
    session: SessionId,
    value: Arc<str>,
    first: usize,
    batches: bool,
    /// The batch that an earlier turn opened.
    reference: Option<Box<str>>,
}

impl Effects {
    /// An empty list for batch number `batch`.
    pub fn new(batch: u64, epoch: u32) -> Effects {
        Effects { batch, epoch, ..Effects::default() }
    }

    /// Whether nothing is requested.
    pub fn is_empty(&self) -> bool {
        let nothing = self.list.is_empty() && self.writes.is_empty() && self.history.is_none();
        let entries = !self.entries.is_empty() || self.all_sessions_ended || self.joined.is_some();
        let entries = entries || self.differs.is_some();
        nothing && !entries && self.answers.is_none() && !self.last
    }

    /// Whether enough has accumulated to be released.
    pub fn is_large(&self) -> bool {
        self.text.len() >= EFFECTS_BYTES || self.work_done >= ADDRESS_TURN_WORK
    }

    /// The number of the current command within the batch.
    pub fn command(&self) -> u32 {
        self.command.number
    }

    /// Whether a command of this batch writes something. Only such a command can fail and be
    /// undone.
    pub fn has_written(&self, command: u32) -> bool {
        self.writers.binary_search(&command).is_ok()
    }

    /// Stores something. Further effects of this command happen only if it is stored. Returns its
    /// index.
    pub fn write(&mut self, write: Write) -> u32 {
        let index = index(self.writes.len());
        self.writes.push(write);
        if self.writers.last() != Some(&self.command.number) {
            self.writers.push(self.command.number);
        }
        self.command.condition = Condition::Stored(index);
        index
    }

    /// Leaves something to the requester's node, at this position among the effects.
    pub fn follow_up(&mut self, follow_up: FollowUp) {
        self.follow_ups.push_back((self.list.len(), self.command.condition, follow_up));
    }

    /// Sessions end after the current command.
    pub fn end_session(&mut self, ending: SessionEnd) {
        self.session_ends.push(ending);
    }

    /// The sessions that end now.
    pub fn take_endings(&mut self) -> Vec<SessionEnd> {
        std::mem::take(&mut self.session_ends)
    }

    /// The next follow-up of the command. Its effects precede the rest of the command's, which
    /// [`Effects::end_follow_up`] restores.
    pub fn next_follow_up(&mut self) -> Option<(RemainingEffects, FollowUp)> {
        let (at, condition, follow_up) = self.follow_ups.pop_front()?;
        let before = std::mem::replace(&mut self.command.condition, condition);
        let effects = self.list.split_off(at);
        let follow_ups = std::mem::take(&mut self.follow_ups);
        Some((RemainingEffects { effects, at, condition: before, follow_ups }, follow_up))
    }

    /// Restores the effects after a follow-up, and adjusts the positions of follow-ups that it has
    /// left in turn.
    pub fn end_follow_up(&mut self, rest: RemainingEffects) {
        debug_assert!(
            self.follow_ups.is_empty(),
            "what a follow-up leaves to the node comes first"
        );
        let more = self.list.len() - rest.at;
        self.follow_ups = rest.follow_ups;
        self.follow_ups.iter_mut().for_each(|(at, ..)| *at += more);
        self.list.extend(rest.effects);
        self.command.condition = rest.condition;
    }

    /// Counts work of the current command: rows examined, characters compared.
    pub fn spend(&mut self, work: u64) {
        self.work += work;
    }

    /// Work of the current command so far.
    pub fn spent(&self) -> u64 {
        LINE_WORK + self.work + self.written() as u64 / BYTES_PER_WORK
    }

    /// The effects of the current command.
    pub fn asked(&self) -> &[ConditionalEffect] {
        &self.list[self.command.list..]
    }

    /// The writes of the current command.
    pub fn stores(&self) -> &[Write] {
        &self.writes[self.command.writes..]
    }

    /// Bytes of lines that the current command has written.
    pub fn written(&self) -> usize {
        self.text.len() - self.command.text
    }

    /// The condition of further effects of this command.
    pub fn condition(&self) -> Condition {
        self.command.condition
    }

    /// Sets the condition of further effects of this command.
    pub fn resume(&mut self, condition: Condition) {
        self.command.condition = condition;
    }

    /// The condition of the final answer to the command's last write.
    pub fn settled(&self) -> Condition {
        match self.command.condition {
            Condition::Stored(write) => Condition::Settled(write),
            other => other,
        }
    }

    /// Further effects of this command also happen if its message is a duplicate.
    pub fn settle(&mut self) {
        self.command.condition = self.settled();
    }

    /// Adds an effect that depends on the command's last write, if any.
    pub fn push(&mut self, effect: Effect) {
        self.list.push(ConditionalEffect { condition: self.command.condition, effect });
    }

    /// Adds an effect with this condition.
    pub fn push_when(&mut self, condition: Condition, effect: Effect) {
        self.list.push(ConditionalEffect { condition, effect });
    }

    /// Appends one or more lines for `to`, written by `write`.
    pub fn reply(&mut self, to: SessionId, write: impl FnOnce(&mut Vec<u8>)) {
        let start = index(self.text.len());
        write(&mut self.text);
        let end = index(self.text.len());
        if self.label.is_none()
            && let Some(ConditionalEffect { condition, effect: Effect::Reply { to: last, text } }) =
                self.list.last_mut()
            && *last == to
            && *condition == self.command.condition
            && text.end == start
        {
            text.end = end;
            return;
        }
        self.push(Effect::Reply { to, text: start..end });
    }

    /// Adds news whose line, without tags, is written by `body`; returns its index.
    pub fn news(&mut self, mut news: News, body: impl FnOnce(&mut Vec<u8>)) -> u32 {
        news.body = self.span(body);
        self.news.push(news);
        index(self.news.len() - 1)
    }

    /// Sets a different line for sessions with `extended-join`.
    pub fn extend(&mut self, news: u32, body: impl FnOnce(&mut Vec<u8>)) {
        self.news[news as usize].extended = Some(self.span(body));
    }

    /// Begins a command; with a label, its replies will be labeled.
    pub fn begin(&mut self, session: SessionId, label: Option<Arc<str>>, batches: bool) {
        debug_assert!(self.follow_ups.is_empty(), "each command is followed up before its end");
        self.command = self.next_command();
        self.counted = Default::default();
        let first = self.list.len();
        self.label = label.map(|value| Label { session, value, first, batches, reference: None });
    }

    /// Continues a command that was [paused](Self::pause).
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

    /// Sets where the command continues, and the bytes that its earlier turns answered.
    pub fn resume_at(&mut self, cursor: Cursor, answered: usize) {
        self.resumed = (cursor, answered);
    }

    /// The current command is done with a part; the next one begins here.
    pub fn go_on_at(&mut self, cursor: Cursor) {
        self.next = Some(cursor);
    }

    /// Where the next part of the current command begins, if there is one.
    pub fn take_next(&mut self) -> Option<Cursor> {
        self.next.take()
    }

    /// Where the part of the current command begins that is being applied.
    pub fn go_on_from(&mut self, cursor: Cursor) {
        self.resumed.0 = cursor;
    }

    /// Where the current command continues: at its start, unless it was paused.
    pub fn take_cursor(&mut self) -> Cursor {
        std::mem::take(&mut self.resumed.0)
    }

    /// Bytes of lines that the current command has written in all its turns.
    pub fn answered(&self) -> usize {
        self.resumed.1 + self.written()
    }

    /// Whether the command at hand has a label and something that bears it.
    pub fn has_labeled_answers(&self) -> bool {
        self.label.as_ref().is_some_and(|label| {
            let list = &self.list[label.first..];
            list.iter().any(|effect| effect.effect.answers(label.session))
        })
    }

    /// The label of the command at hand is for when the log has brought it back.
    pub fn keep_label(&mut self) -> Option<OpenLabel> {
        let label = self.label.take()?;
        Some(OpenLabel { value: label.value, reference: label.reference })
    }

    /// Pauses the command until its session's next turn. Returns its label, if any.
    pub fn pause(&mut self, server: &str) -> Option<OpenLabel> {
        let label = self.label.take().map(|label| {
            let reference = self.mark_part(&label, server, true);
            OpenLabel { value: label.value, reference }
        });
        self.end(server);
        label
    }

    /// The label of the current command, if any.
    pub fn label(&self) -> Option<&Arc<str>> {
        self.label.as_ref().map(|label| &label.value)
    }

    /// Takes the label, for a command that is answered later.
    pub fn take_label(&mut self) -> Option<Arc<str>> {
        self.label.take().map(|label| label.value)
    }

    /// Ends the command, and labels its replies.
    ///
    /// <https://ircv3.net/specs/extensions/labeled-response>: without a reply, an `ACK` has the
    /// label; a single line has it itself; more lines are wrapped in a batch that has it.
    pub fn end(&mut self, server: &str) {
        if let Some(label) = self.label.take() {
            self.settle();
            match label.reference {
                Some(_) => _ = self.mark_part(&label, server, false),
                None => self.mark_answers(&label, server),
            }
        }
        self.work_done += self.spent();
        self.command = self.next_command();
        self.counted = Default::default();
        self.work = 0;
        (self.resumed, self.next) = ((Cursor::Start, 0), None);
    }

    fn next_command(&self) -> Command {
        Command {
            number: self.command.number + 1,
            condition: Condition::Always,
            list: self.list.len(),
            writes: self.writes.len(),
            text: self.text.len(),
        }
    }

    /// Labels what one turn of a command has answered: the replies of all turns are in one batch,
    /// which the first opens and the last closes. Returns the batch's reference, or none if the
    /// session does not support batches, so that each line has the label.
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
            let start = ConditionalEffect {
                condition: Condition::Always,
                effect: Effect::Reply { to, text },
            };
            self.list.insert(label.first, start);
        }
        if !more {
            let text = self.span(|out| {
                let line = Line::to(out).source(server).verb("BATCH");
                line.param(&format!("-{reference}")).end();
            });
            self.push_when(Condition::Always, Effect::Reply { to, text });
        }
        Some(reference)
    }

    /// The positions of the replies to a command. Effects that may replace them get the tag, too.
    fn find_answers(&mut self, label: &Label, tag: &str) -> Vec<usize> {
        for effect in &mut self.list[label.first..] {
            if let Effect::NotStored { tag: slot, .. } | Effect::Refused { tag: slot, .. } =
                &mut effect.effect
            {
                *slot = Some(tag.into());
            }
        }
        let all = label.first..self.list.len();
        all.filter(|at| self.list[*at].effect.answers(label.session)).collect()
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
                    // An inner batch is part of this one.
                    if !self.is_in_batch(*at) {
                        self.mark(*at, &raw_tag("batch", &reference));
                    }
                }
                // Replies with different conditions are in it, whichever of them happen.
                let condition = self.list[first].condition;
                let same = answers.iter().all(|at| self.list[*at].condition == condition);
                let condition = if same { condition } else { Condition::Always };
                let start = self.span(|out| {
                    let line = Line::to(out).raw_tags(&tag).source(server).verb("BATCH");
                    line.param(&format!("+{reference}")).param("labeled-response").end();
                });
                let effect = Effect::Reply { to: label.session, text: start };
                self.list.insert(first, ConditionalEffect { condition, effect });
                let end = self.span(|out| {
                    Line::to(out)
                        .source(server)
                        .verb("BATCH")
                        .param(&format!("-{reference}"))
                        .end();
                });
                let effect = Effect::Reply { to: label.session, text: end };
                self.list.push(ConditionalEffect { condition, effect });
            }
            [..] => answers.iter().for_each(|at| self.mark(*at, &tag)),
        }
    }

    /// Writes a line for an effect to refer to.
    pub fn span(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> Range<u32> {
        let start = index(self.text.len());
        write(&mut self.text);
        start..index(self.text.len())
    }

    /// Where the next line will begin.
    pub fn end_of_text(&self) -> u32 {
        index(self.text.len())
    }

    /// Whether the effect at this position is a line of a batch.
    fn is_in_batch(&self, at: usize) -> bool {
        match &self.list[at].effect {
            Effect::Reply { text, .. } => self.text[text.start as usize..].starts_with(b"@batch="),
            _ => false,
        }
    }

    /// Adds `tag` to the line of the effect at this position.
    fn mark(&mut self, at: usize, tag: &str) {
        match &mut self.list[at].effect {
            Effect::Reply { text, .. } => {
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
            Effect::Confirm { tag: slot, .. } | Effect::Read { tag: slot, .. } => {
                *slot = Some(tag.into());
            }
            _ => {}
        }
    }
}

fn raw_tag(key: &str, value: &str) -> Box<str> {
    let mut tag = format!("{key}=").into_bytes();
    proto::tags::escape_value(value, &mut tag);
    String::from_utf8(tag).expect("escaping keeps UTF-8").into()
}

/// An index or offset within one batch, whose text stays far below 4 GiB.
fn index(at: usize) -> u32 {
    u32::try_from(at).expect("a batch stays far below 4 GiB")
}

/// Writes `ERROR :reason`.
pub fn write_error(out: &mut Vec<u8>, reason: &str) {
    Line::to(out).verb("ERROR").text(reason).end();
}
